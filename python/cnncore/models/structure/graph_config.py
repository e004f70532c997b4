"""Turn a graph of calls into plain data and back. Files, copies and pickles of models hold this data."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cnncore._structure import flatten, flatten_by_key, map_structure
from cnncore.graph.function import Function
from cnncore.graph.tensor import KerasTensor
from cnncore.layers.base import Layer, registry
from cnncore.layers.input_layer import InputLayer

__all__ = ["describe", "descriptions_of", "layers_from", "lookup", "rebuild", "sharing"]


class _Sharing(threading.local):
    """The layers that the descriptions which this thread is writing or reading have in common."""

    def __init__(self) -> None:
        self.depth = 0
        self.clear()

    def clear(self) -> None:
        self.written: dict[int, tuple[Layer, dict[str, Any]]] = {}
        self.shared = 0
        self.made: dict[int, Layer] = {}


_sharing = _Sharing()


@contextlib.contextmanager
def sharing() -> Iterator[None]:
    """While this block runs, a layer that several models have in common is described, and made, as one layer.

    A block inside another block continues the outer one.
    """
    _sharing.depth += 1
    try:
        yield
    finally:
        _sharing.depth -= 1
        if not _sharing.depth:
            _sharing.clear()


def descriptions_of(layers: list[Layer]) -> list[dict[str, Any]]:
    """The layers ready for JSON. Layers that occur several times inside one :func:`sharing` block have an entry
    "shared", with a number that is the same for all occurrences.
    """
    return [_description_of(layer) for layer in layers]


def _description_of(layer: Layer) -> dict[str, Any]:
    if id(layer) in _sharing.written:
        _, first = _sharing.written[id(layer)]
        if "shared" not in first:
            first["shared"] = _sharing.shared
            _sharing.shared += 1
        return dict(first)
    entry = registry.serialize(layer)
    if "name" not in entry["config"]:  # a layer of a user whose get_config leaves out what Layer has
        entry["name"] = layer.name
    _sharing.written[id(layer)] = (layer, entry)
    return entry


def describe(function: Function) -> dict[str, Any]:
    """The calls of a function as plain data. Layers are given by name, and tensors by number: the inputs come first, in
    the order of ``input_layers``, then the outputs of each call. Outputs in dicts are numbered in the order of the
    sorted keys if the call has an entry ``by_key``.
    """
    numbers = {id(tensor): number for number, tensor in enumerate(function.input_list)}
    calls = []
    for node in function.nodes:
        call: dict[str, Any] = {"layer": node.layer.name, "args": _references(list(node.args), numbers)}
        if node.kwargs:
            call["kwargs"] = _references(node.kwargs, numbers)
        if node.training is not None:
            call["training"] = node.training
        if _drops_mask(node.layer):
            call["drops_mask"] = True
        results = flatten_by_key(node.outputs)
        if any(
            a is not b for a, b in zip(results, node.output_list, strict=True)
        ):  # a file may have the keys of a dict in another order
            call["by_key"] = True
        calls.append(call)
        for tensor in results:
            numbers[id(tensor)] = len(numbers)
    return {
        "input_layers": [tensor.node.layer.name for tensor in function.input_list],
        "inputs": _references(function.inputs, numbers),
        "calls": calls,
        "outputs": _references(function.outputs, numbers),
    }


def rebuild(graph: Any, inputs: list[KerasTensor], layer_named: Callable[[str], Layer]) -> tuple[Any, Any]:
    """Call the layers of a :func:`describe` result again, and return the inputs and outputs.

    Raises
    ------
    ValueError
        If the description makes no sense.
    """
    if not isinstance(graph, Mapping) or not isinstance(graph.get("calls"), (list, tuple)):
        raise ValueError(f"[Model] expected a config with a list of calls. Received: {graph!r:.80}")
    tensors = list(inputs)
    for call in graph["calls"]:
        if not isinstance(call, Mapping) or "layer" not in call or not isinstance(call.get("args"), (list, tuple)):
            raise ValueError(
                f"[Model] expected each call in a config to have a layer and its arguments. Received: {call!r:.80}"
            )
        args, kwargs = _tensors(call["args"], tensors), _tensors(call.get("kwargs", {}), tensors)
        if not isinstance(kwargs, dict):
            raise ValueError(f"[Model] expected the keyword arguments of a call to be a dict. Received: {kwargs!r:.80}")
        layer = layer_named(call["layer"])
        if _flag("drops_mask", call):
            layer.supports_masking = False
        result = layer(*args, training=_flag("training", call), **kwargs)
        in_order = flatten_by_key if _flag("by_key", call) else flatten
        tensors += in_order(result)[: _count(call.get("results"))]
    return _tensors(graph.get("inputs"), tensors), _tensors(graph.get("outputs"), tensors)


def layers_from(configs: Any, owner: str) -> list[Layer]:
    if not isinstance(configs, (list, tuple)):
        raise ValueError(f"[{owner}] expected a config with a list of layers. Received: {type(configs).__name__}")
    return [_layer_from(config) for config in configs]


def _layer_from(config: Any) -> Layer:
    number = config.get("shared") if isinstance(config, dict) else None
    if not isinstance(number, int):
        return _made(config)
    if number not in _sharing.made:
        _sharing.made[number] = _made(config)
    return _sharing.made[number]


def _made(config: Any) -> Layer:
    layer = registry.deserialize(config)
    if isinstance(config, dict) and isinstance(config.get("name"), str):
        layer.name = config["name"]
    return layer


def lookup(layers: list[Layer], graph: Mapping[str, Any]) -> tuple[list[KerasTensor], Callable[[Any], Layer]]:
    """The tensors of the inputs among ``layers`` in the order of their numbers in ``graph``, and a function that finds
    a layer by its name. In graphs without ``input_layers`` they are numbered in the order of ``layers``.
    """
    by_name = {layer.name: layer for layer in layers}
    if len(by_name) != len(layers):
        names = [layer.name for layer in layers]
        raise ValueError(f"[Model] expected layers with different names. Received: {names!r:.200}")

    def layer_named(name: Any) -> Layer:
        if not isinstance(name, str) or name not in by_name:
            raise ValueError(f"[Model] expected calls of the model's own layers. Received: {name!r:.80}")
        return by_name[name]

    inputs = [layer for layer in layers if isinstance(layer, InputLayer)]
    names = graph.get("input_layers", [layer.name for layer in inputs])
    if not isinstance(names, (list, tuple)) or sorted(names, key=str) != sorted(layer.name for layer in inputs):
        raise ValueError(f"[Model] expected `input_layers` to name the model's inputs. Received: {names!r:.200}")
    return [by_name[name].output for name in names], layer_named


def _references(structure: Any, numbers: dict[int, int]) -> Any:
    return map_structure(
        lambda leaf: {"tensor": numbers[id(leaf)]} if isinstance(leaf, KerasTensor) else leaf, structure
    )


def _tensors(structure: Any, tensors: list[KerasTensor]) -> Any:
    if isinstance(structure, Mapping):
        if set(structure) == {"tensor"}:
            number = structure["tensor"]
            if not isinstance(number, int) or not 0 <= number < len(tensors):
                raise ValueError(
                    f"[Model] expected a tensor that was computed before its use. Received: number {number!r:.20}"
                )
            return tensors[number]
        return {key: _tensors(value, tensors) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        return [_tensors(value, tensors) for value in structure]
    return structure


def _drops_mask(layer: Any) -> bool:
    """Whether the layer stands for an operation of Keras, whose result has no mask although that of the layer has."""
    return bool(type(layer).supports_masking) and not layer.supports_masking


def _count(value: Any) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise ValueError(
            "[Model] expected the number of `results` of a call to be an integer of at least 1. "
            f"Received: {value!r:.80}"
        )
    return value


def _flag(name: str, call: Mapping[str, Any]) -> bool | None:
    value = call.get(name)
    if value is not None and not isinstance(value, bool):
        raise ValueError(f"[Model] expected `{name}` of a call to be true or false. Received: {value!r:.80}")
    return value
