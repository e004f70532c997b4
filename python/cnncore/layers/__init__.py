"""Layers, with Keras' names and arguments. Images are (batch, height, width, channels).

Each file of this folder has the layers after which it is named, and ``builtin`` lists them all. What makes them work is
in the folders ``base`` (the class :class:`Layer`, and how to write a layer), ``weights``, ``custom`` (layers of users),
``calls`` (on arrays) and ``operations`` (layers that operators and NumPy functions make), and in :mod:`cnncore.graph`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cnncore._keras_names.errors import explain_missing
from cnncore.layers import builtin
from cnncore.layers.base import Layer, WeightSpec, registry
from cnncore.layers.builtin import *  # noqa: F403

__all__ = ["WeightSpec", "deserialize", "get", "serialize"]
__all__ += builtin.__all__

if not TYPE_CHECKING:
    __getattr__ = explain_missing("layers", __all__)


def serialize(layer: Layer) -> dict[str, Any]:
    """Describe a layer by a dict with the keys ``class_name`` and ``config``, which can be written as JSON."""
    return registry.serialize(layer)


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Layer:
    """Make a layer from its description.

    Parameters
    ----------
    config : dict
        As :func:`serialize` returns it.
    custom_objects : dict of str to class or function, optional
        What the names in ``config`` mean that are not names of this package.

    Raises
    ------
    ValueError
        If the class is not known; the message lists the known ones.
    """
    return registry.deserialize(config, custom_objects)


def get(identifier: Any) -> Layer:
    """Return the layer that ``identifier`` describes.

    Parameters
    ----------
    identifier : Layer, dict, type or str
        A layer, which is returned as it is; a dict as :func:`serialize` returns it; or a class or the name of a class,
        of which a layer with default arguments is made.
    """
    return identifier if isinstance(identifier, Layer) else registry.get(identifier)
