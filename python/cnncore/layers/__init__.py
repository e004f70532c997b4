"""Layers, with Keras' names and arguments. Images are (batch, height, width, channels)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cnncore._not_here import explain_missing
from cnncore.layers import builtin
from cnncore.layers.base import Layer, WeightSpec, registry
from cnncore.layers.builtin import *  # noqa: F403

__all__ = ["WeightSpec", "deserialize", "get", "serialize"]
__all__ += builtin.__all__

if not TYPE_CHECKING:
    __getattr__ = explain_missing("layers", __all__)


def serialize(layer: Layer) -> dict[str, Any]:
    """``{"class_name", "config"}`` of ``layer``, ready for JSON."""
    return registry.serialize(layer)


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Layer:
    """Inverse of :func:`serialize`.

    Parameters
    ----------
    config : dict
    custom_objects : dict of str to class or function, optional
        Classes and functions by name, for names that are not this package's own.

    Raises
    ------
    ValueError
        If the class is not known; the message lists the known ones.
    """
    return registry.deserialize(config, custom_objects)


def get(identifier: Any) -> Layer:
    """A layer from a layer, a config as :func:`serialize` gives it, a class or the name of one.


    Parameters
    ----------
    identifier : Layer, dict, type or str
    """
    return identifier if isinstance(identifier, Layer) else registry.get(identifier)
