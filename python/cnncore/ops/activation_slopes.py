"""Gradients of activation functions as functions of NumPy, of which a tape can compute gradients in turn."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from cnncore.differentiation import Traced, first_order, value_of

__all__ = ["gradient_of"]


def _of_softmax(y: Any, dy: Any) -> Any:
    return y * (dy - np.sum(dy * y, axis=-1, keepdims=True))


def _of_log_softmax(y: Any, dy: Any) -> Any:
    return dy - np.exp(y) * np.sum(dy, axis=-1, keepdims=True)


def _of_gelu(x: Any) -> Any:
    """Phi(x) + x phi(x), with the distribution function Phi and the density phi of a standard normal number."""
    values = np.asarray(value_of(x), np.float64)
    below = np.array([0.5 * (1.0 + math.erf(number / math.sqrt(2.0))) for number in values.ravel()])
    density = np.exp(-0.5 * np.square(x)) / math.sqrt(2.0 * math.pi)

    def back(dy: Any) -> Any:
        return dy * np.exp(-0.5 * np.square(x)) / math.sqrt(2.0 * math.pi)

    share = below.reshape(values.shape).astype(np.float32)
    return (Traced(share, [(x, back)]) if isinstance(x, Traced) else share) + x * density


def _of_gelu_tanh(x: Any) -> Any:
    factor = math.sqrt(2.0 / math.pi)
    t = np.tanh(factor * (x + 0.044715 * x**3))
    return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * factor * (1.0 + 3.0 * 0.044715 * np.square(x))


def _of_mish(x: Any, s: Any) -> Any:
    t = np.tanh(np.logaddexp(x, 0.0))
    return t + x * (1.0 - t * t) * s


_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772

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
    "selu": lambda x, y, dy, s, alpha: dy * np.where(np.greater(x, 0), _SELU_SCALE, y + _SELU_SCALE * _SELU_ALPHA),
    "celu": lambda x, y, dy, s, alpha: dy * np.where(np.greater(x, 0), 1.0, y / alpha + 1.0),
    "gelu": lambda x, y, dy, s, alpha: dy * _of_gelu(x),
    "gelu_tanh": lambda x, y, dy, s, alpha: dy * _of_gelu_tanh(x),
    "mish": lambda x, y, dy, s, alpha: dy * _of_mish(x, s),
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
