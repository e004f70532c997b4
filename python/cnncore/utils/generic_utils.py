"""``utils.generic_utils`` of Keras 2."""

from cnncore.utils.progbar import Progbar
from cnncore.utils.session import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    serialize_keras_object,
)

__all__ = [
    "CustomObjectScope",
    "Progbar",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "serialize_keras_object",
]
