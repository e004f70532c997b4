"""Layers, with Keras' names and arguments. Images are (batch, height, width, channels)."""

from __future__ import annotations

from typing import Any

from cnncore._custom_objects import custom_object_scope
from cnncore._names import nearest
from cnncore.layers import builtin
from cnncore.layers._not_here import why_not_here
from cnncore.layers.base import Layer, registry
from cnncore.layers.builtin import *  # noqa: F403

__all__ = [*builtin.__all__, "deserialize", "serialize"]


def __getattr__(name: str) -> Any:
    reason = why_not_here(name)
    because = f": {reason}" if reason else "." + nearest(name, __all__)
    raise AttributeError(f"module 'cnncore.layers' has no attribute {name!r}{because}")


def serialize(layer: Layer) -> dict[str, Any]:
    """``{"class_name", "config"}`` of ``layer``, ready for JSON."""
    return registry.serialize(layer)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Layer:
    """Inverse of :func:`serialize`; an unknown class is a ValueError that lists the known ones."""
    with custom_object_scope(custom_objects or {}):
        return registry.deserialize(config)
