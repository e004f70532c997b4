"""Gradients of NumPy functions each of whose results is one of the values that it was given, or a constant.

Such a function is called a second time, with the numbers of the places in its argument instead of the values. What it
returns says where each value came from, and so where its gradient belongs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from cnncore.differentiation.traced import FUNCTIONS, Array, NotDifferentiableError, Traced, linear, value_of

__all__ = []


def _scattered(x: Any, y: Array, places: Array) -> Traced:
    """``y`` as a result whose gradient goes to the places of ``x``, counted from 1; place 0 stands for a constant."""
    shape = x.shape

    def back(dy: Array) -> Array:
        flat = np.zeros(math.prod(shape) + 1, dy.dtype)
        np.add.at(flat, places.ravel(), dy.ravel())
        return np.asarray(flat[1:].reshape(shape))

    def forward(dx: Array) -> Any:
        return np.concatenate([np.zeros(1, dx.dtype), dx.ravel()])[places]

    return Traced(y, [(x, linear(back, forward))])


def _places(x: Any) -> Array:
    return np.asarray(np.arange(1, x.size + 1).reshape(x.shape))


def _selecting(function: Any) -> Callable[..., Traced]:
    def rule(x: Any, *args: Any, **kwargs: Any) -> Traced:
        if any(isinstance(item, Traced) for item in (*args, *kwargs.values())):
            raise NotDifferentiableError(
                f"The gradient of numpy.{function.__name__} is known for its first argument alone."
            )
        return _scattered(x, function(x.value, *args, **kwargs), function(_places(x), *args, **kwargs))

    return rule


FUNCTIONS.update(
    {
        function: _selecting(function)
        for function in (np.flipud, np.fliplr, np.rot90, np.diag, np.diagflat, np.diagonal, np.tril, np.triu)
    }
)


def _take_along_axis(x: Any, indices: Any, axis: int | None = -1) -> Traced:
    chosen = np.asarray(value_of(indices))
    return _scattered(x, np.take_along_axis(x.value, chosen, axis), np.take_along_axis(_places(x), chosen, axis))


def _sort(x: Any, axis: int | None = -1) -> Traced:
    if axis is None:
        return _sort(np.ravel(x), 0)
    return _take_along_axis(x, np.argsort(x.value, axis, kind="stable"), axis)


FUNCTIONS[np.take_along_axis], FUNCTIONS[np.sort] = _take_along_axis, _sort
