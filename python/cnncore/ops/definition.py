"""The decorator of functions that take arrays, symbolic tensors, and arrays whose use a tape records."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from cnncore._refusals import names_itself
from cnncore._structure import map_structure
from cnncore.differentiation import Array, NotDifferentiableError, Traced, as_array, first_order, leaf_of, seen
from cnncore.differentiation.traced import gradient_rule

__all__ = ["is_recorded", "op", "recorded", "recorded_pair", "seen_op", "together", "without_gradient"]

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
    function = names_itself(function)

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


def seen_op(function: F) -> F:
    """Let a function of arrays get the objects that stand for arrays and weights that are recorded. Unlike :func:`op`,
    its result may be a tuple, and it does not take symbolic tensors.
    """
    function = names_itself(function)

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        return as_array(function(*map_structure(_seen, list(args)), **map_structure(_seen, kwargs)))

    return called  # type: ignore[return-value]


def _seen(value: Any) -> Any:
    if not hasattr(value, "trace_key"):
        return seen(value)
    leaf = leaf_of(value)  # of a weight
    return value if leaf is None else leaf


def is_recorded(*values: Any) -> bool:
    """Whether one of the arguments is a symbolic tensor, or an array or weight whose use is recorded."""
    return _leader(values) is not None


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


def recorded_pair(
    pair: tuple[np.ndarray, np.ndarray],
    sources: Sequence[tuple[Any, Callable[[np.ndarray, np.ndarray], np.ndarray]]],
) -> tuple[Any, Any]:
    """As :func:`recorded`, for two results: ``sources`` give the gradient from those of both results."""
    first, second = pair

    def of_first(back: Callable[..., np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
        return lambda dy: back(dy, np.zeros_like(second))

    def of_second(back: Callable[..., np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
        return lambda dy: back(np.zeros_like(first), dy)

    return (
        recorded(first, [(operand, of_first(back)) for operand, back in sources]),
        recorded(second, [(operand, of_second(back)) for operand, back in sources]),
    )


def without_gradient(y: np.ndarray, operands: Sequence[Any], name: str) -> Any:
    """The result of a function whose gradient is not known: an error says so where it is needed.

    Without this, a gradient would be lost in silence.
    """

    def back(dy: np.ndarray) -> np.ndarray:
        raise NotDifferentiableError(
            f"The gradient of cnncore.ops.{name} is not known: use another function, or `stop_gradient` if none is "
            "needed."
        )

    return recorded(y, [(operand, back) for operand in operands])


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
