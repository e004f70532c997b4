"""Fourier transforms of ``keras.ops``. Complex numbers are pairs of arrays: their real and their imaginary parts."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore.differentiation import value_of

__all__ = ["fft", "fft2", "ifft2", "irfft", "rfft"]

_Pair = tuple[np.ndarray, np.ndarray]


def _complex(x: Any, owner: str, axes: int = 1) -> np.ndarray:
    if not isinstance(x, (list, tuple)) or len(x) != 2 or np.shape(x[0]) != np.shape(x[1]):
        raise ValueError(
            f"[{owner}] expected a pair of arrays of one shape: the real and the imaginary parts. Received: {x!r:.80}"
        )
    if np.ndim(x[0]) < axes:
        raise ValueError(f"[{owner}] expected arrays with at least {axes} axes. Received: shape {np.shape(x[0])}")
    return np.asarray(np.asarray(value_of(x[0])) + 1j * np.asarray(value_of(x[1])))


def _pair(y: np.ndarray, like: Any) -> _Pair:
    kind = np.asarray(value_of(like)).dtype
    dtype = kind if kind.kind == "f" else np.dtype(np.float32)
    return y.real.astype(dtype), y.imag.astype(dtype)


def fft(x: Any) -> _Pair:
    """Compute the discrete Fourier transform of the pair ``x`` along the last axis.

    Examples
    --------
    >>> [part.tolist() for part in fft(([1.0, 0.0], [0.0, 0.0]))]
    [[1.0, 1.0], [0.0, 0.0]]
    """
    return _pair(np.fft.fft(_complex(x, "fft")), x[0])


def fft2(x: Any) -> _Pair:
    """Compute the discrete Fourier transform of the pair ``x`` along the last two axes.

    Examples
    --------
    >>> fft2((np.eye(2), np.zeros((2, 2))))[0].tolist()
    [[2.0, 0.0], [0.0, 2.0]]
    """
    return _pair(np.fft.fft2(_complex(x, "fft2", axes=2)), x[0])


def ifft2(x: Any) -> _Pair:
    """Compute the inverse of :func:`fft2` for the pair ``x``.

    Examples
    --------
    >>> ifft2(fft2((np.eye(2), np.zeros((2, 2)))))[0].tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return _pair(np.fft.ifft2(_complex(x, "ifft2", axes=2)), x[0])


def rfft(x: Any, fft_length: int | None = None) -> _Pair:
    """Compute the discrete Fourier transform of real numbers ``x`` along the last axis, without its redundant half.

    ``fft_length`` is the number of values that are transformed: the last axis is cut, or zeros are added.

    Examples
    --------
    >>> [part.tolist() for part in rfft([1.0, 0.0])]
    [[1.0, 1.0], [0.0, 0.0]]
    """
    return _pair(np.fft.rfft(np.asarray(value_of(x)), fft_length), x)


def irfft(x: Any, fft_length: int | None = None) -> np.ndarray:
    """Compute the inverse of :func:`rfft` for the pair ``x``, with ``fft_length`` values in the last axis.

    Examples
    --------
    >>> irfft(rfft([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """
    y = np.fft.irfft(_complex(x, "irfft"), fft_length)
    return _pair(y, x[0])[0]
