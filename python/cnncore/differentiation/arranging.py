"""Gradients of NumPy functions that repeat, shift, pad and pick values, and of cumulative sums."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnncore.differentiation.traced import Array, NotDifferentiableError, Traced, gradient_rule, linear, value_of

__all__ = []


@gradient_rule(np.pad)
def _pad(x: Any, pad_width: Any, mode: Any = "constant", constant_values: Any = 0) -> Traced:
    if mode in ("edge", "reflect", "symmetric", "wrap"):
        for axis, (low, high) in enumerate(np.broadcast_to(np.asarray(pad_width), (x.ndim, 2))):
            places = np.pad(np.arange(x.shape[axis]), (low, high), mode)
            key = (*(slice(None),) * axis, places)
            x = x[key] if low or high else x
        return x  # type: ignore[no-any-return]
    if mode != "constant":
        raise NotDifferentiableError(f"The gradient of numpy.pad with mode={mode!r} is not known.")
    y = np.pad(x.value, pad_width, constant_values=0 if constant_values is None else constant_values)
    widths = np.broadcast_to(np.asarray(pad_width), (x.ndim, 2))
    inside = tuple(slice(int(low), int(low) + size) for (low, _), size in zip(widths, x.shape, strict=True))
    return Traced(y, [(x, lambda dy: dy[inside])])


@gradient_rule(np.roll)
def _roll(x: Any, shift: Any, axis: Any = None) -> Traced:
    back = tuple(-item for item in shift) if isinstance(shift, (list, tuple)) else -shift
    return Traced(np.roll(x.value, shift, axis), [(x, lambda dy: np.roll(dy, back, axis))])


@gradient_rule(np.repeat)
def _repeat(x: Any, repeats: Any, axis: int | None = None) -> Traced:
    places = np.repeat(np.arange(x.size if axis is None else x.shape[axis]), repeats)

    shape = x.shape

    def back(dy: Array) -> Array:
        along = 0 if axis is None else axis
        dx = np.zeros(math.prod(shape) if axis is None else shape, dy.dtype)
        np.add.at(np.moveaxis(dx, along, 0), places, np.moveaxis(dy, along, 0))
        return np.asarray(dx.reshape(shape))

    return Traced(np.repeat(x.value, repeats, axis), [(x, linear(back, lambda dx: np.repeat(dx, repeats, axis)))])


@gradient_rule(np.tile)
def _tile(x: Any, reps: Any) -> Traced:
    y = np.tile(x.value, reps)
    counts = tuple(int(count) for count in np.atleast_1d(reps))
    counts = (1,) * (y.ndim - len(counts)) + counts
    shape = (1,) * (y.ndim - x.ndim) + x.shape
    parts = [size for pair in zip(counts, shape, strict=True) for size in pair]
    return Traced(y, [(x, lambda dy: dy.reshape(parts).sum(axis=tuple(range(0, 2 * y.ndim, 2))).reshape(x.shape))])


@gradient_rule(np.cumsum)
def _cumsum(x: Any, axis: int | None = None) -> Traced:
    def back(dy: Array) -> Any:
        along = 0 if axis is None else axis
        return np.flip(np.cumsum(np.flip(dy, along), axis), along).reshape(x.shape)

    return Traced(np.cumsum(x.value, axis), [(x, back)])


@gradient_rule(np.take)
def _take(x: Any, indices: Any, axis: int | None = None) -> Traced:
    chosen = np.asarray(value_of(indices)).astype(np.int64)

    shape = x.shape

    def back(dy: Array) -> Array:
        if axis is None:
            flat = np.zeros(math.prod(shape), dy.dtype)
            np.add.at(flat, chosen, dy)
            return np.asarray(flat.reshape(shape))
        dx = np.zeros(shape, dy.dtype)
        front = axis % len(shape)
        moved = np.moveaxis(dy, range(front, front + chosen.ndim), range(chosen.ndim))
        np.add.at(np.moveaxis(dx, front, 0), chosen, moved)
        return dx

    return Traced(np.take(x.value, chosen, axis), [(x, linear(back, lambda dx: np.take(dx, chosen, axis)))])
