"""Layers that map each value of an image to another one: inverted, coarse and solarized colours. They use NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore.layers.augmentation.base import Augmentation, Images, RandomKey, between, checked_value_range, factor_range
from cnncore.layers.augmentation.ranged import Ranged, column, like
from cnncore.layers.base import registry

__all__ = ["RandomInvert", "RandomPosterization", "Solarization"]


@registry.register()
class RandomInvert(Ranged):
    """Replace the values v of random images by the highest value minus v.

    Parameters
    ----------
    factor : float or two floats in [0, 1], default 1.0
        The bounds between which the probability of a change is drawn for each image. f stands for (0, f).
    value_range : two floats, default (0, 255)
        The range of the values of pixels.
    seed : int, optional
        Layers with the same seed change images in the same way. By default each layer has its own seed.
    **kwargs
        See :class:`cnncore.layers.Layer`.

    Examples
    --------
    >>> RandomInvert((1, 1))(np.uint8([0, 5, 255]).reshape(1, 1, 3, 1)).ravel()
    array([255, 250,   0], dtype=uint8)
    """

    draws = 2

    def __init__(self, factor: Any = 1.0, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(factor, value_range, seed, **kwargs)

    def transform(self, images: Images, u: np.ndarray, generator: RandomKey) -> Images:
        chosen = u[:, 1] < between(u[:, 0], self._bounds)
        x = images.astype(np.float32)
        return like(np.where(column(chosen) > 0, self.value_range[1] - x, x), images)


@registry.register()
class RandomPosterization(Ranged):
    """Keep only the highest bits of the values of pixels, in a random number for each image.

    Parameters
    ----------
    factor : int or two ints in [1, 8]
        The bounds between which the number of bits is drawn, without the upper one unless both are equal. f stands for
        (1, f).
    value_range : two floats, default (0, 255)
        The range of the values of pixels.
    seed : int, optional
        Layers with the same seed change images in the same way. By default each layer has its own seed.
    **kwargs
        See :class:`cnncore.layers.Layer`.

    Examples
    --------
    >>> RandomPosterization((2, 2))(np.uint8([10, 100, 255]).reshape(1, 1, 3, 1)).ravel()
    array([  0,  64, 192], dtype=uint8)
    """

    draws = 1
    least, most = 1.0, 8.0

    def transform(self, images: Images, u: np.ndarray, generator: RandomKey) -> Images:
        low, high = (int(bound) for bound in self._bounds)
        bits = low + np.floor(u[:, 0] * max(high - low, 0)).astype(np.int64)
        step = column(2.0 ** (8 - bits))
        return self._back(np.floor(np.floor(self._scaled(images, 0.0, 255.0)) / step) * step, images, 255.0)


@registry.register()
class Solarization(Augmentation):
    """Add a random number to the values of each image, then replace values v from a random threshold on by 255 - v.

    Parameters
    ----------
    addition_factor, threshold_factor : float or two floats in [0, 1], default 0
        The bounds between which the number and the threshold are drawn, as shares of the range. f stands for (0, f).
    value_range : two floats, default (0, 255)
        The range of the values of pixels.
    seed : int, optional
        Layers with the same seed change images in the same way. By default each layer has its own seed.
    **kwargs
        See :class:`cnncore.layers.Layer`.

    Examples
    --------
    >>> Solarization(0.0, (0.5, 0.5))(np.uint8([0, 100, 200]).reshape(1, 1, 3, 1)).ravel()
    array([  0, 100,  55], dtype=uint8)
    """

    draws = 2

    def __init__(
        self,
        addition_factor: Any = 0.0,
        threshold_factor: Any = 0.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.addition_factor, self.threshold_factor = addition_factor, threshold_factor
        self.value_range = checked_value_range(value_range, "Solarization")
        self._additions = factor_range(addition_factor, "addition_factor", "Solarization", least=0.0)
        self._thresholds = factor_range(threshold_factor, "threshold_factor", "Solarization", least=0.0)

    def transform(self, images: Images, u: np.ndarray, generator: RandomKey) -> Images:
        low, high = self.value_range
        size = high - low
        x = images.astype(np.float32) - low + size * column(between(u[:, 0], self._additions))
        x = np.clip(x, 0, size)
        result = np.where(x < size * column(between(u[:, 1], self._thresholds)), x, size - x)
        return like(result + low, images)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "addition_factor": self.addition_factor,
            "threshold_factor": self.threshold_factor,
            "value_range": self.value_range,
        }
