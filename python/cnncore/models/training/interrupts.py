"""SIGTERM ends training in the same way as Ctrl-C: between two steps, with the weights of the last step."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

__all__ = ["terminate_like_interrupt"]


@contextlib.contextmanager
def terminate_like_interrupt() -> Iterator[None]:
    """Raise KeyboardInterrupt on SIGTERM inside the ``with`` block.

    It does nothing outside the main thread, since Python handles signals only there, or if the program has its own
    handler.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt("SIGTERM")
