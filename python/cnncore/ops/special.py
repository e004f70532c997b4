"""Functions of ``keras.ops`` for single values and distances: error functions, safe quotients, cdist and psnr."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnncore.differentiation import value_of
from cnncore.ops.definition import op, recorded

__all__ = [
    "cdist",
    "divide_no_nan",
    "erf",
    "erfc",
    "erfinv",
    "psnr",
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
