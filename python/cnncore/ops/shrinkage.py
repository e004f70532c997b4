"""Activation functions that shrink small values, and piecewise relatives of tanh and softplus, computed by the core."""

from __future__ import annotations

from numpy.typing import ArrayLike

from cnncore._checks import Float32
from cnncore.ops.activation import activation

__all__ = [
    "hard_shrink",
    "hard_tanh",
    "soft_shrink",
    "sparse_plus",
    "sparse_sigmoid",
    "squareplus",
    "tanh_shrink",
    "threshold",
]


def hard_shrink(x: ArrayLike, threshold: float = 0.5) -> Float32:
    """Compute x where |x| > threshold, and 0 elsewhere."""
    return activation(x, "hard_shrink", threshold=threshold)


def soft_shrink(x: ArrayLike, threshold: float = 0.5) -> Float32:
    """Compute x moved towards 0 by ``threshold``, and 0 where |x| is not larger than that."""
    return activation(x, "soft_shrink", threshold=threshold)


def tanh_shrink(x: ArrayLike) -> Float32:
    """Compute x - tanh(x)."""
    return activation(x, "tanh_shrink")


def hard_tanh(x: ArrayLike) -> Float32:
    """Compute min(max(x, -1), 1)."""
    return activation(x, "hard_tanh")


def threshold(x: ArrayLike, threshold: float, default_value: float) -> Float32:
    """Compute x where x > threshold, and ``default_value`` elsewhere."""
    return activation(x, "threshold", threshold=threshold, alpha=default_value)


def squareplus(x: ArrayLike, b: float = 4) -> Float32:
    """Compute (x + sqrt(x^2 + b)) / 2 (Barron, "Squareplus: a softplus-like algebraic rectifier", 2021)."""
    return activation(x, "squareplus", alpha=b)


def sparse_plus(x: ArrayLike) -> Float32:
    """Compute 0 where x <= -1, (x + 1)^2 / 4 where -1 < x < 1, and x elsewhere."""
    return activation(x, "sparse_plus")


def sparse_sigmoid(x: ArrayLike) -> Float32:
    """Compute min(max((x + 1) / 2, 0), 1), which is the slope of :func:`sparse_plus`."""
    return activation(x, "sparse_sigmoid")
