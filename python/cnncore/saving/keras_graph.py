"""Graphs in a ``config.json`` of Keras: the calls of layers on tensors, sorted into an order in which they can run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from cnncore._custom_objects import custom_object
from cnncore.saving.keras_names import NOT_IN_TRAINING_BY_DEFAULT
from cnncore.saving.keras_operations import Operation, has_several_results, is_operation, operation_layer
from cnncore.saving.limits import printable

__all__ = ["MODELS", "functional", "is_model"]

MODELS = ("Functional", "Model")  # what Keras calls a graph of layers
_MOST_OUTPUTS = 10_000  # of a layer; all outputs before one that is used are counted


class _Place(NamedTuple):
    layer: str
    number: int
    position: int


class _Reference(_Place):
    """A tensor: output ``position`` of call ``number`` of a layer. ``dtype`` and ``rank`` are what it has in Keras."""

    dtype = "float32"
    rank = 4


def is_model(entry: Mapping[str, Any]) -> bool:
    """Whether an entry describes a model by its layers. Other entries are layers, and models of users' classes."""
    kind, config = entry.get("class_name"), entry.get("config")
    listed = isinstance(config, Mapping) and isinstance(config.get("layers"), list)
    return listed and (kind == "Sequential" or kind in MODELS or "input_layers" in config)  # type: ignore[operator]


def functional(config: Mapping[str, Any], describe: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    """The description of a functional model; ``describe`` gives that of each of its layers."""
    entries = config.get("layers")
    if not isinstance(entries, list):
        raise ValueError("expected a functional model to have a list of layers")
    layers, calls, counts = [], {}, {}
    shared: set[str] = set()
    operators: set[str] = set()
    numbers: dict[_Reference, int] = {}
    for entry in entries:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("config"), Mapping):
            raise ValueError("expected each layer of a functional model to have a config")
        name = entry.get("name", entry["config"].get("name"))
        nodes = _nodes(name, entry.get("inbound_nodes") or [])
        operations = _operations(entry, nodes) if is_operation(entry) else []
        described = operations[0].description if operations else describe(entry)
        layers.append(described)
        if operations and not entry.get("old_nodes"):
            operators.add(name)
        if is_model(entry) and entry["class_name"] != "Sequential":  # may have several outputs
            counts[name] = len(_tensors_in(_outputs(entry["config"].get("output_layers"), {})))
        if "shared" in described:
            shared.add(name)
        if described["class_name"] == "InputLayer":
            numbers[_Reference(name, 0, 0)] = len(numbers)
        for offset, node in enumerate(nodes):
            args, kwargs = _references(node.get("args", [])), dict(_references(node.get("kwargs", {})))
            if operations:
                rewrite, kwargs = operations[offset].rewrite, {}
                args = args if rewrite is None else rewrite(args)
            if kwargs.get("training") is False and not entry.get("old_nodes") and _is_default(described["class_name"]):
                del kwargs["training"]
            calls[name, offset] = (args, {key: item for key, item in kwargs.items() if not _is_none(item)})
    outputs = _outputs(config.get("output_layers"), counts)
    calls, outputs = _one_result_each(layers, calls, outputs)
    calls, outputs = _counted_here(calls, outputs, shared)
    results = {name: 1 for name, _ in calls}
    for item in _tensors_in([list(calls.values()), outputs]):
        results[item.layer] = max(results.get(item.layer, 1), item.position + 1)
    ordered = _in_order(calls, numbers, results | counts)
    for call in ordered:
        if call["layer"] in operators:
            call["drops_mask"] = True
    return {
        "name": config.get("name"),
        "trainable": config.get("trainable", True),
        "layers": layers,
        "inputs": _numbered(_outputs(config.get("input_layers"), counts), numbers),
        "calls": ordered,
        "outputs": _numbered(outputs, numbers),
    }


def _is_default(kind: str) -> bool:
    """Whether False is the default of ``training`` in calls of a layer. Keras 3 writes it as if it were given."""
    call = getattr(custom_object(kind), "call", None)
    if call is None:
        return kind in NOT_IN_TRAINING_BY_DEFAULT
    argument = inspect.signature(call).parameters.get("training")
    return argument is not None and argument.default is False


