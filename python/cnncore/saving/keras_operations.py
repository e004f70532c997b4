"""Operations between tensors, which Keras writes into a graph without a layer: ``ops.mean(x)``, ``x[:, 1:]``.

Activations and pools of ``keras.ops.nn`` become layers of this package. Other operations become the layer
:class:`cnncore.layers.array_function.ArrayFunction`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from .limits import printable

__all__ = ["Operation", "is_operation", "operation_entry", "operation_layer"]

NUMPY = "keras.src.ops.numpy"

# For each class of Keras: the name of NumPy's function, and the entries of Keras' config in the order of its arguments.
_FUNCTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    **{kind: (kind.lower(), ("axis", "keepdims")) for kind in ("Mean", "Sum", "Max", "Min", "Prod", "Var", "Std")},
    **{kind: (kind.lower(), ("axis",)) for kind in ("Squeeze", "Concatenate", "Stack", "Flip", "Argmax", "Argmin")},
    **{kind: (kind.lower(), ()) for kind in ("Square", "Sqrt", "Exp", "Log", "Absolute", "Tanh", "Sin", "Cos", "Sign")},
    **{kind: (kind.lower(), ()) for kind in ("Floor", "Ceil", "Log1p", "Expm1", "Power", "Maximum", "Minimum")},
    **{kind: (kind.lower(), ()) for kind in ("Matmul", "Where", "Greater", "Less", "Add", "Subtract", "Multiply")},
    "Divide": ("divide", ()),
    "TrueDivide": ("divide", ()),
    "Negative": ("negative", ()),
    "GreaterEqual": ("greater_equal", ()),
    "LessEqual": ("less_equal", ()),
    "Reshape": ("reshape", ("newshape",)),
    "Transpose": ("transpose", ("axes",)),
    "ExpandDims": ("expand_dims", ("axis",)),
    "Clip": ("clip", ("x_min", "x_max")),
    "Pad": ("pad", ("pad_width", "mode")),
    "Tile": ("tile", ("repeats",)),
    "Repeat": ("repeat", ("repeats", "axis")),
    "Roll": ("roll", ("shift", "axis")),
    "Swapaxes": ("swapaxes", ("axis1", "axis2")),
    "Moveaxis": ("moveaxis", ("source", "destination")),
    "GetItem": ("getitem", ()),
}
_KINDS = {function: kind for kind, (function, _) in _FUNCTIONS.items()} | {"divide": "TrueDivide"}
# The names of arguments in NumPy, by their names in Keras' config.
_NUMPY_WORDS = {"newshape": "shape", "x_min": "a_min", "x_max": "a_max", "repeats": "reps"}

# Operations of one tensor that become the layer Activation, with the names of the activations.
_ACTIVATIONS = {
    **{"Relu": "relu", "Relu6": "relu6", "Sigmoid": "sigmoid", "Elu": "elu", "Selu": "selu", "Celu": "celu"},
    **{"Gelu": "gelu", "Silu": "silu", "HardSigmoid": "hard_sigmoid", "HardSilu": "hard_silu", "Softplus": "softplus"},
    **{"Softsign": "softsign", "LogSoftmax": "log_softmax", "LogSigmoid": "log_sigmoid", "Mish": "mish"},
}
_WINDOWS = ("pool_size", "strides", "padding", "data_format")
_RESIZING = ("interpolation", "crop_to_aspect_ratio", "pad_to_aspect_ratio", "data_format")
_KNOWN = {*_FUNCTIONS, *_ACTIVATIONS, "MaxPool", "AveragePool", "Resize", "Cast", "Softmax", "LeakyRelu"}


class Operation(NamedTuple):
    """A layer of this package that computes an operation, and a function that selects its arguments from a call's."""

    description: dict[str, Any]
    rewrite: Callable[[list[Any]], list[Any]] | None = None


def is_operation(entry: Mapping[str, Any]) -> bool:
    """Whether an entry is an operation rather than a layer. In HDF5 files, only layers have an entry "trainable"."""
    if "module" in entry:
        return str(entry["module"]).startswith("keras.src.ops.")
    kind, config = entry.get("class_name"), entry.get("config")
    return kind in _KNOWN and isinstance(config, Mapping) and "trainable" not in config


