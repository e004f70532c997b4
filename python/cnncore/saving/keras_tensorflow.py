"""Functions of TensorFlow, which its Keras writes as layers: turn them into operations of Keras 3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cnncore.saving.limits import printable

__all__ = ["FUNCTIONS", "as_operation"]

_REDUCED = {"axis": "axis", "keepdims": "keepdims"}

# For each function: module and class of Keras' operation, and the names of its settings by those of the arguments.
FUNCTIONS: dict[str, tuple[str, str, dict[str, str]]] = {
    **{f"nn.{name}": ("nn", kind, {}) for name, kind in (("relu", "Relu"), ("silu", "Silu"), ("swish", "Silu"))},
    **{f"nn.{name}": ("nn", kind, {}) for name, kind in (("elu", "Elu"), ("selu", "Selu"), ("softplus", "Softplus"))},
    "nn.relu6": ("nn", "Relu6", {}),
    "nn.softmax": ("nn", "Softmax", {"axis": "axis"}),
    "nn.leaky_relu": ("nn", "LeakyRelu", {"alpha": "negative_slope"}),
    "math.sigmoid": ("nn", "Sigmoid", {}),
    **{f"math.{name}": ("numpy", name.capitalize(), {}) for name in ("square", "sqrt", "tanh", "exp", "log", "sign")},
    **{f"math.{name}": ("numpy", name.capitalize(), {}) for name in ("maximum", "minimum")},
    **{f"math.reduce_{name}": ("numpy", name.capitalize(), _REDUCED) for name in ("mean", "sum", "max", "min", "prod")},
    "math.abs": ("numpy", "Absolute", {}),
    "math.pow": ("numpy", "Power", {}),
    "linalg.matmul": ("numpy", "Matmul", {}),
    "clip_by_value": ("numpy", "Clip", {"clip_value_min": "x_min", "clip_value_max": "x_max"}),
    "cast": ("core", "Cast", {"dtype": "dtype"}),
    "reshape": ("numpy", "Reshape", {"shape": "newshape"}),
    "transpose": ("numpy", "Transpose", {"perm": "axes"}),
    "expand_dims": ("numpy", "ExpandDims", {"axis": "axis"}),
    "squeeze": ("numpy", "Squeeze", {"axis": "axis"}),
    "concat": ("numpy", "Concatenate", {"axis": "axis"}),
    "stack": ("numpy", "Stack", {"axis": "axis"}),
    "__operators__.getitem": ("numpy", "GetItem", {}),
}
_DEFAULTS = {"beta": 1.0, "transpose_a": False, "transpose_b": False}


def as_operation(entry: Mapping[str, Any], name: Any, function: str) -> dict[str, Any]:
    """The entry of a layer that applies ``function`` as that of an operation of Keras 3.

    Parameters
    ----------
    entry : dict
        The entry, whose calls are in the form of Keras 3 and contain the settings.
    name : str
    function : str
        One of :data:`FUNCTIONS`.
    """
    module, kind, words = FUNCTIONS[function]
    settings: dict[str, Any] = {"name": name}
    nodes = []
    for node in entry.get("inbound_nodes") or []:
        if not isinstance(node, Mapping):
            raise ValueError(f"expected the calls of {printable(name)!r} to be described")
        args = list(node["args"])
        for key, value in node["kwargs"].items():
            if key in words:
                settings[words[key]] = value
            elif key in ("y", "b"):
                args.append(value)
            elif key == "slice_spec":
                args.append([_slice(item) for item in (value if isinstance(value, list) else [value])])
            elif value is not None and _DEFAULTS.get(key) != value:
                raise ValueError(f"{printable(function)} has no argument {printable(key)!r} here")
        nodes.append({"args": args, "kwargs": {}})
    operation = {"class_name": kind, "module": f"keras.src.ops.{module}", "config": settings}
    return {**entry, **operation, "inbound_nodes": nodes}


def _slice(item: Any) -> Any:
    """A part of an index: a number, a slice or an ellipsis."""
    if not isinstance(item, Mapping):
        return item
    if "start" in item:
        return {"class_name": "__slice__", "config": {key: item.get(key) for key in ("start", "stop", "step")}}
    return {"class_name": "__ellipsis__", "config": {}}
