"""Functions of ``keras.ops`` that compare or sum the values along an axis: norms, moments, largest values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._refusals import names_itself
from cnncore.differentiation import as_array, value_of
from cnncore.ops.definition import op, recorded, seen_op

__all__ = [
    "in_top_k",
    "logsumexp",
    "moments",
    "normalize",
    "top_k",
]


@names_itself
def normalize(x: Any, axis: int | Sequence[int] = -1, order: int = 2, epsilon: float | None = None) -> Any:
    """Return ``x`` divided by its norm along ``axis``, or by ``epsilon`` where the norm is smaller.

    Parameters
    ----------
    x : array_like
    axis : int or list of int, default -1
    order : int, default 2
        1 for the sum of absolute values, 2 for the length of a vector, and so on.
    epsilon : float, default 1e-7

    Examples
    --------
    >>> import numpy as np
    >>> normalize(np.float32([[3.0, 4.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """
    power = _checks.integer(order, "order", "normalize")
    smallest = 1e-7 if epsilon is None else _checks.number(epsilon, "epsilon", "normalize", minimum=0.0)
    axes = tuple(axis) if isinstance(axis, (list, tuple)) else axis
    x = np.asarray(x, np.float32) if isinstance(x, (list, tuple)) else x
    if power == 2:
        squares = np.sum(np.square(x), axis=axes, keepdims=True)
        return as_array(x / np.sqrt(np.maximum(squares, smallest**2)))
    norm = np.sum(np.abs(x) ** power, axis=axes, keepdims=True) ** (1.0 / power)
    return as_array(x / np.maximum(norm, smallest))


@names_itself
def moments(x: Any, axes: int | Sequence[int], keepdims: bool = False, synchronized: bool = False) -> tuple[Any, Any]:
    """Return the mean and the variance of ``x`` along ``axes``; ``keepdims`` keeps these axes with size 1.

    ``synchronized`` is accepted for compatibility with Keras.

    Examples
    --------
    >>> [float(value) for value in moments([1.0, 3.0], axes=0)]
    [2.0, 1.0]
    """
    axis = tuple(axes) if isinstance(axes, (list, tuple)) else axes
    return np.mean(x, axis=axis, keepdims=keepdims), np.var(x, axis=axis, keepdims=keepdims)


@names_itself
def in_top_k(targets: Any, predictions: Any, k: int) -> np.ndarray:
    """Return for each row whether its label is among the classes with the largest predictions.

    Parameters
    ----------
    targets : array_like of int, shape (rows,)
        The labels.
    predictions : array_like, shape (rows, classes)
        Equal predictions share a place. A label whose own prediction is NaN or infinite is not among the largest.
    k : int
        How many places count.

    Examples
    --------
    >>> in_top_k([1, 0], [[0.1, 0.9], [0.2, 0.8]], k=1).tolist()
    [True, False]
    """
    values = np.asarray(value_of(predictions))
    labels = _checks.numeric_array(value_of(targets), "targets", "in_top_k").astype(np.int64)
    count = _checks.integer(k, "k", "in_top_k")
    if values.ndim != 2 or labels.shape != values.shape[:1]:
        raise ValueError(
            "[in_top_k] expected targets (rows,) and predictions (rows, classes). Received: shapes "
            f"{labels.shape} and {values.shape}"
        )
    if labels.size and not (labels.min() >= 0 and labels.max() < values.shape[1]):
        raise ValueError(f"[in_top_k] expected labels in [0, {values.shape[1]}). Received: {labels.tolist()!r:.80}")
    own = np.take_along_axis(values, labels[:, np.newaxis], axis=1)
    return np.asarray(((values > own).sum(axis=1) < count) & np.isfinite(own[:, 0]))


@seen_op
def top_k(x: Any, k: int, sorted: bool = True) -> tuple[np.ndarray, np.ndarray]:  # noqa: A002 (Keras' name)
    """Find the ``k`` largest values of ``x`` along the last axis, and their indices.

    ``sorted`` is accepted for compatibility with Keras, and not used: the largest value always comes first.

    Examples
    --------
    >>> values, places = top_k([1.0, 3.0, 2.0], 2)
    >>> values.tolist(), places.tolist()
    ([3.0, 2.0], [1, 2])
    """
    values = np.asarray(value_of(x))
    count = _checks.integer(k, "k", "top_k")
    if values.ndim == 0 or count > values.shape[-1]:
        raise ValueError(f"[top_k] expected at least {count} values in the last axis. Received: x.shape={values.shape}")
    places = np.argsort(-values, axis=-1, kind="stable")[..., :count]

    def back(dy: np.ndarray) -> np.ndarray:
        dx = np.zeros(values.shape, np.float32)
        np.put_along_axis(dx, places, dy, axis=-1)
        return dx

    return recorded(np.take_along_axis(values, places, axis=-1), [(x, back)]), places.astype(np.int32)


@op
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Compute log(sum(exp(x))) without overflow, where the sum is along ``axis``, or over all values if it is None.

    ``keepdims`` keeps the summed axes, with length 1.

    Examples
    --------
    >>> import numpy as np
    >>> float(logsumexp(np.zeros(4)))
    1.3862943611198906
    """
    axis = tuple(axis) if isinstance(axis, list) else axis
    largest = np.max(x, axis=axis, keepdims=True)
    largest = np.where(np.isfinite(largest), largest, np.float32(0))  # an infinity minus itself would be NaN
    total = np.sum(np.exp(x - largest), axis=axis, keepdims=True)
    nothing = np.equal(total, 0)  # all values are -inf, and so is the result
    result = np.log(np.where(nothing, np.float32(1), total)) + np.where(nothing, np.float32(-np.inf), largest)
    if keepdims:
        return result
    return np.reshape(result, ()) if axis is None else np.squeeze(result, axis=axis)
