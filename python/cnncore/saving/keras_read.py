"""Translate Keras' descriptions of models into those of this package. Nothing is imported or executed."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import Any

from cnncore._custom_objects import custom_object
from cnncore._registry import snake_case
from cnncore.layers.base import registry
from cnncore.saving.keras_graph import MODELS, functional, is_model
from cnncore.saving.keras_names import WRAPPED
from cnncore.saving.keras_old import modern
from cnncore.saving.keras_operations import is_operation
from cnncore.saving.limits import printable

__all__ = ["description_from_json", "layer_paths", "mark_shared", "own_description"]

_TYPES = ("float32", "uint8", "int8", "uint16", "int16", "int32", "int64", "bool")
_DROPPED = (
    "lora_rank",  # Keras adds the matrices of low rank to the kernel when it saves a layer
    "lora_alpha",
    "dtype",
    "quantization_config",
    "renorm_momentum",
    "autocast",
    "batch_size",
    "batch_shape",
)


def own_description(entry: Any) -> dict[str, Any]:
    """``{"class_name", "config"}`` as this package reads it.

    Raises
    ------
    ValueError
        If the description makes no sense, or contains something that this package does not have.
    """
    if not isinstance(entry, Mapping) or not isinstance(entry.get("config"), Mapping):
        raise ValueError("expected the description of a layer to have a class_name and a config")
    kind, config = entry.get("class_name"), entry["config"]
    shared = {} if entry.get("shared") is None else {"shared": entry["shared"]}
    if kind == "Sequential":
        return {"class_name": "Sequential", "config": _sequential(config)} | shared
    if kind in MODELS:
        return {"class_name": "Model", "config": functional(config, own_description)} | shared
    if isinstance(kind, str) and registry.known_class(kind) is None:
        named = {"name": entry["name"]} if isinstance(entry.get("name"), str) else {}
        return {"class_name": str(_custom_name(entry)), "config": _custom_config(entry)} | named | shared
    return {"class_name": kind, "config": _arguments(kind, config)} | shared


def _custom_name(entry: Mapping[str, Any]) -> Any:
    """The name of a user's class: the registered name, which contains its package, or else the name of the class."""
    name = entry.get("registered_name")
    return name if isinstance(name, str) and custom_object(name) is not None else entry["class_name"]


