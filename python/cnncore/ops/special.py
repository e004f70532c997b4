"""Functions of ``keras.ops`` that NumPy does not have: error functions, distances, conversions, own gradients."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from cnncore.differentiation import Array, value_of
from cnncore.ops.definition import op, recorded, together

__all__ = [
    "cdist",
    "custom_gradient",
    "divide_no_nan",
    "dtype",
    "erf",
    "erfc",
    "erfinv",
    "get_item",
    "psnr",
    "saturate_cast",
    "view_as_complex",
    "view_as_real",
]

_erf = np.frompyfunc(math.erf, 1, 1)
_erfc = np.frompyfunc(math.erfc, 1, 1)


def _float(x: Any) -> np.ndarray:
    array = np.asarray(value_of(x))
    return array if array.dtype.kind == "f" else array.astype(np.float32)


def _slope(x: np.ndarray) -> np.ndarray:
    """Return the derivative of erf: 2 / sqrt(pi) * exp(-x^2)."""
    return np.asarray(2.0 / math.sqrt(math.pi) * np.exp(-np.square(x)), x.dtype)


@op
def erf(x: Any) -> Any:
    """Compute the error function: 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x.

    Examples
    --------
    >>> erf(np.float32([0.0, 1.0])).round(4)
    array([0.    , 0.8427], dtype=float32)
    """
    values = _float(x)
    return recorded(np.asarray(_erf(values), values.dtype), [(x, lambda dy: dy * _slope(values))])


@op
def erfc(x: Any) -> Any:
    """Compute 1 - erf(x), accurately where that is close to 0.

    Examples
    --------
    >>> erfc(np.float32([0.0])).tolist()
    [1.0]
    """
    values = _float(x)
    return recorded(np.asarray(_erfc(values), values.dtype), [(x, lambda dy: -dy * _slope(values))])


@op
def erfinv(x: Any) -> Any:
    """Compute the number whose error function is x, for x between -1 and 1.

    It starts from an approximation (Giles, "Approximating the erfinv function", 2012) and takes steps of Newton's
    method. Numbers outside of [-1, 1] give NaN.

    Examples
    --------
    >>> erfinv(np.float32([0.0, 0.8427008])).round(4)
    array([0., 1.], dtype=float32)
    """
    values = _float(x)
    wide = values.astype(np.float64)
    with np.errstate(all="ignore"):
        logarithm = np.log1p(-np.square(wide))
        half = 2.0 / (math.pi * 0.147) + logarithm / 2.0
        y = np.sign(wide) * np.sqrt(np.sqrt(np.square(half) - logarithm / 0.147) - half)
        for _ in range(3):
            rest = np.asarray(_erfc(np.abs(y)), np.float64) - (1.0 - np.abs(wide))
            step = np.sign(wide) * rest / (2.0 / math.sqrt(math.pi) * np.exp(-np.square(y)))
            y = np.where(np.isfinite(step), y + step, y)
        y = np.where(np.abs(wide) == 1, np.copysign(np.inf, wide), np.where(np.abs(wide) > 1, np.nan, y))
    return recorded(np.asarray(y, values.dtype), [(x, lambda dy: np.asarray(dy / _slope(y), dy.dtype))])


@op
def divide_no_nan(x1: Any, x2: Any) -> Any:
    """Compute x1 / x2, and 0 where x2 is 0.

    Examples
    --------
    >>> divide_no_nan([1.0, 1.0], [2.0, 0.0]).tolist()
    [0.5, 0.0]
    """
    there = np.not_equal(value_of(x2), 0)
    return np.where(there, np.divide(x1, np.where(there, x2, 1.0)), 0.0)


@op
def cdist(x: Any, y: Any) -> Any:
    """Compute the distance between each row of ``x`` and each row of ``y``.

    Parameters
    ----------
    x, y : array or symbolic tensor, (..., rows, values)

    Returns
    -------
    array or symbolic tensor, (..., rows of x, rows of y)

    Examples
    --------
    >>> cdist(np.float32([[0.0, 0.0]]), np.float32([[3.0, 4.0]])).tolist()
    [[5.0]]
    """
    difference = np.expand_dims(x, -2) - np.expand_dims(y, -3)
    return np.sqrt(np.sum(np.square(difference), axis=-1))


@op
def psnr(x1: Any, x2: Any, max_val: float) -> Any:
    """Compute the peak signal-to-noise ratio of two images in decibel: 10 log10(max_val^2 / mean((x1 - x2)^2)).

    Examples
    --------
    >>> round(float(psnr(np.zeros(4), np.full(4, 0.1), 1.0)), 3)
    20.0
    """
    return 10.0 * np.log10(max_val**2 / np.mean(np.square(x1 - x2)))


def saturate_cast(x: Any, dtype: DTypeLike) -> np.ndarray:
    """Convert ``x`` to the type ``dtype``; numbers beyond its range become its smallest or largest number.

    Examples
    --------
    >>> saturate_cast([-5.0, 300.0], "uint8").tolist()
    [0, 255]
    """
    wanted = np.dtype(dtype)
    array = np.asarray(value_of(x))
    if wanted.kind in "iu":
        limits = np.iinfo(wanted)
        array = np.clip(array, float(limits.min), float(limits.max))
    elif wanted.kind == "f":
        array = np.clip(array, np.finfo(wanted).min, np.finfo(wanted).max)
    return array.astype(wanted)


def dtype(x: Any) -> str:
    """Return the name of the type of the values of ``x``.

    Examples
    --------
    >>> dtype(np.zeros(2))
    'float64'
    """
    return str(x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype)


def get_item(x: Any, key: Any) -> Any:
    """Return ``x[key]``.

    Examples
    --------
    >>> get_item([3, 4], 1)
    np.int64(4)
    """
    return (x if hasattr(x, "shape") else np.asarray(x))[key]


def view_as_complex(x: Any) -> np.ndarray:
    """Return the complex numbers whose real and imaginary parts are the two values along the last axis of ``x``.

    Examples
    --------
    >>> view_as_complex([[1.0, 2.0]]).tolist()
    [(1+2j)]
    """
    array = np.asarray(value_of(x))
    if array.ndim == 0 or array.shape[-1] != 2:
        raise ValueError(f"[view_as_complex] expected a last axis of length 2. Received: shape {array.shape}")
    return np.asarray(array[..., 0] + 1j * array[..., 1])


def view_as_real(x: Any) -> np.ndarray:
    """Return the real and imaginary parts of the complex numbers ``x`` along a new last axis.

    Examples
    --------
    >>> view_as_real([1 + 2j]).tolist()
    [[1.0, 2.0]]
    """
    array = np.asarray(value_of(x))
    return np.stack([array.real, array.imag], axis=-1)


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function compute its gradients itself.

    Parameters
    ----------
    f : callable
        Takes arrays, and returns its result and a function ``grad(upstream)``. That returns the gradients of the
        arguments: an array, or a list of them, computed from ``upstream``, the gradient of the result.

    Examples
    --------
    This turns the gradient around, as in adversarial training:

    >>> @custom_gradient
    ... def reversed_gradient(x):
    ...     return x * 1.0, lambda upstream: -upstream
    >>> reversed_gradient(np.float32([2.0])).tolist()
    [2.0]
    """
    if not callable(f):
        raise TypeError(f"[custom_gradient] expected a function. Received: {f!r:.80}")

    @op
    @functools.wraps(f)
    def called(*args: Any) -> Any:
        y, grad = f(*(np.asarray(value_of(item)).view(Array) for item in args))

        def gradients(dy: np.ndarray) -> list[np.ndarray]:
            found = grad(dy.view(Array))
            several = list(found) if isinstance(found, (list, tuple)) else [found]
            if len(several) != len(args):
                raise ValueError(
                    f"[custom_gradient] expected a gradient for each of {len(args)} arguments. Received: {len(several)}"
                )
            return [np.asarray(item) for item in several]

        return recorded(np.asarray(y), together(args, gradients))

    return called
