"""Layers that change training images at random. The core computes the changes, for several images in parallel.

At the beginning of a model they only act in training, in a thread that prepares the next batches. They can also be
called on arrays::

    model = Sequential([Input((32, 32, 3)), RandomFlip("horizontal"), RandomTranslation(0.1, 0.1), Conv2D(...), ...])
    changed = RandomFlip("horizontal")(images)

How a layer changes an image depends only on the seed of the layer, the number of the step, and the place of the image
in the batch.
"""

from cnncore.layers.augmentation.affine import RandomFlip
from cnncore.layers.augmentation.base import Augmentation, ImageLayer
from cnncore.layers.augmentation.chain import augment_batch, augment_samples
from cnncore.layers.augmentation.color import RandomBrightness, RandomContrast, RandomErasing
from cnncore.layers.augmentation.crops import CenterCrop, RandomCrop, Resizing
from cnncore.layers.augmentation.enhancement import (
    AutoContrast,
    Equalization,
    RandomColorDegeneration,
    RandomGaussianBlur,
    RandomSharpness,
)
from cnncore.layers.augmentation.geometry import RandomRotation, RandomShear, RandomTranslation, RandomZoom
from cnncore.layers.augmentation.hue import RandomColorJitter, RandomGrayscale, RandomHue, RandomSaturation
from cnncore.layers.augmentation.levels import RandomInvert, RandomPosterization, Solarization
from cnncore.layers.augmentation.mix import CutMix, MixUp
from cnncore.layers.augmentation.rand_augment import RandAugment

__all__ = [
    "Augmentation",
    "AutoContrast",
    "CenterCrop",
    "CutMix",
    "Equalization",
    "ImageLayer",
    "MixUp",
    "RandAugment",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPosterization",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
    "Resizing",
    "Solarization",
    "augment_batch",
    "augment_samples",
]
