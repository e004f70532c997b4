"""Gradients of NumPy functions that sum, select and arrange values, and of dot and einsum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnncore.differentiation.elementwise import matmul, unbroadcast
from cnncore.differentiation.state import state
from cnncore.differentiation.traced import (
    FUNCTIONS,
    PLAIN,
    Array,
    NotDifferentiableError,
    Traced,
    gradient_rule,
    like,
    value_of,
)

__all__ = []

PLAIN |= {
    *(np.shape, np.ndim, np.size, np.argmax, np.argmin, np.zeros_like, np.ones_like, np.round, np.isclose, np.any),
    *(np.all, np.argsort, np.result_type),
}


# --- sums and extremes --------------------------------------------------------------------------------------------


def _spread(dy: Array, shape: tuple[int, ...], axis: Any, keepdims: bool) -> Array:
    """Repeat the gradient of a sum along the axes that were summed, so that it has the shape of the operand."""
    if not keepdims and axis is not None:
        dy = np.expand_dims(dy, axis)
    elif not keepdims:
        dy = dy.reshape([1] * len(shape))
    return np.broadcast_to(dy, shape)


@gradient_rule(np.sum)
def _sum(x: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False) -> Traced:
    axis = tuple(axis) if isinstance(axis, list) else axis
    y = x.value.sum(axis=axis, keepdims=keepdims)
    return Traced(y, [(x, lambda dy: _spread(dy, x.shape, axis, keepdims))])


@gradient_rule(np.average)
def _average(x: Any, axis: Any = None, weights: Any = None, *, keepdims: bool = False) -> Any:
    if weights is None:
        return _mean(x, axis=axis, keepdims=keepdims)
    if np.ndim(weights) == 1 and isinstance(axis, int):  # a weight for each place along the axis
        weights = np.reshape(weights, [-1 if a == axis % x.ndim else 1 for a in range(x.ndim)])
    weights = np.broadcast_to(weights, x.shape)
    return np.sum(x * weights, axis=axis, keepdims=keepdims) / np.sum(weights, axis=axis, keepdims=keepdims)


@gradient_rule(np.mean)
def _mean(x: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False) -> Any:
    total = _sum(x, axis=axis, keepdims=keepdims)
    return total * total.value.dtype.type(total.size / max(x.size, 1))


@gradient_rule(np.var)
def _var(x: Any, axis: Any = None, dtype: Any = None, out: None = None, ddof: float = 0, keepdims: bool = False) -> Any:
    centred = x - _mean(x, axis=axis, keepdims=True)
    total = _sum(np.square(centred), axis=axis, keepdims=keepdims)
    return total * total.value.dtype.type(1.0 / (x.size / max(total.size, 1) - ddof))


@gradient_rule(np.std)
def _std(x: Any, *args: Any, **kwargs: Any) -> Any:
    return np.sqrt(_var(x, *args, **kwargs))


def _extreme(reduce: Any) -> Callable[..., Traced]:
    def rule(x: Any, axis: Any = None, out: None = None, keepdims: bool = False) -> Traced:
        axis = tuple(axis) if isinstance(axis, list) else axis
        kept = reduce(x.value, axis=axis, keepdims=True)
        winners = np.equal(x.value, kept)
        share = winners / winners.sum(axis=axis, keepdims=True)  # values that are equal get equal parts of the gradient
        y = reduce(x.value, axis=axis, keepdims=keepdims)
        return Traced(y, [(x, lambda dy: like(dy, _spread(dy, x.shape, axis, keepdims) * share))])

    return rule


FUNCTIONS[np.max] = FUNCTIONS[np.amax] = _extreme(np.max)
FUNCTIONS[np.min] = FUNCTIONS[np.amin] = _extreme(np.min)


# --- choices ------------------------------------------------------------------------------------------------------


@gradient_rule(np.where)
def _where(condition: Any, a: Any, b: Any) -> Traced:
    chosen = value_of(condition)
    y = np.where(chosen, value_of(a), value_of(b))
    sources = []
    for item, taken in ((a, True), (b, False)):
        if isinstance(item, Traced):
            sources.append((item, _where_back(chosen, taken, item.shape)))
    return Traced(y, sources)


def _where_back(chosen: Any, taken: bool, shape: tuple[int, ...]) -> Callable[[Array], Array]:
    return lambda dy: unbroadcast(np.where(chosen, dy, 0) if taken else np.where(chosen, 0, dy), shape)


@gradient_rule(np.clip)
def _clip(x: Any, a_min: Any = None, a_max: Any = None, **kwargs: Any) -> Any:
    low, high = kwargs.get("min", a_min), kwargs.get("max", a_max)
    if isinstance(low, Traced) or isinstance(high, Traced):
        above = x if low is None else np.maximum(x, low)
        return above if high is None else np.minimum(above, high)
    y = np.clip(x.value, low, high)
    inside = np.ones(x.shape, bool)
    inside &= True if low is None else np.greater_equal(x.value, low)
    inside &= True if high is None else np.less_equal(x.value, high)
    return Traced(y, [(x, lambda dy: np.where(inside, dy, 0))])


# --- arrangement --------------------------------------------------------------------------------------------------


def _moved(x: Any, function: Callable[[Array], Array], inverse: Callable[[Array], Array]) -> Traced:
    return Traced(function(x.value), [(x, inverse)])


@gradient_rule(np.reshape)
def _reshape(x: Any, shape: Any, order: str = "C") -> Traced:
    if order != "C":
        raise NotDifferentiableError(f"The gradient of numpy.reshape with order={order!r} is not known.")
    return _moved(x, lambda v: v.reshape(shape), lambda dy: dy.reshape(x.shape))


@gradient_rule(np.ravel)
def _ravel(x: Any) -> Any:
    return _reshape(x, (-1,))


@gradient_rule(np.squeeze)
def _squeeze(x: Any, axis: Any = None) -> Any:
    return _reshape(x, np.squeeze(x.value, axis=axis).shape)


@gradient_rule(np.expand_dims)
def _expand_dims(x: Any, axis: Any) -> Any:
    return _reshape(x, np.expand_dims(x.value, axis).shape)


@gradient_rule(np.transpose)
def _transpose(x: Any, axes: Any = None) -> Traced:
    order = tuple(range(x.ndim))[::-1] if axes is None else tuple(axis % x.ndim for axis in axes)
    return _moved(x, lambda v: v.transpose(order), lambda dy: dy.transpose(np.argsort(order)))


@gradient_rule(np.swapaxes)
def _swapaxes(x: Any, axis1: int, axis2: int) -> Traced:
    return _moved(x, lambda v: v.swapaxes(axis1, axis2), lambda dy: dy.swapaxes(axis1, axis2))


@gradient_rule(np.moveaxis)
def _moveaxis(x: Any, source: Any, destination: Any) -> Traced:
    return _moved(x, lambda v: np.moveaxis(v, source, destination), lambda dy: np.moveaxis(dy, destination, source))


@gradient_rule(np.flip)
def _flip(x: Any, axis: Any = None) -> Traced:
    return _moved(x, lambda v: np.flip(v, axis), lambda dy: np.flip(dy, axis))


@gradient_rule(np.broadcast_to)
def _broadcast_to(x: Any, shape: Any) -> Traced:
    return _moved(x, lambda v: np.broadcast_to(v, shape), lambda dy: unbroadcast(dy, x.shape))


@gradient_rule(np.concatenate)
def _concatenate(arrays: Sequence[Any], axis: int | None = 0) -> Traced:
    if axis is None:
        arrays, axis = [np.ravel(item) for item in arrays], 0
    values = [np.asarray(value_of(item)) for item in arrays]
    ends = np.cumsum([value.shape[axis] for value in values])
    sources = []
    for item, value, end in zip(arrays, values, ends, strict=True):
        if isinstance(item, Traced):
            place = range(int(end) - value.shape[axis], int(end))
            sources.append((item, lambda dy, place=place: np.take(dy, place, axis=axis)))
    return Traced(np.concatenate(values, axis), sources)


@gradient_rule(np.stack)
def _stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    return _concatenate([np.expand_dims(item, axis) for item in arrays], axis)


# --- products -----------------------------------------------------------------------------------------------------


@gradient_rule(np.dot)
def _dot(a: Any, b: Any) -> Any:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return a * b
    if np.ndim(a) > 2 or np.ndim(b) > 2:
        raise NotDifferentiableError(
            "The gradient of numpy.dot is not known for arrays with more than two axes: use numpy.matmul."
        )
    return matmul(a, b)


@gradient_rule(np.einsum)
def _einsum(subscripts: str, *operands: Any, **kwargs: Any) -> Traced:
    given, arrow, result = subscripts.replace(" ", "").partition("->")
    names = given.split(",")
    if not arrow or "." in given or any(len(set(name)) != len(name) for name in names):
        raise NotDifferentiableError(
            "The gradient of numpy.einsum is only known for subscripts with '->', without '...', and without a letter "
            f"that an operand has twice. Received: {subscripts!r}"
        )
    values = [np.asarray(value_of(item)) for item in operands]
    sources = []
    for number, item in enumerate(operands):
        if isinstance(item, Traced):
            sources.append((item, _einsum_back(names, values, operands, number, result)))
    return Traced(np.einsum(subscripts, *values), sources)


def _einsum_back(
    names: list[str], values: list[Array], operands: Sequence[Any], number: int, result: str
) -> Callable[[Array], Array]:
    others = [i for i in range(len(names)) if i != number]
    known = set(result).union(*(names[i] for i in others))
    kept = "".join(letter for letter in names[number] if letter in known)
    subscripts = ",".join([result, *(names[i] for i in others)]) + "->" + kept

    def back(dy: Array) -> Array:
        factors = operands if state.records_backward else values
        part = np.einsum(subscripts, dy, *(factors[i] for i in others))
        shape = [size if a in kept else 1 for a, size in zip(names[number], values[number].shape, strict=True)]
        return np.broadcast_to(part.reshape(shape), values[number].shape)

    return back
