"""What layers share that change colours: random numbers from a range, and images whose values have a range."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore.layers.augmentation.base import Augmentation, Images, checked_value_range, factor_range

__all__ = ["Ranged", "check_colours", "column", "like"]


def column(values: np.ndarray) -> np.ndarray:
    """Return numbers, one for each image, in a shape that NumPy repeats along the pixels."""
    return np.asarray(values, np.float32).reshape(-1, 1, 1, 1)


def like(result: np.ndarray, images: Images) -> Images:
    """Return a result in the type of the images: uint8 is rounded and stays from 0 to 255."""
    if images.dtype == np.uint8:
        return np.asarray(np.clip(np.rint(result), 0, 255), np.uint8)
    return np.asarray(result, np.float32, order="C")


def check_colours(images: Images, owner: str) -> None:
    """Raise a ValueError for images without three channels."""
    if images.shape[3] != 3:
        raise ValueError(f"[{owner}] expected images with 3 channels. Received: shape {images.shape}")


class Ranged(Augmentation):
    """A layer with the arguments ``factor`` and ``value_range``."""

    least, most = 0.0, 1.0  # between which the numbers of ``factor`` are

    def __init__(self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        owner = type(self).__name__
        self.factor, self.value_range = factor, checked_value_range(value_range, owner)
        self._bounds = factor_range(factor, "factor", owner, self.least, self.most)

    def _scaled(self, images: Images, low: float, high: float) -> np.ndarray:
        """Bring values from ``value_range`` to the range from ``low`` to ``high``."""
        first, last = self.value_range
        return np.asarray((images.astype(np.float32) - first) * ((high - low) / (last - first)) + low, np.float32)

    def _back(self, result: np.ndarray, images: Images, high: float) -> Images:
        """Bring values from the range from 0 to ``high`` back to ``value_range``."""
        first, last = self.value_range
        return like(result * ((last - first) / high) + first, images)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}
