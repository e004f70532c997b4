"""Operations between tensors, which Keras writes into a graph without a layer: ``ops.mean(x)``, ``x[:, 1:]``.

Activations and pools of ``keras.ops.nn`` become layers of this package. Other operations become the layer
:class:`cnncore.layers.operations.array_function.ArrayFunction`. :mod:`.keras_operations_write` is the way back.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from cnncore.layers.operations.array_function import operation_function
from cnncore.ops.operations import OPERATIONS, KerasOperation, operation_of
from cnncore.saving.limits import printable

__all__ = ["Operation", "has_several_results", "is_operation", "operation_layer"]

# Operations of one tensor that become the layer Activation, with the names of the activations.
_ACTIVATIONS = {
    **{"Relu": "relu", "Relu6": "relu6", "Sigmoid": "sigmoid", "Elu": "elu", "Selu": "selu", "Celu": "celu"},
    **{"Gelu": "gelu", "Silu": "silu", "HardSigmoid": "hard_sigmoid", "HardSilu": "hard_silu", "Softplus": "softplus"},
    **{"Softsign": "softsign", "LogSoftmax": "log_softmax", "LogSigmoid": "log_sigmoid", "Mish": "mish"},
}
_WINDOWS = ("pool_size", "strides", "padding", "data_format")
_RESIZING = ("interpolation", "crop_to_aspect_ratio", "pad_to_aspect_ratio", "data_format")


class Operation(NamedTuple):
    """A layer of this package that computes an operation, and a function that selects its arguments from a call's."""

    description: dict[str, Any]
    rewrite: Callable[[list[Any]], list[Any]] | None = None


def is_operation(entry: Mapping[str, Any]) -> bool:
    """Whether an entry is an operation rather than a layer. In HDF5 files, only layers have an entry "trainable"."""
    if "module" in entry:
        return str(entry["module"]).startswith("keras.src.ops.")
    kind, config = entry.get("class_name"), entry.get("config")
    return (kind in OPERATIONS or kind == "GetItem") and isinstance(config, Mapping) and "trainable" not in config


def has_several_results(function: str) -> bool:
    """Whether a function of ArrayFunction returns several arrays, of which a layer returns one."""
    module, _, name = function.rpartition(".")
    operation = operation_of(name)
    return operation is not None and operation.module == module and operation.several


def operation_layer(
    entry: Mapping[str, Any], args: Sequence[Any], kwargs: Mapping[str, Any], tensor: type
) -> Operation:
    """The layer of this package that computes an operation of Keras.

    Parameters
    ----------
    entry : dict
        The description of the operation.
    args, kwargs : list, dict
        The arguments of its call.
    tensor : type
        The class of the tensors among the arguments.

    Raises
    ------
    ValueError
        For an operation that this package does not have.
    """
    kind, config = str(entry.get("class_name")), entry["config"]
    name = entry.get("name", config.get("name"))
    operands = list(args[0]) if len(args) == 1 and isinstance(args[0], list) else list(args)
    if not kwargs and any(isinstance(item, tensor) for item in operands):
        simple = _arithmetic(kind, name, operands, tensor)
        if simple is not None:
            return simple
        layer = _layer_of(kind, config, operands[0].rank) if len(operands) == 1 else None
        if layer is not None:
            return Operation({"class_name": layer[0], "config": {**layer[1], "name": name}})
    operation = OPERATIONS.get(kind)
    if operation is None and kind != "GetItem":
        raise ValueError(
            "expected layers, operators between tensors, and functions of keras.ops that compute tensors from tensors "
            f"and that cnncore.ops has, too. Received: the operation {printable(kind)}"
        )
    order: list[Any] = []
    args, kwargs = _in_order(operation, args, kwargs)
    described = [_argument(item, order, tensor, inside=operation is None) for item in args]
    words = {key: value for key, value in config.items() if key != "name" and value is not None}
    words = _accepted(operation, words) if operation is not None else {}
    keywords = {key: _setting(value) for key, value in words.items()}
    keywords |= {key: _argument(item, order, tensor) for key, item in kwargs.items() if item is not None}
    if not order:
        raise ValueError(f"expected {kind} to have tensors as operands")
    function = "getitem" if operation is None else f"{operation.module}.{operation.function}"
    if kind == "Einsum":
        described.insert(0, keywords.pop("subscripts"))
    arguments = {"function": function, "arguments": described, "keywords": keywords, "name": name}
    return Operation({"class_name": "ArrayFunction", "config": arguments}, lambda _: [order if order[1:] else order[0]])


