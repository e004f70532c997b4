"""What each thread is differentiating at the moment: a function (:func:`pullback`), or what open tapes record."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

__all__ = [
    "collector_of",
    "current_recording",
    "is_bound",
    "is_pulled_back",
    "is_recording_backward",
    "keeping_gradients",
    "leaf_of",
    "must_keep_gradients",
    "recording_backward",
    "recording_into",
    "state",
]


class _State(threading.local):
    # The arrays that stand for the weights of the function that is being differentiated, by the keys of the weights.
    leaves: dict[Any, Any] | None = None
    recording: Any = None  # a Recording while a tape is open, else None
    records_backward = False  # whether a backward pass is recorded, so that gradients of its results can be computed
    keeps_gradients = False  # whether it is an error to convert a recorded array to one that is not recorded


state = _State()


def leaf_of(weight: Any) -> Any:
    """Return the array that stands for a weight in what this thread is differentiating, or None."""
    if state.leaves is not None:
        return state.leaves.get(weight.trace_key)
    return None if state.recording is None or not weight.trainable else state.recording.weight(weight)


def is_bound(weight: Any) -> bool:
    """Whether the function that is being differentiated needs the gradient of a weight."""
    return state.leaves is not None and weight.trace_key in state.leaves


def is_pulled_back() -> bool:
    """Whether this thread is inside of a function that :func:`pullback` differentiates."""
    return state.leaves is not None


def collector_of(weight: Any) -> Any:
    """Return the object that collects the gradients of all uses of a weight, or None if its gradient is not wanted."""
    if state.leaves is not None:
        return state.leaves.get(weight.trace_key)
    return None if state.recording is None else state.recording.leaf(weight)


def current_recording() -> Any:
    """Return the record of this thread's open tapes. It is None without tapes, and inside of :func:`pullback`."""
    return state.recording if state.leaves is None else None


def is_recording_backward() -> bool:
    """Whether this thread records what backward passes compute."""
    return state.records_backward


def must_keep_gradients() -> bool:
    """Whether it is an error to convert an array that is differentiated to one that is not, as by numpy.asarray."""
    return state.leaves is not None or state.keeps_gradients


@contextlib.contextmanager
def keeping_gradients() -> Iterator[None]:
    """Make it an error in the ``with`` block to convert a recorded array to one that is not recorded."""
    before, state.keeps_gradients = state.keeps_gradients, True
    try:
        yield
    finally:
        state.keeps_gradients = before


@contextlib.contextmanager
def recording_into(recording: Any) -> Iterator[None]:
    """Let the ``with`` block record into ``recording``, or record nothing if that is None."""
    before = state.recording, state.records_backward
    state.recording, state.records_backward = recording, False
    try:
        yield
    finally:
        state.recording, state.records_backward = before


@contextlib.contextmanager
def recording_backward(records: bool) -> Iterator[None]:
    """Let backward passes in the ``with`` block be recorded, or not."""
    before, state.records_backward = state.records_backward, records
    try:
        yield
    finally:
        state.records_backward = before
