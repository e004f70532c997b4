"""Read pictures from files as arrays, and write them. Needs Pillow: ``pip install "cnncore[image]"``."""

from __future__ import annotations

import os
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._images import INTERPOLATIONS, centred_crop, resize
from cnncore._refusals import names_itself

__all__ = ["array_to_img", "img_to_array", "load_img", "save_img", "smart_resize"]

_COLOR_MODES = ("rgb", "rgba", "grayscale")
_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


def pillow() -> Any:
    """The module ``PIL.Image``. If it is missing, an ImportError names the extra that installs it."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError('pictures need Pillow: pip install "cnncore[image]"') from error
    return Image


def load_img(
    path: str | os.PathLike[str] | BytesIO,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
    *,
    grayscale: bool | None = None,
) -> Any:
    """Read a picture as a Pillow image.

    Parameters
    ----------
    path : path or io.BytesIO
        The file, or its bytes.
    color_mode : {"rgb", "rgba", "grayscale"}, default "rgb"
        The colours to which the picture is converted. "grayscale" leaves grey pictures of 16 or 32 bits as they are.
    target_size : (height, width), optional
        The size to which the picture is resized; by default it keeps its size.
    interpolation : {"nearest", "bilinear", "bicubic", "hamming", "box", "lanczos"}, default "nearest"
        How the picture is resized.
    keep_aspect_ratio : bool, default False
        Whether to resize only the largest centred part with the proportions of the target, so that the picture is not
        distorted.
    grayscale : bool, optional
        Keras 2's argument for ``color_mode="grayscale"``. It gives a DeprecationWarning.

    Returns
    -------
    PIL.Image.Image

    Raises
    ------
    ImportError
        If Pillow is missing.
    ValueError
        If the colour mode or the interpolation is unknown.
    OSError
        If the file cannot be read, or is not a picture.

    Examples
    --------
    >>> image = load_img("cat.png", target_size=(64, 64))  # doctest: +SKIP
    >>> img_to_array(image).shape  # doctest: +SKIP
    (64, 64, 3)
    """
    image_module = pillow()
    if grayscale is not None:
        message = '`grayscale=True` is `color_mode="grayscale"` today.'
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        color_mode = "grayscale" if grayscale else color_mode
    color_mode = _checks.choice(color_mode, "color_mode", "load_img", _COLOR_MODES)
    interpolation = _checks.choice(interpolation, "interpolation", "load_img", _INTERPOLATIONS)
    if not hasattr(path, "read"):
        path = _checks.path(path, "path", "load_img")
    with image_module.open(path) as opened:
        image = _convert(opened, color_mode)
        image.load()
    if target_size is None:
        return image
    height, width = _checks.pair(target_size, "target_size", "load_img")
    if image.size == (width, height):
        return image
    resample = getattr(image_module.Resampling, interpolation.upper())
    box = _centred_box(image.size, (width, height)) if keep_aspect_ratio else None
    return image.resize((width, height), resample, box=box)


def _convert(image: Any, color_mode: str) -> Any:
    if color_mode == "grayscale":
        return image.copy() if image.mode in ("L", "I;16", "I") else image.convert("L")
    return image.convert("RGBA" if color_mode == "rgba" else "RGB")


def _centred_box(size: tuple[int, int], target: tuple[int, int]) -> tuple[int, int, int, int]:
    """The largest centred box (left, top, right, bottom) whose proportions are those of the target."""
    width, height = size
    crop_width = max(1, min(width, height * target[0] // target[1]))
    crop_height = max(1, min(height, width * target[1] // target[0]))
    left, top = (width - crop_width) // 2, (height - crop_height) // 2
    return left, top, left + crop_width, top + crop_height


def _channels_last(data_format: str | None, owner: str) -> bool:
    if data_format not in (None, "channels_last", "channels_first"):
        raise ValueError(
            f'[{owner}] expected data_format "channels_last" or "channels_first". Received: {data_format!r}'
        )
    return data_format != "channels_first"


@names_itself
def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> np.ndarray:
    """A Pillow image as an array.

    Parameters
    ----------
    img : PIL.Image.Image
        The picture.
    data_format : {"channels_last", "channels_first"}, optional
        Where the array has its channels; last by default.
    dtype : dtype, optional
        float32 by default.

    Returns
    -------
    numpy.ndarray
        An array of shape (height, width, channels) with the values of the picture, which are mostly from 0 to 255. A
        grey picture has one channel.

    Examples
    --------
    >>> from PIL import Image
    >>> img_to_array(Image.new("RGB", (3, 2), "white")).shape
    (2, 3, 3)
    """
    last = _channels_last(data_format, "img_to_array")
    array = np.asarray(img, dtype=np.float32 if dtype is None else dtype)
    if array.ndim not in (2, 3):
        raise ValueError(f"[img_to_array] expected a picture of rank 2 or 3. Received: shape {array.shape}")
    if array.ndim == 2:
        array = array[..., None]
    return array.copy() if last else np.ascontiguousarray(array.transpose(2, 0, 1))


@names_itself
def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None) -> Any:
    """An array as a Pillow image.

    Parameters
    ----------
    x : array_like, shape (height, width, channels)
        An image with 1, 3 or 4 channels.
    data_format : {"channels_last", "channels_first"}, optional
        Where the channels are; last by default.
    scale : bool, default True
        Whether to stretch the values so that the smallest becomes 0 and the largest 255.
    dtype : dtype, optional
        The type to compute in; float32 by default.

    Returns
    -------
    PIL.Image.Image
        Grey, RGB or RGBA of 8 bits. If values of a grey image exceed 255, grey of 32 bits.

    Raises
    ------
    ValueError
        If the array has another rank or number of channels.

    Examples
    --------
    >>> array_to_img(np.arange(12).reshape(2, 2, 3)).size
    (2, 2)
    """
    image_module = pillow()
    last = _channels_last(data_format, "array_to_img")
    array = np.asarray(x, dtype=np.float32 if dtype is None else dtype)
    if array.ndim != 3:
        raise ValueError(f"[array_to_img] expected one image, of rank 3. Received: shape {array.shape}")
    array = array if last else array.transpose(1, 2, 0)
    if scale:
        array = array - array.min()
        highest = array.max()
        array = array / highest * 255 if highest > 0 else array
    channels = array.shape[2]
    if channels == 1 and array.max(initial=0) > 255:
        return image_module.fromarray(array[..., 0].astype(np.int32))
    if channels == 1:
        return image_module.fromarray(array[..., 0].astype(np.uint8))
    if channels in (3, 4):
        return image_module.fromarray(array.astype(np.uint8))
    raise ValueError(f"[array_to_img] expected 1, 3 or 4 channels. Received: {channels}")


def save_img(
    path: str | os.PathLike[str],
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array as a picture.

    Parameters
    ----------
    path : path
        The file. The ending of its name says the format.
    x : array_like, shape (height, width, channels)
        An image with 1, 3 or 4 channels.
    data_format : {"channels_last", "channels_first"}, optional
        Where the channels are; last by default.
    file_format : str, optional
        The format, such as "png", if the ending does not say it.
    scale : bool, default True
        Whether to stretch the values so that the smallest becomes 0 and the largest 255.
    **kwargs
        Passed to ``PIL.Image.Image.save``.

    Examples
    --------
    >>> save_img("noise.png", np.random.default_rng(0).random((8, 8, 3)))  # doctest: +SKIP
    """
    if file_format is not None and not isinstance(file_format, str):
        raise TypeError(f"[save_img] expected `file_format` to be a string. Received: {file_format=}")
    if not hasattr(path, "write"):
        path = _checks.path(path, "path", "save_img")
    image = array_to_img(x, data_format=data_format, scale=scale)
    jpeg = (file_format or Path(path).suffix.removeprefix(".")).lower() in ("jpg", "jpeg")
    if image.mode == "RGBA" and jpeg:
        warnings.warn("JPEG has no transparency: the fourth channel is not written", stacklevel=2)
        image = image.convert("RGB")
    image.save(path, format="JPEG" if file_format is not None and jpeg else file_format, **kwargs)


