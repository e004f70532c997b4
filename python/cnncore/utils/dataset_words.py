"""What scripts call on TensorFlow's data sets, for pictures that are read batch by batch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from cnncore import _checks
from cnncore._random import next_seed
from cnncore._structure import map_structure
from cnncore.utils.dataset import PyDataset
from cnncore.utils.dataset_stream import DatasetStream

__all__ = ["BatchedPictures"]

D = TypeVar("D", bound="BatchedPictures")

_NOT_HERE = {
    "element_spec": "next(iter(dataset)) is a batch, which has shapes and types",
}


class BatchedPictures(PyDataset):
    """The methods of TensorFlow's data sets that make another data set of the same pictures."""

    batch_size: int | None
    _shuffle_seed: int | None
    _cache: dict[int, np.ndarray] | None
    _functions: list[Callable[..., Any]]
    _batches: Sequence[int] | None
    _order: np.ndarray
    _new_order: Callable[[], np.ndarray]

    def __getattr__(self, name: str) -> Any:
        because = f": {_NOT_HERE[name]}" if name in _NOT_HERE else ""
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{because}")

    def cache(self: D) -> D:
        """Keep each picture in memory after it has been read. Returns this data set itself."""
        self._cache = {}
        return self

    def _all_batches(self) -> Sequence[int]:
        return range(len(self)) if self._batches is None else self._batches

    def take(self: D, count: int) -> D:
        """A data set of the first ``count`` batches of each epoch; -1 means all."""
        other = copy.copy(self)
        if _checks.integer(count, "count", "ImageDataset.take", minimum=-1) >= 0:
            other._batches = self._all_batches()[:count]
        return other

    def skip(self: D, count: int) -> D:
        """A data set without the first ``count`` batches of each epoch."""
        other = copy.copy(self)
        other._batches = self._all_batches()[_checks.integer(count, "count", "ImageDataset.skip", minimum=0) :]
        return other

    def repeat(self: D, count: int | None = None) -> D:
        """A data set whose epochs have the batches ``count`` times, in the same order.

        Without a number, or with -1, it is this data set itself: ``fit`` reads the data again in each epoch, and more
        often if ``steps_per_epoch`` asks for more batches.
        """
        if count is None or _checks.integer(count, "count", "ImageDataset.repeat", minimum=-1) == -1:
            return self
        other = copy.copy(self)
        other._batches = list(self._all_batches()) * count
        return other

    def shuffle(self: D, buffer_size: Any = None, seed: Any = None, reshuffle_each_iteration: Any = None) -> D:
        """A data set whose pictures are shuffled before each epoch. All are shuffled, whatever ``buffer_size`` is."""
        other = copy.copy(self)
        if buffer_size is not None:
            _checks.integer(buffer_size, "buffer_size", "ImageDataset.shuffle")
        if self._shuffle_seed is None:
            other._shuffle_seed = next_seed() if seed is None else _checks.integer(seed, "seed", "ImageDataset.shuffle")
            other._order = other._new_order()
        return other

    def prefetch(self: D, buffer_size: Any = None) -> D:
        """Return the data set itself: `fit` prepares batches ahead by itself."""
        return self

    def map(self: D, function: Callable[..., Any], num_parallel_calls: Any = None) -> D:
        """A data set whose batches are the results of ``function(images, labels)`` for the batches of this one."""
        other = copy.copy(self)
        other._functions = [*self._functions, function]
        return other

    def cardinality(self) -> int:
        """Return the number of batches of an epoch."""
        return len(self)

    def as_numpy_iterator(self) -> Iterator[Any]:
        """Iterate over the batches of an epoch as plain NumPy arrays."""
        for batch in self:
            yield map_structure(np.asarray, batch)

    def unbatch(self) -> Any:
        """A data set of single pictures."""
        return self.stream().unbatch() if self._is_changed else self._regrouped(None)

    def batch(self, batch_size: int, drop_remainder: bool = False) -> Any:
        """A data set of batches, of a data set of single pictures.

        ``drop_remainder=True`` leaves the last batch out if it is smaller.
        """
        if self.batch_size is not None:
            raise ValueError(
                f"[{type(self).__name__}.batch] expected single pictures, as of batch_size=None or after unbatch(). "
                f"Received: batches of {self.batch_size}"
            )
        size = _checks.integer(batch_size, "batch_size", f"{type(self).__name__}.batch")
        if self._is_changed:
            return self.stream().batch(size, drop_remainder)
        pictures = len(self)
        other = self._regrouped(size)
        return other.take(pictures // batch_size) if drop_remainder else other

    def stream(self) -> DatasetStream:
        """The batches of each epoch, one after another."""
        return DatasetStream(lambda: iter(self), len(self))

    def filter(self, predicate: Callable[..., Any]) -> DatasetStream:
        """A data set of the batches for which ``predicate(images, labels)`` is true."""
        return self.stream().filter(predicate)

    def enumerate(self, start: int = 0) -> DatasetStream:
        """A data set of pairs: the number of the batch, counted from ``start``, and the batch."""
        return self.stream().enumerate(start)

    def concatenate(self, dataset: Iterable[Any]) -> DatasetStream:
        """A data set of the batches of this one and then those of another."""
        return self.stream().concatenate(dataset)

    def zip(self, *datasets: Iterable[Any]) -> DatasetStream:
        """A data set of tuples: a batch of this data set and one of each other, up to the end of the shortest."""
        return self.stream().zip(*datasets)

    def apply(self, transformation: Callable[[Any], Any]) -> Any:
        """Return what ``transformation`` makes of this data set."""
        return transformation(self)

    @property
    def _is_changed(self) -> bool:
        """Whether the batches are not those of the files: `map`, `take`, `skip` or `repeat` was called."""
        return bool(self._functions) or self._batches is not None

    def _regrouped(self: D, batch_size: int | None) -> D:
        other = copy.copy(self)
        other.batch_size = batch_size
        return other
