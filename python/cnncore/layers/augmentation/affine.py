"""What layers have in common that move pixels by a matrix, and flips, which join such a layer in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks, _core
from cnncore.layers.augmentation.base import Augmentation, Images, RandomKey
from cnncore.layers.base import registry

__all__ = ["AffineAugmentation", "RandomFlip", "matrices_of"]

_EDGES = {"constant": "grid_constant", "nearest": "nearest", "reflect": "reflect", "wrap": "grid_wrap"}
_INTERPOLATIONS = ("bilinear", "nearest")
_MODES = ("horizontal", "vertical", "horizontal_and_vertical")


def matrices_of(n: int, *entries: Any) -> np.ndarray:
    """Make matrices m (n, 6): pixel (i, j) of the result is at (m0 i + m1 j + m2, m3 i + m4 j + m5) in the image."""
    m = np.empty((n, 6))
    for column, entry in enumerate(entries):
        m[:, column] = entry
    return m


@registry.register()
class RandomFlip(Augmentation):
    """Mirror images at random, with a probability of 1/2.

    Parameters
    ----------
    mode : {"horizontal", "vertical", "horizontal_and_vertical"}, default "horizontal_and_vertical"
        "horizontal" exchanges left and right, "vertical" exchanges top and bottom. "horizontal_and_vertical" does both,
        each with a probability of 1/2.
    seed : int, optional
        Layers with the same seed change images in the same way. By default each layer has its own seed.
    **kwargs
        See :class:`cnncore.layers.Layer`.

    Examples
    --------
    >>> images = np.arange(6, dtype=np.uint8).reshape(1, 1, 6, 1)
    >>> flip = RandomFlip("horizontal", seed=1)
    >>> sorted({tuple(flip(images).ravel().tolist()) for _ in range(20)})
    [(0, 1, 2, 3, 4, 5), (5, 4, 3, 2, 1, 0)]
    """

    draws = 2

    def __init__(self, mode: str = "horizontal_and_vertical", seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.mode = _checks.choice(mode, "mode", "RandomFlip", _MODES)
        self.flips_rows, self.flips_columns = self.mode != "horizontal", self.mode != "vertical"

    def matrices(self, u: np.ndarray, height: int, width: int) -> np.ndarray:
        """Return the matrices (n, 6) for uniform random numbers (n, 2)."""
        matrices = matrices_of(len(u), 1, 0, 0, 0, 1, 0)
        self.change_matrices(matrices, u, height, width)
        return matrices

    def change_matrices(self, matrices: np.ndarray, u: np.ndarray, height: int, width: int) -> None:
        """Change matrices (n, 6) in place, so that they also do what this layer does before they move images."""
        _core.augment_flip_matrices(matrices, u, (height, width), self.flips_rows, self.flips_columns)

    def transform(self, images: Images, u: np.ndarray, generator: RandomKey) -> Images:
        height, width = images.shape[1:3]
        return _core.augment_affine(images, self.matrices(u, height, width), (height, width), "nearest", 0.0, False)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mode": self.mode}


class AffineAugmentation(Augmentation):
    """A layer that moves the pixels of each image by a matrix."""

    def __init__(self, fill_mode: str, interpolation: str, seed: int | None, fill_value: float, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        owner = type(self).__name__
        self.fill_mode = _checks.choice(fill_mode, "fill_mode", owner, tuple(_EDGES))
        self.edge = _EDGES[self.fill_mode]  # the name in the core
        self.interpolation = _checks.choice(interpolation, "interpolation", owner, _INTERPOLATIONS)
        self.fill_value = _checks.number(fill_value, "fill_value", owner)

    def matrices(self, u: np.ndarray, height: int, width: int) -> np.ndarray:
        """Return the matrices (n, 6) for uniform random numbers (n, draws)."""
        raise NotImplementedError(f"{type(self).__name__} must implement matrices(u, height, width)")

    def augment_flipped(self, flip: RandomFlip, images: Images, seed: int, step: int) -> Images:
        """Compute ``self.augment(flip.augment(images, seed, step), seed, step)`` in one pass over the pixels."""
        n, height, width = images.shape[:3]
        matrices = self.matrices(self.draw(n, seed, step), height, width)
        flip.change_matrices(matrices, flip.draw(n, seed, step), height, width)
        bilinear = self.interpolation == "bilinear"
        return _core.augment_affine(images, matrices, (height, width), self.edge, self.fill_value, bilinear)

    def transform(self, images: Images, u: np.ndarray, generator: RandomKey) -> Images:
        height, width = images.shape[1:3]
        m = self.matrices(u, height, width)
        bilinear = self.interpolation == "bilinear"
        return _core.augment_affine(images, m, (height, width), self.edge, self.fill_value, bilinear)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "fill_mode": self.fill_mode,
            "interpolation": self.interpolation,
            "fill_value": self.fill_value,
        }
