"""Functions that make a layer which combines several inputs, and call it: ``add([x, y])`` is ``Add()([x, y])``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnncore.layers.merging import Add, Average, Concatenate, Dot, Maximum, Minimum, Multiply, Subtract

__all__ = ["add", "average", "concatenate", "dot", "maximum", "minimum", "multiply", "subtract"]


def add(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Add the tensors in the list ``inputs``. The keyword arguments are those of :class:`Add`."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Subtract the second tensor in ``inputs`` from the first. The keyword arguments are those of :class:`Subtract`."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Multiply the tensors in the list ``inputs``. The keyword arguments are those of :class:`Multiply`."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Take the mean of the tensors in the list ``inputs``. The keyword arguments are those of :class:`Average`."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Take the largest of ``inputs``, value by value. The keyword arguments are those of :class:`Maximum`."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Take the smallest of ``inputs``, value by value. The keyword arguments are those of :class:`Minimum`."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Any:
    """Join the tensors in the list ``inputs`` along ``axis``. See :class:`Concatenate`.

    Examples
    --------
    >>> import numpy as np
    >>> concatenate([np.float32([[1.0]]), np.float32([[2.0, 3.0]])]).numpy()
    array([[1., 2., 3.]], dtype=float32)
    """
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Sequence[Any], axes: int | Sequence[int] = -1, **kwargs: Any) -> Any:
    """Compute the dot products of the two tensors in ``inputs`` along ``axes``. See :class:`Dot`."""
    return Dot(axes=axes, **kwargs)(inputs)
