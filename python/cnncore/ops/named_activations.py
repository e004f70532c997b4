"""A function for each activation, under its name in Keras: relu, gelu, softmax, ..."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks
from cnncore._checks import Float32
from cnncore._refusals import names_itself
from cnncore.ops.activation import activation

__all__ = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "hard_sigmoid",
    "hard_silu",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "tanh",
]


def relu(x: ArrayLike, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Float32:
    """Compute min(x, max_value) where x > threshold, and negative_slope * (x - threshold) elsewhere.

    By default this is max(x, 0).
    """
    return activation(x, "relu", alpha=negative_slope, max_value=max_value, threshold=threshold)


def leaky_relu(x: ArrayLike, negative_slope: float = 0.2) -> Float32:
    """Compute x where x > 0, and negative_slope * x elsewhere."""
    return activation(x, "leaky_relu", alpha=negative_slope)


def relu6(x: ArrayLike) -> Float32:
    """Compute min(max(x, 0), 6)."""
    return activation(x, "relu6")


def elu(x: ArrayLike, alpha: float = 1.0) -> Float32:
    """Compute x where x > 0, and alpha * (exp(x) - 1) elsewhere (Clevert et al., 2015)."""
    return activation(x, "elu", alpha=alpha)


def selu(x: ArrayLike) -> Float32:
    """Compute 1.0507 * elu(x, alpha=1.67326) (Klambauer et al., 2017)."""
    return activation(x, "selu")


def celu(x: ArrayLike, alpha: float = 1.0) -> Float32:
    """Compute x where x > 0, and alpha * (exp(x / alpha) - 1) elsewhere (Barron, 2017)."""
    return activation(x, "celu", alpha=alpha)


def gelu(x: ArrayLike, approximate: bool = False) -> Float32:
    """Compute x times the probability that a standard normal number is less than x (Hendrycks and Gimpel, 2016).

    ``approximate=True`` computes 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))).
    """
    return activation(x, "gelu_tanh" if _checks.boolean(approximate, "approximate", "gelu") else "gelu")


def silu(x: ArrayLike) -> Float32:
    """Compute x * sigmoid(x), which is also called swish (Elfwing et al., 2017)."""
    return activation(x, "silu")


def mish(x: ArrayLike) -> Float32:
    """Compute x * tanh(softplus(x)) (Misra, 2019)."""
    return activation(x, "mish")


def sigmoid(x: ArrayLike) -> Float32:
    """Compute 1 / (1 + exp(-x))."""
    return activation(x, "sigmoid")


def hard_sigmoid(x: ArrayLike) -> Float32:
    """Compute min(max(x / 6 + 0.5, 0), 1)."""
    return activation(x, "hard_sigmoid")


def hard_silu(x: ArrayLike) -> Float32:
    """Compute x * hard_sigmoid(x), which is also called hard swish (Howard et al., 2019)."""
    return activation(x, "hard_silu")


def tanh(x: ArrayLike) -> Float32:
    """Compute the hyperbolic tangent of x."""
    return activation(x, "tanh")


def softplus(x: ArrayLike) -> Float32:
    """Compute log(1 + exp(x))."""
    return activation(x, "softplus")


def softsign(x: ArrayLike) -> Float32:
    """Compute x / (1 + |x|)."""
    return activation(x, "softsign")


def exponential(x: ArrayLike) -> Float32:
    """Compute exp(x)."""
    return activation(x, "exponential")


def log_sigmoid(x: ArrayLike) -> Float32:
    """Compute log(1 / (1 + exp(-x)))."""
    return activation(x, "log_sigmoid")


@names_itself
def softmax(x: ArrayLike, axis: int | Sequence[int] = -1) -> Float32:
    """Compute exp(x) / sum(exp(x)), where the sum is along ``axis``, or along several axes together."""
    return _along(axis, x, "softmax")


@names_itself
def log_softmax(x: ArrayLike, axis: int | Sequence[int] = -1) -> Float32:
    """Compute x - log(sum(exp(x))), where the sum is along ``axis``, or along several axes together."""
    return _along(axis, x, "log_softmax")


def _along(axis: int | Sequence[int], x: Any, kind: str) -> Float32:
    rank = max(len(x.shape) if hasattr(x, "shape") else np.ndim(x), 1)
    axes = [number % rank for number in _checks.integers(axis, "axis", kind, -rank, rank - 1)]
    if axes == [rank - 1]:
        return activation(x, kind)
    last = list(range(rank - len(axes), rank))
    moved = np.moveaxis(x, axes, last)
    joined = np.reshape(moved, (*moved.shape[: last[0]], -1))
    return np.moveaxis(np.reshape(activation(joined, kind), moved.shape), last, axes)