def _nodes(name: Any, nodes: Any) -> list[Any]:
    """The calls of a layer, if they are described at all."""
    if not isinstance(name, str):
        raise ValueError(f"expected layers to have names. Received: {printable(name)}")
    if not isinstance(nodes, list) or not all(isinstance(node, Mapping) for node in nodes):
        raise ValueError(f"expected the calls of layer {printable(name)!r} as a list. Received: {printable(nodes)}")
    for node in nodes:
        if not isinstance(node.get("kwargs", {}), Mapping) or not isinstance(node.get("args", []), list):
            raise ValueError(f"expected the arguments of layer {printable(name)!r}. Received: {printable(node)}")
    return nodes


def _one_result_each(layers: list[dict[str, Any]], calls: dict[Any, Any], outputs: Any) -> tuple[dict[Any, Any], Any]:
    """The same calls and outputs, with a layer of its own for each result of an operation that has several."""
    used: dict[str, set[int]] = {}
    for item in _tensors_in([list(calls.values()), outputs]):
        used.setdefault(item.layer, set()).add(item.position)
    several: dict[str, dict[int, str]] = {}  # for each operation: the names of the layers of its results
    for layer in list(layers):
        name = layer["config"].get("name")
        if layer["class_name"] != "ArrayFunction" or not has_several_results(layer["config"]["function"]):
            continue
        positions = sorted(used.get(name, {0}))
        several[name] = {place: name if place == positions[0] else f"{name}_result_{place}" for place in positions}
        layers.remove(layer)
        for place, own in several[name].items():
            layers.append({"class_name": "ArrayFunction", "config": {**layer["config"], "name": own, "result": place}})

    def of_one(reference: _Reference) -> _Reference:
        if reference.layer not in several:
            return reference
        return reference._replace(layer=several[reference.layer][reference.position], position=0)

    made = {}
    for (name, number), arguments in calls.items():
        for own in several.get(name, {0: name}).values():
            made[own, number] = _mapped(arguments, of_one)
    return made, _mapped(outputs, of_one)


