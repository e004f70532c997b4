"""What a reduced precision does to the operands of products, from its definition, and which layers it holds for."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

import reference as ref

FLOAT32, BFLOAT16_3X, BFLOAT16 = "float32", "bfloat16_3x", "bfloat16"
REDUCED = (BFLOAT16_3X, BFLOAT16)

# What the library promises of a product: |error| <= BOUND * sum |a| |b|, beside what float32 is off. The largest
# relative error of a bfloat16 value is u = 2**-8, of the sum of two u**2. Two operands give 2 u + u**2 = 7.83e-3, and
# 2 u**2 = 3.1e-5, to which the products of the two smaller halves may add u**2 = 1.5e-5 where they are left out.
BOUND = {BFLOAT16: 8e-3, BFLOAT16_3X: 5e-5}

PRODUCTS = {FLOAT32: 1, BFLOAT16: 1, BFLOAT16_3X: 3}  # for each term of a sum: high high, high low, low high
LEFT_OUT = {FLOAT32: 0.0, BFLOAT16: 0.0, BFLOAT16_3X: 2.0**-16}  # low low, relative to the whole term


def nearest_bfloat16(x: ArrayLike) -> ref.Array:
    """The nearest number with 8 bits of mantissa, ties to even; for numbers that float32 holds as normal ones."""
    mantissa, exponent = np.frexp(np.asarray(x, np.float64))
    return np.ldexp(np.rint(mantissa * 256), exponent - 8)


def terms(x: NDArray[np.float32], precision: str) -> tuple[ref.Array, ref.Array]:
    """The numbers whose sum stands for x: one or two bfloat16 values, or x itself."""
    if precision == FLOAT32:
        return x.astype(np.float64), np.zeros(x.shape)
    high = nearest_bfloat16(x)
    return high, nearest_bfloat16(x - high) if precision == BFLOAT16_3X else np.zeros(x.shape)


def operand(x: NDArray[np.float32], precision: str) -> ref.Array:
    """What enters a product for x."""
    return np.add(*terms(x, precision))


def magnitude(x: NDArray[np.float32], precision: str) -> ref.Array:
    """The sum of the absolute values of its terms."""
    high, low = terms(x, precision)
    return abs(high) + abs(low)


def conv2d_precision(kernel_shape: tuple[int, ...], groups: int, precision: str) -> str:
    """What a convolution is computed in when it is asked for ``precision``: small ones stay float32."""
    return precision if groups == 1 and min(kernel_shape[2:]) >= 16 else FLOAT32


def dense_precision(features: int, units: int, precision: str) -> str:
    return precision if features >= 32 and units >= 16 else FLOAT32
