"""Functions of ``keras.ops`` that NumPy does not have, or that take other arguments there."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.differentiation import value_of
from cnncore.ops.definition import op

__all__ = ["is_tensor", "logsumexp", "split", "top_k", "unstack"]


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
    before: tuple[Any, ...] = (slice(None),) * axis
    array = x if hasattr(x, "__getitem__") and hasattr(x, "shape") else np.asarray(x)
    keys = [(*before, slice(low, high)) for low, high in itertools.pairwise(bounds)]
    return [array[key] for key in keys]


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
    before: tuple[Any, ...] = (slice(None),) * axis
    keys = [(*before, place) for place in range(size)]
    return [x[key] for key in keys]


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
    return np.take_along_axis(values, places, axis=-1), places.astype(np.int32)


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


def is_tensor(x: Any) -> bool:
    """Whether ``x`` is an array or a symbolic tensor."""
    return isinstance(x, np.ndarray) or hasattr(x, "activated")
