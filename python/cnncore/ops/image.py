"""Functions of ``keras.ops.image``, for images of shape (batch, height, width, channels) or one image without batch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnncore import _checks, _images
from cnncore._images import INTERPOLATIONS, resize_backward
from cnncore._images import resize as resized
from cnncore.differentiation import value_of
from cnncore.ops.definition import op, recorded, seen_op, without_gradient
from cnncore.ops.windows import conv

__all__ = [
    "crop_images",
    "extract_patches",
    "hsv_to_rgb",
    "pad_images",
    "resize",
    "rgb_to_grayscale",
    "rgb_to_hsv",
]

_LARGEST = 1 << 36  # bytes of a result: far beyond what small images need, and no size that was mistyped


def resize(images: Any, size: Any, interpolation: str = "bilinear", antialias: bool = False) -> Any:
    """Scale images to another size. With a symbolic tensor this makes the layer ``Resizing``.

    Parameters
    ----------
    images : array_like or symbolic tensor, (batch, height, width, channels) or (height, width, channels)
    size : (height, width)
    interpolation : {"bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"}, default "bilinear"
        "bicubic" is Keys' cubic convolution with a = -1/2. At the edges, the weights of pixels outside are left out.
    antialias : bool, default False
        Whether all pixels count where images are made smaller. It has no effect on "nearest".

    Examples
    --------
    >>> resize(np.float32([[[0.0], [2.0]]]), (1, 4))[0, :, 0].tolist()
    [0.0, 0.5, 1.5, 2.0]
    """
    interpolation = _checks.choice(interpolation, "interpolation", "resize", INTERPOLATIONS)
    smooth = _checks.boolean(antialias, "antialias", "resize")
    height, width = _checks.pair(size, "size", "resize")
    if hasattr(images, "given_to"):  # a symbolic tensor
        options = {"interpolation": interpolation, "antialias": smooth}
        return images.given_to("Resizing", height=height, width=width, **options)
    return _resized(images, (height, width), interpolation, smooth)


@op
def _resized(images: Any, size: tuple[int, int], interpolation: str, antialias: bool) -> Any:
    height, width = size
    array = _checks.numeric_array(value_of(images), "images", "resize")
    _check_rank(array.shape, "resize")
    dtype = np.uint8 if array.dtype == np.uint8 else np.float32
    batch = np.ascontiguousarray(array if array.ndim == 4 else array[None], dtype)
    bytes_needed = batch.itemsize * len(batch) * batch.shape[-1] * height * width
    if batch.ndim == 4 and bytes_needed > _LARGEST:
        raise ValueError(
            f"[resize] expected a result of at most {_LARGEST >> 30} GiB. Received: {size=}, which makes "
            f"{bytes_needed / 2**30:.1f} GiB of images of shape {array.shape}"
        )
    result = resized(batch, height, width, interpolation, antialias)

    def back(dy: np.ndarray) -> np.ndarray:
        dx = resize_backward(dy.reshape(result.shape), batch.shape[1:3], interpolation, antialias)
        return np.asarray(dx.reshape(array.shape), dy.dtype)

    return recorded(result if array.ndim == 4 else result[0], [(images, back)])


def extract_patches(images: Any, size: Any, strides: Any = None, dilation_rate: Any = 1, padding: str = "valid") -> Any:
    """Cut images into patches, and return the values of each patch as a vector.

    Parameters
    ----------
    images : array_like or symbolic tensor, (batch, height, width, channels) or (height, width, channels)
        With ``padding="valid"``, rows at the bottom and columns on the right that do not fill a patch are left out.
    size : int or (height, width)
        The size of a patch.
    strides : int or two ints, optional
        The distance between patches, by default their size: then they do not overlap.
    dilation_rate : int or two ints, default 1
        The distance between neighbouring pixels of a patch.
    padding : {"valid", "same"}
        "same" adds zeros, so that there are ceil(size / stride) patches along each axis.

    Returns
    -------
    array or symbolic tensor, (batch, rows, columns, patch height * patch width * channels)
        Without the batch axis if ``images`` has none.

    Raises
    ------
    ValueError
        If the images are smaller than a patch, or an argument has a value that is not supported.

    Examples
    --------
    >>> extract_patches(np.arange(16.0).reshape(1, 4, 4, 1), 2)[0, 0, 1].tolist()
    [2.0, 3.0, 6.0, 7.0]
    """
    high, wide = _checks.pair(size, "size", "extract_patches")
    steps = (high, wide) if strides is None else _checks.pair(strides, "strides", "extract_patches")
    if not hasattr(images, "shape"):
        images = _checks.numeric_array(images, "images", "extract_patches")
    _check_rank(images.shape, "extract_patches")
    if len(images.shape) == 3:
        return extract_patches(images[np.newaxis], size, strides, dilation_rate, padding)[0]
    if steps != (high, wide) or dilation_rate not in (1, (1, 1), [1, 1]) or padding != "valid":
        return _overlapping_patches(images, (high, wide), steps, dilation_rate, padding)
    _, height, width, channels = images.shape
    rows, columns = height // high, width // wide
    if not rows or not columns:
        raise ValueError(
            f"[extract_patches] expected images of at least {high} x {wide} pixels. Received: shape {images.shape}"
        )
    cut = images[:, : rows * high, : columns * wide]
    parts = np.transpose(np.reshape(cut, (-1, rows, high, columns, wide, channels)), (0, 1, 3, 2, 4, 5))
    return np.reshape(parts, (-1, rows, columns, high * wide * channels))


@op
def _overlapping_patches(images: Any, size: tuple[int, int], strides: Any, dilation_rate: Any, padding: str) -> Any:
    """Cut images into patches by a convolution, whose kernel copies each value of a patch."""
    values = math.prod(size) * images.shape[3]
    kernel = np.eye(values, dtype=np.float32).reshape(*size, images.shape[3], values)
    return conv(images, kernel, strides, padding, None, dilation_rate)


def pad_images(
    images: Any,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Any:
    """Add rows and columns of zeros to images.

    Parameters
    ----------
    images : array or symbolic tensor, (batch, height, width, channels) or (height, width, channels)
    top_padding, bottom_padding, target_height : int
        Two of them: how many rows are added at the top and at the bottom, and the resulting height.
    left_padding, right_padding, target_width : int
        Two of them: how many columns are added on the left and on the right, and the resulting width.
    data_format : {"channels_last"}, optional

    Examples
    --------
    >>> pad_images(np.ones((2, 2, 1)), 1, 0, target_height=4, target_width=2)[:, 0, 0].tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    _checks.data_format(data_format, "pad_images")
    images = images if hasattr(images, "shape") else np.asarray(images)
    _check_rank(images.shape, "pad_images")
    height, width = images.shape[-3:-1]
    rows = _two_of(
        "pad_images", ("top_padding", top_padding), ("bottom_padding", bottom_padding), target_height, height
    )
    columns = _two_of(
        "pad_images", ("left_padding", left_padding), ("right_padding", right_padding), target_width, width
    )
    return np.pad(images, [(0, 0)] * (len(images.shape) - 3) + [rows, columns, (0, 0)])


