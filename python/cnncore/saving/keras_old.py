"""Rewrite descriptions of models by Keras 2 and TensorFlow's Keras in the form of Keras 3."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

from cnncore.saving.keras_names import WRAPPED
from cnncore.saving.keras_tensorflow import FUNCTIONS, as_operation
from cnncore.saving.limits import printable

__all__ = ["modern", "warn_of_other_meanings"]

_OPERATORS = {
    "__operators__.add": "Add",
    "math.add": "Add",
    "math.subtract": "Subtract",
    "math.multiply": "Multiply",
    "math.truediv": "Divide",
    "math.divide": "Divide",
    "math.negative": "Negative",
}

# Layers that have other names in Keras 3.
_KINDS = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "ThresholdedReLU": "ReLU",
}

# Arguments that TensorFlow's Keras also writes for layers that do not use them.
_UNUSED = {
    "DepthwiseConv": ("groups", "filters", "kernel_initializer", "kernel_regularizer", "kernel_constraint"),
    "SeparableConv": ("groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"),
    "InputLayer": ("ragged", "sparse"),
    "BatchNormalization": ("fused",),
    "MultiHeadAttention": ("query_shape", "key_shape", "value_shape"),
    "Random": ("rng_type",),
    "LSTM": ("implementation",),
    "GRU": ("implementation",),
    "SimpleRNN": ("implementation",),
}


def modern(entry: Any) -> Any:
    """A description of a layer or model, and of all layers in it, in the form of Keras 3."""
    if not isinstance(entry, Mapping) or "config" not in entry:
        return entry
    entry, config = dict(entry), entry["config"]
    if isinstance(config, list):  # Keras before 2.2.3 wrote the layers of a Sequential model alone
        config = {"name": None, "layers": config}
    if not isinstance(config, Mapping):
        return entry
    config = {key: _value(value) for key, value in config.items()}
    kind = str(entry.get("class_name"))
    if kind in ("TFOpLambda", "SlicingOpLambda"):
        return _operator(entry, config)
    entry["class_name"] = kind = _KINDS.get(kind, kind) if "class_name" in entry else kind
    if isinstance(config.get("layers"), list):
        _model(kind, config)
    else:
        _layer(kind, config)
    for place in (entry, config):
        if isinstance(place.get("name"), str):
            place["name"] = _name(place["name"])
    return entry | {"config": config} | _nodes(entry)


def warn_of_other_meanings(config: str, version: str) -> None:
    """Warn of what has another meaning since Keras 3.

    Parameters
    ----------
    config : str
        The description of a model as it is in the file.
    version : str
        The version of Keras that wrote the file.
    """
    if version.startswith(("1.", "2.")) and '"hard_sigmoid"' in config:
        warnings.warn(
            '[load_model] the activation "hard_sigmoid" was clip(0.2 * x + 0.5, 0, 1) when this file was written with '
            f"Keras {version}. It is clip(x / 6 + 0.5, 0, 1) here, as in Keras 3, so results differ.",
            UserWarning,
            stacklevel=2,
        )


def _name(name: str) -> str:
    """The name of a layer without slashes, which separate the names of layers and weights since Keras 3."""
    return name.replace("/", "_")


def _model(kind: str, config: dict[str, Any]) -> None:
    layers = config["layers"] = [modern(layer) for layer in config["layers"]]
    if kind == "Sequential":
        first = layers[0] if layers and isinstance(layers[0], Mapping) else {}
        shape = first.get("config", {}).get("batch_shape") if isinstance(first.get("config"), Mapping) else None
        if shape is not None and config.get("build_input_shape") is None:
            config["build_input_shape"] = shape
        return
    for key in ("input_layers", "output_layers"):
        config[key] = _mapped(config.get(key), lambda place: [_name(place[0]), *place[1:]])
    _count_from_zero(config, layers)
    old = {
        layer.get("name")
        for layer in layers
        if isinstance(layer, Mapping) and layer.get("old_nodes") and layer.get("class_name") in ("Functional", "Model")
    }
    config["output_layers"] = _counted_from_one(config.get("output_layers"), old)


def _counted_from_one(structure: Any, models: set[Any]) -> Any:
    """The outputs of a model in the form of Keras 3, which counts the calls of an inner model from one."""

    def counted(place: list[Any]) -> list[Any]:
        name, number, position = place
        return [name, number + 1 if name in models and isinstance(number, int) else number, position]

    return _mapped(structure, counted)


def _count_from_zero(config: dict[str, Any], layers: list[Any]) -> None:
    """Count the calls of inner models from zero in the outputs and in the calls of ``layers``.

    TensorFlow's Keras counts them from one if the inner model begins with an input, and the number of the last call
    shows that.
    """
    used: dict[str, int] = {}

    def visit(place: list[Any]) -> list[Any]:
        if isinstance(place[1], int):
            used[place[0]] = max(place[1], used.get(place[0], 0))
        return place

    nodes = [layer["inbound_nodes"] for layer in layers if isinstance(layer, Mapping) and layer.get("old_nodes")]
    _mapped([nodes, config["output_layers"]], visit)
    models = {
        layer["name"]
        for layer in layers
        if isinstance(layer, Mapping)
        and layer.get("old_nodes")
        and isinstance(layer.get("config"), Mapping)
        and isinstance(layer["config"].get("layers"), list)
        and used.get(str(layer.get("name")), -1) >= len(layer["inbound_nodes"])
    }

    def counted(place: list[Any]) -> list[Any]:
        return [place[0], place[1] - 1, *place[2:]] if place[0] in models and isinstance(place[1], int) else place

    if models:
        config["output_layers"] = _mapped(config["output_layers"], counted)
        for layer in layers:
            if isinstance(layer, dict) and layer.get("old_nodes"):
                layer["inbound_nodes"] = _mapped(layer["inbound_nodes"], counted)


def _mapped(structure: Any, function: Callable[[list[Any]], list[Any]]) -> Any:
    """The structure with ``function`` applied to each tensor: a list of a layer, a call and an output."""
    if isinstance(structure, list) and len(structure) == 3 and isinstance(structure[0], str):
        return function(structure)
    if isinstance(structure, Mapping):
        return {key: _mapped(value, function) for key, value in structure.items()}
    return [_mapped(value, function) for value in structure] if isinstance(structure, list) else structure


def _layer(kind: str, config: dict[str, Any]) -> None:
    config.update({key: _wrapped(config[key]) for key in WRAPPED if key in config})
    shape = config.pop("batch_input_shape", None)
    if shape is not None:
        config["batch_shape"] = shape
    if kind == "LeakyReLU" and "alpha" in config:
        config["negative_slope"] = config.pop("alpha")
    axis = config.get("axis")
    if kind in ("BatchNormalization", "Softmax") and isinstance(axis, list) and len(axis) == 1:
        config["axis"] = axis[0]
    if kind == "ReLU" and "theta" in config:
        config["threshold"] = config.pop("theta")
    for stem, unused in _UNUSED.items():
        if kind.startswith(stem):
            for key in unused:
                config.pop(key, None)
    if "Conv" in kind and config.get("groups") == 1:
        del config["groups"]


def _wrapped(layers: Any) -> Any:
    """A layer that is an argument of another one, or a list of such layers, as several cells are."""
    return [modern(layer) for layer in layers] if isinstance(layers, list) else modern(layers)


def _value(value: Any) -> Any:
    """A value in a config, without TensorFlow's wrappers of shapes, tuples, numbers and types."""
    if isinstance(value, list):
        return [_value(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    if value.get("class_name") in ("TensorShape", "__tuple__") and isinstance(value.get("items"), list):
        return [_value(item) for item in value["items"]]
    if value.get("type") == "ndarray" and "value" in value:
        return value["value"]
    return dict(value)


# --- calls ------------------------------------------------------------------------------------------------------------
def _nodes(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The calls of a layer. In Keras 2 each is a list ["layer", call, output, arguments]."""
    nodes = entry.get("inbound_nodes")
    if not isinstance(nodes, list) or not any(isinstance(node, list) for node in nodes):
        return {}
    return {"inbound_nodes": [_node(node) for node in nodes], "old_nodes": True}


def _node(node: Any) -> Any:
    if not isinstance(node, list):
        return node
    if node and isinstance(node[0], str):
        node = [node]
    kwargs: dict[str, Any] = {}
    tensors = [_tensor(item, kwargs) for item in node]
    return {"args": tensors if len(tensors) == 1 else [tensors], "kwargs": kwargs}


def _tensor(item: Any, kwargs: dict[str, Any]) -> Any:
    if not isinstance(item, list) or len(item) not in (3, 4) or not isinstance(item[0], str):
        raise ValueError(f"expected calls of layers to name a layer, a call and an output. Received: {printable(item)}")
    if len(item) == 4 and isinstance(item[3], Mapping):
        kwargs |= {key: _argument(value) for key, value in item[3].items() if key not in ("mask", "name")}
    if item[0] == "_CONSTANT_VALUE":  # the operand is a number
        return item[2]
    return {"class_name": "__keras_tensor__", "config": {"keras_history": [_name(item[0]), *item[1:3]]}}


def _argument(value: Any) -> Any:
    if isinstance(value, list) and len(value) == 3 and isinstance(value[0], str) and isinstance(value[1], int):
        return _tensor(value, {})
    return value


def _operator(entry: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """An operation between tensors, which TensorFlow's Keras writes as a layer."""
    function = str(config.get("function"))
    if function in FUNCTIONS:
        return as_operation(entry | _nodes(entry), entry.get("name", config.get("name")), function)
    kind = _OPERATORS.get(function)
    if kind is None:
        raise ValueError(
            "expected layers, operators between tensors, and those functions of TensorFlow that NumPy has too or that "
            f"are activations. Received: {printable(function)}"
        )
    described = entry | _nodes(entry)
    for node in described.get("inbound_nodes") or []:
        if isinstance(node, Mapping) and "y" in node["kwargs"]:
            node["args"].append(node["kwargs"].pop("y"))
    name = entry.get("name", config.get("name"))
    return described | {"class_name": kind, "module": "keras.src.ops.numpy", "config": {"name": name}}
