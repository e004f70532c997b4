"""Layers that change the colours of images: hue, saturation, grey, inverted and coarse colours. They use NumPy."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._images import hsv_to_rgb, rgb_to_hsv
from cnncore.layers.base import registry

from .base import Augmentation, Images, RandomKey, between, factor_range, value_range
from .color import RandomBrightness, RandomContrast

__all__ = [
    "RandomColorJitter",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPosterization",
    "RandomSaturation",
    "Solarization",
]

_range = value_range  # another name, since the classes have an argument named value_range


def _column(values: np.ndarray) -> np.ndarray:
    """Return numbers, one for each image, in a shape that NumPy repeats along the pixels."""
    return np.asarray(values, np.float32).reshape(-1, 1, 1, 1)


def _like(result: np.ndarray, images: Images) -> Images:
    """Return a result in the type of the images: uint8 is rounded and stays from 0 to 255."""
    if images.dtype == np.uint8:
        return np.asarray(np.clip(np.rint(result), 0, 255), np.uint8)
    return np.asarray(result, np.float32, order="C")


def _check_colours(images: Images, owner: str) -> None:
    if images.shape[3] != 3:
        raise ValueError(f"[{owner}] expected images with 3 channels. Received: shape {images.shape}")


class _Ranged(Augmentation):
    """A layer with the arguments ``factor`` and ``value_range``."""

    least, most = 0.0, 1.0  # between which the numbers of ``factor`` are

    def __init__(self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        owner = type(self).__name__
        self.factor, self.value_range = factor, _range(value_range, owner)
        self._bounds = factor_range(factor, "factor", owner, self.least, self.most)

    def _scaled(self, images: Images, low: float, high: float) -> np.ndarray:
        """Bring values from ``value_range`` to the range from ``low`` to ``high``."""
        first, last = self.value_range
        return np.asarray((images.astype(np.float32) - first) * ((high - low) / (last - first)) + low, np.float32)

    def _back(self, result: np.ndarray, images: Images, high: float) -> Images:
        """Bring values from the range from 0 to ``high`` back to ``value_range``."""
        first, last = self.value_range
        return _like(result * ((last - first) / high) + first, images)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}


@registry.register()
class RandomHue(_Ranged):
    """Turn the hue of each image by a random angle.

    Parameters
    ----------
    factor : float or two floats in [0, 1]
        The bounds between which a number is drawn; half of it is the share of a full turn, in either direction. f
        stands for (0, f).
    value_range : two floats, default (0, 255)
        The range of the values of pixels.
    seed : int, optional
        Layers with the same seed change images in the same way. By default each layer has its own seed.
    **kwargs
        See :class:`cnncore.layers.Layer`.

    Examples
    --------
    >>> red = np.uint8([255, 0, 0]).reshape(1, 1, 1, 3)
    >>> RandomHue((1, 1))(red).ravel()
    Array([  0, 255, 255], dtype=uint8)
    """

    draws = 2

    def transform(self, images: Images, u: np.ndarray, generator: RandomKey) -> Images:
        _check_colours(images, "RandomHue")
        turn = between(u[:, 0], self._bounds) * np.where(u[:, 1] > 0.5, -0.5, 0.5)
        hsv = rgb_to_hsv(self._scaled(images, 0.0, 1.0))
        hsv[..., 0] = np.mod(hsv[..., 0] + _column(turn)[..., 0], 1.0)
        return self._back(np.clip(hsv_to_rgb(hsv), 0.0, 1.0), images, 1.0)


@registry.register()
class RandomSaturation(_Ranged):
    """Multiply the saturation of each image by a random number.

    Parameters
    ----------
    factor : float or two floats in [0, 1]
        The bounds between which a number f is drawn; the saturation is multiplied by f / (1 - f). So 0 gives grey
        images, 0.5 changes nothing, and 1 gives full colours. f stands for (0, f).
    value_range : two floats, default (0, 255)
        The range of the values of pixels.
    seed : int, optional
        Layers with the same seed change images in the same way. By default each layer has its own seed.
    **kwargs
        See :class:`cnncore.layers.Layer`.

    Examples
    --------
    >>> RandomSaturation((0, 0))(np.uint8([200, 0, 0]).reshape(1, 1, 1, 3)).ravel()
    Array([200, 200, 200], dtype=uint8)
    """

    draws = 1

    def transform(self, images: Images, u: np.ndarray, generator: RandomKey) -> Images:
        _check_colours(images, "RandomSaturation")
        share = between(u[:, 0], self._bounds)
        hsv = rgb_to_hsv(self._scaled(images, 0.0, 1.0))
        hsv[..., 1] = np.clip(hsv[..., 1] * _column(share / (1 - share + 1e-7))[..., 0], 0.0, 1.0)
        return self._back(hsv_to_rgb(hsv), images, 1.0)


@registry.register()
class RandomInvert(_Ranged):
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
    Array([255, 250,   0], dtype=uint8)
    """

    draws = 2

    def __init__(self, factor: Any = 1.0, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(factor, value_range, seed, **kwargs)

    def transform(self, images: Images, u: np.ndarray, generator: RandomKey) -> Images:
        chosen = u[:, 1] < between(u[:, 0], self._bounds)
        x = images.astype(np.float32)
        return _like(np.where(_column(chosen) > 0, self.value_range[1] - x, x), images)


@registry.register()
class RandomPosterization(_Ranged):
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
    Array([  0,  64, 192], dtype=uint8)
    """

    draws = 1
    least, most = 1.0, 8.0

    def transform(self, images: Images, u: np.ndarray, generator: RandomKey) -> Images:
        low, high = (int(bound) for bound in self._bounds)
        bits = low + np.floor(u[:, 0] * max(high - low, 0)).astype(np.int64)
        step = _column(2.0 ** (8 - bits))
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
    Array([  0, 100,  55], dtype=uint8)
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
        self.value_range = _range(value_range, "Solarization")
        self._additions = factor_range(addition_factor, "addition_factor", "Solarization", least=0.0)
        self._thresholds = factor_range(threshold_factor, "threshold_factor", "Solarization", least=0.0)

    def transform(self, images: Images, u: np.ndarray, generator: RandomKey) -> Images:
        low, high = self.value_range
        size = high - low
        x = images.astype(np.float32) - low + size * _column(between(u[:, 0], self._additions))
        x = np.clip(x, 0, size)
        result = np.where(x < size * _column(between(u[:, 1], self._thresholds)), x, size - x)
        return _like(result + low, images)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "addition_factor": self.addition_factor,
            "threshold_factor": self.threshold_factor,
            "value_range": self.value_range,
        }


@registry.register()
class RandomGrayscale(Augmentation):
    """Turn random images grey: all channels become 0.2989 red + 0.587 green + 0.114 blue.

    Parameters
    ----------
    factor : float, default 0.5
        The probability with which an image is changed.
    data_format : {"channels_last"}, optional
    seed : int, optional
        Layers with the same seed change images in the same way. By default each layer has its own seed.
    **kwargs
        See :class:`cnncore.layers.Layer`.

    Examples
    --------
    >>> RandomGrayscale(1.0)(np.uint8([0, 0, 100]).reshape(1, 1, 1, 3)).ravel()
    Array([11, 11, 11], dtype=uint8)
    """

    draws = 1

    def __init__(self, factor: float = 0.5, data_format: Any = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, data_format=data_format, **kwargs)
        self.factor = _checks.number(factor, "factor", "RandomGrayscale", minimum=0.0)
        if self.factor > 1:
            raise ValueError(f"[RandomGrayscale] expected `factor` in [0, 1]. Received: factor={factor!r}")

    def transform(self, images: Images, u: np.ndarray, generator: RandomKey) -> Images:
        _check_colours(images, "RandomGrayscale")
        x = images.astype(np.float32)
        grey = np.sum(x * np.array([0.2989, 0.587, 0.114], np.float32), axis=3, keepdims=True)
        return _like(np.where(_column(u[:, 0] < self.factor) > 0, grey, x), images)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


@registry.register()
class RandomColorJitter(Augmentation):
    """Change brightness, contrast, saturation and hue at random, in this order.

    Parameters
    ----------
    value_range : two floats, default (0, 255)
        The range of the values of pixels.
    brightness_factor, contrast_factor, saturation_factor, hue_factor : optional
        The arguments ``factor`` of :class:`RandomBrightness`, :class:`RandomContrast`, :class:`RandomSaturation` and
        :class:`RandomHue`. What is None is left out.
    seed : int, optional
        Layers with the same seed change images in the same way. By default each layer has its own seed.
    **kwargs
        See :class:`cnncore.layers.Layer`.

    Examples
    --------
    >>> images = np.full((1, 2, 2, 3), 100, np.uint8)
    >>> int(RandomColorJitter(brightness_factor=(0.1, 0.1))(images).max())
    126
    """

    def __init__(
        self,
        value_range: Any = (0, 255),
        brightness_factor: Any = None,
        contrast_factor: Any = None,
        saturation_factor: Any = None,
        hue_factor: Any = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.value_range = _range(value_range, "RandomColorJitter")
        self.brightness_factor, self.contrast_factor = brightness_factor, contrast_factor
        self.saturation_factor, self.hue_factor = saturation_factor, hue_factor
        kinds: list[tuple[Any, Any]] = [
            (RandomBrightness, brightness_factor),
            (RandomContrast, contrast_factor),
            (RandomSaturation, saturation_factor),
            (RandomHue, hue_factor),
        ]
        # A function that returns the layers, since they are no layers inside of this one.
        made: Any = tuple(kind(factor, self.value_range) for kind, factor in kinds if factor is not None)
        self._parts: Callable[[], Any] = functools.partial(tuple, made)
        self.draws = sum(layer.draws for layer in made)

    def transform(self, images: Images, u: np.ndarray, generator: RandomKey) -> Images:
        first = 0
        for layer in self._parts():
            images = layer.transform(images, np.ascontiguousarray(u[:, first : first + layer.draws]), generator)
            first += layer.draws
        return images

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "value_range": self.value_range,
            "brightness_factor": self.brightness_factor,
            "contrast_factor": self.contrast_factor,
            "saturation_factor": self.saturation_factor,
            "hue_factor": self.hue_factor,
        }
