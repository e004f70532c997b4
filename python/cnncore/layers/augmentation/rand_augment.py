"""A layer that changes images in a few ways that it draws from a list."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.layers.augmentation.base import Augmentation, Images, RandomKey, checked_value_range, factor_range
from cnncore.layers.augmentation.color import RandomBrightness, RandomContrast
from cnncore.layers.augmentation.enhancement import (
    AutoContrast,
    Equalization,
    RandomColorDegeneration,
    RandomSharpness,
)
from cnncore.layers.augmentation.geometry import RandomRotation, RandomShear, RandomTranslation
from cnncore.layers.augmentation.levels import RandomPosterization, Solarization
from cnncore.layers.base import registry

__all__ = ["RandAugment"]


@registry.register()
class RandAugment(Augmentation):
    """Change each training image by ``num_ops`` of eleven layers, which are drawn for each image.

    The layers are RandomShear, RandomTranslation, RandomRotation, RandomBrightness, RandomColorDegeneration,
    RandomContrast, RandomSharpness, RandomPosterization, Solarization, AutoContrast and Equalization.

    Parameters
    ----------
    value_range : two floats, default (0, 255)
        The range of the values of pixels.
    num_ops : int, default 2
        How many layers change an image, one after the other. One layer may be drawn twice.
    factor : float or two floats in [0, 1], default 0.5
        The bounds between which the layers draw how much they change; f stands for (0, f).
    interpolation : {"bilinear", "nearest"}, default "bilinear"
        How values between pixels are found.
    seed : int, optional
        Layers with the same seed change images in the same way. By default each layer has its own seed.
    **kwargs
        See :class:`cnncore.layers.Layer`.

    Notes
    -----
    Cubuk et al., "RandAugment: practical automated data augmentation with a reduced search space", 2020. Keras draws
    the layers once for a whole batch; the paper draws them for each image.

    Examples
    --------
    >>> images = np.zeros((4, 8, 8, 3), np.uint8)
    >>> RandAugment(num_ops=3, seed=1)(images).shape
    (4, 8, 8, 3)
    """

    def __init__(
        self,
        value_range: Any = (0, 255),
        num_ops: int = 2,
        factor: Any = 0.5,
        interpolation: str = "bilinear",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        owner = type(self).__name__
        self.value_range = checked_value_range(value_range, owner)
        self.num_ops = self.draws = _checks.integer(num_ops, "num_ops", owner)
        self.factor = bounds = factor_range(factor, "factor", owner, least=0.0, most=1.0)
        self.interpolation = interpolation
        shared = self._own_seed % 2**31  # one that was drawn has 32 bits, and layers take 31
        moving: dict[str, Any] = {"interpolation": interpolation, "seed": shared}
        coloured: dict[str, Any] = {"value_range": self.value_range, "seed": shared}
        self._changes: list[Any] = [
            RandomShear(bounds, bounds, **moving),
            RandomTranslation(bounds, bounds, **moving),
            RandomRotation(bounds, **moving),
            RandomBrightness(bounds, **coloured),
            RandomColorDegeneration(bounds, **coloured),
            RandomContrast(bounds, **coloured),
            RandomSharpness(bounds, **coloured),
            RandomPosterization(max(1, int(8 * bounds[1])), **coloured),
            Solarization(bounds, bounds, **coloured),
            AutoContrast(self.value_range),
            Equalization(self.value_range),
        ]

    def transform(self, images: Images, u: np.ndarray, generator: RandomKey) -> Images:
        changed: Images = images.copy()
        seed, step = generator
        chosen = (u * len(self._changes)).astype(np.int64)
        for turn in range(self.num_ops):
            for number, layer in enumerate(self._changes):
                rows = np.flatnonzero(chosen[:, turn] == number)
                if len(rows):
                    changed[rows] = self._changed_rows(layer, changed, rows, (seed + turn + 1, step))
        return changed

    @staticmethod
    def _changed_rows(layer: Any, images: Images, rows: np.ndarray, key: RandomKey) -> Any:
        """The images at ``rows``, changed by random numbers that depend on their places in the whole batch."""
        if not isinstance(layer, Augmentation):  # Equalization would look at all images of a batch together
            return np.concatenate([layer.process(images[[row]], *key, True) for row in rows])
        draws = layer.draw(len(images), *key)[rows]
        return layer.transform(images[rows], draws, layer._key(*key))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "value_range": self.value_range,
            "num_ops": self.num_ops,
            "factor": self.factor,
            "interpolation": self.interpolation,
        }
