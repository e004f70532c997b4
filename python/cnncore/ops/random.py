"""Dropout and noise. Each random number depends only on the seed, the step, and the place of its value in the array."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import ArrayLike

from cnncore import _checks, _core
from cnncore._checks import Float32

__all__ = ["dropout", "gaussian_noise"]

_MOST = 2**64 - 1


def dropout(
    x: ArrayLike, rate: float, *, seed: int, step: int = 0, noise_shape: Sequence[int] | None = None
) -> Float32:
    """Set values to zero with the probability ``rate``, and divide the others by 1 - rate (Srivastava et al., 2014).

    The gradient of the input is the same function, with the same seed and step, of the gradient of the output.

    Parameters
    ----------
    x : array_like, shape (batch, ...)
    rate : float in [0, 1]
    seed, step : int
        Each pair gives different random numbers. They are the same on every machine.
    noise_shape : sequence of int, optional
        The shape of a sample, or 1 along axes where all values are dropped or kept together: ``(1, 1, channels)`` drops
        whole channels of an image.

    Returns
    -------
    numpy.ndarray of float32, shape of x

    Raises
    ------
    ValueError
        If the rate is not in [0, 1], or ``noise_shape`` does not fit the shape of a sample.

    Examples
    --------
    >>> import numpy as np
    >>> sorted(set(dropout(np.ones((1, 100)), 0.5, seed=1)[0].tolist()))
    [0.0, 2.0]
    """
    x = _checks.float32_array(x, "x", "dropout")
    rate = _checks.number(rate, "rate", "dropout", 0.0, 1.0)
    shape = x.shape[1:] if noise_shape is None else _checks.shape(noise_shape, "noise_shape", "dropout")
    return _core.dropout(x, rate, *_counter(seed, step, "dropout"), shape)


def gaussian_noise(x: ArrayLike, stddev: float, *, seed: int, step: int = 0) -> Float32:
    """Add noise with a normal distribution of mean 0 and standard deviation ``stddev``.

    The gradient of the input is the gradient of the output.

    Parameters
    ----------
    x : array_like, shape (batch, ...)
    stddev : float >= 0
    seed, step : int
        Each pair gives different random numbers.

    Returns
    -------
    numpy.ndarray of float32, shape of x

    Examples
    --------
    >>> import numpy as np
    >>> noise = gaussian_noise(np.zeros((10, 1000)), 2.0, seed=1)
    >>> bool(abs(noise.std() - 2.0) < 0.1)
    True
    """
    x = _checks.float32_array(x, "x", "gaussian_noise")
    stddev = _checks.number(stddev, "stddev", "gaussian_noise", 0.0)
    return _core.gaussian_noise(x, stddev, *_counter(seed, step, "gaussian_noise"))


def _counter(seed: int, step: int, owner: str) -> tuple[int, int]:
    return _checks.integer(seed, "seed", owner, 0, _MOST), _checks.integer(step, "step", owner, 0, _MOST)
