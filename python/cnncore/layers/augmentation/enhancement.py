"""Layers that change the contrast, sharpness and colour of images: with NumPy, as in the Python Imaging Library."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.layers.augmentation.base import (
    Augmentation,
    ImageLayer,
    Images,
    RandomKey,
    between,
    check_data_format,
    checked_value_range,
)
from cnncore.layers.augmentation.base import factor_range as _factor_range
from cnncore.layers.augmentation.ranged import Ranged, check_colours, column, like
from cnncore.layers.base import registry

__all__ = ["AutoContrast", "Equalization", "RandomColorDegeneration", "RandomGaussianBlur", "RandomSharpness"]

_GRAY = np.array([0.2989, 0.5870, 0.1140], np.float32)


@registry.register()
class AutoContrast(ImageLayer):
    """Stretch the values of each channel of each image over the whole range, in training and in inference.

    Parameters
    ----------
    value_range : two floats, default (0, 255)
        The range of the values of pixels.
    **kwargs
        See :class:`cnncore.layers.Layer`.

    Examples
    --------
    >>> AutoContrast()(np.uint8([10, 20, 30]).reshape(1, 1, 3, 1)).ravel()
    array([  0, 128, 255], dtype=uint8)
    """

    def __init__(self, value_range: Any = (0, 255), **kwargs: Any) -> None:
        check_data_format(kwargs, type(self).__name__)
        super().__init__(**kwargs)
        self.value_range = checked_value_range(value_range, type(self).__name__)

    def process(self, images: Images, seed: int, step: int, training: bool) -> Images:
        """Return the stretched images. A channel of a single value stays as it is."""
        x = images.astype(np.float32)
        if x.size == 0:
            return images
        low, high = x.min(axis=(1, 2), keepdims=True), x.max(axis=(1, 2), keepdims=True)
        first, last = self.value_range
        with np.errstate(invalid="ignore", divide="ignore"):
            stretched = np.clip((x - low) / (high - low), 0, 1) * np.float32(last - first) + np.float32(first)
        return like(np.where(high > low, stretched, x), images)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "value_range": self.value_range}


@registry.register()
class Equalization(ImageLayer):
    """Spread the values of each channel so that all of them occur about equally often, in training only.

    As in Keras, the histogram is that of the whole batch.

    Parameters
    ----------
    value_range : two floats, default (0, 255)
        The range of the values of pixels.
    bins : int, default 256
        The number of values that are told apart.
    **kwargs
        See :class:`cnncore.layers.Layer`.

    Examples
    --------
    >>> Equalization()(np.uint8([10, 20, 30]).reshape(1, 1, 3, 1)).ravel()
    array([  0, 128, 255], dtype=uint8)
    """

    _arrays_train = True

    def __init__(self, value_range: Any = (0, 255), bins: int = 256, **kwargs: Any) -> None:
        check_data_format(kwargs, type(self).__name__)
        super().__init__(**kwargs)
        self.value_range = checked_value_range(value_range, type(self).__name__)
        self.bins = _checks.integer(bins, "bins", type(self).__name__, minimum=2)

    def process(self, images: Images, seed: int, step: int, training: bool) -> Images:
        """Return the changed images in training, and the images themselves otherwise."""
        if not training:
            return images
        first, last = self.value_range
        x = (images.astype(np.float32) - np.float32(first)) * np.float32(255 / (last - first))
        result = np.stack([self._spread(x[..., c]) for c in range(x.shape[-1])], axis=-1)
        return like(result * np.float32((last - first) / 255) + np.float32(first), images)

    def _spread(self, channel: np.ndarray) -> np.ndarray:
        places = np.clip((channel * np.float32((self.bins - 1) / 255)).astype(np.int64), 0, self.bins - 1)
        counts = np.bincount(places.ravel(), minlength=self.bins)
        if np.count_nonzero(counts) <= 1:
            return channel
        below = np.cumsum(counts)
        least = below[np.flatnonzero(below)[0]]
        table = np.clip(np.rint((below - least) * 255 / max(below[-1] - least, 1)), 0, 255)
        return np.asarray(table[places], np.float32)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "value_range": self.value_range, "bins": self.bins}


@registry.register()
class RandomSharpness(Ranged):
    """Move each image towards a smoothed one or away from it: y = x + (1 - 2 f) (smooth - x).

    A pixel of the smoothed image is a mean of the pixel, with the weight 5/13, and its neighbours, with 1/13 each.

    Parameters
    ----------
    factor : float or two floats in [0, 1]
        The bounds between which f is drawn for each image: 0 is smooth, 0.5 the image itself and 1 sharp. One number f
        stands for (0, f).
    value_range : two floats, default (0, 255)
        The range of the values of pixels.
    seed : int, optional
        Layers with the same seed change images in the same way. By default each layer has its own seed.
    **kwargs
        See :class:`cnncore.layers.Layer`.

    Examples
    --------
    >>> RandomSharpness((0.5, 0.5))(np.uint8([0, 100, 0]).reshape(1, 1, 3, 1)).ravel()
    array([  0, 100,   0], dtype=uint8)
    """

    draws = 1

    def transform(self, images: Images, u: np.ndarray, generator: RandomKey) -> Images:
        x = images.astype(np.float32)
        height, width = x.shape[1:3]
        wide = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        smooth = x * np.float32(4 / 13)
        for i in range(3):
            for j in range(3):
                smooth += wide[:, i : i + height, j : j + width] * np.float32(1 / 13)
        y = x + (1 - 2 * column(between(u[:, 0], self._bounds))) * (smooth - x)
        return like(np.clip(y, *self.value_range), images)


@registry.register()
class RandomColorDegeneration(Ranged):
    """Move the colours of each image towards gray: y = x + f (gray - x).

    Parameters
    ----------
    factor : float or two floats in [0, 1]
        The bounds between which f is drawn for each image. One number f stands for (0, f).
    value_range : two floats, default (0, 255)
        The range of the values of pixels.
    seed : int, optional
        Layers with the same seed change images in the same way. By default each layer has its own seed.
    **kwargs
        See :class:`cnncore.layers.Layer`.

    Examples
    --------
    >>> RandomColorDegeneration((1, 1))(np.uint8([0, 100, 0]).reshape(1, 1, 1, 3)).ravel()
    array([59, 59, 59], dtype=uint8)
    """

    draws = 1

    def transform(self, images: Images, u: np.ndarray, generator: RandomKey) -> Images:
        check_colours(images, type(self).__name__)
        x = images.astype(np.float32)
        gray = np.sum(x * _GRAY, axis=-1, keepdims=True)
        y = x + column(between(u[:, 0], self._bounds)) * (gray - x)
        return like(np.clip(y, *self.value_range), images)


@registry.register()
class RandomGaussianBlur(Augmentation):
    """Blur random images by a Gaussian filter.

    Parameters
    ----------
    factor : float or two floats in [0, 1], default 1.0
        The bounds between which the probability of a change is drawn for each image. f stands for (0, f).
    kernel_size : int or two ints, default 3
        The height and width of the filter, odd numbers.
    sigma : float or two floats in [0, 1], default 1.0
        The bounds between which the standard deviations of the filter along both axes are drawn. f stands for (0, f).
    value_range : two floats, default (0, 255)
        The range of the values of pixels.
    seed : int, optional
        Layers with the same seed change images in the same way. By default each layer has its own seed.
    **kwargs
        See :class:`cnncore.layers.Layer`.

    Examples
    --------
    >>> blur = RandomGaussianBlur((1, 1), kernel_size=(1, 3), sigma=(1, 1))
    >>> blur(np.uint8([0, 100, 0]).reshape(1, 1, 3, 1)).ravel()
    array([27, 45, 27], dtype=uint8)
    """

    draws = 4

    def __init__(
        self,
        factor: Any = 1.0,
        kernel_size: Any = 3,
        sigma: Any = 1.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        owner = type(self).__name__
        self.factor, self.sigma, self.value_range = factor, sigma, checked_value_range(value_range, owner)
        self._bounds = _factor_range(factor, "factor", owner, 0.0, 1.0)
        self._deviations = _factor_range(sigma, "sigma", owner, 0.0, 1.0)
        self.kernel_size = _checks.pair(kernel_size, "kernel_size", owner)
        if any(size % 2 == 0 for size in self.kernel_size):
            raise ValueError(f"[{owner}] expected `kernel_size` to be odd. Received: kernel_size={kernel_size!r}")

    def transform(self, images: Images, u: np.ndarray, generator: RandomKey) -> Images:
        chosen = u[:, 1] < between(u[:, 0], self._bounds)
        x = images.astype(np.float32)
        blurred = x
        for axis, size in enumerate(self.kernel_size, 1):
            blurred = _filtered(blurred, axis, size, between(u[:, 1 + axis], self._deviations) + 1e-6)
        y = np.where(column(chosen) > 0, np.clip(blurred, *self.value_range), x)
        return like(y, images)

    def get_config(self) -> dict[str, Any]:
        config = {"factor": self.factor, "kernel_size": self.kernel_size, "sigma": self.sigma}
        return {**super().get_config(), **config, "value_range": self.value_range}


def _filtered(x: np.ndarray, axis: int, size: int, deviation: np.ndarray) -> np.ndarray:
    """Filter images along one axis, each by a Gaussian of a standard deviation of its own. Outside are zeros."""
    distance = np.arange(size) - (size - 1) / 2
    weights = np.exp(-0.5 * (distance / deviation[:, np.newaxis]) ** 2)
    weights /= weights.sum(axis=1, keepdims=True)
    borders = [(0, 0)] * 4
    borders[axis] = (size // 2, size // 2)
    wide, result = np.pad(x, borders), np.zeros_like(x)
    for place in range(size):
        part = np.take(wide, range(place, place + x.shape[axis]), axis=axis)
        result += part * column(weights[:, place])
    return result