# --- reading ----------------------------------------------------------------------------------------------------------
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
    name = config.get("name")
    operands = list(args[0]) if len(args) == 1 and isinstance(args[0], list) else list(args)
    tensors = [item for item in operands if isinstance(item, tensor)]
    if not tensors:
        raise ValueError(f"expected {kind} to have tensors as operands")
    simple = _arithmetic(kind, name, operands, tensor)
    if simple is not None:
        return simple
    if len(operands) == 1:
        layer = _layer_of(kind, config)
        if layer is not None:
            return Operation({"class_name": layer[0], "config": {**layer[1], "name": name}})
    if kind not in _FUNCTIONS:
        raise ValueError(
            "expected layers, operators between tensors, and those functions of keras.ops that NumPy has too, or that "
            f"are activations, poolings or Resize. Received: the operation {printable(kind)}"
        )
    function, parameters = _FUNCTIONS[kind]
    order: list[Any] = []
    described = [_argument(item, order, tensor, inside=kind == "GetItem") for item in operands]
    keywords: dict[str, Any] = {}
    for key in parameters:
        value = config.get(key)
        if value is not None or key == "x_min":
            word = _NUMPY_WORDS.get(key, key) if function != "repeat" else key
            keywords[word] = {"tuple": list(value)} if isinstance(value, list) else value
    if kwargs.get("constant_values") is not None:
        keywords["constant_values"] = kwargs["constant_values"]
    if function in ("concatenate", "stack"):
        described = [described]
    if function in ("reshape", "clip", "tile"):  # their names differ between versions of NumPy
        described += [keywords.pop(word) for word in list(keywords)]
    arguments = {"function": function, "arguments": described, "keywords": keywords, "name": name}
    return Operation({"class_name": "ArrayFunction", "config": arguments}, lambda _: [order if order[1:] else order[0]])


def _argument(item: Any, order: list[Any], tensor: type, inside: bool = False) -> Any:
    """An argument as ArrayFunction describes it; tensors are appended to ``order``."""
    if isinstance(item, tensor):
        if item not in order:
            order.append(item)
        return {"tensor": order.index(item)}
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


def _layer_of(kind: str, config: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
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
        layer = "MaxPooling2D" if kind == "MaxPool" else "AveragePooling2D"
        return layer, {key: config[key] for key in _WINDOWS if config.get(key) is not None}
    if kind == "Resize" and not config.get("antialias"):
        size = config.get("size")
        if isinstance(size, list) and len(size) == 2:
            rest = {key: config[key] for key in _RESIZING if config.get(key)}
            return "Resizing", {"height": size[0], "width": size[1], **rest}
    if kind in ("Cast", "StopGradient") and str(config.get("dtype", "float32")) == "float32":
        return ("Activation", {"activation": "linear"}) if kind == "Cast" else None
    return None


# --- writing ----------------------------------------------------------------------------------------------------------
def operation_entry(layer: Any, kind: str) -> tuple[str, dict[str, Any], Callable[[list[Any]], list[Any]]] | None:
    """For a layer that is an operation in Keras: the class and config of the operation, and a function that turns the
    arguments of the layer's call into those of the operation. None if the layer is a layer in Keras, too.

    Raises
    ------
    ValueError
        If Keras has no such operation.
    """
    if kind == "Divide":
        return "TrueDivide", {"name": layer.name}, lambda args: list(args[0])
    if kind == "Reciprocal":
        return "TrueDivide", {"name": layer.name}, lambda args: [layer.numerator, *args]
    if kind != "ArrayFunction":
        return None
    config = layer.get_config()
    name = _KINDS.get(config["function"])
    if name is None or config.get("column"):
        raise ValueError(
            f'layer "{layer.name}": numpy.{config["function"]} of tensors has no counterpart in Keras\' files; a name '
            "that ends in .safetensors saves any model."
        )
    parameters = _FUNCTIONS[name][1]
    arguments = list(config["arguments"])
    count = 1 if parameters else len(arguments)
    settings = dict(zip(parameters, arguments[count:], strict=False))
    words = {_NUMPY_WORDS.get(key, key): key for key in parameters} | {key: key for key in parameters}
    words |= {"newshape": "newshape", "min": "x_min", "max": "x_max"} if name in ("Reshape", "Clip") else {}
    kwargs = dict(config["keywords"])
    for word, value in kwargs.items():
        if word not in words:
            raise ValueError(f'layer "{layer.name}": Keras\' {name} has no argument {word!r}.')
        settings[words[word]] = value
    if name == "Pad":
        settings.setdefault("mode", "constant")
    plain = {key: _untupled(value) for key, value in settings.items()}

    def called(args: list[Any]) -> list[Any]:
        tensors = list(args[0]) if isinstance(args[0], (list, tuple)) else [args[0]]
        return [_keras_argument(item, tensors) for item in arguments[:count]]

    return name, {"name": layer.name, **plain}, called


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
        return tensors[item["tensor"]]
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
