"""Functions that apply several augmentation layers to a batch, one after the other.

A flip and a layer after it that moves pixels are computed together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnncore.layers.augmentation.affine import AffineAugmentation, RandomFlip
from cnncore.layers.augmentation.base import Augmentation, Images, as_images

__all__ = ["augment_batch", "augment_samples"]


def augment_batch(
    layers: Sequence[Augmentation], images: Any, labels: Any = None, seed: int = 0, step: int = 0
) -> tuple[Images, Any]:
    """Change a batch of images, and their labels, by one layer after the other.

    Parameters
    ----------
    layers : sequence of Augmentation
        The layers, in the order in which they are applied.
    images : array_like, shape (n, height, width, channels)
        Images of uint8 stay uint8; all others become float32.
    labels : array_like, optional
        ``MixUp`` and ``CutMix`` change the labels, too; they need one-hot rows.
    seed, step : int, default 0
        How an image is changed depends on these, on the seed of each layer, and on the place in the batch.

    Returns
    -------
    images : numpy.ndarray
        New images of the same shape.
    labels
        The labels, mixed if a layer mixes images.

    Notes
    -----
    The result is that of ``layer.augment(images, seed, step)`` for one layer after the other. A flip and a layer after
    it that moves pixels are computed in one pass, which gives the same result.

    Examples
    --------
    >>> import numpy as np
    >>> from cnncore.layers import RandomFlip, RandomTranslation
    >>> layers = [RandomFlip("horizontal", seed=1), RandomTranslation(0.1, 0.1, seed=2)]
    >>> images, labels = augment_batch(layers, np.zeros((4, 8, 8, 3), np.uint8), np.arange(4))
    >>> images.shape, labels
    ((4, 8, 8, 3), array([0, 1, 2, 3]))
    """
    x, targets = augment_samples(layers, as_images(images, "augment_batch"), [labels], seed, step)
    return x, targets[0]


def augment_samples(
    layers: Sequence[Augmentation], images: Images, targets: Sequence[Any], seed: int, step: int
) -> tuple[Images, list[Any]]:
    """Do what :func:`augment_batch` does, for images that have been checked and any number of targets.

    Targets may be None.
    """
    mixed = list(targets)
    index = 0
    while index < len(layers):
        layer = layers[index]
        following = layers[index + 1] if index + 1 < len(layers) else None
        if type(layer) is RandomFlip and isinstance(following, AffineAugmentation):
            images = following.augment_flipped(layer, images, seed, step)
            index += 2
            continue
        if layer.changes_labels:
            mixed = [None if y is None else layer.augment_labels(y, images, seed, step) for y in mixed]
        images = layer.augment(images, seed, step)
        index += 1
    return images, mixed
