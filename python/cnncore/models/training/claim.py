"""Claim: one thread at a time may use an object, and other threads are told so without waiting."""

from __future__ import annotations

import threading
from typing import Any

__all__ = ["Claim"]


class Claim:
    """A lock that never waits: the value of its ``with`` statement says whether the block has the lock.

    Copies and pickles of a claim are not held, even if the original is.

    Examples
    --------
    >>> claim = Claim()
    >>> with claim as first, claim as second:
    ...     first, second
    (True, False)
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held = threading.local()

    def __enter__(self) -> bool:
        has_it = self._lock.acquire(blocking=False)
        stack = self._held.__dict__.setdefault("stack", [])
        stack.append(has_it)
        return has_it

    def __exit__(self, *exception: object) -> None:
        if self._held.stack.pop():
            self._lock.release()

    def __reduce__(self) -> tuple[Any, ...]:
        return Claim, ()
