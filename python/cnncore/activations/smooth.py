"""Smooth activation functions: sigmoid and tanh and their relatives, gelu, softmax."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import ArrayLike

from cnncore import ops
from cnncore._checks import Float32
from cnncore.activations.definition import activation

__all__ = [
    "exponential",
    "gelu",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "tanh",
]


@activation()
def sigmoid(x: ArrayLike) -> Float32:
    """Compute y = 1 / (1 + exp(-x)), value by value.

    Examples
    --------
    >>> sigmoid([0.0, 100.0])
    array([0.5, 1. ], dtype=float32)
    """
    return ops.sigmoid(x)


@activation()
def tanh(x: ArrayLike) -> Float32:
    """Compute y = (exp(x) - exp(-x)) / (exp(x) + exp(-x)), the hyperbolic tangent.

    Examples
    --------
    >>> tanh([0.0, 1.0])
    array([0.   , 0.762], dtype=float32)
    """
    return ops.tanh(x)


@activation(aliases=("swish",))
def silu(x: ArrayLike) -> Float32:
    """Compute y = x * sigmoid(x) (Elfwing, Uchibe and Doya, 2017); also named ``swish``.

    Examples
    --------
    >>> silu([0.0, 1.0])
    array([0.   , 0.731], dtype=float32)
    """
    return ops.silu(x)


@activation()
def mish(x: ArrayLike) -> Float32:
    """Compute y = x * tanh(softplus(x)) (Misra, 2019).

    Examples
    --------
    >>> mish([0.0, 1.0])
    array([0.   , 0.865], dtype=float32)
    """
    return ops.mish(x)


@activation("approximate")
def gelu(x: ArrayLike, approximate: bool = False) -> Float32:
    """Compute y = x * P(x), where P(x) is the probability that a standard normal number is less than x.

    Hendrycks and Gimpel, "Gaussian error linear units (GELUs)", 2016.

    Parameters
    ----------
    x : array_like
        An array of any shape.
    approximate : bool, default False
        Whether to compute x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) instead, which differs by up to 0.0005.

    Returns
    -------
    numpy.ndarray of float32, of the shape of x

    Examples
    --------
    >>> gelu([0.0, 1.0])
    array([0.   , 0.841], dtype=float32)
    """
    return ops.gelu(x, approximate)


@activation()
def softplus(x: ArrayLike) -> Float32:
    """Compute y = log(1 + exp(x)), computed without overflow.

    Examples
    --------
    >>> softplus([0.0, 100.0])
    array([  0.693, 100.   ], dtype=float32)
    """
    return ops.softplus(x)


@activation()
def softsign(x: ArrayLike) -> Float32:
    """Compute y = x / (1 + abs(x)), value by value.

    Examples
    --------
    >>> softsign([-1.0, 3.0])
    array([-0.5 ,  0.75], dtype=float32)
    """
    return ops.softsign(x)


@activation()
def exponential(x: ArrayLike) -> Float32:
    """Compute y = exp(x), value by value.

    Examples
    --------
    >>> exponential([0.0, 1.0])
    array([1.   , 2.718], dtype=float32)
    """
    return ops.exponential(x)


@activation()
def log_sigmoid(x: ArrayLike) -> Float32:
    """Compute y = log(1 / (1 + exp(-x))), the logarithm of the sigmoid.

    Examples
    --------
    >>> log_sigmoid([0.0, -100.0])
    array([  -0.693, -100.   ], dtype=float32)
    """
    return ops.log_sigmoid(x)


@activation("axis")
def softmax(x: ArrayLike, axis: int | Sequence[int] = -1) -> Float32:
    """Compute y = exp(x) / sum(exp(x)), where the sum is along ``axis``, or along several axes together.

    Examples
    --------
    >>> softmax([[0.0, 0.0, 0.0, 0.0]])
    array([[0.25, 0.25, 0.25, 0.25]], dtype=float32)
    """
    return ops.softmax(x, axis)


@activation("axis")
def log_softmax(x: ArrayLike, axis: int | Sequence[int] = -1) -> Float32:
    """Compute y = log(softmax(x)) along ``axis``, computed without overflow.

    Examples
    --------
    >>> log_softmax([[0.0, 1000.0]])
    array([[-1000.,     0.]], dtype=float32)
    """
    return ops.log_softmax(x, axis)
