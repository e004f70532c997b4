"""What a thread is differentiating now: a function, whose weights stand for themselves, or what open tapes record."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

__all__ = ["current_recording", "is_bound", "leaf_of", "recording_into", "state"]


class _State(threading.local):
    leaves: dict[Any, Any] | None = None  # by key, the weights of the function that is being differentiated
    recording: Any = None  # a Recording while a tape is open


state = _State()


def leaf_of(weight: Any) -> Any:
    """The array that stands for a weight while a function that may use it is being differentiated, or None."""
    if state.leaves is not None:
        return state.leaves.get(weight.trace_key)
    return None if state.recording is None or not weight.trainable else state.recording.weight(weight)


def is_bound(weight: Any) -> bool:
    """Whether a weight's plain values would lose a gradient that the function being differentiated needs."""
    return state.leaves is not None and weight.trace_key in state.leaves


def current_recording() -> Any:
    """What this thread's open tapes record; None without tapes, and inside a function that is being differentiated."""
    return state.recording if state.leaves is None else None


@contextlib.contextmanager
def recording_into(recording: Any) -> Iterator[None]:
    """Record there meanwhile; None: nowhere."""
    before, state.recording = state.recording, recording
    try:
        yield
    finally:
        state.recording = before
