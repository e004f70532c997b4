"""Functions of ``keras.ops.image``: of images (batch, height, width, channels), or of one without the batch axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._images import INTERPOLATIONS
from cnncore._images import resize as resized

__all__ = ["extract_patches", "resize", "rgb_to_grayscale"]


def resize(images: Any, size: Any, interpolation: str = "bilinear", antialias: bool = False) -> Any:
    """Images of another size; of a symbolic tensor this is the layer ``Resizing``.

    Parameters
    ----------
    images : array_like or symbolic tensor, (batch, height, width, channels) or (height, width, channels)
    size : (height, width)
    interpolation : {"bilinear", "nearest"}, default "bilinear"
    antialias : bool, default False
        Only False: nothing is smoothed before images are made smaller.

    Examples
    --------
    >>> resize(np.float32([[[0.0], [2.0]]]), (1, 4))[0, :, 0].tolist()
    [0.0, 0.5, 1.5, 2.0]
    """
    if antialias or interpolation not in INTERPOLATIONS:
        raise ValueError(
            f"[resize] expected antialias=False and an interpolation among {', '.join(INTERPOLATIONS)}. "
            f"Received: antialias={antialias}, interpolation={interpolation!r}"
        )
    height, width = _checks.pair(size, "size", "resize")
    if hasattr(images, "given_to"):  # a symbolic tensor
        return images.given_to("Resizing", height=height, width=width, interpolation=interpolation)
    array = _checks.numeric_array(images, "images", "resize")
    dtype = np.uint8 if array.dtype == np.uint8 else np.float32
    batch = np.ascontiguousarray(array if array.ndim == 4 else array[None], dtype)
    result = resized(batch, height, width, interpolation)
    return result if array.ndim == 4 else result[0]


def extract_patches(images: Any, size: Any, strides: Any = None, dilation_rate: Any = 1, padding: str = "valid") -> Any:
    """The patches of images, side by side: (batch, rows, columns, height * width * channels).

    Parameters
    ----------
    images : array_like or symbolic tensor, (batch, height, width, channels)
    size : int or (height, width)
    strides : int or two ints, optional
        Only ``size``, the default, so that patches do not overlap.
    dilation_rate : int, default 1
        Only 1.
    padding : {"valid"}

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
    _, height, width, channels = images.shape
    rows, columns = height // high, width // wide
    cut = images[:, : rows * high, : columns * wide]
    parts = np.transpose(np.reshape(cut, (-1, rows, high, columns, wide, channels)), (0, 1, 3, 2, 4, 5))
    return np.reshape(parts, (-1, rows, columns, high * wide * channels))


def rgb_to_grayscale(images: Any) -> Any:
    """Grey images with one channel: 0.2989 red + 0.587 green + 0.114 blue.

    Examples
    --------
    >>> rgb_to_grayscale(np.ones((1, 1, 3))).shape
    (1, 1, 1)
    """
    return np.sum(images * np.array([0.2989, 0.587, 0.114], np.float32), axis=-1, keepdims=True)