def _custom_config(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The config of a user's class as it is, without types of numbers, because everything is float32 here."""
    config = entry["config"]
    if is_model(entry):
        return functional(config, own_description)
    return {key: value for key, value in config.items() if key not in ("dtype", "autocast")}


def description_from_json(config: Any) -> Any:
    """A description that ``to_json`` wrote, of this package or of Keras, as this package reads it."""
    if not isinstance(config, Mapping):
        return config
    if config.get("class_name") not in (*MODELS, "Sequential") or not isinstance(config.get("config"), (Mapping, list)):
        return config
    own = isinstance(config["config"], Mapping) and "seed" in config["config"]
    if own and "module" not in config:
        return config
    config = modern(config)
    mark_shared(config)
    return own_description(config)


def mark_shared(entry: Any) -> None:
    """Mark a layer that occurs in several inner models by the same number "shared" in all of its entries.

    Keras writes an entry "shared_object_id" for all occurrences but the first, and sometimes for the first, too. The
    first occurrence is found by its class and name.
    """
    numbers: dict[Any, int] = {}  # the number "shared" of each shared_object_id
    first: dict[Any, dict[str, Any]] = {}  # for each class and name, the last entry that is not a repetition

    def visit(layers: Any) -> None:
        for layer in layers if isinstance(layers, list) else []:
            if not isinstance(layer, dict) or not isinstance(layer.get("config"), dict):
                continue
            known, config = layer.get("shared_object_id"), layer["config"]
            key = (str(layer.get("class_name")), str(config.get("name")))
            if isinstance(known, int) and key in first and first[key].get("shared_object_id") in (None, known):
                layer["shared"] = first[key].setdefault("shared", numbers.setdefault(known, len(numbers)))
            else:
                first[key] = layer
            visit(config.get("layers"))

    if isinstance(entry, dict) and isinstance(entry.get("config"), dict):
        visit(entry["config"].get("layers"))


def layer_paths(
    entry: Mapping[str, Any], prefix: str = "layers", seen: set[int] | None = None
) -> dict[str, list[str | int]]:
    """For each path of weights in a file of Keras, how to find the layer: the names of the models around it, from the
    outermost one inwards, and its own name. In Sequential models, numbers stand for names. A shared layer has only its
    first path.
    """
    from_here: dict[str, list[str | int]] = {}
    seen = set() if seen is None else seen
    if not is_model(entry):
        return {"": []}
    used: dict[str, int] = {}
    chain = "input_layers" not in entry["config"]
    layers = [layer for layer in entry["config"]["layers"] if not (chain and layer.get("class_name") == "InputLayer")]
    for place, layer in enumerate(layers):
        kind = layer.get("class_name")
        if is_operation(layer):
            continue
        stem = snake_case(str(kind))
        number = used.get(stem, -1) + 1
        used[stem] = number
        path = f"{prefix}/{stem}" if number == 0 else f"{prefix}/{stem}_{number}"
        name, shared = place if chain else layer.get("name", layer["config"].get("name")), layer.get("shared")
        if not isinstance(name, (str, int)):
            raise ValueError(f"expected layers to have names. Received: {printable(name)}")
        if isinstance(shared, int):
            if shared in seen:
                continue
            seen.add(shared)
        if is_model(layer):
            from_here |= {inner: [name, *names] for inner, names in layer_paths(layer, f"{path}/layers", seen).items()}
        else:
            from_here[path] = [name]
    return from_here


def _sequential(config: Mapping[str, Any]) -> dict[str, Any]:
    entries = config.get("layers")
    if not isinstance(entries, list):
        raise ValueError("expected a Sequential model to have a list of layers")
    shape = config.get("build_input_shape")
    layers = []
    for entry in entries:
        if isinstance(entry, Mapping) and entry.get("class_name") == "InputLayer":
            if not isinstance(entry.get("config"), Mapping):
                raise ValueError("expected the description of an input to have a config")
            shape = entry["config"].get("batch_shape", shape)
        else:
            layers.append(own_description(entry))
    return {
        "name": config.get("name"),
        "trainable": config.get("trainable", True),
        "input_shape": None if shape is None else _sample(shape),
        "layers": layers,
    }


def _sample(shape: Any) -> list[Any]:
    if not isinstance(shape, (list, tuple)):
        raise ValueError("expected shapes to be lists")
    return list(shape[1:])


def _arguments(kind: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a layer that this package has. Others must have a value that changes nothing."""
    if not isinstance(kind, str):
        raise ValueError(f"expected the name of a class. Received: {printable(kind)}")
    known = _parameters(kind)
    if kind == "Lambda":
        return _function_arguments(config)
    result = {}
    for key, value in config.items():
        own = _own_layers(value) if key in WRAPPED else _own_value(value)
        if key == "dtype":
            _check_dtype(own)
        if key == "lora_rank" and own is not None:
            warnings.warn(
                f"[load_model] training changes the whole kernel of {kind} here, not two matrices of rank {own}.",
                UserWarning,
                stacklevel=2,
            )
        if key in known and key != "dtype":
            result[key] = own
        elif known and key not in _DROPPED and own not in (None, False, "channels_last"):
            raise ValueError(f"{kind} has no argument {printable(key)!r} here. Received: {printable(own)}")
    return result if known else {key: _own_value(value) for key, value in config.items()}


def _function_arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a Lambda layer. A file names its function; code in a file is never run."""
    name, function = config.get("name"), _own_value(config.get("function"))
    if not isinstance(function, str) or config.get("function_type") == "lambda":
        function = name if custom_object(str(name)) is not None else "<lambda>"
    if custom_object(function) is None and isinstance(name, str) and custom_object(name) is not None:
        function = name
    if custom_object(function) is None and function == "<lambda>":
        raise ValueError(
            f"the Lambda layer {printable(name)!r} is made of a lambda, whose code is never run from a file: pass "
            f"custom_objects={{{printable(name)!r}: the function}}, or define the function with def, register it with "
            "saving.register_keras_serializable, and save the model again"
        )
    shape = config.get("output_shape")
    found = {"name": name, "trainable": config.get("trainable", True), "function": function}
    if isinstance(shape, list) and all(isinstance(size, int) for size in shape):
        found["output_shape"] = shape
    if isinstance(config.get("arguments"), Mapping):
        found["arguments"] = dict(config["arguments"])
    return found


def _own_layers(value: Any) -> Any:
    """A layer, or a list of layers, that is an argument of a layer."""
    if isinstance(value, list):
        return [_own_layers(item) for item in value]
    return own_description(value) if isinstance(value, Mapping) else _own_value(value)


def _parameters(kind: str) -> set[str]:
    cls = registry.known_class(kind) or custom_object(kind)
    if cls is None:
        return set()  # the registry raises the error
    # Up to Python 3.11.2, the signature of a class is that of an inherited __new__, even if it also inherits __init__.
    function = cls.__init__ if isinstance(cls, type) else cls  # type: ignore[misc]
    known = {*inspect.signature(function).parameters, "name", "trainable", "activity_regularizer"}
    return known - {"self", "args", "kwargs"}


def _own_value(value: Any) -> Any:
    """A value in which objects have no module, and functions are their names."""
    if isinstance(value, Mapping):
        if value.get("class_name") == "function":
            return value.get("config")
        if "class_name" in value and "config" in value:
            config = value["config"]
            return {
                "class_name": value["class_name"],
                "config": {
                    key: _own_value(item)
                    for key, item in config.items()
                    if key != "dtype" and (key not in _DROPPED or item is not None)
                }
                if isinstance(config, Mapping)
                else config,
            }
        return {key: _own_value(item) for key, item in value.items()}
    return [_own_value(item) for item in value] if isinstance(value, list) else value


def _check_dtype(value: Any) -> None:
    inner = value.get("config") if isinstance(value, Mapping) else {"name": value}
    name = inner.get("name") if isinstance(inner, Mapping) else None
    if isinstance(value, Mapping) and "Quantized" in str(value.get("class_name")):
        raise ValueError(
            "expected weights in float32, because the numbers of quantized layers are not computed here: save the "
            f"model before it is quantized. Received: {printable(value.get('class_name'))}"
        )
    if name in ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64"):
        warnings.warn(f"[load_model] layers of type {name} compute in float32 here.", UserWarning, stacklevel=2)
    elif name is not None and name not in _TYPES:
        raise ValueError(f"expected layers that compute with numbers. Received: {printable(name)}")
