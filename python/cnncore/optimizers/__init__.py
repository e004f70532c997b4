"""Optimizers SGD, Adam and AdamW, the base class for your own, and learning rate schedules."""

from __future__ import annotations

from typing import Any

from cnncore.optimizers import schedules
from cnncore.optimizers.base import Optimizer, registry
from cnncore.optimizers.builtin import SGD, Adam, AdamW

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "deserialize", "get", "schedules", "serialize"]


def get(identifier: Any) -> Optimizer:
    """An optimizer from an object, a class, a name such as ``"adam"``, or a config."""
    return identifier if isinstance(identifier, Optimizer) else registry.get(identifier)


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """``{"class_name", "config"}`` of ``optimizer``."""
    return registry.serialize(optimizer)


def deserialize(config: dict[str, Any]) -> Optimizer:
    """Inverse of :func:`serialize`; an unknown class is a ValueError."""
    return registry.deserialize(config)
