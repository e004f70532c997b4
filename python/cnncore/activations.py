"""Activation functions on arrays, and the names layers know them by."""

from __future__ import annotations

from typing import Any

from cnncore.ops import relu, sigmoid, softmax, tanh

__all__ = ["get", "linear", "relu", "sigmoid", "softmax", "tanh"]


def linear(x: Any) -> Any:
    """``x`` as it is."""
    return x


_FUNCTIONS = {"linear": linear, "relu": relu, "sigmoid": sigmoid, "softmax": softmax, "tanh": tanh}


def get(identifier: Any, owner: str = "activations.get") -> str:
    """The name of an activation given as a name, as one of this module's functions, or as None (linear).

    Examples
    --------
    >>> get("relu"), get(tanh), get(None)
    ('relu', 'tanh', 'linear')
    """
    if identifier is None:
        return "linear"
    if isinstance(identifier, str) and identifier.lower() in _FUNCTIONS:
        return identifier.lower()
    for name, function in _FUNCTIONS.items():
        if identifier is function:
            return name
    if isinstance(identifier, str):
        known = ", ".join(_FUNCTIONS)
        raise ValueError(f"[{owner}] unknown activation. Known: {known}. Received: activation={identifier!r}")
    raise TypeError(f"[{owner}] expected `activation` to be a name or None. Received: activation={identifier!r}")
