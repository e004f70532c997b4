"""Derivatives of NumPy functions that compute each value by itself, and gradients of products of matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnncore.differentiation.state import state
from cnncore.differentiation.traced import PLAIN, UFUNCS, Array, Traced, like, value_of

__all__ = ["apply", "unbroadcast"]

# For each NumPy function a function of the operands and the result, which returns the derivative for each operand.
_SLOPES: dict[Any, Callable[..., tuple[Any, ...]]] = {
    np.add: lambda a, b, y: (1.0, 1.0),
    np.subtract: lambda a, b, y: (1.0, -1.0),
    np.multiply: lambda a, b, y: (b, a),
    np.true_divide: lambda a, b, y: (1.0 / b, -y / b),
    np.power: lambda a, b, y: (b * np.where(np.equal(b, 0), 1.0, a) ** (b - 1.0), _log_where_positive(a) * y),
    np.maximum: lambda a, b, y: (_first(a, b, np.greater), 1.0 - _first(a, b, np.greater)),
    np.minimum: lambda a, b, y: (_first(a, b, np.less), 1.0 - _first(a, b, np.less)),
    np.logaddexp: lambda a, b, y: (np.exp(a - y), np.exp(b - y)),
    np.arctan2: lambda a, b, y: (b / (a * a + b * b), -a / (a * a + b * b)),
    np.negative: lambda a, y: (-1.0,),
    np.positive: lambda a, y: (1.0,),
    np.square: lambda a, y: (2.0 * a,),
    np.sqrt: lambda a, y: (_finite(0.5 / _nonzero(y), y != 0),),
    np.exp: lambda a, y: (y,),
    np.expm1: lambda a, y: (y + 1.0,),
    np.log: lambda a, y: (1.0 / a,),
    np.log2: lambda a, y: (1.0 / (a * np.log(2.0)),),
    np.log10: lambda a, y: (1.0 / (a * np.log(10.0)),),
    np.log1p: lambda a, y: (1.0 / (1.0 + a),),
    np.sin: lambda a, y: (np.cos(a),),
    np.cos: lambda a, y: (-np.sin(a),),
    np.tan: lambda a, y: (1.0 + y * y,),
    np.arctan: lambda a, y: (1.0 / (1.0 + a * a),),
    np.sinh: lambda a, y: (np.cosh(a),),
    np.cosh: lambda a, y: (np.sinh(a),),
    np.tanh: lambda a, y: (1.0 - y * y,),
    np.absolute: lambda a, y: (np.sign(a),),
    np.fabs: lambda a, y: (np.sign(a),),
    np.reciprocal: lambda a, y: (-y * y,),
    np.arcsin: lambda a, y: (1.0 / np.sqrt(1.0 - a * a),),
    np.arccos: lambda a, y: (-1.0 / np.sqrt(1.0 - a * a),),
    np.arcsinh: lambda a, y: (1.0 / np.sqrt(1.0 + a * a),),
    np.arccosh: lambda a, y: (1.0 / np.sqrt(a * a - 1.0),),
    np.arctanh: lambda a, y: (1.0 / (1.0 - a * a),),
    np.cbrt: lambda a, y: (_finite(1.0 / (3.0 * _nonzero(y) ** 2), y != 0),),
    np.exp2: lambda a, y: (y * np.log(2.0),),
    np.deg2rad: lambda a, y: (np.pi / 180.0,),
    np.rad2deg: lambda a, y: (180.0 / np.pi,),
    np.hypot: lambda a, b, y: (_finite(a / _nonzero(y), y != 0), _finite(b / _nonzero(y), y != 0)),
    np.mod: lambda a, b, y: (1.0, -np.floor(a / b)),
    np.logaddexp2: lambda a, b, y: (np.exp2(a - y), np.exp2(b - y)),
    np.fmax: lambda a, b, y: (_first_number(a, b, np.greater), _first_number(b, a, np.greater)),
    np.fmin: lambda a, b, y: (_first_number(a, b, np.less), _first_number(b, a, np.less)),
}

PLAIN |= {
    *(np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal, np.isnan, np.isfinite, np.isinf),
    *(np.sign, np.floor, np.ceil, np.rint, np.trunc, np.logical_and, np.logical_or, np.logical_not, np.floor_divide),
    *(np.logical_xor, np.heaviside, np.signbit),
}


def _first(a: Any, b: Any, wins: Any) -> Array:
    """Return 1 where the result is the first operand, 1/2 where both are equal, and 0 elsewhere."""
    return np.asarray(np.where(np.equal(a, b), 0.5, wins(a, b)))


def _first_number(a: Any, b: Any, wins: Any) -> Array:
    """The same for functions that leave NaN out: the other operand is chosen where one is NaN."""
    return np.where(np.isnan(b), np.where(np.isnan(a), 0.5, 1.0), np.where(np.isnan(a), 0.0, _first(a, b, wins)))


def _nonzero(y: Any) -> Array:
    return np.where(y != 0, y, 1.0)


def _finite(slope: Any, where: Any) -> Array:
    """Return the derivative, or 0 where it would be infinite. So sqrt(0) does not make a training step fail."""
    return np.where(where, slope, 0.0)


def _log_where_positive(a: Any) -> Array:
    return np.log(np.where(np.greater(a, 0), a, 1.0))


def unbroadcast(dy: Array, shape: tuple[int, ...]) -> Array:
    """Sum ``dy`` over the axes along which NumPy repeated an operand of ``shape``."""
    lead = dy.ndim - len(shape)
    axes = (*range(lead), *(a + lead for a, size in enumerate(shape) if size == 1 and dy.shape[a + lead] != 1))
    return dy.sum(axis=axes, keepdims=True).reshape(shape) if axes else dy


def apply(ufunc: Any, *operands: Any) -> Traced:
    """Compute a function from ``_SLOPES`` of operands of which at least one is traced, and record the call."""
    values = [value_of(item) for item in operands]
    y = ufunc(*values)
    slopes: list[Any] = []

    def back(number: int, shape: tuple[int, ...]) -> Callable[[Array], Array]:
        def of(dy: Array) -> Array:
            if state.records_backward:  # the slopes are computed again, in a way that is recorded
                slope = _SLOPES[ufunc](*operands, ufunc(*operands))[number]
                return unbroadcast(like(dy, dy * slope), shape)
            if not slopes:
                slopes.extend(_SLOPES[ufunc](*values, y))
            return unbroadcast(np.asarray(dy * slopes[number], dy.dtype), shape)

        return of

    return Traced(y, [(x, back(i, x.shape)) for i, x in enumerate(operands) if isinstance(x, Traced)])


def _rule(ufunc: Any) -> Callable[..., Traced]:
    return lambda *operands: apply(ufunc, *operands)


UFUNCS.update({ufunc: _rule(ufunc) for ufunc in _SLOPES})
UFUNCS[np.float_power] = _rule(np.power)


def matmul(a: Any, b: Any) -> Traced:
    """Compute the product of matrices or stacks of matrices, and record the call.

    As in NumPy, a vector counts as a matrix of one row on the left, and of one column on the right.
    """
    x, y = value_of(a), value_of(b)
    rows, columns = np.atleast_2d(x), y[:, np.newaxis] if np.ndim(y) == 1 else y
    product = np.matmul(x, y)
    full = np.matmul(rows, columns).shape

    def back_a(dy: Array) -> Array:
        other = np.reshape(b, columns.shape) if state.records_backward else columns
        gradient = np.matmul(dy.reshape(full), np.swapaxes(other, -1, -2))
        return np.reshape(unbroadcast(gradient, rows.shape), np.shape(x))

    def back_b(dy: Array) -> Array:
        other = np.reshape(a, rows.shape) if state.records_backward else rows
        gradient = np.matmul(np.swapaxes(other, -1, -2), dy.reshape(full))
        return np.reshape(unbroadcast(gradient, columns.shape), np.shape(y))

    pairs = [(a, back_a), (b, back_b)]
    return Traced(product, [(item, back) for item, back in pairs if isinstance(item, Traced)])


UFUNCS[np.matmul] = matmul
