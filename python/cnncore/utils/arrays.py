"""Pack arrays into batches for `fit`, and split data sets in two."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._random import next_seed

__all__ = ["pack_x_y_sample_weight", "split_dataset", "unpack_x_y_sample_weight"]


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """Pack a batch as `fit` expects it: as ``x``, ``(x, y)`` or ``(x, y, sample_weight)``.

    Examples
    --------
    >>> pack_x_y_sample_weight("x", "y")
    ('x', 'y')
    """
    if y is None:
        return (x,) if isinstance(x, (tuple, list)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """The batch ``data`` as ``(x, y, sample_weight)``. Parts that it does not have are None.

    Raises
    ------
    ValueError
        If ``data`` has more than three parts.

    Examples
    --------
    >>> unpack_x_y_sample_weight(("x", "y"))
    ('x', 'y', None)
    """
    parts = tuple(data) if isinstance(data, (tuple, list)) else (data,)
    if not 1 <= len(parts) <= 3:
        raise ValueError(f"[unpack] expected x, (x, y) or (x, y, sample_weight). Received: {len(parts)} parts")
    return (*parts, *[None] * (3 - len(parts)))


def split_dataset(
    dataset: Any,
    left_size: float | int | None = None,
    right_size: float | int | None = None,
    shuffle: bool = False,
    seed: int | None = None,
) -> tuple[Any, Any]:
    """Split an array, or a tuple of arrays of equal length, in two.

    Parameters
    ----------
    dataset : array_like or tuple of them
    left_size, right_size : float in (0, 1) or int, optional
        The size of each part, as a share or as a number of samples. If only one is given, the other part is the rest.
    shuffle : bool, default False
        Whether the samples of both parts are chosen at random.
    seed : int, optional
        The seed of the shuffling.

    Returns
    -------
    left, right
        Arrays, or tuples of arrays if a tuple was given.

    Raises
    ------
    ValueError
        If arrays differ in length, if no size is given, or if a part would be empty or both together too large.

    Examples
    --------
    >>> left, right = split_dataset(np.arange(10), left_size=0.8)
    >>> left, right
    (array([0, 1, 2, 3, 4, 5, 6, 7]), array([8, 9]))
    """
    several = isinstance(dataset, (tuple, list))
    arrays = [np.asarray(item) for item in (dataset if several else [dataset])]
    count = _checks.same_length("split_dataset", **{f"dataset[{i}]": array for i, array in enumerate(arrays)})
    left, right = (_size(size, name, count) for size, name in ((left_size, "left_size"), (right_size, "right_size")))
    if left is None and right is None:
        raise ValueError("[split_dataset] expected `left_size` or `right_size`. Received: neither")
    if left is None:
        left = count - (right or 0)
    if right is None:
        right = count - left
    if left < 1 or right < 1 or left + right > count:
        raise ValueError(f"[split_dataset] expected two parts of {count} samples. Received: {left} and {right}")
    order = np.arange(count)
    if shuffle:
        np.random.default_rng(next_seed() if seed is None else seed).shuffle(order)
    parts = [[array[chosen] for array in arrays] for chosen in (order[:left], order[count - right :])]
    return (tuple(parts[0]), tuple(parts[1])) if several else (parts[0][0], parts[1][0])


def _size(size: Any, name: str, count: int) -> int | None:
    if size is None:
        return None
    if isinstance(size, (float, np.floating)):
        if not 0 < size < 1:
            raise ValueError(f"[split_dataset] expected `{name}` between 0 and 1, or an int. Received: {size!r}")
        return round(float(size) * count)
    return _checks.integer(size, name, "split_dataset")
