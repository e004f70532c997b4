"""Functions of ``keras.ops.image``, for images of shape (batch, height, width, channels) or one image without batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks, _images
from cnncore._images import INTERPOLATIONS
from cnncore._images import resize as resized

__all__ = ["extract_patches", "hsv_to_rgb", "resize", "rgb_to_grayscale", "rgb_to_hsv"]

_LARGEST = 1 << 36  # bytes of a result: far beyond what small images need, and no size that was mistyped


def resize(images: Any, size: Any, interpolation: str = "bilinear", antialias: bool = False) -> Any:
    """Scale images to another size. With a symbolic tensor this makes the layer ``Resizing``.

    Parameters
    ----------
    images : array_like or symbolic tensor, (batch, height, width, channels) or (height, width, channels)
    size : (height, width)
    interpolation : {"bilinear", "nearest"}, default "bilinear"
    antialias : bool, default False
        Must be False. Smoothing images before they are made smaller is not supported.

    Examples
    --------
    >>> resize(np.float32([[[0.0], [2.0]]]), (1, 4))[0, :, 0].tolist()
    [0.0, 0.5, 1.5, 2.0]
    """
    if antialias or interpolation not in INTERPOLATIONS:
        raise ValueError(
            f"[resize] expected antialias=False and `interpolation` to be one of {', '.join(INTERPOLATIONS)}. "
            f"Received: antialias={antialias}, interpolation={interpolation!r}"
        )
    height, width = _checks.pair(size, "size", "resize")
    if hasattr(images, "given_to"):  # a symbolic tensor
        return images.given_to("Resizing", height=height, width=width, interpolation=interpolation)
    array = _checks.numeric_array(images, "images", "resize")
    _check_rank(array.shape, "resize")
    dtype = np.uint8 if array.dtype == np.uint8 else np.float32
    batch = np.ascontiguousarray(array if array.ndim == 4 else array[None], dtype)
    bytes_needed = batch.itemsize * len(batch) * batch.shape[-1] * height * width
    if batch.ndim == 4 and bytes_needed > _LARGEST:
        raise ValueError(
            f"[resize] expected a result of at most {_LARGEST >> 30} GiB. Received: {size=}, which makes "
            f"{bytes_needed / 2**30:.1f} GiB of images of shape {array.shape}"
        )
    result = resized(batch, height, width, interpolation)
    return result if array.ndim == 4 else result[0]


def extract_patches(images: Any, size: Any, strides: Any = None, dilation_rate: Any = 1, padding: str = "valid") -> Any:
    """Cut images into patches that do not overlap, and return the values of each patch as a vector.

    Parameters
    ----------
    images : array_like or symbolic tensor, (batch, height, width, channels) or (height, width, channels)
        Rows at the bottom and columns on the right that do not fill a patch are left out.
    size : int or (height, width)
        The size of a patch.
    strides : int or two ints, optional
        Must be equal to ``size``, the default. Patches that overlap are not supported.
    dilation_rate : int, default 1
        Must be 1.
    padding : {"valid"}

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
    if steps != (high, wide) or dilation_rate not in (1, (1, 1)) or padding != "valid":
        raise ValueError(
            "[extract_patches] expected patches side by side: strides equal to size, no dilation and padding='valid'. "
            f"Received: {size=}, {strides=}, {dilation_rate=}, {padding=}"
        )
    if not hasattr(images, "shape"):
        images = _checks.numeric_array(images, "images", "extract_patches")
    _check_rank(images.shape, "extract_patches")
    if len(images.shape) == 3:
        return extract_patches(images[np.newaxis], size)[0]
    _, height, width, channels = images.shape
    rows, columns = height // high, width // wide
    if not rows or not columns:
        raise ValueError(
            f"[extract_patches] expected images of at least {high} x {wide} pixels. Received: shape {images.shape}"
        )
    cut = images[:, : rows * high, : columns * wide]
    parts = np.transpose(np.reshape(cut, (-1, rows, high, columns, wide, channels)), (0, 1, 3, 2, 4, 5))
    return np.reshape(parts, (-1, rows, columns, high * wide * channels))


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


def rgb_to_hsv(images: Any) -> np.ndarray:
    """Turn colours of red, green and blue between 0 and 1 into hue, saturation and value, all between 0 and 1.

    Parameters
    ----------
    images : array_like, (..., 3)

    Examples
    --------
    >>> rgb_to_hsv([[[0.0, 0.5, 0.0]]]).round(2).tolist()
    [[[0.33, 1.0, 0.5]]]
    """
    return _images.rgb_to_hsv(_colours(images, "rgb_to_hsv"))


def hsv_to_rgb(images: Any) -> np.ndarray:
    """Turn hue, saturation and value into colours of red, green and blue; the inverse of :func:`rgb_to_hsv`.

    Parameters
    ----------
    images : array_like, (..., 3)

    Examples
    --------
    >>> hsv_to_rgb([[[0.5, 1.0, 1.0]]]).tolist()
    [[[0.0, 1.0, 1.0]]]
    """
    return _images.hsv_to_rgb(_colours(images, "hsv_to_rgb"))


def _colours(images: Any, owner: str) -> np.ndarray:
    array = _checks.float32_array(images, "images", owner)
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
