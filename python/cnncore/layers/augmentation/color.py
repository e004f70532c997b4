"""Layers that change the values of pixels without moving them: their contrast, their brightness, and boxes of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks, _core
from cnncore.layers.augmentation.base import Augmentation, Images, RandomKey, between, checked_value_range, factor_range
from cnncore.layers.base import registry

__all__ = ["RandomBrightness", "RandomContrast", "RandomErasing", "random_boxes"]


def _per_image(value: float, n: int) -> np.ndarray:
    return np.full(n, value, np.float32)


@registry.register()
class RandomContrast(Augmentation):
    """Change the contrast of images at random: y = (x - m) f + m, where m is the mean of a channel of the image.

    Parameters
    ----------
    factor : float or two floats in [0, 1]
        f is drawn from [1 - lower, 1 + upper], where lower and upper are the two numbers. One number is for both.
    value_range : two floats, default (0, 255)
        The range to which the results are clipped.
    seed : int, optional
        Layers with the same seed change images in the same way. By default each layer has its own seed.
    **kwargs
        See :class:`cnncore.layers.Layer`.

    Examples
    --------
    >>> images = np.float32([10, 20, 30]).reshape(1, 1, 3, 1)
    >>> RandomContrast((0.5, 0.5), seed=0)(images).mean().round()
    np.float32(20.0)
    """

    draws = 1

    def __init__(self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.factor, self.value_range = factor, checked_value_range(value_range, "RandomContrast")
        low, high = factor_range(factor, "factor", "RandomContrast", least=0.0)
        self._bounds = (1 - (low if isinstance(factor, (list, tuple)) else high), 1 + high)

    def transform(self, images: Images, u: np.ndarray, generator: RandomKey) -> Images:
        factor = between(u, self._bounds).astype(np.float32)
        means = _core.augment_channel_means(images)
        scale = np.repeat(factor, images.shape[3], axis=1)
        low, high = (_per_image(value, len(images)) for value in self.value_range)
        return _core.augment_channels(images, scale, means * (1 - scale), low, high)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}


@registry.register()
class RandomBrightness(Augmentation):
    """Add a random number to all pixels of an image.

    Parameters
    ----------
    factor : float or two floats in [-1, 1]
        The bounds between which the number is drawn, as shares of the range of values. f stands for (-f, f).
    value_range : two floats, default (0, 255)
        The range of values, to which the results are clipped. After a ``Rescaling(1 / 255)`` it should be (0, 1).
    seed : int, optional
        Layers with the same seed change images in the same way. By default each layer has its own seed.
    **kwargs
        See :class:`cnncore.layers.Layer`.

    Examples
    --------
    >>> images = np.uint8([10, 20, 250]).reshape(1, 1, 3, 1)
    >>> RandomBrightness((0.1, 0.1))(images).ravel()
    array([ 36,  46, 255], dtype=uint8)
    """

    draws = 1

    def __init__(self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.factor, self.value_range = factor, checked_value_range(value_range, "RandomBrightness")
        self._bounds = factor_range(factor, "factor", "RandomBrightness")

    def transform(self, images: Images, u: np.ndarray, generator: RandomKey) -> Images:
        low, high = self.value_range
        delta = (between(u, self._bounds) * (high - low)).astype(np.float32)
        offset = np.repeat(delta, images.shape[3], axis=1)
        n = len(images)
        return _core.augment_channels(images, np.ones_like(offset), offset, _per_image(low, n), _per_image(high, n))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}


@registry.register()
class RandomErasing(Augmentation):
    """Overwrite a random box of each image with noise or a fixed value.

    Parameters
    ----------
    factor : float or two floats in [0, 1], default 1.0
        The bounds between which the probability of a change is drawn for each image. f stands for (0, f). With (1, 1)
        every image is changed.
    scale : float or two floats in [0, 1], default (0.02, 0.33)
        For each side of the box a number is drawn between these two. The square root of the number is the length of
        the side, as a share of the image's side.
    fill_value : float or a float for each channel, optional
        The values in the box. By default noise with a normal distribution, whose standard deviation is the highest
        value of ``value_range``.
    value_range : two floats, default (0, 255)
        The range to which the values in the box are clipped.
    seed : int, optional
        Layers with the same seed change images in the same way. By default each layer has its own seed.
    **kwargs
        See :class:`cnncore.layers.Layer`.

    Notes
    -----
    Zhong et al., "Random erasing data augmentation", 2017, arXiv:1708.04896; DeVries and Taylor, "Improved
    regularization of convolutional neural networks with cutout", 2017, arXiv:1708.04552.

    Examples
    --------
    >>> images = np.ones((1, 4, 4, 1), np.float32)
    >>> int((RandomErasing((1, 1), scale=(0.25, 0.25), fill_value=0)(images) == 0).sum())
    4
    """

    draws = 6

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = (0.02, 0.33),
        fill_value: Any = None,
        value_range: Any = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        owner = "RandomErasing"
        self.factor, self.scale, self.fill_value = factor, scale, fill_value
        self.value_range = checked_value_range(value_range, owner)
        self._probability = factor_range(factor, "factor", owner, least=0.0)
        self._area = factor_range(scale, "scale", owner, least=0.0)
        fills = fill_value if isinstance(fill_value, (list, tuple)) else [fill_value]
        self._fill = None if fill_value is None else [_checks.number(item, "fill_value", owner) for item in fills]

    def transform(self, images: Images, u: np.ndarray, generator: RandomKey) -> Images:
        sides = np.sqrt(between(u[:, :2], self._area))
        boxes = random_boxes(sides, u[:, 2:4], images.shape)
        boxes[u[:, 4] >= between(u[:, 5], self._probability)] = 0
        low, high = self.value_range
        return _core.augment_erase(images, boxes, self._fill_of(images), high, low, high, *generator)

    def _fill_of(self, images: Images) -> np.ndarray | None:
        if self._fill is None:
            return None
        channels = images.shape[3]
        if len(self._fill) not in (1, channels):
            raise ValueError(
                f"[RandomErasing] expected one `fill_value`, or one for each of {channels} channels. "
                f"Received: {self.fill_value!r}"
            )
        fill = np.broadcast_to(np.array(self._fill, np.float32), (channels,))
        return np.ascontiguousarray(np.clip(fill, *self.value_range))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "factor": self.factor,
            "scale": self.scale,
            "fill_value": self.fill_value,
            "value_range": self.value_range,
        }


def random_boxes(sides: np.ndarray, u: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Make boxes (n, 4) of (top, bottom, left, right) for images of ``shape``.

    ``sides`` (n, 2) are the sizes of the boxes as shares of width and height, and uniform numbers ``u`` (n, 2) choose
    their places.
    """
    width, height = shape[2], shape[1]
    lengths = sides * [width, height]
    starts = u * ([width, height] - lengths)
    first, last = np.ceil(starts), np.ceil(starts + lengths)
    boxes = np.stack([first[:, 1], last[:, 1], first[:, 0], last[:, 0]], axis=1)
    inside: np.ndarray = np.minimum(boxes, [height, height, width, width]).astype(np.int64)
    return inside
