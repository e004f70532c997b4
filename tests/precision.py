"""How a reduced precision rounds the operands of products, by its definition, and which layers use it."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

import reference as ref

FLOAT32, BFLOAT16_3X, BFLOAT16 = "float32", "bfloat16_3x", "bfloat16"
REDUCED = (BFLOAT16_3X, BFLOAT16)

# What the library promises of a sum of products: |error| <= BOUND * sum |a| |b|, beside the rounding of float32.
# Rounding a value to bfloat16 makes a relative error of at most u = 2**-8. For two operands that gives
# 2 u + u**2 = 7.83e-3. Rounding it to the sum of two bfloat16 values makes an error of at most u**2, which gives
# 2 u**2 = 3.1e-5; leaving out the product of the two smaller halves adds at most u**2 = 1.5e-5.
BOUND = {BFLOAT16: 8e-3, BFLOAT16_3X: 5e-5}

# How many products each term of a sum consists of; for bfloat16_3x high * high, high * low and low * high.
PRODUCTS = {FLOAT32: 1, BFLOAT16: 1, BFLOAT16_3X: 3}
# The size of the product that is left out, low * low, relative to the whole term.
LEFT_OUT = {FLOAT32: 0.0, BFLOAT16: 0.0, BFLOAT16_3X: 2.0**-16}


def nearest_bfloat16(x: ArrayLike) -> ref.Array:
    """The nearest number with 8 bits of mantissa, ties to even. ``x`` must be normal numbers of float32, or 0."""
    mantissa, exponent = np.frexp(np.asarray(x, np.float64))
    return np.ldexp(np.rint(mantissa * 256), exponent - 8)


def terms(x: NDArray[np.float32], precision: str) -> tuple[ref.Array, ref.Array]:
    """Return (high, low), whose sum replaces x: two bfloat16 values, one and 0, or for float32 x itself and 0."""
    if precision == FLOAT32:
        return x.astype(np.float64), np.zeros(x.shape)
    high = nearest_bfloat16(x)
    return high, nearest_bfloat16(x - high) if precision == BFLOAT16_3X else np.zeros(x.shape)


def operand(x: NDArray[np.float32], precision: str) -> ref.Array:
    """The value that a product is computed with in place of x."""
    return np.add(*terms(x, precision))


def magnitude(x: NDArray[np.float32], precision: str) -> ref.Array:
    """The sum of the absolute values of the terms of x."""
    high, low = terms(x, precision)
    return abs(high) + abs(low)


def conv2d_precision(kernel_shape: tuple[int, ...], groups: int, precision: str) -> str:
    """The precision in which a convolution computes if it is asked for ``precision``: small ones use float32."""
    return precision if groups == 1 and min(kernel_shape[2:]) >= 16 else FLOAT32


def dense_precision(features: int, units: int, precision: str) -> str:
    return precision if features >= 32 and units >= 16 else FLOAT32
