"""Normalizations with the arguments that they have in ``keras.ops.nn``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.differentiation import value_of
from cnncore.ops.definition import op

__all__ = ["normalized_by", "normalized_layer", "rms_normalization"]

EPSILON = 1e-7


def _along(vector: Any, axes: Sequence[int], shape: Sequence[int]) -> Any:
    """Return an array with the sizes of ``axes`` in a shape that NumPy repeats along the other axes of ``shape``."""
    given = np.shape(value_of(vector))
    if len(given) == len(shape):
        return vector
    sizes = [shape[axis] for axis in axes]
    if math.prod(given) != math.prod(sizes):
        raise ValueError(
            f"[normalization] expected statistics, scale and offset with the sizes {sizes} of the axes {axes}. "
            f"Received: shape {given}"
        )
    return np.reshape(vector, [size if axis in axes else 1 for axis, size in enumerate(shape)])


def _float(x: Any) -> Any:
    return x if hasattr(x, "sources") else _checks.float32_array(x, "x", "normalization")


def _axes(axis: int | Sequence[int], rank: int, owner: str) -> list[int]:
    given = _checks.integers(list(axis) if isinstance(axis, (list, tuple)) else axis, "axis", owner, -rank, rank - 1)
    return sorted(item % rank for item in given)


@op
def normalized_by(
    x: Any, mean: Any, variance: Any, axis: int, offset: Any = None, scale: Any = None, epsilon: float = 1e-3
) -> Any:
    """Compute (x - mean) / sqrt(variance + epsilon) * scale + offset: ``keras.ops.nn.batch_normalization``.

    Parameters
    ----------
    x : array or symbolic tensor
    mean, variance : array, of the length of ``axis``
    axis : int
        The axis of the channels.
    offset, scale : array, of the length of ``axis``, optional
    epsilon : float, default 1e-3

    Examples
    --------
    >>> normalized_by([[1.0], [3.0]], [2.0], [1.0], -1, epsilon=0.0).tolist()
    [[-1.0], [1.0]]
    """
    x = _float(x)
    shape = np.shape(value_of(x))
    axes = _axes(axis, len(shape), "batch_normalization")
    factor = 1.0 / np.sqrt(_along(_float(variance), axes, shape) + np.float32(epsilon))
    if scale is not None:
        factor = factor * _along(_float(scale), axes, shape)
    y = (x - _along(_float(mean), axes, shape)) * factor
    return y if offset is None else y + _along(_float(offset), axes, shape)


@op
def normalized_layer(x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: float | None = None) -> Any:
    """Bring the values along axes to mean 0 and variance 1: ``keras.ops.nn.layer_normalization``.

    Parameters
    ----------
    x : array or symbolic tensor
    gamma, beta : array, with the sizes of ``axis``, optional
        A factor and an offset.
    axis : int or list of int, default -1
    epsilon : float, default 1e-7

    Examples
    --------
    >>> normalized_layer([[1.0, 3.0]]).round(3).tolist()
    [[-1.0, 1.0]]
    """
    x = _float(x)
    shape = np.shape(value_of(x))
    axes = _axes(axis, len(shape), "layer_normalization")
    centred = x - np.mean(x, axis=tuple(axes), keepdims=True)
    variance = np.mean(np.square(centred), axis=tuple(axes), keepdims=True)
    y = centred / np.sqrt(variance + np.float32(EPSILON if epsilon is None else epsilon))
    if gamma is not None:
        y = y * _along(_float(gamma), axes, shape)
    return y if beta is None else y + _along(_float(beta), axes, shape)


@op
def rms_normalization(x: Any, scale: Any = None, axis: Any = -1, epsilon: float | None = None) -> Any:
    """Divide values by the root of the mean of their squares (Zhang and Sennrich, 2019).

    Parameters
    ----------
    x : array or symbolic tensor
    scale : array or number, optional
        A factor, with the sizes of ``axis``.
    axis : int or list of int, default -1
        The axes along which the mean is taken.
    epsilon : float, default 1e-7
        A small number that is added to the mean.

    Examples
    --------
    >>> rms_normalization([[3.0, 3.0]]).round(3).tolist()
    [[1.0, 1.0]]
    """
    x = _float(x)
    shape = np.shape(value_of(x))
    axes = _axes(axis, len(shape), "rms_normalization")
    mean = np.mean(np.square(x), axis=tuple(axes), keepdims=True)
    y = x / np.sqrt(mean + np.float32(EPSILON if epsilon is None else epsilon))
    if scale is None:
        return y
    scale = _float(scale)
    return y * (_along(scale, axes, shape) if np.ndim(value_of(scale)) else scale)
