"""Apply several augmentation layers to a batch, one after another. A flip is combined with the next layer that moves
pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .base import Augmentation, Images, as_images
from .geometry import AffineAugmentation, RandomFlip

__all__ = ["augment_batch", "augment_samples"]


def augment_batch(
    layers: Sequence[Augmentation], images: Any, labels: Any = None, seed: int = 0, step: int = 0
) -> tuple[Images, Any]:
    """Change a batch of images, and the labels that belong to it, by all layers in turn.

    Parameters
    ----------
    layers : sequence of Augmentation
        In this order.
    images : array_like, shape (n, height, width, channels)
        uint8 stays uint8; all others become float32.
    labels : array_like, optional
        Changed by layers that mix images, `MixUp` and `CutMix`, which need one-hot rows.
    seed, step : int, default 0
        Decide how an image is changed, together with each layer's own seed and the image's place in the batch.

    Returns
    -------
    images : numpy.ndarray
        New images of the same shape.
    labels
        As given, or mixed.

    Notes
    -----
    The result is that of ``layer.augment(images, seed, step)`` for each layer in turn. A flip and a following
    layer that moves pixels are done in one pass, which gives the same result.

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
    """:func:`augment_batch` for checked images with any number of targets, of which some may be None."""
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
