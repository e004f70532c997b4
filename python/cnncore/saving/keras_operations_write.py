"""Describe layers that compute a function of arrays as Keras describes them: by the class of an operation."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from cnncore.graph.tensor import KerasTensor
from cnncore.layers.operations.array_function import named_function
from cnncore.ops.operations import KerasOperation, operation_of

__all__ = ["OperationEntry", "Typed", "operation_entry"]

# Names of functions here, and Keras' names of the functions that compute the same.
_ALIASES = {
    "remainder": "mod",
    "normalized_by": "batch_normalization",
    "normalized_layer": "layer_normalization",
    "_max_pool": "max_pool",
    "_average_pool": "average_pool",
    "_resized": "resize",
    "_overlapping_patches": "extract_patches",
}
# Names of arguments in NumPy and in Keras. The first arguments of all functions have the same place in both.
_WORDS = {
    "reshape": {"shape": "newshape"},
    "clip": {"a_min": "x_min", "min": "x_min", "a_max": "x_max", "max": "x_max"},
    "tile": {"reps": "repeats"},
}


@dataclasses.dataclass
class Typed:
    """A tensor, and the type that it has in Keras."""

    tensor: KerasTensor
    dtype: str


class OperationEntry(NamedTuple):
    """An operation of Keras.

    ``called`` turns the arguments of the layer's call into those of the operation. ``output`` is the number of the
    result that is used.
    """

    module: str
    kind: str
    config: dict[str, Any]
    called: Callable[[list[Any]], list[Any]]
    output: int = 0


def operation_entry(layer: Any, kind: str) -> OperationEntry | None:
    """For a layer that is an operation in Keras: how Keras describes it. None if it is a layer in Keras, too.

    Raises
    ------
    ValueError
        If Keras has no such operation.
    """
    numpy = "keras.src.ops.numpy"
    if kind == "Divide":
        return OperationEntry(numpy, "TrueDivide", {"name": layer.name}, lambda args: list(args[0]))
    if kind == "Reciprocal":
        return OperationEntry(numpy, "TrueDivide", {"name": layer.name}, lambda args: [layer.numerator, *args])
    if kind == "Activation" and isinstance(layer.get_config()["activation"], dict):
        return _activation_entry(layer, layer.get_config()["activation"])
    if kind != "ArrayFunction":
        return None
    config = layer.get_config()
    if config["function"] == "getitem":
        arguments = list(config["arguments"])
        return OperationEntry(numpy, "GetItem", {"name": layer.name}, _caller(arguments))
    operation = _operation(layer.name, config["function"])
    given = _by_name(layer.name, operation, config)
    arguments = [given.pop(word, None) for word in operation.call if not word.startswith("*")]
    while arguments and arguments[-1] is None and operation.kind == "Isclose":  # None is no tolerance
        arguments.pop()
    if "*" in "".join(operation.call):
        arguments = given.pop("*")
    settings = {key: _untupled(value) for key, value in given.items() if key in operation.config}
    for word, value in given.items():
        if word not in operation.config and value not in (None, False):
            raise ValueError(f'layer "{layer.name}": Keras\' {operation.kind} has no argument {word!r}.')
    if operation.kind == "Pad":
        settings.setdefault("mode", "constant")
    module = f"keras.src.ops.{operation.module}"
    described = {"name": layer.name, **settings}
    return OperationEntry(module, operation.kind, described, _caller(arguments), config.get("result", 0))


def _activation_entry(layer: Any, activation: Mapping[str, Any]) -> OperationEntry | None:
    """An activation with arguments, which Keras' layer Activation cannot have."""
    operation, settings = operation_of(activation["class_name"]), activation["config"]
    if operation is None or operation.module != "nn" or not settings.keys() <= {*operation.config}:
        return None
    return OperationEntry("keras.src.ops.nn", operation.kind, {"name": layer.name, **settings}, list)


def _operation(layer: str, function: str) -> KerasOperation:
    short = function.rpartition(".")[2]
    operation = operation_of(_ALIASES.get(short, short))
    if operation is None:
        raise ValueError(
            f'layer "{layer}": the function {short} of tensors has no counterpart in Keras\' files; a name that ends '
            "in .safetensors saves any model."
        )
    return operation


def _by_name(layer: str, operation: KerasOperation, config: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments by Keras' names. Those of a function with any number of operands have the name "*"."""
    function = named_function(config["function"])
    arguments: list[Any] = list(config["arguments"])
    keywords: dict[str, Any] = dict(config["keywords"])
    if operation.function == "einsum":
        return {"subscripts": arguments[0], "*": arguments[1:]}
    if operation.call[0].startswith("*"):
        return {"*": arguments, **keywords}
    known = {*operation.call, *operation.config}
    names: Sequence[str] = operation.order
    defaults: dict[str, Any] = {}
    if getattr(function, "__module__", "").startswith("cnncore.") and "numpy." not in config["function"]:
        own = inspect.signature(function).parameters
        same = [name in known or place >= len(operation.order) for place, name in enumerate(own)]
        names = [name if same[place] else operation.order[place] for place, name in enumerate(own)]
        defaults = {key: item.default for key, item in own.items()}
    if len(arguments) > len(names):
        raise ValueError(f'layer "{layer}": Keras\' {operation.kind} has {len(names)} arguments.')
    words: dict[str, str] = _WORDS.get(operation.function, {})
    given: dict[str, Any] = dict(zip(names, arguments, strict=False))
    given |= {words.get(key, key): item for key, item in keywords.items()}
    return {key: item for key, item in given.items() if key in known or item != defaults.get(key, item is None)}


def _caller(arguments: Sequence[Any]) -> Callable[[list[Any]], list[Any]]:
    def called(args: list[Any]) -> list[Any]:
        tensors = list(args[0]) if isinstance(args[0], (list, tuple)) else [args[0]]
        return [_keras_argument(item, tensors) for item in arguments]

    return called


def _untupled(value: Any) -> Any:
    if isinstance(value, dict) and "tuple" in value:
        return [_untupled(item) for item in value["tuple"]]
    return [_untupled(item) for item in value] if isinstance(value, list) else value


def _keras_argument(item: Any, tensors: Sequence[Any]) -> Any:
    if isinstance(item, list):
        return [_keras_argument(entry, tensors) for entry in item]
    if not isinstance(item, dict):
        return item
    if "tensor" in item:
        tensor = tensors[item["tensor"]]
        return Typed(tensor, item["dtype"]) if "dtype" in item else tensor
    if "tuple" in item:
        return [_keras_argument(entry, tensors) for entry in item["tuple"]]
    if "slice" in item:
        start, stop, step = item["slice"]
        return {"class_name": "__slice__", "config": {"start": start, "stop": stop, "step": step}}
    if "ellipsis" in item:
        return {"class_name": "__ellipsis__", "config": {}}
    if "array" in item:
        return {"class_name": "__numpy__", "config": {"value": item["array"], "dtype": item["dtype"]}}
    return item
