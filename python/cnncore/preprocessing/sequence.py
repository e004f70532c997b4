"""``preprocessing.sequence`` of Keras."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.utils.dataset import PyDataset
from cnncore.utils.sequences import pad_sequences

__all__ = ["TimeseriesGenerator", "pad_sequences"]


class TimeseriesGenerator(PyDataset):
    """Windows of a time series, batch by batch, as in Keras 2; see also :func:`utils.timeseries_dataset_from_array`.

    Parameters
    ----------
    data, targets : array_like
        The series and its targets, whose first axis is the time. ``targets[i]`` belongs to the window before step i.
    length : int
        The number of steps before a target from which its window is taken.
    sampling_rate : int, default 1
        The distance between neighbouring steps of a window.
    stride : int, default 1
        The distance between the targets of neighbouring windows.
    start_index, end_index : int, optional
        Use only the steps from ``start_index`` to ``end_index``.
    shuffle : bool, default False
        Whether windows are drawn at random.
    reverse : bool, default False
        Whether the last step of a window comes first.
    batch_size : int, default 128

    Examples
    --------
    >>> windows = TimeseriesGenerator(np.arange(6), np.arange(6), length=3, batch_size=2)
    >>> x, y = windows[0]
    >>> x.tolist(), y.tolist(), len(windows)
    ([[0, 1, 2], [1, 2, 3]], [3, 4], 2)
    """

    def __init__(
        self,
        data: Any,
        targets: Any,
        length: int,
        sampling_rate: int = 1,
        stride: int = 1,
        start_index: int = 0,
        end_index: int | None = None,
        shuffle: bool = False,
        reverse: bool = False,
        batch_size: int = 128,
    ) -> None:
        super().__init__()
        owner = type(self).__name__
        self.data = _checks.with_samples(data, "data", owner)
        self.targets = _checks.with_samples(targets, "targets", owner)
        if len(self.data) != len(self.targets):
            raise ValueError(
                f"[{owner}] expected as many targets as steps. Received: {len(self.data)} steps, {len(self.targets)} "
                "targets"
            )
        self.length = _checks.integer(length, "length", owner)
        self.sampling_rate = _checks.integer(sampling_rate, "sampling_rate", owner)
        self.stride = _checks.integer(stride, "stride", owner)
        self.batch_size = _checks.integer(batch_size, "batch_size", owner)
        self.start_index = start_index + self.length
        self.end_index = len(self.data) - 1 if end_index is None else end_index
        self.shuffle, self.reverse = shuffle, reverse
        if self.start_index > self.end_index:
            raise ValueError(
                f"[{owner}] expected a window before the last step. Received: {length=}, {start_index=}, "
                f"end_index={self.end_index}"
            )

    def __len__(self) -> int:
        return -(-(self.end_index - self.start_index + 1) // (self.batch_size * self.stride))

    def __getitem__(self, index: int) -> Any:
        if self.shuffle:
            rows = np.random.default_rng().integers(self.start_index, self.end_index + 1, self.batch_size)
        else:
            first = self.start_index + self.batch_size * self.stride * index
            rows = np.arange(first, min(first + self.batch_size * self.stride, self.end_index + 1), self.stride)
        steps = np.arange(-self.length, 0, self.sampling_rate)
        windows = self.data[rows[:, np.newaxis] + steps]
        return windows[:, ::-1] if self.reverse else windows, self.targets[rows]
