"""Layers that change the hue of images and how colourful they are, some with brightness and contrast."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._images import hsv_to_rgb, rgb_to_hsv
from cnncore.layers.augmentation.base import Augmentation, Images, RandomKey, between, checked_value_range
from cnncore.layers.augmentation.color import RandomBrightness, RandomContrast
from cnncore.layers.augmentation.ranged import Ranged, check_colours, column, like
from cnncore.layers.base import registry

__all__ = [
    "RandomColorJitter",
    "RandomGrayscale",
    "RandomHue",
    "RandomSaturation",
]


@registry.register()
class RandomHue(Ranged):
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
    array([  0, 255, 255], dtype=uint8)
    """

    draws = 2

    def transform(self, images: Images, u: np.ndarray, generator: RandomKey) -> Images:
        check_colours(images, "RandomHue")
        turn = between(u[:, 0], self._bounds) * np.where(u[:, 1] > 0.5, -0.5, 0.5)
        hsv = rgb_to_hsv(self._scaled(images, 0.0, 1.0))
        hsv[..., 0] = np.mod(hsv[..., 0] + column(turn)[..., 0], 1.0)
        return self._back(np.clip(hsv_to_rgb(hsv), 0.0, 1.0), images, 1.0)


@registry.register()
class RandomSaturation(Ranged):
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
    array([200, 200, 200], dtype=uint8)
    """

    draws = 1

    def transform(self, images: Images, u: np.ndarray, generator: RandomKey) -> Images:
        check_colours(images, "RandomSaturation")
        share = between(u[:, 0], self._bounds)
        hsv = rgb_to_hsv(self._scaled(images, 0.0, 1.0))
        hsv[..., 1] = np.clip(hsv[..., 1] * column(share / (1 - share + 1e-7))[..., 0], 0.0, 1.0)
        return self._back(hsv_to_rgb(hsv), images, 1.0)


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
    array([11, 11, 11], dtype=uint8)
    """

    draws = 1

    def __init__(self, factor: float = 0.5, data_format: Any = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, data_format=data_format, **kwargs)
        self.factor = _checks.number(factor, "factor", "RandomGrayscale", minimum=0.0)
        if self.factor > 1:
            raise ValueError(f"[RandomGrayscale] expected `factor` in [0, 1]. Received: factor={factor!r}")

    def transform(self, images: Images, u: np.ndarray, generator: RandomKey) -> Images:
        check_colours(images, "RandomGrayscale")
        x = images.astype(np.float32)
        grey = np.sum(x * np.array([0.2989, 0.587, 0.114], np.float32), axis=3, keepdims=True)
        return like(np.where(column(u[:, 0] < self.factor) > 0, grey, x), images)

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
        self.value_range = checked_value_range(value_range, "RandomColorJitter")
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
