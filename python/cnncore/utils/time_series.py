"""Data sets of the windows of a time series."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.differentiation import as_array
from cnncore.utils.dataset_stream import DatasetStream

__all__ = ["timeseries_dataset_from_array"]


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
) -> DatasetStream:
    """Make a data set of windows of a series, which ``fit`` takes.

    Parameters
    ----------
    data : array_like
        The series; its first axis is the time.
    targets : array_like or None
        ``targets[i]`` belongs to the window that begins at ``data[i]``. With None, the data set has no targets.
    sequence_length : int
        The number of steps in a window.
    sequence_stride : int, default 1
        How many steps the next window begins later.
    sampling_rate : int, default 1
        The distance between neighbouring steps of a window.
    batch_size : int or None, default 128
        Windows in a batch; None gives single windows.
    shuffle : bool, default False
        Whether the windows have a random order, which is drawn once.
    seed : int, optional
        The seed of this order.
    start_index, end_index : int, optional
        Use only ``data[start_index:end_index]`` and the targets at the same places.

    Returns
    -------
    DatasetStream

    Raises
    ------
    ValueError
        If no window fits into the series.

    Examples
    --------
    >>> windows = timeseries_dataset_from_array(np.arange(10), np.arange(3, 10), sequence_length=3, batch_size=2)
    >>> x, y = next(iter(windows))
    >>> x.tolist(), y.tolist(), len(windows)
    ([[0, 1, 2], [1, 2, 3]], [3, 4], 4)
    """
    owner = "timeseries_dataset_from_array"
    length = _checks.integer(sequence_length, "sequence_length", owner)
    rate = _checks.integer(sampling_rate, "sampling_rate", owner)
    stride = _checks.integer(sequence_stride, "sequence_stride", owner)
    size = None if batch_size is None else _checks.integer(batch_size, "batch_size", owner)
    series = _checks.with_samples(data, "data", owner)[start_index:end_index]
    values = None if targets is None else _checks.with_samples(targets, "targets", owner)[start_index:end_index]
    count = len(series) - (length - 1) * rate
    starts = np.arange(0, count if values is None else min(count, len(values)), stride)
    if not len(starts):
        raise ValueError(
            f"[{owner}] expected a series into which a window fits, and targets. Received: {len(series)} steps, "
            f"{'no' if values is None else len(values)} targets, {sequence_length=}, {sampling_rate=}"
        )
    if _checks.boolean(shuffle, "shuffle", owner):
        starts = np.random.default_rng(seed).permutation(starts)
    steps = np.arange(length) * rate

    def windows(chosen: Any) -> Any:
        x = series[np.asarray(chosen)[..., np.newaxis] + steps]
        return as_array(x if values is None else (x, values[chosen]))

    def make() -> Iterator[Any]:
        if size is None:
            yield from map(windows, starts)
        else:
            for first in range(0, len(starts), size):
                yield windows(starts[first : first + size])

    return DatasetStream(make, len(starts) if size is None else -(-len(starts) // size))
