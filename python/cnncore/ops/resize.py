"""Zero padding, cropping and upsampling of images, permutation of axes, and the gradients of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from cnncore import _checks, _core
from cnncore._checks import Float32, Padding, Size

__all__ = [
    "cropping2d",
    "cropping2d_backward",
    "permute",
    "permute_backward",
    "upsampling2d",
    "upsampling2d_backward",
    "zero_padding2d",
    "zero_padding2d_backward",
]

_IMAGES = "batch, height, width, channels"


def zero_padding2d(x: ArrayLike, padding: int | Sequence[Any] = 1) -> Float32:
    """Add rows and columns of zeros around images.

    Parameters
    ----------
    x : array_like, shape (batch, height, width, channels)
    padding : int, two ints, or ((top, bottom), (left, right)), default 1
        How many are added. One int is for all sides. Of two ints, the first is for the top and the bottom, the second
        for the left and the right.

    Returns
    -------
    numpy.ndarray of float32, shape (batch, top + height + bottom, left + width + right, channels)

    Raises
    ------
    ValueError
        If x is not of rank 4, or a number is negative.

    Examples
    --------
    >>> zero_padding2d([[[[5.0]]]], ((0, 1), (1, 0)))[0, :, :, 0]
    array([[0., 5.],
           [0., 0.]], dtype=float32)
    """
    x = _checks.float32_array(x, "x", "zero_padding2d", 4, _IMAGES)
    return _core.zero_padding2d(x, _sides(padding, "padding", "zero_padding2d"))


def zero_padding2d_backward(dy: ArrayLike, padding: int | Sequence[Any] = 1) -> Float32:
    """Compute the gradient of :func:`zero_padding2d` with respect to x: cut the border off ``dy``.

    ``dy`` is the gradient of the output, and ``padding`` is that of the forward pass.

    Examples
    --------
    >>> zero_padding2d_backward([[[[1.0], [2.0]], [[3.0], [4.0]]]], ((0, 1), (1, 0)))
    array([[[[2.]]]], dtype=float32)
    """
    dy = _checks.float32_array(dy, "dy", "zero_padding2d_backward", 4, _IMAGES)
    return _core.cropping2d(dy, _sides(padding, "padding", "zero_padding2d_backward"))


def cropping2d(x: ArrayLike, cropping: int | Sequence[Any] = ((0, 0), (0, 0))) -> Float32:
    """Cut rows and columns off images.

    Parameters
    ----------
    x : array_like, shape (batch, height, width, channels)
    cropping : int, two ints, or ((top, bottom), (left, right)), default ((0, 0), (0, 0))
        How many are cut off. One int is for all sides. Of two ints, the first is for the top and the bottom, the second
        for the left and the right.

    Returns
    -------
    numpy.ndarray of float32, shape (batch, height - top - bottom, width - left - right, channels)

    Raises
    ------
    ValueError
        If x is not of rank 4, or no row or column would be left.

    Examples
    --------
    >>> cropping2d([[[[1.0], [2.0]], [[3.0], [4.0]]]], ((0, 1), (1, 0)))
    array([[[[2.]]]], dtype=float32)
    """
    x = _checks.float32_array(x, "x", "cropping2d", 4, _IMAGES)
    return _core.cropping2d(x, _sides(cropping, "cropping", "cropping2d"))


def cropping2d_backward(dy: ArrayLike, cropping: int | Sequence[Any] = ((0, 0), (0, 0))) -> Float32:
    """Compute the gradient of :func:`cropping2d` with respect to x: add zeros around ``dy``.

    ``dy`` is the gradient of the output, and ``cropping`` is that of the forward pass.

    Examples
    --------
    >>> cropping2d_backward([[[[5.0]]]], ((0, 1), (1, 0)))[0, :, :, 0]
    array([[0., 5.],
           [0., 0.]], dtype=float32)
    """
    dy = _checks.float32_array(dy, "dy", "cropping2d_backward", 4, _IMAGES)
    return _core.zero_padding2d(dy, _sides(cropping, "cropping", "cropping2d_backward"))


def permute(x: ArrayLike, dims: Sequence[int]) -> Float32:
    """Bring the axes of samples into another order.

    Parameters
    ----------
    x : array_like, shape (batch, ...)
    dims : sequence of int
        The numbers of the axes of x in the order that they have in the result. Axis 0 is that of the batch, which is
        not in ``dims``.

    Returns
    -------
    numpy.ndarray of float32

    Raises
    ------
    ValueError
        If ``dims`` does not have each of the numbers from 1 to the rank of a sample once.

    Examples
    --------
    >>> permute([[[1.0, 2.0], [3.0, 4.0]]], (2, 1))
    array([[[1., 3.],
            [2., 4.]]], dtype=float32)
    """
    x = _checks.float32_array(x, "x", "permute")
    return _core.permute(x, _dims(dims, "permute"))


def permute_backward(dy: ArrayLike, dims: Sequence[int]) -> Float32:
    """Compute the gradient of :func:`permute` with respect to x: bring the axes of ``dy`` back into their order.

    ``dy`` is the gradient of the output, and ``dims`` is that of the forward pass.

    Examples
    --------
    >>> permute_backward([[[1.0, 3.0], [2.0, 4.0]]], (2, 1))
    array([[[1., 2.],
            [3., 4.]]], dtype=float32)
    """
    dy, order = _checks.float32_array(dy, "dy", "permute_backward"), _dims(dims, "permute_backward")
    back = [order.index(axis) + 1 if axis in order else 0 for axis in range(1, len(order) + 1)]
    return _core.permute(dy, back)


def upsampling2d(x: ArrayLike, size: Size = 2, interpolation: str = "nearest") -> Float32:
    """Scale images up by whole factors.

    Parameters
    ----------
    x : array_like, shape (batch, height, width, channels)
    size : int or two ints, default 2
        The factors by which height and width grow.
    interpolation : {"nearest", "bilinear"}, default "nearest"
        ``"nearest"`` repeats each pixel. ``"bilinear"`` interpolates between the centres of neighbouring pixels: pixel
        i of the result is at (i + 1/2) / size - 1/2 in x, or at the nearest place inside the image.

    Returns
    -------
    numpy.ndarray of float32, shape (batch, height * size[0], width * size[1], channels)

    Raises
    ------
    ValueError
        If x is not of rank 4, or the interpolation is not known.

    Examples
    --------
    >>> upsampling2d([[[[1.0], [2.0]]]], (1, 2))[0, :, :, 0]
    array([[1., 1., 2., 2.]], dtype=float32)
    >>> upsampling2d([[[[1.0], [2.0]]]], (1, 2), "bilinear")[0, :, :, 0]
    array([[1.  , 1.25, 1.75, 2.  ]], dtype=float32)
    """
    owner = "upsampling2d"
    x = _checks.float32_array(x, "x", owner, 4, _IMAGES)
    return _core.upsampling2d(x, _checks.pair(size, "size", owner), _is_bilinear(interpolation, owner))


def upsampling2d_backward(
    x_shape: Sequence[int], dy: ArrayLike, size: Size = 2, interpolation: str = "nearest"
) -> Float32:
    """Compute the gradient of :func:`upsampling2d` with respect to x, which depends only on the shape ``x_shape`` of x.

    ``size`` and ``interpolation`` are those of the forward pass, and ``dy`` is the gradient of its output.

    Examples
    --------
    >>> upsampling2d_backward((1, 1, 2, 1), [[[[1.0], [2.0], [3.0], [4.0]]]], (1, 2))[0, :, :, 0]
    array([[3., 7.]], dtype=float32)
    """
    owner = "upsampling2d_backward"
    shape, dy = _checks.shape(x_shape, "x_shape", owner), _checks.float32_array(dy, "dy", owner, 4, _IMAGES)
    return _core.upsampling2d_backward(shape, dy, _checks.pair(size, "size", owner), _is_bilinear(interpolation, owner))


def _sides(value: Any, name: str, owner: str) -> Padding:
    """Return ((top, bottom), (left, right)) for an argument in one of the three forms that Keras takes."""
    rows, columns = value if isinstance(value, (list, tuple)) and len(value) == 2 else (value, value)
    return _checks.pair(rows, name, owner, 0), _checks.pair(columns, name, owner, 0)


def _dims(dims: Any, owner: str) -> list[int]:
    if not isinstance(dims, (list, tuple)):
        raise TypeError(f"[{owner}] expected `dims` to be a sequence of integers. Received: dims={dims!r}")
    return [_checks.integer(dim, "dims", owner, minimum=0) for dim in dims]


def _is_bilinear(interpolation: Any, owner: str) -> bool:
    if not isinstance(interpolation, str) or interpolation not in ("nearest", "bilinear"):
        raise ValueError(
            f'[{owner}] expected `interpolation` to be "nearest" or "bilinear". '
            f"Received: interpolation={interpolation!r}"
        )
    return bool(interpolation == "bilinear")
