"""StreamSource: batches that a generator, a PyDataset, a DataLoader or another iterable gives."""

from __future__ import annotations

import contextlib
import itertools
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._pipeline import Prefetcher
from cnncore.models.data.augmenter import Augmenter
from cnncore.models.data.signature import Samples, Signature
from cnncore.models.data.sources import Batch, Order, part_of_pass, unpack, warn_of_end

__all__ = ["StreamSource"]

_END = object()


class StreamSource:
    """Batches that a generator, a ``PyDataset``, a PyTorch ``DataLoader`` or another iterable gives.

    Parameters
    ----------
    data : iterable or PyDataset-like
        Gives ``x``, ``(x, y)`` or ``(x, y, sample_weight)``.
    signature : callable
        Returns the signature of the model. It is called with the ``x`` of the first batch, whose shapes can build the
        model.
    owner : str
        The function that messages name.
    steps : int, optional
        The number of batches in an epoch.
    class_weight : dict, optional
        The weight of each class, as for ``fit``.
    targets : bool, default True
        Whether batches must have targets.

    Attributes
    ----------
    augment : Augmenter or None
        Changes the images of a batch.
    name : str
        What messages call it.
    """

    def __init__(
        self,
        data: Any,
        signature: Callable[[Any], Signature],
        owner: str,
        steps: int | None = None,
        class_weight: Any = None,
        targets: bool = True,
    ) -> None:
        self._data, self._signature, self._owner = data, signature, owner
        self.name = "the data source"  # for messages
        self._workers = _checks.integer(getattr(data, "workers", 1), "workers", owner, minimum=0)
        self._depth = _checks.integer(getattr(data, "max_queue_size", 10), "max_queue_size", owner)
        self._class_weight, self._targets = class_weight, targets
        self.augment: Augmenter | None = None
        self._wanted = steps
        self.steps = _length(data) if steps is None else steps
        self.samples: int | None = None
        self.batch_size: int | None = None
        self._indexed = hasattr(data, "__getitem__") and hasattr(data, "__len__")
        self._iterator: Iterator[Any] | None = None
        self._first: list[Any] = []  # a batch that was read before its epoch began
        self._looked_at: Any = None  # the inputs of batch 0 of a source that can be asked for it again

    def peek(self) -> Any:
        """The ``x`` of the first batch. The batch is kept, and an epoch still begins with it."""
        if self._indexed:
            if self._looked_at is None:
                batch = self._read(iter([0]), 0, None, lambda index: self._data[index])
                with self._fitting(0, None):
                    self._looked_at = unpack(batch, self._owner)[0]
            return self._looked_at
        if not self._first:
            batch = self._read(self._raw(1), 0, None)
            if batch is _END:
                raise ValueError(f"[{self._owner}] expected at least one batch. Received: a data source without any")
            self._first.append(batch)
        with self._fitting(0, None):
            return unpack(self._first[0], self._owner)[0]

    def epoch(self, order: Order, number: int | None, skip: int = 0, first_step: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, without the first ``skip`` ones."""
        numbered = enumerate(self.raw_epoch(order, number))

        def prepare(item: tuple[int, Any]) -> Batch:
            return self._prepare(item, number, first_step)

        skipped = itertools.islice(numbered, skip, None) if skip else numbered
        if self._workers == 0:
            yield from map(prepare, skipped)
        else:
            with Prefetcher(skipped, depth=self._depth, transform=prepare) as batches:
                yield from batches

    def raw_epoch(self, order: Order, number: int | None) -> Iterator[Any]:
        """The batches of an epoch as the source gives them."""
        hook = getattr(self._data, "on_epoch_begin", None)
        if hook is not None:
            hook()
        raw = self._order_indices(order, number or 0) if self._indexed else self._raw(self._wanted)
        yield from self._checked(raw, number)
        hook = getattr(self._data, "on_epoch_end", None)
        if hook is not None:
            hook()

    def some_inputs(self) -> list[np.ndarray]:
        """The inputs of the first batch."""
        x = self.peek()
        with self._fitting(0, None):
            return self._signature(x).prepare_x(x, self._owner)

    def slices(self) -> Iterator[Batch]:
        """The batches in their own order; for evaluation and prediction."""
        return self.epoch(lambda count, offset: np.arange(count), None)

    # --- raw batches ----------------------------------------------------------------------------------------------
    def _order_indices(self, order: Order, epoch: int) -> Iterator[Any]:
        """The batches of a data set whose batches have numbers, in random order if ``fit`` shuffles."""
        if self.steps is None:
            raise ValueError(
                f"[{self._owner}] expected the number of batches in an epoch (steps_per_epoch=) for a data set that "
                "never ends. Received: steps_per_epoch=None"
            )
        length = _length(self._data) or self.steps
        part = part_of_pass(epoch, length, self._wanted)
        indices = iter(order(length, part.start)[part.start : part.stop].tolist())
        if self._workers > 1:
            return _in_parallel(self._data.__getitem__, indices, self._workers, max(self._depth, self._workers))
        return (self._data[index] for index in indices)

    def _raw(self, wanted: int | None) -> Iterator[Any]:
        """The next ``wanted`` batches of a pass through the data, or as many as it still has; if it is None, all of
        them. A pass that has ended is followed by the next one.
        """
        one_shot = hasattr(self._data, "__next__")
        given = 0
        while wanted is None or given < wanted:
            if self._first:
                yield self._first.pop()
                given += 1
                continue
            fresh = self._iterator is None
            if self._iterator is None:
                self._iterator = iter(self._data)
            try:
                batch = next(self._iterator)
            except StopIteration:
                if not one_shot:
                    self._iterator = None
                if wanted is None or one_shot or fresh or given:
                    return
                continue
            yield batch
            given += 1

    def _checked(self, raw: Iterator[Any], epoch: int | None) -> Iterator[Any]:
        """The same batches, with an error if the source fails or has none, and a warning if it ends too early."""
        count = 0
        while True:
            batch = self._read(raw, count, epoch)
            if batch is _END:
                break
            yield batch
            count += 1
        expected = self._wanted if self._wanted is not None else self.steps
        if count == 0:
            more = "" if expected is None else f" of {expected}"
            raise ValueError(
                f"[{self._owner}] expected more batches. Received: {self.name} ended after batch 0{more}"
                f"{_of_epoch(epoch)}. An iterator can be read once only: pass steps_per_epoch=, or an object that can "
                "be iterated again"
            )
        if expected is not None and count < expected:
            warn_of_end(self._owner, self.name, count, expected, epoch)
        if self.steps is None:
            self.steps = count

    def _read(self, raw: Iterator[Any], count: int, epoch: int | None, get: Callable[[Any], Any] | None = None) -> Any:
        try:
            item = next(raw, _END)
            return item if get is None else get(item)
        except Exception as error:
            raise RuntimeError(
                f"[{self._owner}] {self.name} failed at batch {count + 1}{_of_epoch(epoch)}: "
                f"{type(error).__name__}: {error}"
            ) from error

    @contextlib.contextmanager
    def _fitting(self, count: int, epoch: int | None) -> Iterator[None]:
        """Errors of what does not fit the model name the batch."""
        try:
            yield
        except (ValueError, TypeError) as error:
            name = "" if self.name == "the data source" else f" of {self.name}"
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"[{self._owner}] batch {count + 1}{_of_epoch(epoch)}{name} does not fit: {error}") from error

    def _prepare(self, item: tuple[int, Any], epoch: int | None, first_step: int) -> Batch:
        """Check a batch of the source, and change its images."""
        number, batch = item
        with self._fitting(number, epoch):
            x, y, weight = unpack(batch, self._owner)
            signature = self._signature(x)
            if self._targets:
                samples = signature.prepare(x, y, weight, self._owner, self._class_weight)
            else:
                count = len(signature.outputs)
                samples = Samples(signature.prepare_x(x, self._owner), [None] * count, [None] * count)
        if self.augment is not None:
            samples = self.augment(samples, first_step + number)
        return Batch(*samples, None, samples.rows)


def _of_epoch(epoch: int | None) -> str:
    """For messages; only training has epochs."""
    return "" if epoch is None else f" of epoch {epoch + 1}"


def _in_parallel(get: Callable[[int], Any], indices: Iterator[int], workers: int, depth: int) -> Iterator[Any]:
    """``get(index)`` for each index, in order. ``workers`` threads compute up to ``depth`` results in advance."""
    from concurrent.futures import Future, ThreadPoolExecutor

    with ThreadPoolExecutor(workers, thread_name_prefix="cnncore-worker") as pool:
        waiting: deque[Future[Any]] = deque()
        try:
            for index in indices:
                waiting.append(pool.submit(get, index))
                if len(waiting) >= depth:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _length(data: Any) -> int | None:
    """The number of batches of a data set, or None if it does not say."""
    if hasattr(data, "num_batches"):
        number = data.num_batches
        return None if number is None else int(number)
    try:
        return len(data)
    except (TypeError, NotImplementedError, AttributeError):
        return None
