"""Functions of ``keras.ops`` that write values to places that indices name, and that combine the values of segments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._refusals import names_itself
from cnncore.differentiation import NotDifferentiableError, Traced, seen, value_of
from cnncore.ops.definition import op, recorded

__all__ = ["scatter", "scatter_update", "segment_max", "segment_min", "segment_prod", "segment_sum"]

_REDUCTIONS = {"add": np.add, "max": np.maximum, "min": np.minimum, "mul": np.multiply}


def _places(indices: Any, shape: Sequence[int], owner: str) -> tuple[np.ndarray, ...]:
    """Return indices (..., axes) as an array for each of the axes that they name."""
    given = _checks.numeric_array(value_of(indices), "indices", owner)
    whole = given.astype(np.int64)
    axes = whole.shape[-1] if whole.ndim else 0
    fit = whole.ndim >= 1 and axes <= len(shape) and np.array_equal(whole, given)
    if not fit or any((part < -size).any() or (part >= size).any() for part, size in zip(whole.T, shape, strict=False)):
        raise ValueError(
            f"[{owner}] expected indices of shape (number, axes) inside of an array of shape {tuple(shape)}. "
            f"Received: shape {whole.shape}, indices {given.tolist()!r:.60}"
        )
    return tuple(whole.reshape(-1, axes).T)


@op
def scatter(indices: Any, values: Any, shape: Sequence[int]) -> Any:
    """Add ``values`` to an array of zeros at the places that ``indices`` name.

    Parameters
    ----------
    indices : array of int, (..., axes)
        Each row names a place along the first axes of the result. Values for the same place are added up.
    values : array or symbolic tensor, (..., sizes of the other axes)
    shape : sequence of int
        The shape of the result.

    Examples
    --------
    >>> scatter([[0], [2]], np.float32([1.0, 5.0]), (3,))
    array([1., 0., 5.], dtype=float32)
    """
    sizes = _checks.shape(shape, "shape", "scatter")
    places = _places(indices, sizes, "scatter")
    array = np.asarray(value_of(values))
    result = np.zeros(sizes, array.dtype)
    np.add.at(result, places, array.reshape(-1, *sizes[len(places) :]))
    return recorded(result, [(values, lambda dy: dy[places].reshape(array.shape))])


@op
def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Any:
    """Return a copy of ``inputs`` with ``updates`` at the places that ``indices`` name.

    Parameters
    ----------
    inputs : array or symbolic tensor
    indices : array of int, (number, axes)
        Each row names a place along the first axes of ``inputs``.
    updates : array or symbolic tensor, (number, sizes of the other axes)
    reduction : {None, "add", "max", "min", "mul"}
        How an update is combined with the value in its place. None replaces that value.

    Raises
    ------
    NotDifferentiableError
        In training, for the reductions "max", "min" and "mul".

    Examples
    --------
    >>> scatter_update(np.zeros(3), [[1]], [5.0]).tolist()
    [0.0, 5.0, 0.0]
    """
    result = np.array(value_of(inputs))
    places = _places(indices, result.shape, "scatter_update")
    array = np.asarray(value_of(updates), result.dtype)
    if reduction is None:
        result[places] = array
    else:
        name = _checks.choice(reduction, "reduction", "scatter_update", tuple(_REDUCTIONS))
        _REDUCTIONS[name].at(result, places, array)

    def of_inputs(dy: np.ndarray) -> np.ndarray:
        dx = np.array(dy)
        if reduction is None:
            dx[places] = 0
        return dx

    def of_updates(dy: np.ndarray) -> np.ndarray:
        dx = dy[places]
        if reduction is None:  # of several updates of one place, the last one stays
            numbers = np.ravel_multi_index(places, result.shape[: len(places)], mode="wrap")
            last = {number: row for row, number in enumerate(numbers.tolist())}
            stays = [last[number] == row for row, number in enumerate(numbers.tolist())]
            dx = dx * np.reshape(stays, (-1, *[1] * (dx.ndim - 1)))
        return np.asarray(dx.reshape(array.shape), dy.dtype)

    if reduction in ("max", "min", "mul") and any(isinstance(item, Traced) for item in (inputs, updates)):
        _not_differentiable(f"cnncore.ops.scatter_update with reduction={reduction!r}")
    return recorded(result, [(inputs, of_inputs), (updates, of_updates)])


def _not_differentiable(name: str) -> None:
    raise NotDifferentiableError(f"The gradient of {name} is not known.")


def _segments(data: Any, segment_ids: Any, num_segments: Any, owner: str) -> tuple[np.ndarray, np.ndarray, int]:
    array, ids = np.asarray(value_of(data)), np.asarray(value_of(segment_ids)).astype(np.int64)
    if ids.ndim != 1 or array.shape[:1] != ids.shape:
        raise ValueError(
            f"[{owner}] expected one segment for each row of data. Received: shapes {array.shape} and {ids.shape}"
        )
    most = int(ids.max()) + 1 if ids.size else 0
    return array, ids, most if num_segments is None else _checks.integer(num_segments, "num_segments", owner)


@op
def segment_sum(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:  # noqa: A002
    """Add up the rows of ``data`` that have the same segment.

    Parameters
    ----------
    data : array, (rows, ...)
    segment_ids : array of int, (rows,)
        The segment of each row. Rows with a segment below 0 or above the last one are left out.
    num_segments : int, optional
        The number of rows of the result; by default the largest segment + 1.
    sorted : bool, default False
        Accepted for compatibility with Keras, and not used.

    Examples
    --------
    >>> segment_sum([1.0, 2.0, 3.0], [0, 0, 1]).tolist()
    [3.0, 3.0]
    """
    array, ids, count = _segments(data, segment_ids, num_segments, "segment_sum")
    inside = (ids >= 0) & (ids < count)
    result = np.zeros((count, *array.shape[1:]), array.dtype)
    np.add.at(result, ids[inside], array[inside])

    def back(dy: np.ndarray) -> np.ndarray:
        dx = np.zeros(array.shape, dy.dtype)
        dx[inside] = dy[ids[inside]]
        return dx

    return recorded(result, [(data, back)])


@names_itself
def segment_max(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> np.ndarray:  # noqa: A002
    """Find the largest of the rows of ``data`` that have the same segment, value by value; -inf without any row.

    ``segment_ids``, ``num_segments`` and ``sorted`` are those of :func:`segment_sum`.

    Examples
    --------
    >>> segment_max([1.0, 2.0, 3.0], [0, 0, 1]).tolist()
    [2.0, 3.0]
    """
    return _combined(np.maximum, -np.inf, data, segment_ids, num_segments, "segment_max")


@names_itself
def segment_min(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> np.ndarray:  # noqa: A002
    """Find the smallest of the rows of ``data`` that have the same segment, value by value; inf without any row.

    ``segment_ids``, ``num_segments`` and ``sorted`` are those of :func:`segment_sum`.
    """
    return _combined(np.minimum, np.inf, data, segment_ids, num_segments, "segment_min")


@names_itself
def segment_prod(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> np.ndarray:  # noqa: A002
    """Multiply the rows of ``data`` that have the same segment; 1 without any row.

    ``segment_ids``, ``num_segments`` and ``sorted`` are those of :func:`segment_sum`.
    """
    return _combined(np.multiply, 1.0, data, segment_ids, num_segments, "segment_prod")


def _combined(combine: Any, empty: float, data: Any, segment_ids: Any, num_segments: Any, owner: str) -> np.ndarray:
    if isinstance(seen(data), Traced):
        _not_differentiable(f"cnncore.ops.{owner}")
    array, ids, count = _segments(data, segment_ids, num_segments, owner)
    inside = (ids >= 0) & (ids < count)
    start = empty if array.dtype.kind == "f" or np.isfinite(empty) else _extreme(array.dtype, empty)
    result = np.full((count, *array.shape[1:]), start, array.dtype)
    combine.at(result, ids[inside], array[inside])
    return result


def _extreme(dtype: Any, empty: float) -> int:
    limits = np.iinfo(dtype)
    return int(limits.min if empty < 0 else limits.max)