def crop_images(
    images: Any,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Any:
    """Leave out rows and columns at the edges of images.

    Parameters
    ----------
    images : array or symbolic tensor, (batch, height, width, channels) or (height, width, channels)
    top_cropping, bottom_cropping, target_height : int
        Two of them: how many rows are left out at the top and at the bottom, and the resulting height.
    left_cropping, right_cropping, target_width : int
        Two of them: how many columns are left out on the left and on the right, and the resulting width.
    data_format : {"channels_last"}, optional

    Examples
    --------
    >>> crop_images(np.arange(4.0).reshape(4, 1, 1), 1, 0, target_height=2, target_width=1).ravel().tolist()
    [1.0, 2.0]
    """
    _checks.data_format(data_format, "crop_images")
    images = images if hasattr(images, "shape") else np.asarray(images)
    _check_rank(images.shape, "crop_images")
    height, width = images.shape[-3:-1]
    top, _ = _two_of(
        "crop_images", ("top_cropping", top_cropping), ("bottom_cropping", bottom_cropping), height, target_height
    )
    left, _ = _two_of(
        "crop_images", ("left_cropping", left_cropping), ("right_cropping", right_cropping), width, target_width
    )
    bottom = height - (bottom_cropping or 0) if target_height is None else top + target_height
    right = width - (right_cropping or 0) if target_width is None else left + target_width
    return images[..., top:bottom, left:right, :]


def _two_of(owner: str, first: tuple[str, Any], last: tuple[str, Any], large: Any, small: Any) -> tuple[int, int]:
    """Return how many rows there are before and after ``small`` ones among ``large`` ones."""
    given = {name: value for name, value in (first, last) if value is not None}
    numbers = {name: _checks.integer(value, name, owner, minimum=0) for name, value in given.items()}
    sized = large is not None and small is not None
    if len(numbers) + sized != 2:
        raise ValueError(
            f"[{owner}] expected two of {first[0]}, {last[0]} and the size of the result. Received: {sorted(numbers)}"
        )
    if not sized:
        return numbers[first[0]], numbers[last[0]]
    rest = large - small - sum(numbers.values())
    if rest < 0:
        raise ValueError(f"[{owner}] expected sizes that fit together. Received: {large} and {small} pixels, {numbers}")
    return numbers.get(first[0], rest), numbers.get(last[0], rest)


def rgb_to_grayscale(images: Any) -> Any:
    """Turn coloured images into grey ones with one channel: 0.2989 red + 0.587 green + 0.114 blue.

    Parameters
    ----------
    images : array_like or symbolic tensor, (batch, height, width, 3) or (height, width, 3)

    Returns
    -------
    array or symbolic tensor, (batch, height, width, 1) or (height, width, 1)

    Raises
    ------
    ValueError
        If the images do not have three channels.

    Examples
    --------
    >>> rgb_to_grayscale(np.ones((1, 1, 3))).shape
    (1, 1, 1)
    """
    if not hasattr(images, "shape"):
        images = _checks.numeric_array(images, "images", "rgb_to_grayscale")
    _check_rank(images.shape, "rgb_to_grayscale")
    if images.shape[-1] != 3:
        raise ValueError(f"[rgb_to_grayscale] expected images with 3 channels. Received: shape {tuple(images.shape)}")
    return np.sum(images * np.array([0.2989, 0.587, 0.114], np.float32), axis=-1, keepdims=True)


@seen_op
def rgb_to_hsv(images: Any) -> Any:
    """Turn colours of red, green and blue between 0 and 1 into hue, saturation and value, all between 0 and 1.

    Parameters
    ----------
    images : array_like, (..., 3)

    Examples
    --------
    >>> rgb_to_hsv([[[0.0, 0.5, 0.0]]]).round(2).tolist()
    [[[0.33, 1.0, 0.5]]]
    """
    return without_gradient(_images.rgb_to_hsv(_colours(images, "rgb_to_hsv")), [images], "image.rgb_to_hsv")


@seen_op
def hsv_to_rgb(images: Any) -> Any:
    """Turn hue, saturation and value into colours of red, green and blue; the inverse of :func:`rgb_to_hsv`.

    Parameters
    ----------
    images : array_like, (..., 3)

    Examples
    --------
    >>> hsv_to_rgb([[[0.5, 1.0, 1.0]]]).tolist()
    [[[0.0, 1.0, 1.0]]]
    """
    return without_gradient(_images.hsv_to_rgb(_colours(images, "hsv_to_rgb")), [images], "image.hsv_to_rgb")


def _colours(images: Any, owner: str) -> np.ndarray:
    array = _checks.float32_array(value_of(images), "images", owner)
    _check_rank(array.shape, owner)
    if array.shape[-1] != 3:
        raise ValueError(f"[{owner}] expected images with 3 channels. Received: shape {array.shape}")
    return array


def _check_rank(shape: Any, owner: str) -> None:
    if len(shape) not in (3, 4):
        raise ValueError(
            f"[{owner}] expected images of rank 4 (batch, height, width, channels), or one image of rank 3. "
            f"Received: shape {tuple(shape)}"
        )
