"""Batch, layer and group normalization and their gradients.

All of them compute gamma * (x - mean) / sqrt(variance + epsilon) + beta. They differ in the set of values of which mean
and variance are taken. The variance is the mean of the squared deviations: it is divided by n, not by n - 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from cnncore import _checks, _core
from cnncore._checks import Float32
from cnncore.ops.definition import is_recorded
from cnncore.ops.named_normalizations import EPSILON, normalized_by, normalized_layer

__all__ = [
    "batch_normalization",
    "batch_normalization_backward",
    "group_normalization",
    "group_normalization_backward",
    "layer_normalization",
    "layer_normalization_backward",
]

_Gradients = tuple[Float32, Float32, Float32]


def batch_normalization(
    x: ArrayLike,
    gamma: ArrayLike | None = None,
    beta: ArrayLike | None = None,
    axis: int | None = None,
    offset: Any = None,
    scale: Any = None,
    epsilon: float = 1e-3,
    *,
    mean: ArrayLike | None = None,
    variance: ArrayLike | None = None,
) -> Any:
    """Normalize each channel by its mean and variance over the batch and all positions (Ioffe and Szegedy, 2015).

    Parameters
    ----------
    x : array_like, shape (batch, ..., channels)
    gamma, beta : array_like, shape (channels,), optional
        Ones and zeros by default.
    mean, variance : array_like, shape (channels,), optional
        Both or neither. If they are given, as in inference, they are used instead of the mean and variance of x.
    axis, offset, scale : optional
        With ``axis`` this is Keras' function ``batch_normalization(x, mean, variance, axis, offset, scale, epsilon)``,
        which returns y alone, see :func:`cnncore.ops.nn.batch_normalization`.
    epsilon : float, default 1e-3

    Returns
    -------
    y : numpy.ndarray of float32, shape of x
    mean, variance : numpy.ndarray of float32, shape (channels,)
        The mean and variance that were used.

    Raises
    ------
    ValueError
        If the shapes do not fit together, or only one of mean and variance is given.

    Examples
    --------
    >>> y, mean, variance = batch_normalization([[1.0], [3.0]], epsilon=0.0)
    >>> y.ravel(), mean, variance
    (array([-1.,  1.], dtype=float32), array([2.], dtype=float32), array([1.], dtype=float32))
    """
    owner = "batch_normalization"
    if axis is not None:
        mean, variance = gamma if mean is None else mean, beta if variance is None else variance
        return normalized_by(x, mean, variance, axis, offset, scale, epsilon)
    x = _checks.float32_array(x, "x", owner)
    gamma, beta = _vector(gamma, "gamma", owner), _vector(beta, "beta", owner)
    epsilon = _checks.number(epsilon, "epsilon", owner, 0.0)
    mean, variance = _vector(mean, "mean", owner), _vector(variance, "variance", owner)
    if (mean is None) != (variance is None):
        given = "mean" if variance is None else "variance"
        raise ValueError(f"[{owner}] expected both `mean` and `variance`, or neither. Received: only `{given}`")
    if mean is None or variance is None:
        return _core.batch_normalization(x, gamma, beta, epsilon)
    return _core.batch_normalization_inference(x, mean, variance, gamma, beta, epsilon), mean, variance


def batch_normalization_backward(
    x: ArrayLike, dy: ArrayLike, gamma: ArrayLike | None = None, *, epsilon: float = 1e-3
) -> _Gradients:
    """Compute the gradients of :func:`batch_normalization` without ``mean`` and ``variance``: (dx, dgamma, dbeta).

    ``x``, ``gamma`` and ``epsilon`` are those of the forward pass, and ``dy`` is the gradient of its output.

    Examples
    --------
    >>> dx, dgamma, dbeta = batch_normalization_backward([[1.0], [3.0]], [[1.0], [2.0]], epsilon=0.0)
    >>> dgamma, dbeta
    (array([1.], dtype=float32), array([3.], dtype=float32))
    """
    owner = "batch_normalization_backward"
    x, dy = _checks.float32_array(x, "x", owner), _checks.float32_array(dy, "dy", owner)
    gamma, epsilon = _vector(gamma, "gamma", owner), _checks.number(epsilon, "epsilon", owner, 0.0)
    _, mean, variance = _core.batch_normalization(x, None, None, epsilon)
    return _core.batch_normalization_backward(x, mean, variance, dy, gamma, epsilon)


def layer_normalization(
    x: ArrayLike,
    gamma: ArrayLike | None = None,
    beta: ArrayLike | None = None,
    axis: int | Sequence[int] | None = None,
    epsilon: float | None = None,
    *,
    axes: int = 1,
) -> Float32:
    """Normalize by the mean and variance over the last axes of x (Ba et al., 2016).

    Parameters
    ----------
    x : array_like
    gamma, beta : array_like, shape of the last ``axes`` axes of x, optional
        Ones and zeros by default.
    axis : int or sequence of int, optional
        The axes over which mean and variance are taken, as in Keras, instead of ``axes``.
    axes : int, default 1
        The number of axes over which mean and variance are taken.
    epsilon : float, default 1e-7

    Returns
    -------
    numpy.ndarray of float32, shape of x

    Raises
    ------
    ValueError
        If x has fewer than ``axes`` axes, or the shapes do not fit together.

    Examples
    --------
    >>> layer_normalization([[1.0, 3.0], [10.0, 30.0]], epsilon=0.0)
    array([[-1.,  1.],
           [-1.,  1.]], dtype=float32)
    """
    owner = "layer_normalization"
    axes = _checks.integer(axes, "axes", owner)
    if axis is None and is_recorded(x, gamma, beta):  # the core does not record what it computes
        axis = list(range(-axes, 0))
    if axis is not None:
        return normalized_layer(x, gamma, beta, axis, epsilon)  # type: ignore[no-any-return]
    x = _checks.float32_array(x, "x", owner)
    epsilon = _checks.number(EPSILON if epsilon is None else epsilon, "epsilon", owner, 0.0)
    gamma, beta = _like_last(gamma, "gamma", owner, x, axes), _like_last(beta, "beta", owner, x, axes)
    return _core.layer_normalization(x, gamma, beta, axes, epsilon)[0]


def layer_normalization_backward(
    x: ArrayLike, dy: ArrayLike, gamma: ArrayLike | None = None, *, axes: int = 1, epsilon: float = EPSILON
) -> _Gradients:
    """Compute the gradients of :func:`layer_normalization`: (dx, dgamma, dbeta).

    ``x``, ``gamma``, ``axes`` and ``epsilon`` are those of the forward pass, and ``dy`` is the gradient of its output.

    Examples
    --------
    >>> dx, dgamma, dbeta = layer_normalization_backward([[1.0, 3.0]], [[2.0, 5.0]], epsilon=0.0)
    >>> dgamma, dbeta
    (array([-2.,  5.], dtype=float32), array([2., 5.], dtype=float32))
    """
    owner = "layer_normalization_backward"
    x, dy = _checks.float32_array(x, "x", owner), _checks.float32_array(dy, "dy", owner)
    axes, epsilon = _checks.integer(axes, "axes", owner), _checks.number(epsilon, "epsilon", owner, 0.0)
    gamma = _like_last(gamma, "gamma", owner, x, axes)
    _, mean, inverse = _core.layer_normalization(x, None, None, axes, epsilon)
    dx, dgamma, dbeta = _core.layer_normalization_backward(x, mean, inverse, dy, gamma, axes)
    shape = x.shape[x.ndim - axes :]
    return dx, dgamma.reshape(shape), dbeta.reshape(shape)


def group_normalization(
    x: ArrayLike,
    gamma: ArrayLike | None = None,
    beta: ArrayLike | None = None,
    *,
    groups: int = 32,
    epsilon: float = 1e-3,
) -> Float32:
    """Normalize by the mean and variance of each group of channels of each sample (Wu and He, 2018).

    Parameters
    ----------
    x : array_like, shape (batch, ..., channels)
    gamma, beta : array_like, shape (channels,), optional
        Ones and zeros by default.
    groups : int, default 32
        The number of groups. The number of channels must be divisible by it.
    epsilon : float, default 1e-3

    Returns
    -------
    numpy.ndarray of float32, shape of x

    Raises
    ------
    ValueError
        If the number of channels is not divisible by ``groups``, or the shapes do not fit together.

    Examples
    --------
    >>> group_normalization([[1.0, 3.0, 10.0, 30.0]], groups=2, epsilon=0.0)
    array([[-1.,  1., -1.,  1.]], dtype=float32)
    """
    owner = "group_normalization"
    x = _checks.float32_array(x, "x", owner)
    gamma, beta = _vector(gamma, "gamma", owner), _vector(beta, "beta", owner)
    groups, epsilon = _checks.integer(groups, "groups", owner), _checks.number(epsilon, "epsilon", owner, 0.0)
    return _core.group_normalization(x, gamma, beta, groups, epsilon)[0]


def group_normalization_backward(
    x: ArrayLike, dy: ArrayLike, gamma: ArrayLike | None = None, *, groups: int = 32, epsilon: float = 1e-3
) -> _Gradients:
    """Compute the gradients of :func:`group_normalization`: (dx, dgamma, dbeta).

    ``x``, ``gamma``, ``groups`` and ``epsilon`` are those of the forward pass, and ``dy`` is its output's gradient.

    Examples
    --------
    >>> dx, dgamma, dbeta = group_normalization_backward([[1.0, 3.0]], [[2.0, 5.0]], groups=1, epsilon=0.0)
    >>> dgamma, dbeta
    (array([-2.,  5.], dtype=float32), array([2., 5.], dtype=float32))
    """
    owner = "group_normalization_backward"
    x, dy = _checks.float32_array(x, "x", owner), _checks.float32_array(dy, "dy", owner)
    gamma, groups = _vector(gamma, "gamma", owner), _checks.integer(groups, "groups", owner)
    _, mean, inverse = _core.group_normalization(x, None, None, groups, _checks.number(epsilon, "epsilon", owner, 0.0))
    return _core.group_normalization_backward(x, mean, inverse, dy, gamma, groups)


def _vector(value: Any, name: str, owner: str) -> Float32 | None:
    return None if value is None else _checks.float32_array(value, name, owner, 1, "channels")


def _like_last(value: Any, name: str, owner: str, x: Float32, axes: int) -> Float32 | None:
    """Check that ``value`` has the shape of the last axes of x, and return it as a vector."""
    if axes > x.ndim:
        raise ValueError(
            f"[{owner}] expected `axes` to be at most the rank of x, {x.ndim}. Received: {axes=}, shape {x.shape}"
        )
    if value is None:
        return None
    array, shape = _checks.float32_array(value, name, owner), x.shape[x.ndim - axes :]
    if array.shape != shape:
        raise ValueError(f"[{owner}] expected {name} of shape {shape}. Received: {name}.shape={array.shape}")
    return array.reshape(math.prod(shape))
