"""Max pooling, average pooling, and their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from cnncore import _checks, _core
from cnncore._checks import Float32, PaddingArgument, Pair, Size

__all__ = ["avg_pool2d", "avg_pool2d_backward", "max_pool2d", "max_pool2d_backward"]

_IMAGES = "batch, height, width, channels"


def max_pool2d(
    x: ArrayLike, pool_size: Size = 2, strides: Size | None = None, padding: PaddingArgument = "valid"
) -> Float32:
    """Find the largest value of each channel in each window of an image.

    Parameters
    ----------
    x : array_like, shape (batch, height, width, channels)
    pool_size : int or two ints, default 2
        Height and width of the window.
    strides : int or two ints, optional
        How many pixels the window moves from one output to the next. By default, its size.
    padding : str, int or two pairs of ints, default "valid"
        See :mod:`cnncore.ops`. Padding is never the largest value of a window.

    Returns
    -------
    numpy.ndarray of float32, shape (batch, output height, output width, channels)

    Raises
    ------
    ValueError
        If x is not of rank 4, or the window is larger than the padded input.

    Examples
    --------
    >>> import numpy as np
    >>> max_pool2d(np.arange(16).reshape(1, 4, 4, 1))[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]], dtype=float32)
    """
    x = _checks.float32_array(x, "x", "max_pool2d", 4, _IMAGES)
    return _core.max_pool2d(x, *_pool("max_pool2d", x.shape, pool_size, strides, padding))


def max_pool2d_backward(
    x: ArrayLike,
    dy: ArrayLike,
    *,
    pool_size: Size = 2,
    strides: Size | None = None,
    padding: PaddingArgument = "valid",
) -> Float32:
    """Compute the gradient of :func:`max_pool2d` with respect to x.

    The gradient of each window goes to the first pixel that has the largest value.

    Parameters
    ----------
    x, pool_size, strides, padding
        As given to :func:`max_pool2d`.
    dy : array_like, shape of the output
        The gradient of the loss with respect to the output.

    Returns
    -------
    numpy.ndarray of float32, shape of x

    Examples
    --------
    >>> max_pool2d_backward([[[[1], [3]], [[2], [0]]]], [[[[5]]]])[0, :, :, 0]
    array([[0., 5.],
           [0., 0.]], dtype=float32)
    """
    owner = "max_pool2d_backward"
    x = _checks.float32_array(x, "x", owner, 4, _IMAGES)
    dy = _checks.float32_array(dy, "dy", owner, 4, _IMAGES)
    return _core.max_pool2d_backward(x, dy, *_pool(owner, x.shape, pool_size, strides, padding))


def avg_pool2d(
    x: ArrayLike, pool_size: Size = 2, strides: Size | None = None, padding: PaddingArgument = "valid"
) -> Float32:
    """Compute the mean of each channel in each window of an image. As in Keras, pixels of the padding do not count.

    ``x``, ``pool_size``, ``strides`` and ``padding``, the shape of the result and the errors are those of
    :func:`max_pool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> avg_pool2d(np.arange(16).reshape(1, 4, 4, 1))[0, :, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]], dtype=float32)
    """
    x = _checks.float32_array(x, "x", "avg_pool2d", 4, _IMAGES)
    return _core.avg_pool2d(x, *_pool("avg_pool2d", x.shape, pool_size, strides, padding))


def avg_pool2d_backward(
    x_shape: Sequence[int],
    dy: ArrayLike,
    *,
    pool_size: Size = 2,
    strides: Size | None = None,
    padding: PaddingArgument = "valid",
) -> Float32:
    """Compute the gradient of :func:`avg_pool2d` with respect to x, which depends only on the shape of x.

    Parameters
    ----------
    x_shape : four ints
        The shape of x, (batch, height, width, channels).
    dy : array_like, shape of the output
        The gradient of the loss with respect to the output.
    pool_size, strides, padding
        As given to :func:`avg_pool2d`.

    Returns
    -------
    numpy.ndarray of float32, shape x_shape

    Examples
    --------
    >>> avg_pool2d_backward((1, 2, 2, 1), [[[[8]]]])[0, :, :, 0]
    array([[2., 2.],
           [2., 2.]], dtype=float32)
    """
    owner = "avg_pool2d_backward"
    x_shape = _checks.shape(x_shape, "x_shape", owner)
    if len(x_shape) != 4:
        raise ValueError(f"[{owner}] expected x_shape of rank 4 ({_IMAGES}). Received: x_shape={x_shape}")
    dy = _checks.float32_array(dy, "dy", owner, 4, _IMAGES)
    return _core.avg_pool2d_backward(x_shape, dy, *_pool(owner, x_shape, pool_size, strides, padding))


def _pool(
    owner: str, x_shape: Sequence[int], pool_size: Any, strides: Any, padding: Any
) -> tuple[Pair, Pair, _checks.Padding]:
    window = _checks.pair(pool_size, "pool_size", owner)
    strides = window if strides is None else _checks.pair(strides, "strides", owner)
    sides = _checks.explicit_padding(_checks.padding(padding, owner), x_shape[1:3], window, strides, (1, 1))
    return window, strides, sides
