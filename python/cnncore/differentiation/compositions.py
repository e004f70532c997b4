"""NumPy functions that are computed from others, whose gradients are known, and functions without a gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore.differentiation.traced import (
    PLAIN,
    Array,
    NotDifferentiableError,
    Traced,
    first_order,
    gradient_rule,
    value_of,
)

__all__ = []

PLAIN |= {
    *(np.allclose, np.bincount, np.count_nonzero, np.digitize, np.empty_like, np.histogram, np.isin, np.nonzero),
    *(np.searchsorted, np.unique),
}


# --- values one by one --------------------------------------------------------------------------------------------


@gradient_rule(np.copy, np.real, np.conj)
def _itself(x: Any) -> Any:
    return x * 1


@gradient_rule(np.nan_to_num)
def _nan_to_num(x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    constant = np.nan_to_num(x.value, nan=nan, posinf=posinf, neginf=neginf)
    return np.where(np.isfinite(x.value), x, constant)


@gradient_rule(np.sinc)
def _sinc(x: Any) -> Traced:
    y, away = np.sinc(x.value), x.value != 0

    def back(dy: Array) -> Array:
        first_order("numpy.sinc")
        slope = (np.cos(np.pi * x.value) - y) / np.where(away, x.value, 1.0)
        return np.asarray(dy * np.where(away, slope, 0.0), dy.dtype)

    return Traced(y, [(x, back)])


@gradient_rule(np.full_like)
def _full_like(x: Any, fill_value: Any, dtype: Any = None) -> Any:
    if isinstance(fill_value, Traced):
        return fill_value * np.ones(np.shape(value_of(x)), fill_value.dtype)
    return np.full_like(value_of(x), value_of(fill_value), dtype)


@gradient_rule(np.select)
def _select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = np.where(condition, choice, result)
    return result


# --- along axes ---------------------------------------------------------------------------------------------------


@gradient_rule(np.prod)
def _prod(x: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False) -> Traced:
    axes = tuple(range(x.ndim)) if axis is None else tuple(a % x.ndim for a in np.atleast_1d(axis))
    y = np.prod(x.value, axis=axes, keepdims=True)

    def back(dy: Array) -> Array:
        """Multiply by the product of the other values, which stays right where a value is zero."""
        first_order("numpy.prod")
        kept = [a for a in range(x.ndim) if a not in axes]
        moved = x.value.transpose([*kept, *axes])
        flat = moved.reshape(*moved.shape[: len(kept)], -1)
        ones = np.ones_like(flat[..., :1])
        before = np.cumprod(np.concatenate([ones, flat[..., :-1]], -1), -1)
        after = np.flip(np.cumprod(np.concatenate([ones, np.flip(flat, -1)[..., :-1]], -1), -1), -1)
        others = (before * after).reshape(moved.shape).transpose(np.argsort([*kept, *axes]))
        return np.asarray(dy.reshape(y.shape) * others, dy.dtype)

    return Traced(y if keepdims else y.squeeze(axes), [(x, back)])


@gradient_rule(np.ptp)
def _ptp(x: Any, axis: Any = None, out: None = None, keepdims: bool = False) -> Any:
    return np.max(x, axis=axis, keepdims=keepdims) - np.min(x, axis=axis, keepdims=keepdims)


@gradient_rule(np.median)
def _median(
    x: Any, axis: int | None = None, out: None = None, overwrite_input: bool = False, keepdims: bool = False
) -> Any:
    if axis is None:
        middle = _median(np.ravel(x), 0)
        return np.reshape(middle, [1] * x.ndim) if keepdims else middle
    size = x.shape[axis]
    middle = np.mean(np.take(np.sort(x, axis), [(size - 1) // 2, size // 2], axis), axis, keepdims=keepdims)
    return np.where(np.isnan(np.median(x.value, axis, keepdims=keepdims)), np.nan, middle)


@gradient_rule(np.nansum)
def _nansum(x: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False) -> Any:
    return np.sum(np.where(np.isnan(x.value), 0, x), axis=axis, keepdims=keepdims)


@gradient_rule(np.nanmean)
def _nanmean(x: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False) -> Any:
    count = np.sum(~np.isnan(x.value), axis=axis, keepdims=keepdims).astype(x.dtype)
    return _nansum(x, axis=axis, keepdims=keepdims) / count


@gradient_rule(np.diff)
def _diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    for _ in range(n):
        size = a.shape[axis]
        a = np.take(a, range(1, size), axis) - np.take(a, range(size - 1), axis)
    return a


@gradient_rule(np.trace)
def _trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1)


# --- joined arrays ------------------------------------------------------------------------------------------------


@gradient_rule(np.append)
def _append(arr: Any, values: Any, axis: int | None = None) -> Any:
    return np.concatenate([arr, values], axis)


@gradient_rule(np.hstack)
def _hstack(tup: Sequence[Any]) -> Any:
    arrays = [_with_axes(item, 1) for item in tup]
    return np.concatenate(arrays, 0 if np.ndim(value_of(arrays[0])) == 1 else 1)


@gradient_rule(np.vstack)
def _vstack(tup: Sequence[Any]) -> Any:
    return np.concatenate([_with_axes(item, 2) for item in tup], 0)


@gradient_rule(np.dstack)
def _dstack(tup: Sequence[Any]) -> Any:
    return np.concatenate([_with_axes(item, 3) for item in tup], 2)


def _with_axes(x: Any, rank: int) -> Any:
    """``x`` with axes of length 1 as ``numpy.atleast_1d``, ``atleast_2d`` and ``atleast_3d`` add them."""
    shape = np.shape(value_of(x))
    if len(shape) < rank:
        front = 1 if rank > 1 and len(shape) < 2 else 0
        shape = (1,) * front + shape
        shape += (1,) * (rank - len(shape))
    return np.reshape(x, shape)


# --- products -----------------------------------------------------------------------------------------------------


@gradient_rule(np.outer)
def _outer(a: Any, b: Any) -> Any:
    return np.reshape(a, (-1, 1)) * np.reshape(b, (1, -1))


@gradient_rule(np.inner)
def _inner(a: Any, b: Any) -> Any:
    if np.ndim(value_of(a)) == 0 or np.ndim(value_of(b)) == 0:
        return a * b
    return np.tensordot(a, b, (-1, -1))


@gradient_rule(np.vdot)
def _vdot(a: Any, b: Any) -> Any:
    return np.sum(np.reshape(a, (-1,)) * np.reshape(b, (-1,)))


@gradient_rule(np.tensordot)
def _tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    left, right = np.shape(value_of(a)), np.shape(value_of(b))
    if isinstance(axes, int):
        summed = list(range(len(left) - axes, len(left))), list(range(axes))
    else:
        summed = _from_front(axes[0], len(left)), _from_front(axes[1], len(right))
    kept = (
        [axis for axis in range(len(left)) if axis not in summed[0]],
        [axis for axis in range(len(right)) if axis not in summed[1]],
    )
    size = int(np.prod([left[axis] for axis in summed[0]]))
    rows = np.reshape(np.transpose(a, [*kept[0], *summed[0]]), (-1, size))
    columns = np.reshape(np.transpose(b, [*summed[1], *kept[1]]), (size, -1))
    shape = [left[axis] for axis in kept[0]] + [right[axis] for axis in kept[1]]
    return np.reshape(np.matmul(rows, columns), shape)


def _from_front(axes: Any, rank: int) -> list[int]:
    return [int(axis) % rank for axis in np.atleast_1d(axes)]


@gradient_rule(np.linalg.norm)
def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:  # noqa: A002 (NumPy's name)
    vectors = axis is not None and np.ndim(axis) == 0
    if ord == 1 and vectors:
        return np.sum(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == np.inf and vectors:
        return np.max(np.abs(x), axis=axis, keepdims=keepdims)
    if ord not in (None, "fro") and not (ord == 2 and (vectors or x.ndim == 1)):
        raise NotDifferentiableError(
            f"The gradient of numpy.linalg.norm with ord={ord!r} and axis={axis!r} is not known."
        )
    return np.sqrt(np.sum(np.square(x), axis=axis, keepdims=keepdims))
