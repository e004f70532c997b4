"""Functions of ``keras.ops`` that NumPy does not have: norms, moments, encodings, choices and loops."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from cnncore import _checks
from cnncore._structure import flatten, pack_like
from cnncore.differentiation import value_of

__all__ = [
    "cond",
    "fori_loop",
    "in_top_k",
    "map",
    "moments",
    "multi_hot",
    "normalize",
    "slice",
    "slice_update",
    "vectorized_map",
    "while_loop",
]


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
        return x / np.sqrt(np.maximum(squares, smallest**2))
    norm = np.sum(np.abs(x) ** power, axis=axes, keepdims=True) ** (1.0 / power)
    return x / np.maximum(norm, smallest)


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


def multi_hot(inputs: Any, num_classes: int, axis: int = -1, dtype: DTypeLike | None = None) -> np.ndarray:
    """Return rows of zeros with a 1 at each of the labels of a row.

    Parameters
    ----------
    inputs : array_like of int, shape (..., labels)
        Labels below 0 are left out.
    num_classes : int
        The number of values in a row.
    axis : int, default -1
        Where the axis of the values is in the result.
    dtype : optional
        float32 by default.

    Examples
    --------
    >>> multi_hot([[0, 2], [1, -1]], num_classes=3).tolist()
    [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    given = _checks.numeric_array(inputs, "inputs", "multi_hot")
    labels = given.astype(np.int64)
    count = _checks.integer(num_classes, "num_classes", "multi_hot")
    if labels.ndim == 0 or not np.array_equal(labels, given) or (labels.size and labels.max() >= count):
        raise ValueError(f"[multi_hot] expected arrays of labels below {count}. Received: {given.tolist()!r:.80}")
    places = labels[..., np.newaxis] == np.arange(count)
    return np.moveaxis(places.any(axis=-2).astype(dtype or np.float32), -1, axis)


def slice(inputs: Any, start_indices: Sequence[int], shape: Sequence[int]) -> Any:  # noqa: A001 (Keras' name)
    """Return the part of ``inputs`` that begins at ``start_indices`` and has the shape ``shape``.

    Examples
    --------
    >>> import numpy as np
    >>> slice(np.arange(6).reshape(2, 3), (0, 1), (2, 2)).tolist()
    [[1, 2], [4, 5]]
    """
    array = inputs if hasattr(inputs, "ndim") else np.asarray(inputs)
    return array[_places(array, start_indices, shape, "slice")]


def slice_update(inputs: Any, start_indices: Sequence[int], updates: Any) -> np.ndarray:
    """Return a copy of ``inputs`` in which ``updates`` stands from ``start_indices`` on.

    Examples
    --------
    >>> import numpy as np
    >>> slice_update(np.zeros(3), [1], [5.0, 6.0]).tolist()
    [0.0, 5.0, 6.0]
    """
    result = np.array(value_of(inputs))
    result[_places(result, start_indices, np.shape(updates), "slice_update")] = value_of(updates)
    return result


def _require_functions(owner: str, **functions: Any) -> None:
    for name, function in functions.items():
        if not callable(function):
            raise TypeError(f"[{owner}] expected `{name}` to be a function. Received: {name}={function!r:.80}")


def _places(array: Any, start: Sequence[int], shape: Sequence[int], owner: str) -> tuple[Any, ...]:
    begins, sizes = [int(item) for item in start], [int(item) for item in shape]
    fit = len(begins) == len(sizes) == array.ndim and all(
        begin >= 0 and size >= 0 and begin + size <= length
        for begin, size, length in zip(begins, sizes, array.shape, strict=True)
    )
    if not fit:
        raise ValueError(
            f"[{owner}] expected a part inside of an array of shape {tuple(array.shape)}. "
            f"Received: start_indices={begins}, shape={sizes}"
        )
    pairs = zip(begins, sizes, strict=True)
    return tuple(builtins.slice(begin, begin + size) for begin, size in pairs)


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """Return ``true_fn()`` if ``pred`` is true, otherwise ``false_fn()``.

    Examples
    --------
    >>> cond(2 > 1, lambda: "yes", lambda: "no")
    'yes'
    """
    _require_functions("cond", true_fn=true_fn, false_fn=false_fn)
    return true_fn() if bool(pred) else false_fn()


def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, maximum_iterations: int | None = None
) -> Any:
    """Replace ``loop_vars`` by ``body(*loop_vars)`` while ``cond(*loop_vars)`` is true, and return the last ones.

    Parameters
    ----------
    cond, body : callable
    loop_vars : list, tuple or a single value
    maximum_iterations : int, optional

    Examples
    --------
    >>> while_loop(lambda i: i < 5, lambda i: i + 2, [0])
    [6]
    """
    _require_functions("while_loop", cond=cond, body=body)
    several = isinstance(loop_vars, (list, tuple))
    values = list(loop_vars) if several else [loop_vars]
    done = 0
    while bool(cond(*values)) and (maximum_iterations is None or done < maximum_iterations):
        result = body(*values)
        values = list(result) if isinstance(result, (list, tuple)) else [result]
        done += 1
    if not several:
        return values[0]
    return values if isinstance(loop_vars, list) else tuple(values)


def fori_loop(lower: int, upper: int, body_fun: Callable[[int, Any], Any], init_val: Any) -> Any:
    """Replace ``init_val`` by ``body_fun(i, value)`` for each ``i`` from ``lower`` to ``upper - 1``.

    Examples
    --------
    >>> fori_loop(0, 4, lambda i, total: total + i, 0)
    6
    """
    _require_functions("fori_loop", body_fun=body_fun)
    limits = [_checks.integer(item, name, "fori_loop", -(2**31)) for item, name in ((lower, "lower"), (upper, "upper"))]
    value = init_val
    for i in range(*limits):
        value = body_fun(i, value)
    return value


def map(f: Callable[[Any], Any], xs: Any) -> Any:  # noqa: A001 (Keras' name)
    """Return the results of ``f`` for each entry of the first axis of ``xs``, stacked.

    ``xs``, and what ``f`` returns, may be lists, tuples or dicts of arrays.

    Examples
    --------
    >>> import numpy as np
    >>> map(lambda row: row.sum(), np.ones((2, 3))).tolist()
    [3.0, 3.0]
    """
    _require_functions("map", f=f)
    lengths = {np.shape(leaf)[0] if np.ndim(leaf) else 0 for leaf in flatten(xs)}
    if len(lengths) != 1 or lengths == {0}:
        raise ValueError(f"[map] expected arrays with the same number of entries. Received: {xs!r:.80}")
    count = lengths.pop()
    results = [f(pack_like(xs, [leaf[place] for leaf in flatten(xs)])) for place in range(count)]
    columns = zip(*(flatten(result) for result in results), strict=True)
    return pack_like(results[0], [np.stack(list(column)) for column in columns])


def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """Return what :func:`map` returns for ``function`` and ``elements``; Keras has both names."""
    return map(function, elements)
