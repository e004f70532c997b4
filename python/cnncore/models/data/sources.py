"""Where batches come from: arrays in memory, or a stream of batches that is made elsewhere."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np

from cnncore._checks import Float32
from cnncore._pipeline import Prefetcher
from cnncore.models.data.arrays import is_array
from cnncore.models.data.augmenter import Augmenter
from cnncore.models.data.signature import Samples

__all__ = ["ArraySource", "Batch", "Order", "Source", "is_stream", "part_of_pass", "unpack", "warn_of_end"]


# Called with the number of samples or batches, and with how many steps before the beginning of the epoch the pass
# through them began. Returns the order of this pass.
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
        The number of batches in an epoch, if an epoch is not one pass through the data set, see :func:`part_of_pass`.
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
        part = part_of_pass(number, -(-rows // size), self.steps)
        indices = order(rows, part.start)
        for batch in part[skip:]:
            yield indices[batch * size : (batch + 1) * size]
        if self.steps is not None and len(part) < self.steps:
            warn_of_end("fit", "x", len(part), self.steps, number)

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


def part_of_pass(epoch: int, batches: int, steps: int | None) -> range:
    """The batches that an epoch takes out of a pass through all ``batches``, if an epoch should have ``steps``.

    As in Keras, the next epoch goes on where one has ended; the last epoch of a pass ends with it, even if that makes
    it short; and the epoch after it begins a new pass.

    >>> [part_of_pass(epoch, 10, 4) for epoch in range(4)]
    [range(0, 4), range(4, 8), range(8, 10), range(0, 4)]
    """
    if steps is None or steps >= batches:
        return range(batches)
    start = epoch % -(-batches // steps) * steps
    return range(start, min(start + steps, batches))


def warn_of_end(owner: str, name: str, count: int, wanted: int, epoch: int | None) -> None:
    """Warn that the data had fewer batches than an epoch, or an evaluation, should have."""
    of_epoch = "" if epoch is None else f" of epoch {epoch + 1}"
    message = (
        f"[{owner}] {name} ended after batch {count} of {wanted}{of_epoch}, which ends there, as in Keras. To read the "
        "data more often, repeat them or leave out the number of steps."
    )
    warnings.warn(message, UserWarning, stacklevel=2)


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
