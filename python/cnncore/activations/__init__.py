"""Activation functions: on arrays, on symbolic tensors, and as the ``activation=`` of layers by name or as a function.

Examples
--------
>>> from cnncore.layers import Dense
>>> Dense(3, activation="gelu").activation is Dense(3, activation=gelu).activation
True
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from cnncore._custom_objects import custom_object_scope
from cnncore._layer_registry import registry
from cnncore._not_here import explain_missing
from cnncore.activations.definition import define, functions
from cnncore.activations.rectifiers import (
    celu,
    elu,
    hard_sigmoid,
    hard_silu,
    leaky_relu,
    linear,
    relu,
    relu6,
    selu,
)
from cnncore.activations.smooth import (
    exponential,
    gelu,
    log_sigmoid,
    log_softmax,
    mish,
    sigmoid,
    silu,
    softmax,
    softplus,
    softsign,
    tanh,
)

swish, hard_swish = silu, hard_silu

__all__ = [
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "swish",
    "tanh",
]

if not TYPE_CHECKING:
    __getattr__ = explain_missing("activations", __all__)

# The kinds that the ops of convolutions and dense layers apply themselves, without another pass over the output.
_FUSED = ("linear", "relu", "sigmoid", "tanh", "softmax")


def get(identifier: Any, owner: str = "activations.get") -> Callable[..., Any]:
    """An activation function from a name, a function, a layer, a config of :func:`serialize`, or None (linear).

    Parameters
    ----------
    identifier : str, callable, Layer, dict or None
        Other callables must be NumPy functions of one array, whose result has the shape of the array.
    owner : str
        The function that messages name.

    Raises
    ------
    ValueError
        For a name that no activation has.
    TypeError
        For anything else.

    Examples
    --------
    >>> get("relu")([-1.0, 1.0])
    array([0., 1.], dtype=float32)
    """
    if identifier is None:
        return linear
    if isinstance(identifier, str):
        identifier = functions.named(identifier, owner)
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if callable(identifier) and not isinstance(identifier, type):
        return identifier  # type: ignore[no-any-return]
    raise TypeError(
        f"[{owner}] expected `activation` to be a name, a function, a layer or None. Received: "
        f"activation={identifier!r}"
    )


def is_layer(activation: Any) -> bool:
    """Whether an activation is a layer, rather than a function."""
    return hasattr(type(activation), "weight_specs")


def serialize(activation: Callable[..., Any]) -> str | dict[str, Any]:
    """The name of an activation, or a dict for JSON if it has arguments or is a layer.

    Examples
    --------
    >>> serialize(relu)
    'relu'
    """
    if is_layer(activation):
        return registry.serialize(activation)
    definition = define(activation)
    if definition is None:
        return getattr(activation, "__name__", type(activation).__name__)
    if not definition.arguments:
        return definition.name
    return {"class_name": definition.name, "config": definition.arguments}


def deserialize(config: str | dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Callable[..., Any]:
    """Inverse of :func:`serialize`.

    Parameters
    ----------
    config : str or dict
    custom_objects : dict of str to function, optional
        Classes and functions by name, for names that are not this package's own.
    """
    with custom_object_scope(custom_objects):
        if isinstance(config, str):
            return get(config, "activations.deserialize")
        if not isinstance(config, dict):
            raise TypeError(f"[activations.deserialize] expected a name or a dict. Received: {type(config).__name__}")
        name, arguments = config.get("class_name"), config.get("config", {})
        function = functions.known_class(name) if isinstance(name, str) else None
        if function is not None and isinstance(arguments, dict):
            return functools.partial(function, **arguments) if arguments else function
        layer: Callable[..., Any] = registry.deserialize(config)
        return layer


def fused_kind(activation: Callable[..., Any]) -> str | None:
    """The kind that an op with ``activation=`` computes itself, or None if another op has to follow."""
    definition = define(activation)
    if definition is None or definition.name not in _FUSED or definition.arguments:
        return None
    return definition.name
