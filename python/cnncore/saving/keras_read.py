"""From the ``config.json`` of a file of Keras to a description of this package. Nothing is imported or executed."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

from cnncore._custom_objects import custom_object
from cnncore._registry import snake_case
from cnncore.layers.base import registry

from .keras_old import modern
from .keras_operations import Operation, is_operation, operation_layer
from .limits import printable

__all__ = ["MODELS", "description_from_json", "is_model", "layer_paths", "mark_shared", "own_description"]

MODELS = ("Functional", "Model")  # what Keras calls a graph of layers
_TYPES = ("float32", "uint8", "int8", "uint16", "int16", "int32", "int64", "bool")
_DROPPED = (
    "dtype",
    "quantization_config",
    "renorm_momentum",
    "autocast",
    "input_axes",
    "output_axes",
    "batch_size",
    "batch_shape",
)


class _Reference(NamedTuple):
    """A tensor: output ``position`` of call ``number`` of a layer."""

    layer: str
    number: int
    position: int


def own_description(entry: Any) -> dict[str, Any]:
    """``{"class_name", "config"}`` as this package reads it.

    Raises
    ------
    ValueError
        If the description makes no sense, or says something that this package does not have.
    """
    if not isinstance(entry, Mapping) or not isinstance(entry.get("config"), Mapping):
        raise ValueError("expected the description of a layer to have a class_name and a config")
    kind, config = entry.get("class_name"), entry["config"]
    shared = {} if entry.get("shared") is None else {"shared": entry["shared"]}
    if kind == "Sequential":
        return {"class_name": "Sequential", "config": _sequential(config)} | shared
    if kind in MODELS:
        return {"class_name": "Model", "config": _functional(config)} | shared
    if isinstance(kind, str) and registry.known_class(kind) is None:
        named = {"name": entry["name"]} if isinstance(entry.get("name"), str) else {}
        return {"class_name": str(_custom_name(entry)), "config": _custom_config(entry)} | named | shared
    return {"class_name": kind, "config": _arguments(kind, config)} | shared


def _custom_name(entry: Mapping[str, Any]) -> Any:
    """The name under which users gave the class: that with its package, where they registered it."""
    name = entry.get("registered_name")
    return name if isinstance(name, str) and custom_object(name) is not None else entry["class_name"]


def _custom_config(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The config of a class of a user, which knows what is in it; a type of numbers says nothing here."""
    config = entry["config"]
    if is_model(entry):
        return _functional(config)
    return {key: value for key, value in config.items() if key not in ("dtype", "autocast")}


def description_from_json(config: Any) -> Any:
    """The description in a text of ``to_json``, of this package or of Keras, as this package reads it."""
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
    """Give layers that are the same one, in several of the models inside, a number "shared".

    Keras writes "shared_object_id" from the second time on, sometimes from the first; what it belongs to has the same
    class and name.
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
    """Path of weights in a file of Keras -> the way to the layer from the outermost model inwards, by names,
    or by places in Sequential models. Layers that are shared have one path, the first.
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


def is_model(entry: Mapping[str, Any]) -> bool:
    """Whether an entry describes a model by its layers, rather than a layer or a model of a class of a user."""
    kind, config = entry.get("class_name"), entry.get("config")
    listed = isinstance(config, Mapping) and isinstance(config.get("layers"), list)
    return listed and (kind == "Sequential" or kind in MODELS or "input_layers" in config)  # type: ignore[operator]


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
    """The arguments of a layer that this package has; others must say what is the case here anyway."""
    if not isinstance(kind, str):
        raise ValueError(f"expected the name of a class. Received: {printable(kind)}")
    known = _parameters(kind)
    if kind == "Lambda":
        return _function_arguments(config)
    result = {}
    for key, value in config.items():
        own = _own_value(value)
        if key == "dtype":
            _check_dtype(own)
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


def _parameters(kind: str) -> set[str]:
    cls = registry.known_class(kind) or custom_object(kind)
    if cls is None:
        return set()  # the registry says that it is not known
    return {*inspect.signature(cls).parameters, "name", "trainable", "activity_regularizer"} - {"args", "kwargs"}


