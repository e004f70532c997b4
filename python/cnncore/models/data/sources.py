"""Where batches come from: arrays in memory, or a stream of batches that is made elsewhere."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np

from cnncore._checks import Float32
from cnncore._pipeline import Prefetcher
from cnncore.models.data.arrays import is_array
from cnncore.models.data.augmenter import Augmenter
from cnncore.models.data.signature import Samples

__all__ = ["ArraySource", "Batch", "Order", "Source", "is_stream", "unpack"]


# Called with the number of samples or batches, and with how many steps after the beginning of the epoch a pass through
# them begins (negative: before it). Returns the order of this pass.
Order = Callable[[int, int], np.ndarray]


class Batch(NamedTuple):
    """The batch of one step: the samples of some arrays whose numbers are in ``indices``, or all if that is None."""

    x: list[np.ndarray]
    y: list[np.ndarray | None]
    weight: list[Float32 | None]
    indices: np.ndarray | None
    rows: int


class Source(Protocol):
    """Gives the batches of one epoch after another."""

    steps: int | None  # batches in an epoch, None where it is not known
    samples: int | None
    batch_size: int | None

    def epoch(self, order: Order, number: int, skip: int = 0, first_step: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, without the first ``skip`` ones.

        ``first_step`` is the number of the epoch's first step.
        """


class ArraySource:
    """Batches of samples in memory.

    Parameters
    ----------
    samples : Samples
        The whole data set.
    batch_size : int
        Samples in a batch; the last batch of an epoch may have fewer.
    steps : int, optional
        The number of batches in an epoch, if an epoch is not one pass through the data set. Each epoch continues where
        the one before ended.
    augment : Augmenter, optional
        Changes the images of a batch; it runs on a thread of its own, ahead of training.
    """

    def __init__(
        self, samples: Samples, batch_size: int, steps: int | None = None, augment: Augmenter | None = None
    ) -> None:
        self.data, self.batch_size = samples, batch_size
        self.samples: int | None = samples.rows
        self.steps: int | None = -(-samples.rows // batch_size) if steps is None else steps
        self._limited = steps is not None
        self._augment = augment

    def epoch(self, order: Order, number: int, skip: int = 0, first_step: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, without the first ``skip`` ones."""
        data, groups = self.data, self._groups(order, number, skip)
        if self._augment is None:
            x, y, weight = data
            for indices in groups:  # Batch(...) itself would take twice as long, in every step
                yield tuple.__new__(Batch, (x, y, weight, indices, len(indices)))
            return
        numbered = enumerate(groups, first_step + skip)
        with Prefetcher(numbered, transform=lambda item: self._augmented(item[1], item[0])) as batches:
            yield from batches

    def _groups(self, order: Order, number: int, skip: int) -> Iterator[np.ndarray]:
        """The indices of each batch of an epoch, without the first ``skip`` ones."""
        rows, size = self.data.rows, self.batch_size
        if not self._limited:
            indices = order(rows, 0)
            for start in range(skip * size, rows, size):
                yield indices[start : start + size]
            return
        assert self.steps is not None
        in_a_round = -(-rows // size)
        # how many batches earlier epochs took; a pass through the data set keeps its order across epochs
        before = number * self.steps
        indices, drawn = np.zeros(0, np.int64), -1
        for batch in range(before + skip, before + self.steps):
            this_round, place = divmod(batch, in_a_round)
            if this_round != drawn:
                indices, drawn = order(rows, this_round * in_a_round - before), this_round
            yield indices[place * size : (place + 1) * size]

    def some_inputs(self) -> list[np.ndarray]:
        """Inputs whose values are typical of the data set: here all of them."""
        return self.data.x

    def slices(self) -> Iterator[Batch]:
        """The batches in the order of the data set, as views; for evaluation and prediction."""
        size, count = self.batch_size, self.data.rows
        if self._limited and self.steps is not None:
            count = min(count, self.steps * size)
        for start in range(0, count, size):
            part = self.data.take(slice(start, min(start + size, count)))
            yield Batch(*part, None, part.rows)

    def _augmented(self, batch: np.ndarray, step: int) -> Batch:
        assert self._augment is not None
        part = self._augment(self.data.take(batch), step)
        return Batch(*part, None, part.rows)


def is_stream(data: Any, owner: str) -> bool:
    """Whether ``data`` gives batches, instead of being samples.

    Raises
    ------
    TypeError
        If it is a function or a class, which would have to be called to make the data.
    """
    if isinstance(data, type) or inspect.isroutine(data):
        kind = "class" if isinstance(data, type) else "function"
        raise TypeError(
            f"[{owner}] expected arrays or a source of batches. Received: the {kind} {data.__name__!r}. Call it to "
            "make the data"
        )
    if data is None or is_array(data) or isinstance(data, (list, tuple, dict, str, bytes)):
        return False
    return hasattr(data, "__iter__") or (hasattr(data, "__getitem__") and hasattr(data, "__len__"))


def unpack(batch: Any, owner: str) -> tuple[Any, Any, Any]:
    """The ``x``, ``y`` and ``sample_weight`` of a batch; None for those that it does not have."""
    if not isinstance(batch, (tuple, list)) or (isinstance(batch, list) and not 2 <= len(batch) <= 3):
        return batch, None, None
    if not 1 <= len(batch) <= 3:
        raise ValueError(
            f"[{owner}] expected batches of x, (x, y) or (x, y, sample_weight). Received: a tuple of {len(batch)}"
        )
    x, y, weight = [*batch, None, None][:3]
    return x, y, weight
