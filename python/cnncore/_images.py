"""Resizing of images in arrays, for layers and for pictures from files."""

from __future__ import annotations

import numpy as np

from cnncore import _core
from cnncore._resampling import resampled

__all__ = ["centred_crop", "hsv_to_rgb", "padded_to_aspect_ratio", "resize", "resize_backward", "rgb_to_hsv"]

INTERPOLATIONS = ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")


def resize(
    images: np.ndarray, height: int, width: int, interpolation: str = "bilinear", antialias: bool = False
) -> np.ndarray:
    """Resize images (n, h, w, c) of uint8 or float32.

    The centres of pixels are at 0.5, 1.5, ..., as in TensorFlow and in PyTorch with align_corners=False. With
    ``antialias`` images are smoothed where they are made smaller.
    """
    n, rows, columns = images.shape[:3]
    if (rows, columns) == (height, width):
        return images
    smaller = height < rows or width < columns
    if rows == 0 or columns == 0:
        raise ValueError(f"[resize] expected images of at least one pixel. Received: shape {images.shape}")
    if interpolation not in ("bilinear", "nearest") or (interpolation == "bilinear" and antialias and smaller):
        return resampled(images, height, width, interpolation, antialias)
    if interpolation == "nearest":
        return images.take(_nearest(rows, height), axis=1).take(_nearest(columns, width), axis=2)
    down, right = rows / height, columns / width
    matrix = [down, 0, down / 2 - 0.5, 0, right, right / 2 - 0.5]
    matrices = np.tile(np.array(matrix), (n, 1))
    return _core.augment_affine(images, matrices, (height, width), "nearest", 0.0, True)


def _nearest(before: int, after: int) -> np.ndarray:
    """For each of ``after`` pixels, that one of ``before`` which contains its centre.

    A centre on the border between two pixels belongs to the second one. The places are computed in float32 as
    TensorFlow and PyTorch compute them, so that they are rounded as there.
    """
    centres = np.arange(after, dtype=np.float32) + np.float32(0.5)
    places: np.ndarray = np.minimum(centres * (np.float32(before) / np.float32(after)), before - 1).astype(np.intp)
    return places


def shares(before: int, after: int, interpolation: str, antialias: bool = False) -> np.ndarray:
    """A matrix (after, before) with the share of each row of an image in each row of the resized image."""
    one = np.eye(before, dtype=np.float32)[None, :, :, None]
    return resize(one, after, before, interpolation, antialias)[0, :, :, 0]


def resize_backward(dy: np.ndarray, size: tuple[int, int], interpolation: str, antialias: bool = False) -> np.ndarray:
    """The gradient (n, *size, c) of the images that :func:`resize` was given.

    Resizing multiplies an image by a matrix on each side, and so does this.
    """
    rows, columns = (shares(size[axis], dy.shape[1 + axis], interpolation, antialias) for axis in (0, 1))
    return np.ascontiguousarray(np.einsum("yi,xj,nyxc->nijc", rows, columns, dy, optimize=True))


def centred_crop(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """The largest centred part of images (n, h, w, c) with the proportions of height x width."""
    rows, columns = images.shape[1:3]
    part_rows = max(1, min(rows, int(columns * height / width)))
    part_columns = max(1, min(columns, int(rows * width / height)))
    top, left = (rows - part_rows) // 2, (columns - part_columns) // 2
    return np.ascontiguousarray(images[:, top : top + part_rows, left : left + part_columns])


def padded_to_aspect_ratio(images: np.ndarray, height: int, width: int, fill_value: float) -> np.ndarray:
    """Images (n, h, w, c), extended by `fill_value` to the proportions of height x width.

    As in Keras, both sides are extended by as much, so that one pixel may be missing.
    """
    n, rows, columns, channels = images.shape
    top = max(0, int(columns * height / width) - rows) // 2
    left = max(0, int(rows * width / height) - columns) // 2
    padded = np.full((n, rows + 2 * top, columns + 2 * left, channels), fill_value, images.dtype)
    padded[:, top : top + rows, left : left + columns] = images
    return padded


def rgb_to_hsv(images: np.ndarray) -> np.ndarray:
    """Hue, saturation and value of colours (..., 3) of red, green and blue between 0 and 1.

    Smith, "Color gamut transform pairs", 1978. The hue is a share of a full turn, in [0, 1).
    """
    red, green, blue = images[..., 0], images[..., 1], images[..., 2]
    value, spread = images.max(axis=-1), np.ptp(images, axis=-1)
    there = np.where(spread > 0, spread, 1)
    sixth = np.where(value == green, (blue - red) / there + 2, (red - green) / there + 4)
    sixth = np.where(value == red, (green - blue) / there, sixth)
    hue = np.where(spread > 0, np.mod(sixth / 6, 1), 0)
    saturation = np.where(value > 0, spread / np.where(value > 0, value, 1), 0)
    return np.stack([hue, saturation, value], axis=-1).astype(images.dtype)


def hsv_to_rgb(images: np.ndarray) -> np.ndarray:
    """The inverse of :func:`rgb_to_hsv`."""
    hue, saturation, value = images[..., 0], images[..., 1], images[..., 2]
    parts = []
    for start in (5, 3, 1):
        place = np.mod(start + 6 * hue, 6)
        parts.append(value - value * saturation * np.clip(np.minimum(place, 4 - place), 0, 1))
    return np.stack(parts, axis=-1).astype(images.dtype)
