"""Fourier transforms of ``keras.ops``. Complex numbers are pairs of arrays: their real and their imaginary parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnncore.differentiation import value_of
from cnncore.ops.definition import recorded, recorded_pair, seen_op

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


def _transformed(x: Any, y: np.ndarray, adjoint: Callable[[np.ndarray], np.ndarray]) -> Any:
    """The pair for the transform ``y`` of the pair ``x``. Its gradient is the adjoint of the transform, applied to the
    gradients of both parts as one complex number.
    """
    kind = np.asarray(value_of(x[0])).dtype

    def real(dr: np.ndarray, di: np.ndarray) -> np.ndarray:
        return np.asarray(adjoint(dr + 1j * di).real, kind)

    def imaginary(dr: np.ndarray, di: np.ndarray) -> np.ndarray:
        return np.asarray(adjoint(dr + 1j * di).imag, kind)

    return recorded_pair(_pair(y, x[0]), [(x[0], real), (x[1], imaginary)])


@seen_op
def fft(x: Any) -> Any:
    """Compute the discrete Fourier transform of the pair ``x`` along the last axis.

    Examples
    --------
    >>> [part.tolist() for part in fft(([1.0, 0.0], [0.0, 0.0]))]
    [[1.0, 1.0], [0.0, 0.0]]
    """
    y = np.fft.fft(_complex(x, "fft"))
    return _transformed(x, y, lambda dy: np.fft.ifft(dy) * y.shape[-1])


@seen_op
def fft2(x: Any) -> Any:
    """Compute the discrete Fourier transform of the pair ``x`` along the last two axes.

    Examples
    --------
    >>> fft2((np.eye(2), np.zeros((2, 2))))[0].tolist()
    [[2.0, 0.0], [0.0, 2.0]]
    """
    y = np.fft.fft2(_complex(x, "fft2", axes=2))
    return _transformed(x, y, lambda dy: np.fft.ifft2(dy) * (y.shape[-1] * y.shape[-2]))


@seen_op
def ifft2(x: Any) -> Any:
    """Compute the inverse of :func:`fft2` for the pair ``x``.

    Examples
    --------
    >>> ifft2(fft2((np.eye(2), np.zeros((2, 2)))))[0].tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    y = np.fft.ifft2(_complex(x, "ifft2", axes=2))
    return _transformed(x, y, lambda dy: np.fft.fft2(dy) / (y.shape[-1] * y.shape[-2]))


@seen_op
def rfft(x: Any, fft_length: int | None = None) -> _Pair:
    """Compute the discrete Fourier transform of real numbers ``x`` along the last axis, without its redundant half.

    ``fft_length`` is the number of values that are transformed: the last axis is cut, or zeros are added.

    Examples
    --------
    >>> [part.tolist() for part in rfft([1.0, 0.0])]
    [[1.0, 1.0], [0.0, 0.0]]
    """
    values = np.asarray(value_of(x))
    y = np.fft.rfft(values, fft_length)
    count = values.shape[-1] if fft_length is None else fft_length

    def back(dr: np.ndarray, di: np.ndarray) -> np.ndarray:
        dx = np.fft.ifft(dr + 1j * di, count).real * count  # without the half that conjugates would give
        return np.asarray(_sized(dx, values.shape[-1]), np.float32)

    return recorded_pair(_pair(y, x), [(x, back)])


@seen_op
def irfft(x: Any, fft_length: int | None = None) -> Any:
    """Compute the inverse of :func:`rfft` for the pair ``x``, with ``fft_length`` values in the last axis.

    Examples
    --------
    >>> irfft(rfft([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """
    given = _complex(x, "irfft")
    y = np.fft.irfft(given, fft_length)
    count = y.shape[-1]

    def adjoint(dy: np.ndarray) -> np.ndarray:
        dz = np.fft.rfft(dy) * (2 / count)  # all but the first value and the middle one stand for two
        dz[..., 0] /= 2
        if count % 2 == 0:
            dz[..., -1] /= 2
        return _sized(dz, given.shape[-1])

    def real(dy: np.ndarray) -> np.ndarray:
        return np.asarray(adjoint(dy).real, np.float32)

    def imaginary(dy: np.ndarray) -> np.ndarray:
        return np.asarray(adjoint(dy).imag, np.float32)

    return recorded(_pair(y, x[0])[0], [(x[0], real), (x[1], imaginary)])


def _sized(values: np.ndarray, count: int) -> np.ndarray:
    """Cut the last axis to ``count`` values, or add zeros."""
    missing = max(count - values.shape[-1], 0)
    return np.pad(values[..., :count], [(0, 0)] * (values.ndim - 1) + [(0, missing)])
