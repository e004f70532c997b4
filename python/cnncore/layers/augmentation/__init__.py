"""Layers that change images on their way in, in C++, all images of a batch in parallel.

At the beginning of a model they act in training only, on a thread that prepares the next batches; on arrays they act
when they are called::

    model = Sequential([Input((32, 32, 3)), RandomFlip("horizontal"), RandomTranslation(0.1, 0.1), Conv2D(...), ...])
    changed = RandomFlip("horizontal")(images)

What a layer does to an image is a function of its seed, of the step and of the image's place in the batch.
"""

from .base import Augmentation, ImageLayer
from .chain import augment_batch, augment_samples
from .color import RandomBrightness, RandomContrast, RandomErasing
from .crops import CenterCrop, RandomCrop, Resizing
from .geometry import RandomFlip, RandomRotation, RandomTranslation, RandomZoom
from .mix import CutMix, MixUp

__all__ = [
    "Augmentation",
    "CenterCrop",
    "CutMix",
    "ImageLayer",
    "MixUp",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "Resizing",
    "augment_batch",
    "augment_samples",
]
