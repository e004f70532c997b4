"""Resizing of images in arrays, for layers and for pictures from files."""

from __future__ import annotations

import numpy as np

from cnncore import _core

__all__ = ["centred_crop", "padded_to_aspect_ratio", "resize"]

INTERPOLATIONS = ("bilinear", "nearest")


def resize(images: np.ndarray, height: int, width: int, interpolation: str = "bilinear") -> np.ndarray:
    """Resize images (n, h, w, c) of uint8 or float32.

    The centres of pixels are at 0.5, 1.5, ..., as in TensorFlow and in PyTorch with align_corners=False. Images are not
    smoothed before they are made smaller.
    """
    n, rows, columns = images.shape[:3]
    if (rows, columns) == (height, width):
        return images
    down, right = rows / height, columns / width
    matrix = [down, 0, down / 2 - 0.5, 0, right, right / 2 - 0.5]
    matrices = np.tile(np.array(matrix), (n, 1))
    return _core.augment_affine(images, matrices, (height, width), "nearest", 0.0, interpolation == "bilinear")


def centred_crop(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """The largest centred part of images (n, h, w, c) with the proportions of height x width."""
    rows, columns = images.shape[1:3]
    part_rows = max(1, min(rows, int(columns * height / width)))
    part_columns = max(1, min(columns, int(rows * width / height)))
    top, left = (rows - part_rows) // 2, (columns - part_columns) // 2
    return np.ascontiguousarray(images[:, top : top + part_rows, left : left + part_columns])


def padded_to_aspect_ratio(images: np.ndarray, height: int, width: int, fill_value: float) -> np.ndarray:
    """Images (n, h, w, c), extended by `fill_value` to the proportions of height x width."""
    n, rows, columns, channels = images.shape
    all_rows = max(rows, int(columns * height / width))
    all_columns = max(columns, int(rows * width / height))
    top, left = (all_rows - rows) // 2, (all_columns - columns) // 2
    padded = np.full((n, all_rows, all_columns, channels), fill_value, images.dtype)
    padded[:, top : top + rows, left : left + columns] = images
    return padded