@names_itself
def smart_resize(
    x: Any, size: tuple[int, int], interpolation: str = "bilinear", data_format: str = "channels_last"
) -> np.ndarray:
    """Resize images without distorting them: only the largest centred part with the proportions of ``size`` is kept.

    Parameters
    ----------
    x : array_like, shape (height, width, channels) or (n, height, width, channels)
        One image or several. uint8 stays uint8; all other types become float32.
    size : (height, width)
    interpolation : {"bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"}, default "bilinear"
    data_format : {"channels_last"}

    Returns
    -------
    numpy.ndarray

    Examples
    --------
    >>> smart_resize(np.zeros((20, 40, 3)), (8, 8)).shape
    (8, 8, 3)
    """
    if data_format != "channels_last":
        raise ValueError(f'[smart_resize] expected data_format="channels_last". Received: {data_format!r}')
    if interpolation not in INTERPOLATIONS:
        known = ", ".join(INTERPOLATIONS)
        raise ValueError(f"[smart_resize] expected interpolation to be one of {known}. Received: {interpolation!r}")
    array = np.asarray(x)
    if array.ndim not in (3, 4):
        raise ValueError(f"[smart_resize] expected images of rank 3 or 4. Received: shape {array.shape}")
    images = np.require(array, np.uint8 if array.dtype == np.uint8 else np.float32, ["C", "A"])
    height, width = _checks.pair(size, "size", "smart_resize")
    resized = resize(
        centred_crop(images if array.ndim == 4 else images[None], height, width), height, width, interpolation
    )
    result: np.ndarray = resized if array.ndim == 4 else resized[0]
    return result
