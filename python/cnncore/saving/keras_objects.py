"""Describe values in configs as Keras does: objects by their module and class, functions by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cnncore import constraints, regularizers
from cnncore._custom_objects import function_name, registered_name
from cnncore._registry import Registry
from cnncore.initializers.base import registry as initializer_registry
from cnncore.layers.base import registry as layer_registry
from cnncore.losses.base import registry as loss_registry
from cnncore.metrics.base import registry as metric_registry
from cnncore.optimizers.base import registry as optimizer_registry

__all__ = ["REGISTRIES", "serialized"]

# The modules of Keras whose objects have a registry here, in the order in which a name without a module is looked up.
REGISTRIES: dict[str, Registry[Any]] = {
    "keras.layers": layer_registry,
    "keras.initializers": initializer_registry,
    "keras.regularizers": regularizers.registry,
    "keras.constraints": constraints.registry,
    "keras.losses": loss_registry,
    "keras.metrics": metric_registry,
    "keras.optimizers": optimizer_registry,
}


def serialized(value: Any, described: Callable[[Any], Any]) -> Any:
    """Turn a value into plain data for JSON. ``described`` is the function that describes layers."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "biuf":
            raise TypeError(f"[serialize_keras_object] expected an array of numbers. Received: dtype={value.dtype}")
        return {"class_name": "__numpy__", "config": {"value": value.tolist(), "dtype": value.dtype.name}}
    if isinstance(value, Mapping):
        return {key: serialized(item, described) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [serialized(item, described) for item in value]
    if hasattr(type(value), "weight_specs"):
        return described(value)
    if hasattr(type(value), "get_config"):
        return _described(value, described)
    if callable(value):
        name = function_name(value, "function")
        return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}
    raise TypeError(
        f"[serialize_keras_object] expected plain data, or an object with get_config. Received: {type(value).__name__}"
    )


def _described(value: Any, described: Callable[[Any], Any]) -> dict[str, Any]:
    cls = type(value)
    own = next((module for module, known in REGISTRIES.items() if known.known_class(cls.__name__) is cls), None)
    return {
        "module": own or cls.__module__,
        "class_name": cls.__name__,
        "config": serialized(value.get_config(), described),
        "registered_name": None if own else registered_name(cls),
    }
