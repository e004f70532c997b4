"""Saving and loading models: one safetensors file with the weights, the layers and the state of training.

>>> import pathlib, tempfile
>>> from cnncore import Sequential
>>> from cnncore.layers import Dense
>>> from cnncore.saving import load_model, save_model
>>> model = Sequential([Dense(2, input_shape=(3,))])
>>> with tempfile.TemporaryDirectory() as folder:
...     path = pathlib.Path(folder, "model.safetensors")
...     save_model(model, path)
...     copy = load_model(path)
>>> bool((copy.layers[0].kernel == model.layers[0].kernel).all())
True
"""

from typing import TYPE_CHECKING

from cnncore._custom_objects import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_object,
    register_keras_serializable,
    registered_name,
)
from cnncore._keras_names.errors import explain_missing
from cnncore.saving.atomic import check_writable
from cnncore.saving.model import load_model, save_model
from cnncore.saving.objects import deserialize_keras_object, serialize_keras_object
from cnncore.saving.weights import load_weights, save_weights

__all__ = [
    "CustomObjectScope",
    "check_writable",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]

get_registered_name = registered_name

if not TYPE_CHECKING:
    __getattr__ = explain_missing("saving", __all__)
