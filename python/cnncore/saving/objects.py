"""Turn objects into plain data and back, as the module ``saving`` of Keras does. Users' layers need it in configs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cnncore import activations, initializers, losses, metrics
from cnncore._custom_objects import custom_object, custom_object_scope
from cnncore._registry import Registry
from cnncore.layers.base import registry as layer_registry
from cnncore.saving.keras_graph import MODELS
from cnncore.saving.keras_objects import REGISTRIES, serialized
from cnncore.saving.keras_old import modern
from cnncore.saving.keras_read import own_description
from cnncore.saving.keras_write import layer_description

__all__ = ["deserialize_keras_object", "serialize_keras_object"]

_FUNCTIONS: tuple[Callable[[str], Any], ...] = (activations.get, losses.get, metrics.get, initializers.get)


def serialize_keras_object(obj: Any) -> Any:
    """An object as plain data that JSON can hold, as Keras describes it.

    Parameters
    ----------
    obj : object
        A layer, loss, initializer, ... or anything with ``get_config``; a function that has a name; an array; a number,
        text or None; or a list or dict of these.

    Returns
    -------
    dict, list or plain value
        ``{"module", "class_name", "config", "registered_name"}`` for objects.

    Raises
    ------
    ValueError
        For a function without a name.
    TypeError
        For an object without ``get_config``.

    Examples
    --------
    >>> from cnncore.regularizers import L1
    >>> serialize_keras_object(L1(0.25))["class_name"]
    'L1'
    """
    return serialized(obj, layer_description)


def deserialize_keras_object(
    config: Any, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True
) -> Any:
    """Inverse of :func:`serialize_keras_object`. Nothing is imported or executed.

    Parameters
    ----------
    config : dict, list or plain value
    custom_objects : dict of str to class or function, optional
        Classes and functions by name, for names that are not this package's own.
    safe_mode : bool, default True
        Accepted for compatibility with Keras: it is always safe.

    Raises
    ------
    ValueError
        For a class or function that is not known.

    Examples
    --------
    >>> from cnncore.regularizers import L1
    >>> deserialize_keras_object(serialize_keras_object({"penalty": L1(0.25)}))
    {'penalty': L1(l1=0.25)}
    """
    with custom_object_scope(custom_objects):
        return _object(config)


def _object(config: Any) -> Any:
    """Make what a description in JSON stands for, with everything inside it."""
    if isinstance(config, (list, tuple)):
        return [_object(item) for item in config]
    if not isinstance(config, Mapping):
        return config
    kind, inner = config.get("class_name"), config.get("config")
    if not isinstance(kind, str) or "config" not in config:
        return {key: _object(value) for key, value in config.items()}
    if kind == "function":
        return _function(inner)
    if kind in ("__numpy__", "__tensor__") and isinstance(inner, Mapping):
        return _array(inner)
    if kind == "__tuple__" and isinstance(inner, (list, tuple)):
        return tuple(_object(item) for item in inner)
    if inner is not None and not isinstance(inner, Mapping):
        raise ValueError(f"[deserialize_keras_object] expected the config of {kind!r} as a dict. Received: {inner!r}")
    registry = _registry_of(config)
    if registry is None:
        found = custom_object(str(config.get("registered_name") or kind)) or custom_object(kind)
        if not isinstance(found, type) or not isinstance(inner, Mapping):
            raise ValueError(
                f"[deserialize_keras_object] unknown class {kind!r}: pass custom_objects={{{kind!r}: the class}}, or "
                "register it with saving.register_keras_serializable."
            )
        made: Any = found
        return made.from_config(dict(inner)) if hasattr(made, "from_config") else made(**inner)
    if registry is layer_registry:
        return registry.deserialize(own_description(modern(config)))
    return registry.deserialize({"class_name": kind, "config": dict(inner or {})})


def _array(config: Mapping[str, Any]) -> np.ndarray:
    try:
        dtype = np.dtype(config.get("dtype"))
        if dtype.kind in "biuf":  # a text may claim any length, and objects hold anything
            return np.asarray(config.get("value"), dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(f"[deserialize_keras_object] expected an array of numbers: {error}") from error
    raise ValueError(f"[deserialize_keras_object] expected an array of numbers. Received: dtype={dtype.name!r}")


def _registry_of(config: Mapping[str, Any]) -> Registry[Any] | None:
    """The registry that has the class which a description names."""
    kind, module = str(config["class_name"]), str(config.get("module") or "")
    if kind in (*MODELS, "Sequential"):
        return layer_registry
    for name, registry in REGISTRIES.items():
        if (not module or module == name) and registry.known_class(kind) is not None:
            return registry
    return None


def _function(name: Any) -> Any:
    """The function of a name: one that the user registered, or one of this package."""
    found = custom_object(name) if isinstance(name, str) else None
    if found is not None:
        return found
    for get in _FUNCTIONS:
        try:
            return get(name)
        except (ValueError, TypeError):
            continue
    raise ValueError(
        f"[deserialize_keras_object] unknown function {name!r}: pass custom_objects={{{name!r}: the function}}."
    )
