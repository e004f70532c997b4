"""The decorator of functions that take arrays, symbolic tensors, and arrays whose use a tape records."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from cnncore.differentiation import Array, Traced, as_array, first_order, leaf_of
from cnncore.differentiation.traced import gradient_rule

__all__ = ["op", "recorded", "together"]

F = TypeVar("F", bound=Callable[..., Any])


def op(function: F) -> F:
    """Let a function of arrays take symbolic tensors, weights, and arrays whose use is recorded, too.

    With symbolic tensors, a call makes a layer that calls the function in each step. If a tape or a layer in training
    records the call, ``function`` gets the objects that stand for its arguments. It must then consist of functions
    whose gradients are known, or return the result of :func:`recorded`.

    Examples
    --------
    >>> double = op(lambda x: x + x)
    >>> double(2.0)
    4.0
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        leader = _leader([*args, *kwargs.values()])
        if leader is None:
            return as_array(function(*args, **kwargs))
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError:
            return function(*args, **kwargs)  # Python's own message names the function and the argument
        bound.apply_defaults()
        return leader.__array_function__(called, (), bound.args, bound.kwargs)

    gradient_rule(called)(function)
    return called  # type: ignore[return-value]


def _leader(values: Sequence[Any]) -> Any:
    """Return the argument that decides what a call does: a symbolic tensor, or else an array that is recorded."""
    found = None
    for value in values:
        item = _leader(value) if isinstance(value, (list, tuple)) else value
        if hasattr(item, "given_to"):  # a symbolic tensor
            return item
        if hasattr(item, "trace_key"):  # a weight
            item = leaf_of(item)
        elif isinstance(item, Array):
            item = item.watched()
        if isinstance(item, Traced):
            found = item
    return found


def recorded(y: np.ndarray, sources: Sequence[tuple[Any, Callable[[np.ndarray], np.ndarray]]]) -> Any:
    """Return the result ``y`` of an op, together with how its gradients are computed if a source is recorded.

    ``sources`` are pairs of an operand and the function that computes its gradient from that of ``y``. Gradients of
    these gradients are not known.
    """

    def once(back: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
        def checked(dy: np.ndarray) -> np.ndarray:
            first_order("a function of cnncore.ops")
            return back(dy)

        return checked

    used = [(operand, once(back)) for operand, back in sources if isinstance(operand, Traced)]
    return Traced(y, used) if used else y


def together(
    operands: Sequence[Any], gradients: Callable[[np.ndarray], Sequence[np.ndarray]]
) -> list[tuple[Any, Callable[[np.ndarray], np.ndarray]]]:
    """Make the sources of :func:`recorded` from a function that computes the gradients of all operands at once."""
    kept: list[Any] = []

    def back_of(place: int) -> Callable[[np.ndarray], np.ndarray]:
        def back(dy: np.ndarray) -> np.ndarray:
            if not kept or kept[0] is not dy:
                kept[:] = [dy, gradients(dy)]
            return np.asarray(kept[1][place])

        return back

    return [(operand, back_of(place)) for place, operand in enumerate(operands)]
