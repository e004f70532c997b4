"""Ctrl-C and SIGTERM: what the exit code says of them, and how a block is finished before they have an effect."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from typing import Any

__all__ = ["deferred", "exit_code"]

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


def exit_code(error: KeyboardInterrupt) -> int:
    """128 and the number of the signal, as shells say it of a program that a signal ended.

    Examples
    --------
    >>> exit_code(KeyboardInterrupt()), exit_code(KeyboardInterrupt("SIGTERM"))
    (130, 143)
    """
    return 128 + (signal.SIGTERM if error.args == ("SIGTERM",) else signal.SIGINT)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Delay Ctrl-C and SIGTERM until the end of the block, unless they are ignored or end the process at once."""
    received: list[int] = []
    handlers: dict[int, Any] = {number: signal.getsignal(number) for number in _NUMBERS}
    handlers = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in handlers:
        signal.signal(number, lambda number, _: received.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    for number in received[:1]:
        handlers[number](number, None)
