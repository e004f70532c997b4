"""Batches that are prepared on another thread before they are needed."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Generic, TypeVar

from cnncore import _core

T = TypeVar("T")

_JOIN_SECONDS = 1.0  # seconds that close() waits for an item that is being made


class _Channel:
    """A bounded queue between two threads, which either side can close."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._items: deque[tuple[str, Any]] = deque()
        self._closed = False
        self._changed = threading.Condition()

    def put(self, kind: str, value: Any) -> bool:
        """Wait for room and append an item. Once the channel is closed, append nothing and return False."""
        with self._changed:
            while len(self._items) >= self._depth and not self._closed:
                self._changed.wait()
            if self._closed:
                return False
            self._items.append((kind, value))
            self._changed.notify_all()
            return True

    def get(self) -> tuple[str, Any]:
        """Wait for an item. Once the channel is closed, return the end marker."""
        with self._changed:
            while not self._items and not self._closed:
                self._changed.wait()
            if not self._items:
                return "end", None
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()


def _produce(iterator: Iterator[Any], transform: Callable[[Any], Any] | None, channel: _Channel) -> None:
    _core.limit_augment_threads(1)  # this thread uses one core; the other threads belong to training
    try:
        for item in iterator:
            if not channel.put("item", item if transform is None else transform(item)):
                break
        channel.put("end", None)
    except BaseException as error:  # raised again when the consumer asks for this item
        channel.put("error", error)
    finally:
        # so that the `finally` clauses of a generator run on the thread that ran it
        close = getattr(iterator, "close", None)
        if close is not None:
            close()


class Prefetcher(Iterator[T], Generic[T]):
    """An iterator whose next items are made by another thread while the caller works on the current one.

    This saves time if making an item releases the GIL, as copies by NumPy, file access and the core's augmentation do.

    Parameters
    ----------
    iterator : iterable
        Where items come from. Only the other thread reads from it, one item at a time and in order.
    depth : int, default 2
        The largest number of items that wait to be used; one more may be being made.
    transform : callable, optional
        Applied to each item, on the other thread.

    Notes
    -----
    An exception in `iterator` or `transform` is raised by ``next`` when it comes to the item that could not be made,
    after all items before it. :meth:`close`, the end of a ``with`` block and the garbage collector stop the thread. It
    is a daemon thread, so that a source which never returns cannot keep the process alive. Ctrl-C interrupts a waiting
    ``next``.

    Examples
    --------
    >>> with Prefetcher(range(5), depth=2, transform=lambda i: i * i) as squares:
    ...     list(squares)
    [0, 1, 4, 9, 16]
    """

    def __init__(self, iterator: Iterable[Any], depth: int = 2, transform: Callable[[Any], T] | None = None) -> None:
        if depth < 1:
            raise ValueError(f"[Prefetcher] expected a depth of at least 1. Received: depth={depth}")
        self._channel = _Channel(depth)
        self._finished = False
        self._thread = threading.Thread(
            target=_produce, args=(iter(iterator), transform, self._channel), name="cnncore-prefetch", daemon=True
        )
        # The thread refers to the channel and not to this object, so that it ends when this object is garbage.
        weakref.finalize(self, self._channel.close)
        self._thread.start()

    def __iter__(self) -> Prefetcher[T]:
        return self

    def __next__(self) -> T:
        if self._finished:
            raise StopIteration
        kind, value = self._channel.get()
        if kind == "item":
            item: T = value
            return item
        self._finished = True
        if kind == "error":
            try:
                raise value
            finally:
                del value  # otherwise this frame and the traceback of the exception would keep each other alive
        raise StopIteration

    def close(self) -> None:
        """Stop the thread, and forget the items that were not used. It may be called more than once."""
        self._finished = True
        self._channel.close()
        if self._thread is not threading.current_thread():
            self._thread.join(_JOIN_SECONDS)

    def __enter__(self) -> Prefetcher[T]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
