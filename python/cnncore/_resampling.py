"""The weights with which images are resized along one axis, for kernels that the core does not have."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

__all__ = ["resampled", "weights"]


def _triangle(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.maximum(0, 1 - x))


def _cubic(x: np.ndarray) -> np.ndarray:
    """Keys, "Cubic convolution interpolation for digital image processing", 1981, with a = -1/2."""
    near, far = (1.5 * x - 2.5) * x**2 + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _lanczos(radius: float) -> Callable[[np.ndarray], np.ndarray]:
    """Duchon, "Lanczos filtering in one and two dimensions", 1979: sinc(x) sinc(x / radius)."""
    return lambda x: np.where(x < radius, np.sinc(x) * np.sinc(x / radius), 0)


_KERNELS = {"bilinear": _triangle, "bicubic": _cubic, "lanczos3": _lanczos(3.0), "lanczos5": _lanczos(5.0)}


@functools.lru_cache(64)
def weights(before: int, after: int, interpolation: str, antialias: bool) -> np.ndarray:
    """The weights (after, before) with which each new pixel of an axis is the sum of old pixels.

    New pixel j has its centre at s = (j + 0.5) before / after - 0.5 among the old ones. Old pixel i has the weight
    k(|s - i| / w) for a kernel k, divided by the sum over all i inside the image. Here w is 1, and with ``antialias``
    it is before / after where the image becomes smaller, so that all old pixels count.
    """
    ratio = before / after
    centres = (np.arange(after) + 0.5) * ratio - 0.5
    distances = np.abs(centres[:, None] - np.arange(before)) / (max(ratio, 1.0) if antialias else 1.0)
    found = _KERNELS[interpolation](distances)
    matrix = np.asarray(found / found.sum(axis=1, keepdims=True), np.float32)
    matrix.flags.writeable = False
    return matrix


def resampled(images: np.ndarray, height: int, width: int, interpolation: str, antialias: bool) -> np.ndarray:
    """Resize images (n, h, w, c). Values of uint8 are rounded, and clipped to [0, 255]."""
    n, rows, columns, channels = images.shape
    values = np.asarray(images, np.float32).reshape(n, rows, columns * channels)
    tall = np.matmul(weights(rows, height, interpolation, antialias), values).reshape(n, height, columns, channels)
    result = np.asarray(np.matmul(weights(columns, width, interpolation, antialias), tall))
    return np.clip(np.rint(result), 0, 255).astype(np.uint8) if images.dtype == np.uint8 else result
