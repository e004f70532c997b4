"""Names that Keras has in `utils` too; what they do is said where they are at home."""

from __future__ import annotations

from typing import Any

from cnncore._custom_objects import (
    CustomObjectScope,
    custom_object_scope,
    get_registered_object,
    register_keras_serializable,
    registered_name,
)

__all__ = [
    "CustomObjectScope",
    "clear_session",
    "custom_object_scope",
    "get_registered_name",
    "get_registered_object",
    "is_keras_tensor",
    "register_keras_serializable",
]

get_registered_name = registered_name


def clear_session(free_memory: bool = True) -> None:
    """Do what :func:`cnncore.backend.clear_session` does."""
    from cnncore import backend  # later: backend stands on the layers

    backend.clear_session(free_memory)


def is_keras_tensor(x: Any) -> bool:
    """Do what :func:`cnncore.backend.is_keras_tensor` does."""
    from cnncore import backend

    return backend.is_keras_tensor(x)
