"""Gradients of activation functions as functions of NumPy, of which a tape can compute gradients in turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnncore.differentiation import first_order

__all__ = ["gradient_of"]


def _of_softmax(y: Any, dy: Any) -> Any:
    return y * (dy - np.sum(dy * y, axis=-1, keepdims=True))


def _of_log_softmax(y: Any, dy: Any) -> Any:
    return dy - np.exp(y) * np.sum(dy, axis=-1, keepdims=True)


# For each activation a function (x, y, dy, sigmoid of x, alpha) that computes the gradient of x.
_GRADIENTS: dict[str, Callable[..., Any]] = {
    "linear": lambda x, y, dy, s, alpha: dy,
    "sigmoid": lambda x, y, dy, s, alpha: dy * y * (1.0 - y),
    "tanh": lambda x, y, dy, s, alpha: dy * (1.0 - y * y),
    "exponential": lambda x, y, dy, s, alpha: dy * y,
    "softplus": lambda x, y, dy, s, alpha: dy * s,
    "log_sigmoid": lambda x, y, dy, s, alpha: dy * (1.0 - s),
    "silu": lambda x, y, dy, s, alpha: dy * (s + y * (1.0 - s)),
    "softsign": lambda x, y, dy, s, alpha: dy / np.square(1.0 + np.abs(x)),
    "elu": lambda x, y, dy, s, alpha: dy * np.where(np.greater(x, 0), 1.0, y + alpha),
    "tanh_shrink": lambda x, y, dy, s, alpha: dy * np.square(x - y),
    "sparse_plus": lambda x, y, dy, s, alpha: dy * np.clip(x * 0.5 + 0.5, 0.0, 1.0),
    "softmax": lambda x, y, dy, s, alpha: _of_softmax(y, dy),
    "log_softmax": lambda x, y, dy, s, alpha: _of_log_softmax(y, dy),
}
_PIECEWISE_LINEAR = (
    *("relu", "leaky_relu", "relu6", "hard_sigmoid", "hard_shrink", "soft_shrink", "hard_tanh", "threshold"),
    "sparse_sigmoid",
)


def gradient_of(
    kind: str, x: Any, dy: Any, alpha: float | None, function: Callable[[Any, str], Any], slope: Callable[[], Any]
) -> Any:
    """Compute the gradient of x from that of the result, with functions whose calls are recorded.

    Parameters
    ----------
    kind : str
        The name of the activation.
    x, dy
        Its argument and the gradient of its result, of which at least one is an object that records.
    alpha : float or None
    function : callable
        Takes x and the name of an activation, and applies it.
    slope : callable
        Returns the derivative of each value as a plain array, for activations that consist of straight lines.
    """
    if kind in _PIECEWISE_LINEAR:
        return dy * slope()
    kind = "silu" if kind == "swish" else kind
    if kind not in _GRADIENTS:
        first_order(f"the activation {kind}")
    return _GRADIENTS[kind](x, function(x, kind), dy, function(x, "sigmoid"), 1.0 if alpha is None else alpha)
