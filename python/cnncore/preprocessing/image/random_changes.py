"""The random changes of ``ImageDataGenerator``: how their parameters are drawn and applied to images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.preprocessing.image.transforms import transform_batch

__all__ = ["RandomChanges"]

_OWNER = "ImageDataGenerator"


class RandomChanges:
    """The random changes of images. ``ImageDataGenerator`` describes the attributes."""

    rotation_range: float
    width_shift_range: Any
    height_shift_range: Any
    brightness_range: Sequence[float] | None
    shear_range: float
    zoom_range: list[float]
    channel_shift_range: float
    fill_mode: str
    cval: float
    horizontal_flip: bool
    vertical_flip: bool
    interpolation_order: int
    _random: Any

    def get_random_transform(self, img_shape: Sequence[int], seed: int | None = None) -> dict[str, Any]:
        """Draw the parameters with which `apply_transform` changes one image.

        Parameters
        ----------
        img_shape : (height, width, channels)
        seed : int, optional

        Returns
        -------
        dict
            The keys are ``theta`` and ``shear`` (degrees), ``tx`` (columns), ``ty`` (rows), ``zx`` and ``zy``
            (factors), ``flip_horizontal``, ``flip_vertical``, ``channel_shift_intensity`` and ``brightness`` (a
            factor).
        """
        random = self._random if seed is None else np.random.RandomState(seed)
        return self.draw_transform(img_shape, random)

    def draw_transform(self, img_shape: Sequence[int], random: Any) -> dict[str, Any]:
        """Draw the parameters of `get_random_transform` from a ``numpy.random.RandomState``, in the order of Keras."""
        height, width = img_shape[:2]
        theta = random.uniform(-self.rotation_range, self.rotation_range) if self.rotation_range else 0
        ty = _draw_shift(self.height_shift_range, height, random)
        tx = _draw_shift(self.width_shift_range, width, random)
        shear = random.uniform(-self.shear_range, self.shear_range) if self.shear_range else 0
        zx, zy = (1, 1) if self.zoom_range == [1, 1] else random.uniform(*self.zoom_range, 2)
        flip_horizontal = (random.random_sample() < 0.5) * self.horizontal_flip
        flip_vertical = (random.random_sample() < 0.5) * self.vertical_flip
        intensity, brightness = None, None
        if self.channel_shift_range:
            intensity = random.uniform(-self.channel_shift_range, self.channel_shift_range)
        if self.brightness_range is not None:
            brightness = random.uniform(*self.brightness_range)
        return {
            "theta": theta,
            "tx": tx,
            "ty": ty,
            "shear": shear,
            "zx": zx,
            "zy": zy,
            "flip_horizontal": flip_horizontal,
            "flip_vertical": flip_vertical,
            "channel_shift_intensity": intensity,
            "brightness": brightness,
        }

    def apply_transform(self, x: Any, transform_parameters: dict[str, Any]) -> np.ndarray:
        """Change one image (height, width, channels) as the parameters say."""
        image = _checks.float32_array(x, "x", f"{_OWNER}.apply_transform", 3, "height, width, channels")
        changed: np.ndarray = self.transform_images(image[None], [transform_parameters])[0]
        return changed

    def transform_images(self, images: np.ndarray, parameters: Sequence[dict[str, Any]]) -> np.ndarray:
        """Change each image of a float32 batch by its own parameters."""
        return transform_batch(images, parameters, self.fill_mode, self.cval, self.interpolation_order)

    def _changed(self, images: np.ndarray, random: Any) -> np.ndarray:
        return self.transform_images(images, [self.draw_transform(images.shape[1:], random) for _ in images])

    def random_transform(self, x: Any, seed: int | None = None) -> np.ndarray:
        """Change one image at random."""
        return self.apply_transform(x, self.get_random_transform(np.shape(x), seed))


def _draw_shift(shift_range: Any, size: int, random: Any) -> float:
    """Draw the number of pixels by which an image is shifted."""
    if np.ndim(shift_range) == 0 and not shift_range:
        return 0.0
    try:
        shift = float(random.choice(shift_range)) * int(random.choice([-1, 1]))
    except ValueError:  # `random.choice` refuses a float
        shift = float(random.uniform(-shift_range, shift_range))
    return shift * size if np.max(shift_range) < 1 else shift
