"""Padding, cropping, upsampling of images, permutation of axes, and their gradients."""

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
    """Put zeros around images.

    Parameters
    ----------
    x : array_like, shape (batch, height, width, channels)
    padding : int, two ints or two pairs of ints, default 1
        On every side; above and below, left and right; or ((top, bottom), (left, right)).

    Returns
    -------
    numpy.ndarray of float32, shape (batch, top + height + bottom, left + width + right, channels)

    Raises
    ------
    ValueError
        If x is not of rank 4 or a size is negative.

    Examples
    --------
    >>> zero_padding2d([[[[5.0]]]], ((0, 1), (1, 0)))[0, :, :, 0]
    array([[0., 5.],
           [0., 0.]], dtype=float32)
    """
    x = _checks.float32_array(x, "x", "zero_padding2d", 4, _IMAGES)
    return _core.zero_padding2d(x, _sides(padding, "padding", "zero_padding2d"))


def zero_padding2d_backward(dy: ArrayLike, padding: int | Sequence[Any] = 1) -> Float32:
    """Gradient of :func:`zero_padding2d`: dy without its border, which is as wide as ``padding``.

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
    cropping : int, two ints or two pairs of ints, default none
        On every side; above and below, left and right; or ((top, bottom), (left, right)).

    Returns
    -------
    numpy.ndarray of float32, shape (batch, height - top - bottom, width - left - right, channels)

    Raises
    ------
    ValueError
        If x is not of rank 4 or nothing would be left.

    Examples
    --------
    >>> cropping2d([[[[1.0], [2.0]], [[3.0], [4.0]]]], ((0, 1), (1, 0)))
    array([[[[2.]]]], dtype=float32)
    """
    x = _checks.float32_array(x, "x", "cropping2d", 4, _IMAGES)
    return _core.cropping2d(x, _sides(cropping, "cropping", "cropping2d"))


def cropping2d_backward(dy: ArrayLike, cropping: int | Sequence[Any] = ((0, 0), (0, 0))) -> Float32:
    """Gradient of :func:`cropping2d`: dy inside a border of zeros, as wide as ``cropping``.

    Examples
    --------
    >>> cropping2d_backward([[[[5.0]]]], ((0, 1), (1, 0)))[0, :, :, 0]
    array([[0., 5.],
           [0., 0.]], dtype=float32)
    """
    dy = _checks.float32_array(dy, "dy", "cropping2d_backward", 4, _IMAGES)
    return _core.zero_padding2d(dy, _sides(cropping, "cropping", "cropping2d_backward"))


def permute(x: ArrayLike, dims: Sequence[int]) -> Float32:
    """Put the axes of samples in another order.

    Parameters
    ----------
    x : array_like, shape (batch, ...)
    dims : sequence of int
        Axis a of the result is axis ``dims[a - 1]`` of x; both count from 1, behind the batch.

    Returns
    -------
    numpy.ndarray of float32

    Raises
    ------
    ValueError
        If dims are not each of 1 to the rank of a sample, once.

    Examples
    --------
    >>> permute([[[1.0, 2.0], [3.0, 4.0]]], (2, 1))
    array([[[1., 3.],
            [2., 4.]]], dtype=float32)
    """
    x = _checks.float32_array(x, "x", "permute")
    return _core.permute(x, _dims(dims, "permute"))


def permute_backward(dy: ArrayLike, dims: Sequence[int]) -> Float32:
    """Gradient of :func:`permute` with ``dims``: the axes of dy are put back.

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
        Factors of height and width.
    interpolation : {"nearest", "bilinear"}, default "nearest"
        ``"nearest"`` repeats pixels. ``"bilinear"`` mixes the four nearest by half-pixel centres: pixel o of the result
        lies at (o + 1/2) / size - 1/2, held inside the image.

    Returns
    -------
    numpy.ndarray of float32, shape (batch, height * size[0], width * size[1], channels)

    Raises
    ------
    ValueError
        If x is not of rank 4 or the interpolation is not known.

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
    """Gradient of :func:`upsampling2d` with respect to x, of which only the shape ``x_shape`` matters.

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
    """((top, bottom), (left, right)) of one of Keras' three forms."""
    rows, columns = value if isinstance(value, (list, tuple)) and len(value) == 2 else (value, value)
    return _checks.pair(rows, name, owner, 0), _checks.pair(columns, name, owner, 0)


def _dims(dims: Any, owner: str) -> list[int]:
    if not isinstance(dims, (list, tuple)):
        raise TypeError(f"[{owner}] expected `dims` to be a sequence of integers. Received: dims={dims!r}")
    return [_checks.integer(dim, "dims", owner, minimum=0) for dim in dims]


def _is_bilinear(interpolation: Any, owner: str) -> bool:
    if interpolation not in ("nearest", "bilinear"):
        raise ValueError(
            f'[{owner}] expected `interpolation` to be "nearest" or "bilinear". '
            f"Received: interpolation={interpolation!r}"
        )
    return bool(interpolation == "bilinear")