def _mapped(structure: Any, function: Callable[[_Reference], _Reference]) -> Any:
    """The structure with ``function`` applied to each tensor in it."""
    if isinstance(structure, _Reference):
        return function(structure)
    if isinstance(structure, Mapping):
        return {key: _mapped(value, function) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        return type(structure)(_mapped(value, function) for value in structure)
    return structure


def _counted_here(calls: dict[Any, Any], outputs: Any, shared: set[str]) -> tuple[dict[Any, Any], Any]:
    """The same calls and outputs, with the calls of ``shared`` layers counted from zero in this model alone."""
    lowest: dict[str, int] = {}
    for item in _tensors_in([list(calls.values()), outputs]):
        lowest[item.layer] = min(item.number, lowest.get(item.layer, item.number))

    def counted(reference: _Reference) -> _Reference:
        first = lowest[reference.layer] if reference.layer in shared else 0
        return reference._replace(number=reference.number - first)

    return (_mapped(calls, counted), _mapped(outputs, counted)) if shared else (calls, outputs)


def _in_order(calls: dict[Any, Any], numbers: dict[_Reference, int], counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """The calls in an order in which they can be made. The numbers of their outputs are added to ``numbers``."""
    waiting: dict[tuple[str, int], list[Any]] = {}
    missing: dict[Any, int] = {}
    ready = []
    done = {(item.layer, item.number) for item in numbers}
    for key, (args, kwargs) in calls.items():
        needed = {(item.layer, item.number) for item in _tensors_in([args, kwargs])} - done
        missing[key] = len(needed)
        for other in needed:
            waiting.setdefault(other, []).append(key)
        if not needed:
            ready.append(key)
    ordered = []
    while ready:
        key = ready.pop(0)
        args, kwargs = calls[key]
        call = {"layer": key[0], "args": _numbered(args, numbers)}
        if "training" in kwargs:
            call["training"] = kwargs.pop("training")
        if kwargs:
            call["kwargs"] = _numbered(kwargs, numbers)
        call |= {"results": counts[key[0]], "by_key": True}
        ordered.append(call)
        for position in range(counts[key[0]]):
            numbers[_Reference(key[0], key[1], position)] = len(numbers)
        for other in waiting.pop(key, []):
            missing[other] -= 1
            if not missing[other]:
                ready.append(other)
    if len(ordered) != len(calls):
        raise ValueError("expected a graph without loops whose tensors all come from its inputs")
    return ordered


def _is_none(value: Any) -> bool:
    """Whether an argument is None, or a mask for each of several tensors, none of which has one."""
    if isinstance(value, (list, Mapping)) and value:
        return all(_is_none(item) for item in (value.values() if isinstance(value, Mapping) else value))
    return value is None


def _tensors_in(structure: Any) -> list[_Reference]:
    """The tensors in a structure."""
    if isinstance(structure, _Reference):
        return [structure]
    if isinstance(structure, Mapping):
        return [item for value in structure.values() for item in _tensors_in(value)]
    if isinstance(structure, (list, tuple)):
        return [item for value in structure for item in _tensors_in(value)]
    return []


def _references(structure: Any) -> Any:
    if isinstance(structure, Mapping):
        if structure.get("class_name") == "__keras_tensor__":
            given = structure.get("config")
            config = given if isinstance(given, Mapping) else {}
            found = _reference(config.get("keras_history"))
            if isinstance(config.get("dtype"), str):
                found.dtype = config["dtype"]
            if isinstance(config.get("shape"), list):
                found.rank = len(config["shape"])
            return found
        return {key: _references(value) for key, value in structure.items()}
    return [_references(value) for value in structure] if isinstance(structure, list) else structure


def _outputs(structure: Any, models: Mapping[str, int]) -> Any:
    """Inputs or outputs of a model. In this place only, Keras counts the calls of the inner ``models`` from one."""
    if isinstance(structure, list) and len(structure) == 3 and isinstance(structure[0], str):
        layer, number, position = _reference(structure)
        return _Reference(layer, number - (layer in models), position)
    if isinstance(structure, Mapping):
        return {key: _outputs(value, models) for key, value in structure.items()}
    if isinstance(structure, list):
        inner = [_outputs(value, models) for value in structure]
        return inner[0] if len(inner) == 1 else inner
    raise ValueError("expected the model's inputs and outputs to be tensors of its layers")


def _reference(history: Any) -> _Reference:
    if not isinstance(history, list) or len(history) != 3 or not isinstance(history[0], str):
        raise ValueError("expected tensors to name a layer, a call and an output")
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in history[1:]):
        raise ValueError(f"expected the call and the output of a tensor as numbers. Received: {printable(history)}")
    if history[2] >= _MOST_OUTPUTS:
        raise ValueError(f"expected a layer to have less than {_MOST_OUTPUTS} outputs. Received: {printable(history)}")
    return _Reference(*history)


def _numbered(structure: Any, numbers: dict[_Reference, int]) -> Any:
    if isinstance(structure, _Reference):
        if structure not in numbers:
            raise ValueError(f"expected tensors of the model's own layers. Received: {printable(structure.layer)}")
        return {"tensor": numbers[structure]}
    if isinstance(structure, Mapping):
        return {key: _numbered(value, numbers) for key, value in structure.items()}
    return [_numbered(value, numbers) for value in structure] if isinstance(structure, list) else structure


def _operations(entry: Mapping[str, Any], nodes: list[Any]) -> list[Operation]:
    """The layers that compute an operation, one for each of its calls. They must be alike."""
    found = [
        operation_layer(entry, _references(node.get("args", [])), _references(node.get("kwargs", {})), _Reference)
        for node in nodes
    ]
    if not found or any(item.description != found[0].description for item in found):
        raise ValueError(f"expected {printable(entry.get('class_name'))} to be called in one way")
    return found
