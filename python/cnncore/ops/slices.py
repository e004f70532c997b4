"""Functions of ``keras.ops`` that take parts of arrays, or replace them."""

from __future__ import annotations

import builtins
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._refusals import names_itself
from cnncore.differentiation import as_array, value_of

__all__ = [
    "get_item",
    "slice",
    "slice_update",
    "split",
    "unstack",
]


@names_itself
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


@names_itself
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


@names_itself
def get_item(x: Any, key: Any) -> Any:
    """Return ``x[key]``.

    Examples
    --------
    >>> get_item([3, 4], 1)
    np.int64(4)
    """
    return (x if hasattr(x, "shape") else np.asarray(x))[key]


@names_itself
def split(x: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Any]:
    """Cut ``x`` into parts along ``axis``.

    Parameters
    ----------
    x : array_like or symbolic tensor
    indices_or_sections : int or list of int
        How many equal parts there are, or the indices at which all parts but the first begin.
    axis : int, default 0

    Returns
    -------
    list of arrays or of symbolic tensors

    Raises
    ------
    ValueError
        If the axis cannot be divided into that many equal parts.

    Examples
    --------
    >>> import numpy as np
    >>> [part.tolist() for part in split(np.arange(6), 3)], [part.tolist() for part in split(np.arange(4), [1])]
    ([[0, 1], [2, 3], [4, 5]], [[0], [1, 2, 3]])
    """
    shape = np.shape(x) if not hasattr(x, "shape") else x.shape
    axis = _checks.integer(axis, "axis", "split", -len(shape), len(shape) - 1) % len(shape)
    size = shape[axis]
    if isinstance(indices_or_sections, (list, tuple, np.ndarray)):
        bounds = [0, *_checks.integers(list(indices_or_sections), "indices_or_sections", "split", minimum=0), size]
    else:
        count = _checks.integer(indices_or_sections, "indices_or_sections", "split")
        if size is None or size % count:
            raise ValueError(f"[split] expected an axis whose length is divisible by {count}. Received: length {size}")
        bounds = list(range(0, size + 1, size // count))
    before: tuple[Any, ...] = (builtins.slice(None),) * axis
    array = x if hasattr(x, "__getitem__") and hasattr(x, "shape") else np.asarray(x)
    keys = [(*before, builtins.slice(low, high)) for low, high in itertools.pairwise(bounds)]
    return [as_array(array[key]) for key in keys]


@names_itself
def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Any]:
    """Return the parts of ``x`` along ``axis`` as a list. The parts do not have that axis.

    ``num`` is the length of the axis. It is only needed for an axis of a symbolic tensor whose length is not known.

    Examples
    --------
    >>> import numpy as np
    >>> [part.tolist() for part in unstack(np.eye(2), axis=1)]
    [[1.0, 0.0], [0.0, 1.0]]
    """
    x = x if hasattr(x, "shape") else np.asarray(x)
    shape = x.shape
    axis = _checks.integer(axis, "axis", "unstack", -len(shape), len(shape) - 1) % len(shape)
    size = shape[axis] if num is None else _checks.integer(num, "num", "unstack", minimum=0)
    if size is None or shape[axis] not in (None, size):
        raise ValueError(f"[unstack] expected `num` to be the length of axis {axis}. Received: {num=}, shape {shape}")
    before: tuple[Any, ...] = (builtins.slice(None),) * axis
    keys = [(*before, place) for place in range(size)]
    return [x[key] for key in keys]
