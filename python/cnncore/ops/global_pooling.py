"""The mean and the maximum of each channel over whole images, and their gradients."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import ArrayLike

from cnncore import _checks, _core
from cnncore._checks import Float32

__all__ = ["global_avg_pool2d", "global_avg_pool2d_backward", "global_max_pool2d", "global_max_pool2d_backward"]

_IMAGES = "batch, height, width, channels"


def global_avg_pool2d(x: ArrayLike) -> Float32:
    """Compute the mean of each channel over all pixels of an image.

    Parameters
    ----------
    x : array_like, shape (batch, height, width, channels)

    Returns
    -------
    numpy.ndarray of float32, shape (batch, channels)

    Raises
    ------
    ValueError
        If x is not of rank 4.

    Examples
    --------
    >>> global_avg_pool2d([[[[1.0], [3.0]]]])
    array([[2.]], dtype=float32)
    """
    return _core.global_avg_pool2d(_checks.float32_array(x, "x", "global_avg_pool2d", 4, _IMAGES))


def global_avg_pool2d_backward(x_shape: Sequence[int], dy: ArrayLike) -> Float32:
    """Compute the gradient of :func:`global_avg_pool2d` with respect to x, which depends only on the shape of x.

    Parameters
    ----------
    x_shape : tuple of int
        The shape of x, (batch, height, width, channels).
    dy : array_like, shape (batch, channels)
        The gradient of the loss with respect to the output.

    Returns
    -------
    numpy.ndarray of float32, shape x_shape

    Examples
    --------
    >>> global_avg_pool2d_backward((1, 1, 2, 1), [[4.0]])[0, :, :, 0]
    array([[2., 2.]], dtype=float32)
    """
    owner = "global_avg_pool2d_backward"
    shape = _checks.shape(x_shape, "x_shape", owner)
    return _core.global_avg_pool2d_backward(shape, _checks.float32_array(dy, "dy", owner, 2, "batch, channels"))


def global_max_pool2d(x: ArrayLike) -> Float32:
    """Find the largest value of each channel over all pixels of an image.

    The argument ``x``, the shape of the result and the errors are those of :func:`global_avg_pool2d`.

    Examples
    --------
    >>> global_max_pool2d([[[[1.0], [3.0]]]])
    array([[3.]], dtype=float32)
    """
    return _core.global_max_pool2d(_checks.float32_array(x, "x", "global_max_pool2d", 4, _IMAGES))


def global_max_pool2d_backward(x: ArrayLike, dy: ArrayLike) -> Float32:
    """Compute the gradient of :func:`global_max_pool2d` with respect to ``x``, from the gradient ``dy`` of its output.

    The gradient of each channel goes to the first pixel that has the largest value.

    Examples
    --------
    >>> global_max_pool2d_backward([[[[1.0], [3.0], [3.0]]]], [[5.0]])[0, :, :, 0]
    array([[0., 5., 0.]], dtype=float32)
    """
    owner = "global_max_pool2d_backward"
    x = _checks.float32_array(x, "x", owner, 4, _IMAGES)
    return _core.global_max_pool2d_backward(x, _checks.float32_array(dy, "dy", owner, 2, "batch, channels"))
