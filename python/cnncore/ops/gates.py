"""Activations of ``keras.ops`` that combine values along an axis: glu and sparsemax."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.differentiation import value_of
from cnncore.ops.definition import op, recorded
from cnncore.ops.named_activations import sigmoid
from cnncore.ops.slices import split

__all__ = ["glu", "sparsemax"]


@op
def glu(x: Any, axis: int = -1) -> Any:
    """Compute a * sigmoid(b), where a and b are the two halves of ``x`` along ``axis`` (Dauphin et al., 2016).

    Raises
    ------
    ValueError
        If the axis cannot be divided into two halves.

    Examples
    --------
    >>> glu([[3.0, 0.0]])
    array([[1.5]], dtype=float32)
    """
    first, second = split(x if hasattr(x, "shape") else np.asarray(x, np.float32), 2, axis)
    return first * sigmoid(second)


@op
def sparsemax(x: Any, axis: int = -1) -> Any:
    """Compute the point of the probability simplex that is nearest to ``x`` along ``axis``: max(x - t, 0).

    The number t is such that the results sum to 1. Unlike those of softmax, results can be exactly 0. (Martins and
    Astudillo, "From softmax to sparsemax", 2016.)

    Examples
    --------
    >>> sparsemax([[1.0, 0.5, -1.0]])
    array([[0.75, 0.25, 0.  ]], dtype=float32)
    """
    values = _checks.float32_array(value_of(x), "x", "sparsemax")
    rank = max(values.ndim, 1)
    axis = _checks.integer(axis, "axis", "sparsemax", -rank, rank - 1)
    rows = np.moveaxis(np.atleast_1d(values), axis, -1)
    if not rows.shape[-1]:
        raise ValueError(
            f"[sparsemax] expected at least one value along the axis {axis}. Received: shape {values.shape}"
        )
    ordered = -np.sort(-rows, axis=-1)
    sums = np.cumsum(ordered, axis=-1, dtype=np.float64)
    counts = np.arange(1, rows.shape[-1] + 1)
    support = np.sum(1 + counts * ordered > sums, axis=-1, keepdims=True)
    subtracted = (np.take_along_axis(sums, support - 1, axis=-1) - 1) / support
    y = np.moveaxis(np.maximum(rows - subtracted, 0), -1, axis).astype(np.float32).reshape(values.shape)

    def back(dy: np.ndarray) -> np.ndarray:
        chosen = y > 0
        mean = np.sum(np.where(chosen, dy, 0), axis, keepdims=True) / np.sum(chosen, axis, keepdims=True)
        return np.where(chosen, dy - mean, 0).astype(np.float32)

    return recorded(y, [(x, back)])
