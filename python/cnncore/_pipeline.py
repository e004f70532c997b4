"""Batches prepared ahead of their use, on a thread of their own."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Generic, TypeVar

from cnncore import _core

T = TypeVar("T")

_JOIN_SECONDS = 1.0  # how long close() waits for an item that is being made


class _Channel:
    """A bounded queue between two threads, which either side can close."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._items: deque[tuple[str, Any]] = deque()
        self._closed = False
        self._changed = threading.Condition()

    def put(self, kind: str, value: Any) -> bool:
        """Wait for room and append; False, and nothing is appended, once the channel is closed."""
        with self._changed:
            while len(self._items) >= self._depth and not self._closed:
                self._changed.wait()
            if self._closed:
                return False
            self._items.append((kind, value))
            self._changed.notify_all()
            return True

    def get(self) -> tuple[str, Any]:
        """Wait for an item; the end, once the channel is closed."""
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
    _core.limit_augment_threads(1)  # the others belong to training, which goes on meanwhile
    try:
        for item in iterator:
            if not channel.put("item", item if transform is None else transform(item)):
                break
        channel.put("end", None)
    except BaseException as error:  # raised again where the consumer asks for this item
        channel.put("error", error)
    finally:
        close = getattr(iterator, "close", None)  # a generator's `finally` clauses run on the thread that ran it
        if close is not None:
            close()


class Prefetcher(Iterator[T], Generic[T]):
    """An iterator whose next items are made by a thread of its own, while the caller works on the present one.

    Preparing pays where it releases the GIL, as NumPy's copies, file access and the core's augmentation do.

    Parameters
    ----------
    iterator : iterable
        Where items come from. It is advanced on the other thread only, one item at a time and in order.
    depth : int, default 2
        The most items that wait to be used; one more may be in the making.
    transform : callable, optional
        Applied to each item, on the other thread as well.

    Notes
    -----
    An exception in `iterator` or `transform` is raised from ``next`` in place of the item it prevented, after all items
    before it. :meth:`close`, the end of a ``with`` block or the garbage collector stop the thread; it is a daemon, so
    that a source which never returns cannot keep the process alive. Ctrl-C interrupts a waiting ``next``.

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
        # The thread knows the channel and not this object, so that it ends when this object is forgotten.
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
                del value  # else this frame and the exception's traceback would keep each other alive
        raise StopIteration

    def close(self) -> None:
        """Stop the thread and forget the items that nobody asked for. It may be called more than once."""
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
