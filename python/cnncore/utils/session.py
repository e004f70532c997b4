"""Functions that Keras offers in ``utils`` as well as in the modules that define them."""

from __future__ import annotations

from typing import Any

from cnncore._custom_objects import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_object,
    register_keras_serializable,
    registered_name,
)

__all__ = [
    "CustomObjectScope",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "is_keras_tensor",
    "register_keras_serializable",
    "serialize_keras_object",
]

get_registered_name = registered_name


def clear_session(free_memory: bool = True) -> None:
    """Do what :func:`cnncore.backend.clear_session` does. ``free_memory`` has no effect."""
    from cnncore import backend  # imported here because few scripts need it

    backend.clear_session(free_memory)


def is_keras_tensor(x: Any) -> bool:
    """Do what :func:`cnncore.backend.is_keras_tensor` does with ``x``."""
    from cnncore import backend

    return backend.is_keras_tensor(x)


def serialize_keras_object(obj: Any) -> Any:
    """Do what :func:`cnncore.saving.serialize_keras_object` does with ``obj``."""
    from cnncore import saving  # imported here because few scripts need it

    return saving.serialize_keras_object(obj)


def deserialize_keras_object(config: Any, custom_objects: Any = None, safe_mode: bool = True) -> Any:
    """Call :func:`cnncore.saving.deserialize_keras_object` with ``config``, ``custom_objects`` and ``safe_mode``."""
    from cnncore import saving

    return saving.deserialize_keras_object(config, custom_objects, safe_mode)
