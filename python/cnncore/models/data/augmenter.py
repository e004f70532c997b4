"""Augmenter: the layers at the beginning of a model that change training images, applied before the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnncore.layers.augmentation import augment_samples
from cnncore.models.data.signature import Samples

__all__ = ["Augmenter", "make_augmenter"]


class Augmenter:
    """Changes the images of batches, and their labels where a layer mixes them.

    Parameters
    ----------
    layers : list of Augmentation
        The layers, in order.
    seed : int
        The model's seed. Together with the number of the step it decides how an image is changed.
    """

    def __init__(self, layers: Sequence[Any], seed: int) -> None:
        self._layers, self._seed = list(layers), seed

    def __call__(self, samples: Samples, step: int) -> Samples:
        """The samples of a batch as the network sees them in step number ``step``."""
        images, targets = augment_samples(self._layers, samples.x[0], samples.y, self._seed, step)
        return Samples([images, *samples.x[1:]], targets, samples.weight)


def make_augmenter(layers: Sequence[Any], seed: int) -> Augmenter | None:
    """An augmenter, or None if there are no such layers."""
    return Augmenter(layers, seed) if layers else None
