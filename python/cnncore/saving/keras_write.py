"""A model as Keras describes it in the ``config.json`` of its files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cnncore._structure import map_structure
from cnncore.layers.base import registry
from cnncore.layers.tensor import KerasTensor

from .keras_names import KINDS, NO_WEIGHTS, NOT_ACCEPTED, OWN_ARGUMENTS, WITHOUT_COUNTERPART

__all__ = ["keras_description"]


def keras_description(model: Any) -> dict[str, Any]:
    """What Keras calls the serialized model.

    Raises
    ------
    ValueError
        If a layer, or an argument of one, has no counterpart in Keras.
    """
    description = _layer(model)
    description["compile_config"] = _compile_config(model) if model.compiled else {}
    return description


def _layer(layer: Any) -> dict[str, Any]:
    kind = registry.serialize(layer)["class_name"]
    if kind == "Sequential":
        return _described("keras", "Sequential", _sequential(layer), layer)
    if kind == "Model":
        return _described("keras.src.models.functional", "Functional", _functional(layer), layer)
    if kind in WITHOUT_COUNTERPART or ">" in kind or not type(layer).__module__.startswith("cnncore."):
        raise ValueError(
            f'layer "{layer.name}": a {type(layer).__name__} has no counterpart in Keras; a name that ends in '
            ".safetensors saves any model."
        )
    config = dict(layer.get_config())
    if kind in NO_WEIGHTS and config.get("mean") is None:
        raise ValueError(f'layer "{layer.name}": what it learned from data is not written to files of Keras.')
    for key, default in OWN_ARGUMENTS.items():
        if config.pop(key, default) not in (default, None) and key != "input_shape":
            raise ValueError(f'layer "{layer.name}": Keras has no argument {key!r}.')
    for key in NOT_ACCEPTED.get(kind, ()):
        config.pop(key, None)
    padding = config.get("padding")
    windows = kind.startswith(("Conv", "Depthwise", "Separable", "Max", "Average"))
    if windows and not isinstance(padding, (str, type(None))):
        raise ValueError(f'layer "{layer.name}": Keras has no explicit padding. Received: padding={padding!r}')
    if kind == "InputLayer":
        config["batch_shape"] = [None, *config.pop("shape")]
    return _described("keras.layers", kind, {key: _value(key, value) for key, value in config.items()}, layer)


def _described(module: str, kind: str, config: dict[str, Any], layer: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {"module": module, "class_name": kind, "config": config, "registered_name": None}
    if kind == "Functional":
        entry["registered_name"] = "Functional"
    if layer.nodes and kind not in ("InputLayer", "Functional"):
        entry["build_config"] = {"input_shape": _lists(map_structure(_shape, layer.nodes[0].input))}
    return entry


def _value(key: str, value: Any) -> Any:
    """An argument; initializers and their like say where Keras has them."""
    for ending, module in KINDS.items():
        if key.endswith(ending) and isinstance(value, dict):
            return {"module": module, **value, "registered_name": None}
    return _lists(value)


def _lists(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_lists(item) for item in value]
    return {key: _lists(item) for key, item in value.items()} if isinstance(value, dict) else value


def _sequential(model: Any) -> dict[str, Any]:
    layers = [_layer(layer) for layer in model.layers]
    if model.built:
        shape = list(model.inputs[0].shape)
        start = {"batch_shape": shape, "dtype": "float32", "name": model.input_names[0]}
        entry = {"module": "keras.layers", "class_name": "InputLayer", "config": start, "registered_name": None}
        layers.insert(0, entry)
        return {"name": model.name, "trainable": model.trainable, "layers": layers, "build_input_shape": shape}
    return {"name": model.name, "trainable": model.trainable, "layers": layers}


def _functional(model: Any) -> dict[str, Any]:
    graph = model.graph
    places: dict[int, list[Any]] = {}  # tensor -> [layer, number of the call, number of the output]
    calls: dict[str, list[Any]] = {layer.name: [] for layer in model.layers}
    for tensor in graph.input_list:
        places[id(tensor)] = [tensor.node.layer.name, 0, 0]
    for node in graph.nodes:
        name = node.layer.name
        number = len(calls[name])
        kwargs = dict(node.kwargs)
        if node.training is not None:
            kwargs["training"] = node.training
        calls[name].append({"args": _arguments(list(node.args), places), "kwargs": _arguments(kwargs, places)})
        for position, tensor in enumerate(node.output_list):
            places[id(tensor)] = [name, number, position]
    layers = [_layer(layer) | {"name": layer.name, "inbound_nodes": calls[layer.name]} for layer in model.layers]
    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": layers,
        "input_layers": map_structure(lambda tensor: places[id(tensor)], _listed(graph.inputs)),
        "output_layers": map_structure(lambda tensor: _as_output(tensor, places), _listed(graph.outputs)),
    }


def _as_output(tensor: KerasTensor, places: Mapping[int, list[Any]]) -> list[Any]:
    """Keras counts calls of functional models inside from one where they give an output, and only there."""
    name, number, position = places[id(tensor)]
    return [name, number + (type(tensor.node.layer).__name__ == "Model"), position]


def _listed(structure: Any) -> Any:
    """A single tensor as Keras writes it: in a list."""
    return [structure] if isinstance(structure, KerasTensor) else structure


def _arguments(structure: Any, places: Mapping[int, list[Any]]) -> Any:
    def described(leaf: Any) -> Any:
        if not isinstance(leaf, KerasTensor):
            return leaf
        config = {"shape": _shape(leaf), "dtype": leaf.dtype, "keras_history": places[id(leaf)]}
        return {"class_name": "__keras_tensor__", "config": config}

    return map_structure(described, structure)


def _shape(tensor: KerasTensor) -> list[Any]:
    return list(tensor.shape)


def _compile_config(model: Any) -> dict[str, Any]:
    config = model.get_compile_config()

    def described(value: Any, module: str) -> Any:
        if isinstance(value, dict) and set(value) == {"class_name", "config"}:
            settings = {key: _lists(item) for key, item in value["config"].items()}
            return {"module": module, "class_name": value["class_name"], "config": settings, "registered_name": None}
        if isinstance(value, dict):
            return {key: described(item, module) for key, item in value.items()}
        return [described(item, module) for item in value] if isinstance(value, (list, tuple)) else value

    return {
        "optimizer": described(config["optimizer"], "keras.optimizers"),
        "loss": described(config["loss"], "keras.losses"),
        "loss_weights": config.get("loss_weights"),
        "metrics": described(config.get("metrics"), "keras.metrics"),
        "weighted_metrics": described(config.get("weighted_metrics"), "keras.metrics"),
        "run_eagerly": False,
        "steps_per_execution": 1,
        "jit_compile": False,
    }
