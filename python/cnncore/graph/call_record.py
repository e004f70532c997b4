"""Whether calls of layers on symbolic tensors are recorded, and what is noted meanwhile: one state for each thread."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from cnncore.graph.protocols import AnyLayer

__all__ = [
    "calls_are_hidden",
    "hidden_calls",
    "is_followed",
    "is_probed",
    "note_call",
    "numpy_is_followed",
    "training_of_call",
    "visible_calls",
    "whole_call",
]


class _CallState(threading.local):
    depth = 0  # in how many blocks of hidden_calls this thread is
    following = False  # whether the `call` of a layer runs with symbolic tensors, to find out what it does
    called: set[int] | None = None  # where the ids of the layers that are called are collected, or None
    numpy = True  # whether NumPy functions that are called on symbolic tensors make layers
    probed = False  # whether a `call` runs with zeros, to find out the shapes of its results
    training: bool | None = None  # how layers behave that are called by the `call` of a layer that runs as a whole


_state = _CallState()


@contextlib.contextmanager
def hidden_calls(numpy: bool = True, following: bool = False, called: set[int] | None = None) -> Iterator[None]:
    """Hide the calls inside the ``with`` block: they do not change ``layer.input`` and ``layer.output``.

    Parameters
    ----------
    numpy : bool, default True
        False makes NumPy functions of symbolic tensors raise an error. A custom layer that only consists of such
        functions is faster if the core calls it as a whole than if each function is a layer.
    following : bool, default False
        True makes it an error to read a weight as an array. The result would hold the values of that moment for ever,
        while training changes the weight.
    called : set of int, optional
        Where the ids of the layers that are called are added.
    """
    before = dict(_state.__dict__)
    _state.numpy, _state.following = numpy, following
    if called is not None:
        _state.called = called
    _state.depth += 1
    try:
        yield
    finally:
        _restore(before)


@contextlib.contextmanager
def visible_calls() -> Iterator[None]:
    """Record the calls inside the ``with`` block as usual, even inside :func:`hidden_calls`.

    A model can be called for the first time inside the ``call`` of a layer. It is then built in such a block.
    """
    before = dict(_state.__dict__)
    _state.depth, _state.numpy, _state.following, _state.called = 0, True, False, None
    try:
        yield
    finally:
        _restore(before)


@contextlib.contextmanager
def whole_call(training: bool, probed: bool = False) -> Iterator[None]:
    """Run the ``call`` of a layer as a whole, on arrays. Layers that it calls behave as in training if ``training``.

    If ``probed``, the call only serves to find out shapes, so that it must not assign to weights.
    """
    before = dict(_state.__dict__)
    _state.training, _state.following = training, False
    _state.probed = _state.probed or probed
    try:
        yield
    finally:
        _restore(before)


def _restore(before: dict[str, Any]) -> None:
    _state.__dict__.clear()
    _state.__dict__.update(before)


def note_call(layer: AnyLayer) -> None:
    """Add a layer to those that :func:`hidden_calls` collects."""
    if _state.called is not None:
        _state.called.add(id(layer))


def is_followed() -> bool:
    """Whether this thread is running the ``call`` of a layer with symbolic tensors, to find out what it does."""
    return _state.following


def is_probed() -> bool:
    """Whether this thread runs the ``call`` of a layer only to find out the shapes of its results."""
    return _state.probed


def training_of_call() -> bool | None:
    """How layers behave that are called without ``training``: as in the ``call`` around them that runs as a whole."""
    return _state.training


def numpy_is_followed() -> bool:
    """Whether NumPy functions that are called on symbolic tensors make layers."""
    return _state.numpy


def calls_are_hidden() -> bool:
    """Whether this thread is inside :func:`hidden_calls`."""
    return _state.depth > 0
