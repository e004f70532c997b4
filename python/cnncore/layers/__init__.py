"""Layers, with Keras' names and arguments. Images are (batch, height, width, channels)."""

from __future__ import annotations

from typing import Any

from cnncore._names import nearest
from cnncore.layers._chain_base import Layer, WeightSpec, registry
from cnncore.layers._chain_convolution import Conv2D
from cnncore.layers._chain_dense import Dense
from cnncore.layers._chain_elementwise import Activation, Dropout, ReLU, Rescaling, Softmax
from cnncore.layers._chain_pooling import AveragePooling2D, MaxPooling2D
from cnncore.layers._chain_reshape import Flatten, Input, InputLayer
from cnncore.layers._not_here import why_not_here
from cnncore.layers.augmentation import (
    CenterCrop,
    CutMix,
    MixUp,
    RandomBrightness,
    RandomContrast,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
    Resizing,
)

__all__ = [
    "Activation",
    "AveragePooling2D",
    "CenterCrop",
    "Conv2D",
    "CutMix",
    "Dense",
    "Dropout",
    "Flatten",
    "Input",
    "InputLayer",
    "Layer",
    "MaxPooling2D",
    "MixUp",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "ReLU",
    "Rescaling",
    "Resizing",
    "Softmax",
    "WeightSpec",
    "deserialize",
    "serialize",
]


def __getattr__(name: str) -> Any:
    reason = why_not_here(name)
    because = f": {reason}" if reason else "." + nearest(name, __all__)
    raise AttributeError(f"module 'cnncore.layers' has no attribute {name!r}{because}")


def serialize(layer: Layer) -> dict[str, Any]:
    """``{"class_name", "config"}`` of ``layer``, ready for JSON."""
    return registry.serialize(layer)


def deserialize(config: dict[str, Any]) -> Layer:
    """Inverse of :func:`serialize`; an unknown class is a ValueError that lists the known ones."""
    return registry.deserialize(config)
