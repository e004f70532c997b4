"""Activation functions that shrink small values, and piecewise relatives of tanh and softplus."""

from __future__ import annotations

from numpy.typing import ArrayLike

from cnncore import ops
from cnncore._checks import Float32
from cnncore.activations.definition import activation

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


@activation("threshold")
def hard_shrink(x: ArrayLike, threshold: float = 0.5) -> Float32:
    """Compute y = x where |x| is greater than ``threshold``, and y = 0 elsewhere (Donoho and Johnstone, 1994).

    Examples
    --------
    >>> hard_shrink([-2.0, 0.25, 2.0])
    array([-2.,  0.,  2.], dtype=float32)
    """
    return ops.hard_shrink(x, threshold)


@activation("threshold")
def soft_shrink(x: ArrayLike, threshold: float = 0.5) -> Float32:
    """Compute y = x - ``threshold`` above the threshold, y = x + ``threshold`` below its negative, and 0 between them.

    Donoho and Johnstone, "Ideal spatial adaptation by wavelet shrinkage", 1994.

    Examples
    --------
    >>> soft_shrink([-2.0, 0.25, 2.0])
    array([-1.5,  0. ,  1.5], dtype=float32)
    """
    return ops.soft_shrink(x, threshold)


@activation()
def tanh_shrink(x: ArrayLike) -> Float32:
    """Compute y = x - tanh(x).

    Examples
    --------
    >>> tanh_shrink([0.0, 3.0])
    array([0.   , 2.005], dtype=float32)
    """
    return ops.tanh_shrink(x)


@activation()
def hard_tanh(x: ArrayLike) -> Float32:
    """Compute y = min(max(x, -1), 1), a piecewise linear function that is close to tanh.

    Examples
    --------
    >>> hard_tanh([-2.0, 0.5, 2.0])
    array([-1. ,  0.5,  1. ], dtype=float32)
    """
    return ops.hard_tanh(x)


@activation("threshold", "default_value")
def threshold(x: ArrayLike, threshold: float, default_value: float) -> Float32:
    """Compute y = x where x is greater than ``threshold``, and y = ``default_value`` elsewhere.

    A layer takes it with its arguments: ``functools.partial(threshold, threshold=0.1, default_value=0.0)``.

    Examples
    --------
    >>> threshold([-2.0, 0.5, 2.0], 1.0, -1.0)
    array([-1., -1.,  2.], dtype=float32)
    """
    return ops.threshold(x, threshold, default_value)


@activation("b")
def squareplus(x: ArrayLike, b: float = 4) -> Float32:
    """Compute y = (x + sqrt(x^2 + ``b``)) / 2, which is close to softplus; ``b`` is above 0.

    Barron, "Squareplus: a softplus-like algebraic rectifier", 2021.

    Examples
    --------
    >>> squareplus([0.0, 3.0]).round(3)
    array([1.   , 3.303], dtype=float32)
    """
    return ops.squareplus(x, b)


@activation()
def sparse_plus(x: ArrayLike) -> Float32:
    """Compute y = 0 where x <= -1, y = (x + 1)^2 / 4 where -1 < x < 1, and y = x elsewhere.

    It belongs to sparsemax as softplus belongs to softmax (Martins and Astudillo, "From softmax to sparsemax", 2016).

    Examples
    --------
    >>> sparse_plus([-2.0, 0.0, 2.0])
    array([0.  , 0.25, 2.  ], dtype=float32)
    """
    return ops.sparse_plus(x)


@activation()
def sparse_sigmoid(x: ArrayLike) -> Float32:
    """Compute y = min(max((x + 1) / 2, 0), 1), which is the slope of :func:`sparse_plus`.

    Examples
    --------
    >>> sparse_sigmoid([-2.0, 0.0, 2.0])
    array([0. , 0.5, 1. ], dtype=float32)
    """
    return ops.sparse_sigmoid(x)