def _own_value(value: Any) -> Any:
    """Objects without the module in which Keras has them; functions by their names."""
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
    name = value.get("config", {}).get("name") if isinstance(value, Mapping) else value
    if name in ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64"):
        warnings.warn(f"[load_model] layers of type {name} compute in float32 here.", UserWarning, stacklevel=2)
    elif name is not None and name not in _TYPES:
        raise ValueError(f"expected layers that compute with numbers. Received: {printable(name)}")


# --- graphs -----------------------------------------------------------------------------------------------------------
def _functional(config: Mapping[str, Any]) -> dict[str, Any]:
    entries = config.get("layers")
    if not isinstance(entries, list):
        raise ValueError("expected a functional model to have a list of layers")
    layers, calls, counts = [], {}, {}
    shared: set[str] = set()
    numbers: dict[_Reference, int] = {}
    for entry in entries:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("config"), Mapping):
            raise ValueError("expected each layer of a functional model to have a config")
        name = entry.get("name", entry["config"].get("name"))
        nodes = _nodes(name, entry.get("inbound_nodes") or [])
        operations = _operations(entry, nodes) if is_operation(entry) else []
        described = operations[0].description if operations else own_description(entry)
        layers.append(described)
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
            calls[name, offset] = (args, {key: item for key, item in kwargs.items() if item is not None})
    outputs = _outputs(config.get("output_layers"), counts)
    calls, outputs = _counted_here(calls, outputs, shared)
    ordered = _in_order(calls, numbers, counts)
    return {
        "name": config.get("name"),
        "trainable": config.get("trainable", True),
        "layers": layers,
        "inputs": _numbered(_outputs(config.get("input_layers"), counts), numbers),
        "calls": ordered,
        "outputs": _numbered(outputs, numbers),
    }


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


def _counted_here(calls: dict[Any, Any], outputs: Any, shared: set[str]) -> tuple[dict[Any, Any], Any]:
    """Calls and outputs with the calls of ``shared`` layers counted from zero, without those in other models."""
    lowest: dict[str, int] = {}
    for item in _tensors_in([list(calls.values()), outputs]):
        lowest[item.layer] = min(item.number, lowest.get(item.layer, item.number))

    def counted(structure: Any) -> Any:
        if isinstance(structure, _Reference):
            first = lowest[structure.layer] if structure.layer in shared else 0
            return structure._replace(number=structure.number - first)
        if isinstance(structure, Mapping):
            return {key: counted(value) for key, value in structure.items()}
        return [counted(value) for value in structure] if isinstance(structure, list) else structure

    if not shared:
        return calls, outputs
    return {key: (counted(args), counted(kwargs)) for key, (args, kwargs) in calls.items()}, counted(outputs)


def _in_order(calls: dict[Any, Any], numbers: dict[_Reference, int], counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """Calls in an order in which they can be made; ``numbers`` gets their results, one each or as ``counts`` says."""
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
        ordered.append(call)
        for position in range(counts.get(key[0], 1)):
            numbers[_Reference(key[0], key[1], position)] = len(numbers)
        for other in waiting.pop(key, []):
            missing[other] -= 1
            if not missing[other]:
                ready.append(other)
    if len(ordered) != len(calls):
        raise ValueError("expected a graph without loops whose tensors all come from its inputs")
    return ordered


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
            config = structure.get("config")
            return _reference(config.get("keras_history") if isinstance(config, Mapping) else None)
        return {key: _references(value) for key, value in structure.items()}
    return [_references(value) for value in structure] if isinstance(structure, list) else structure


def _outputs(structure: Any, models: Mapping[str, int]) -> Any:
    """Inputs or outputs of a model. Keras counts calls of the ``models`` inside from one there, and only there."""
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
    """What the calls of an operation are here: one layer, and what it takes in each call."""
    found = [
        operation_layer(entry, _references(node.get("args", [])), _references(node.get("kwargs", {})), _Reference)
        for node in nodes
    ]
    if not found or any(item.description != found[0].description for item in found):
        raise ValueError(f"expected {printable(entry.get('class_name'))} to be called in one way")
    return found
