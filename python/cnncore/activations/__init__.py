"""Activation functions.

They can be called on arrays and on symbolic tensors. Layers take them as the argument ``activation``, where a name can
stand for a function.

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
from cnncore._keras_names.errors import explain_missing
from cnncore._layer_registry import registry
from cnncore.activations.definition import define, functions
from cnncore.activations.gates import glu, sparsemax
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
from cnncore.activations.shrinkage import (
    hard_shrink,
    hard_tanh,
    soft_shrink,
    sparse_plus,
    sparse_sigmoid,
    squareplus,
    tanh_shrink,
    threshold,
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
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
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
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]

if not TYPE_CHECKING:
    __getattr__ = explain_missing("activations", __all__)

# The activations that the ops of convolutions and dense layers compute themselves, so that no other op is needed.
_FUSED = ("linear", "relu", "sigmoid", "tanh", "softmax")


def get(identifier: Any, owner: str = "activations.get") -> Callable[..., Any]:
    """Return the activation function that ``identifier`` describes.

    Parameters
    ----------
    identifier : str, callable, Layer, dict or None
        A name; a description as :func:`serialize` returns it; None for ``linear``; or the function itself. That may be
        one of this module, a layer, or a NumPy function of one array whose result has the shape of the array.
    owner : str
        The name in front of error messages.

    Raises
    ------
    ValueError
        For a name that no activation has.
    TypeError
        If ``identifier`` is something else.

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
    """Return the name of an activation, or a dict that can be written as JSON if it has arguments or is a layer.

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
    """Return the activation function that a description stands for.

    Parameters
    ----------
    config : str or dict
        As :func:`serialize` returns it.
    custom_objects : dict of str to function, optional
        What the names in ``config`` mean that are not names of this package.
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
    """Return the name of an activation that an op such as "dense" computes itself, or None if another op must do it."""
    definition = define(activation)
    if definition is None or definition.name not in _FUSED or definition.arguments:
        return None
    return definition.name