def _in_order(
    operation: KerasOperation | None, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """The arguments of a call, by name from the first one on that has another place in the function."""
    if operation is None or operation.call[0].startswith("*"):
        return args, kwargs
    count = next(
        (i for i, pair in enumerate(zip(operation.call, operation.order, strict=False)) if pair[0] != pair[1]),
        len(args),
    )
    return args[:count], {**dict(zip(operation.call[count:], args[count:], strict=False)), **kwargs}


def _accepted(operation: KerasOperation, words: dict[str, Any]) -> dict[str, Any]:
    """The settings without those of Keras that the function here does not have, and that are off."""
    function = operation_function(f"{operation.module}.{operation.function}")
    if operation.module == "numpy" or function is None:
        return {key: value for key, value in words.items() if key != "sparse" or value}
    known = inspect.signature(function).parameters
    return {key: value for key, value in words.items() if key in known or value not in (False, "channels_last")}


def _setting(value: Any) -> Any:
    """An argument from the config: lists are tuples in the call of the function."""
    if isinstance(value, Mapping):
        return _argument(value, [], tuple)
    return {"tuple": [_setting(item) for item in value]} if isinstance(value, list) else value


def _argument(item: Any, order: list[Any], tensor: type[Any], inside: bool = False) -> Any:
    """An argument as ArrayFunction describes it; tensors are appended to ``order``."""
    if isinstance(item, tensor):
        if item not in order:
            order.append(item)
        place = {"tensor": order.index(item)}
        return place if item.dtype.startswith(("float", "bfloat")) else {**place, "dtype": item.dtype}
    if isinstance(item, list):
        entries = [_argument(entry, order, tensor, inside) for entry in item]
        return {"tuple": entries} if inside else entries
    if isinstance(item, Mapping):
        inner = item.get("config", {})
        if item.get("class_name") in ("__numpy__", "__tensor__") and isinstance(inner, Mapping):
            return {"array": inner.get("value"), "dtype": str(inner.get("dtype"))}
        if item.get("class_name") == "__slice__" and isinstance(inner, Mapping):
            return {"slice": [inner.get("start"), inner.get("stop"), inner.get("step")]}
        if item.get("class_name") == "__ellipsis__":
            return {"ellipsis": True}
        raise ValueError(f"expected operands that are tensors, arrays or numbers. Received: {printable(item)}")
    return item


def _arithmetic(kind: str, name: Any, operands: list[Any], tensor: type) -> Operation | None:
    """+, -, * and / of two tensors, or of a tensor and a number."""
    if kind == "Negative":
        return Operation({"class_name": "Rescaling", "config": {"scale": -1.0, "name": name}})
    if kind not in ("Add", "Subtract", "Multiply", "Divide", "TrueDivide") or len(operands) != 2:
        return None
    left, right = operands
    if isinstance(left, tensor) and isinstance(right, tensor):
        layer = "Divide" if kind == "TrueDivide" else kind
        return Operation({"class_name": layer, "config": {"name": name}}, lambda given: [given])
    number = right if isinstance(left, tensor) else left
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        return None
    if kind in ("Divide", "TrueDivide") and right == 0:
        return None  # NumPy's division gives the infinities that no factor gives
    if kind in ("Divide", "TrueDivide") and not isinstance(left, tensor):
        config = {"numerator": number, "name": name}
        return Operation({"class_name": "Reciprocal", "config": config}, lambda given: given[1:])
    if kind in ("Divide", "TrueDivide"):
        scale, offset = 1.0 / number, 0.0
    else:
        scale, offset = {
            "Add": (1.0, number),
            "Subtract": (1.0, -number) if isinstance(left, tensor) else (-1.0, number),
            "Multiply": (number, 0.0),
        }[kind]
    config = {"scale": float(scale), "offset": float(offset), "name": name}
    return Operation(
        {"class_name": "Rescaling", "config": config},
        lambda given: [item for item in given if isinstance(item, tensor)],
    )


def _layer_of(kind: str, config: Mapping[str, Any], rank: int) -> tuple[str, dict[str, Any]] | None:
    """The layer, and its arguments, for an operation of ``keras.ops.nn`` or ``keras.ops.image``."""
    if kind == "Gelu" and config.get("approximate", True):
        return "Activation", {"activation": {"class_name": "gelu", "config": {"approximate": True}}}
    if kind in ("Elu", "Celu") and config.get("alpha", 1.0) != 1.0:
        return ("ELU", {"alpha": config["alpha"]}) if kind == "Elu" else None
    if kind == "LogSoftmax" and config.get("axis", -1) != -1:
        return None
    if kind in _ACTIVATIONS:
        return "Activation", {"activation": _ACTIVATIONS[kind]}
    if kind == "Softmax":
        return "Softmax", {"axis": config.get("axis", -1)}
    if kind == "LeakyRelu":
        return "LeakyReLU", {"negative_slope": config.get("negative_slope", 0.2)}
    if kind in ("MaxPool", "AveragePool"):
        layer = f"{kind.removesuffix('Pool')}Pooling{rank - 2}D"
        return layer, {key: config[key] for key in _WINDOWS if config.get(key) is not None}
    if kind == "Resize" and rank == 4 and not config.get("antialias"):
        size = config.get("size")
        if isinstance(size, list) and len(size) == 2:
            rest = {key: config[key] for key in _RESIZING if config.get(key)}
            return "Resizing", {"height": size[0], "width": size[1], **rest}
    if kind in ("Cast", "StopGradient") and str(config.get("dtype", "float32")) == "float32":
        return ("Activation", {"activation": "linear"}) if kind == "Cast" else None
    return None
