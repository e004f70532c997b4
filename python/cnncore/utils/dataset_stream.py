"""Data sets that are read from their beginning, with the methods of TensorFlow's data sets."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._random import next_seed
from cnncore._structure import flatten, map_structure, pack_like
from cnncore.differentiation import as_array

__all__ = ["DatasetStream"]


class DatasetStream:
    """Elements that come one after another: what ``filter``, ``zip`` and the like make of a data set of pictures.

    An element is ``x``, ``(x, y)`` or another structure of arrays. ``fit`` takes elements as batches.

    Parameters
    ----------
    make : callable
        Begins an epoch: returns an iterator over the elements.
    length : int, optional
        The number of elements of an epoch, if it is known.

    Examples
    --------
    >>> numbers = DatasetStream(lambda: iter(range(7)), 7)
    >>> [batch.tolist() for batch in numbers.filter(lambda x: x % 2 == 0).batch(3)]
    [[0, 2, 4], [6]]
    """

    def __init__(self, make: Callable[[], Iterator[Any]], length: int | None = None) -> None:
        self._make, self._length = make, length

    def __iter__(self) -> Iterator[Any]:
        return self._make()

    def __len__(self) -> int:
        if self._length is None:
            raise TypeError("[DatasetStream] the number of elements is not known before they are read")
        return self._length

    def cardinality(self) -> int:
        """The number of elements of an epoch, or -2 if it is not known."""
        return -2 if self._length is None else self._length

    def as_numpy_iterator(self) -> Iterator[Any]:
        """Iterate over the elements as plain NumPy arrays."""
        return (map_structure(np.asarray, element) for element in self)

    # --- elements are changed or chosen ---------------------------------------------------------------------------
    def map(
        self, function: Callable[..., Any], num_parallel_calls: Any = None, deterministic: Any = None
    ) -> DatasetStream:
        """A data set of the results of ``function``, which gets the parts of each element as its arguments."""
        return DatasetStream(lambda: (_called(function, element) for element in self), self._length)

    def filter(self, predicate: Callable[..., Any]) -> DatasetStream:
        """A data set of the elements for which ``predicate`` is true."""
        return DatasetStream(lambda: (element for element in self if np.all(_called(predicate, element))))

    def enumerate(self, start: int = 0) -> DatasetStream:
        """A data set of pairs: the number of the element, counted from ``start``, and the element."""
        return DatasetStream(lambda: enumerate(self, start), self._length)

    def apply(self, transformation: Callable[[Any], Any]) -> Any:
        """Return what ``transformation`` makes of this data set."""
        return transformation(self)

    def take(self, count: int) -> DatasetStream:
        """A data set of the first ``count`` elements; -1 means all."""
        most = _checks.integer(count, "count", "DatasetStream.take", minimum=-1)
        if most == -1:
            return self
        length = None if self._length is None else min(most, self._length)
        return DatasetStream(lambda: itertools.islice(self, most), length)

    def skip(self, count: int) -> DatasetStream:
        """A data set without the first ``count`` elements."""
        first = _checks.integer(count, "count", "DatasetStream.skip", minimum=0)
        length = None if self._length is None else max(0, self._length - first)
        return DatasetStream(lambda: itertools.islice(self, first, None), length)

    def repeat(self, count: int | None = None) -> DatasetStream:
        """A data set that is read ``count`` times in an epoch. Without a number, or with -1, it has no end."""
        times = -1 if count is None else _checks.integer(count, "count", "DatasetStream.repeat", minimum=-1)
        rounds = (lambda: itertools.count()) if times == -1 else (lambda: range(times))
        length = None if times == -1 or self._length is None else times * self._length
        return DatasetStream(lambda: (element for _ in rounds() for element in self), length)

    def shuffle(self, buffer_size: int, seed: int | None = None, reshuffle_each_iteration: Any = None) -> DatasetStream:
        """A data set in another order: each element is drawn from the next ``buffer_size`` ones."""
        size = _checks.integer(buffer_size, "buffer_size", "DatasetStream.shuffle")

        def shuffled() -> Iterator[Any]:
            random = np.random.default_rng(next_seed() if seed is None else seed)
            held: list[Any] = []
            for element in self:
                held.append(element)
                if len(held) >= size:
                    yield held.pop(int(random.integers(len(held))))
            random.shuffle(held)
            yield from held

        return DatasetStream(shuffled, self._length)

    def cache(self, filename: Any = "") -> DatasetStream:
        """A data set that keeps its elements in memory after they were read to the end."""
        kept: list[Any] = []
        complete: list[bool] = []

        def read() -> Iterator[Any]:
            if complete:
                yield from kept
                return
            elements = []
            for element in self:
                elements.append(element)
                yield element
            kept[:], complete[:] = elements, [True]

        return DatasetStream(read, self._length)

    def prefetch(self, buffer_size: Any = None) -> DatasetStream:
        """Return the data set itself: ``fit`` prepares batches ahead by itself."""
        return self

    # --- several data sets ----------------------------------------------------------------------------------------
    def concatenate(self, dataset: Iterable[Any]) -> DatasetStream:
        """A data set of the elements of this one and then those of another."""
        lengths = [self._length, _length(dataset)]
        return DatasetStream(lambda: itertools.chain(self, dataset), None if None in lengths else sum(lengths))  # type: ignore[arg-type]

    def zip(self, *datasets: Iterable[Any]) -> DatasetStream:
        """A data set of tuples: an element of this data set and one of each other, up to the end of the shortest."""
        lengths = [self._length, *map(_length, datasets)]
        least = None if None in lengths else min(lengths)  # type: ignore[type-var]
        return DatasetStream(lambda: zip(self, *datasets), least)  # noqa: B905 (they may differ in length)

    # --- batches --------------------------------------------------------------------------------------------------
    def batch(
        self, batch_size: int, drop_remainder: bool = False, num_parallel_calls: Any = None, deterministic: Any = None
    ) -> DatasetStream:
        """A data set of batches of ``batch_size`` elements. ``drop_remainder=True`` leaves out a last smaller one."""
        size = _checks.integer(batch_size, "batch_size", "DatasetStream.batch")

        def batches() -> Iterator[Any]:
            elements = iter(self)
            while group := list(itertools.islice(elements, size)):
                if len(group) == size or not drop_remainder:
                    yield _stacked(group)

        whole = None if self._length is None else self._length // size
        left = self._length is not None and not drop_remainder and self._length % size > 0
        return DatasetStream(batches, None if whole is None else whole + left)

    def unbatch(self) -> DatasetStream:
        """A data set of the single samples in the batches."""

        def samples() -> Iterator[Any]:
            for batch in self:
                leaves = flatten(batch)
                for row in range(len(leaves[0])):
                    yield pack_like(batch, [as_array(leaf[row]) for leaf in leaves])

        return DatasetStream(samples)


def _called(function: Callable[..., Any], element: Any) -> Any:
    return function(*element) if isinstance(element, tuple) else function(element)


def _stacked(elements: list[Any]) -> Any:
    """Make a batch of elements, each of which is a structure of arrays."""
    columns = zip(*map(flatten, elements), strict=True)
    return pack_like(elements[0], [as_array(np.stack(column)) for column in columns])


def _length(dataset: Any) -> int | None:
    try:
        return len(dataset)
    except TypeError:
        return None
