"""What the open tapes of a thread have recorded."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore.differentiation.traced import Traced

__all__ = ["Recording"]


class Recording:
    """The record of the open tapes of a thread: everything that is computed from weights and from watched arrays.

    Attributes
    ----------
    tapes : list of GradientTape
        The open tapes, the outermost first.
    """

    def __init__(self) -> None:
        self.tapes: list[Any] = []
        self._leaves: dict[Any, Traced] = {}
        self._watched: dict[int, tuple[Any, Traced]] = {}  # by id; the arrays are kept, so that ids stay unique

    @property
    def may_record_gradients(self) -> bool:
        """Whether one of the open tapes may record a gradient that another one computes, or that it computes itself.

        Scripts also open two tapes for two models, and then ask for gradients of weights alone. So a tape must watch an
        array.
        """
        several = len(self.tapes) > 1 or any(tape.persistent for tape in self.tapes)
        return several and any(tape.watches for tape in self.tapes)

    def weight(self, weight: Any) -> Traced:
        """Return an object with the present values of a weight, to be used in its place in computations."""
        return Traced(weight.numpy(), [(self.leaf(weight), _unchanged)])

    def leaf(self, weight: Any) -> Traced:
        """Return the object that collects the gradients of all uses of a weight. It has no values."""
        return self._leaves.setdefault(weight.trace_key, Traced(np.empty(0)))

    def watch(self, array: Any) -> None:
        """Record from now on what is computed from an array."""
        self._watched[id(array)] = (array, Traced(array.numpy()))

    def find(self, source: Any) -> Traced | None:
        """Return the object that stands for a weight or a watched array in the record, or None if there is none."""
        if isinstance(source, Traced):
            return source
        if hasattr(source, "trace_key"):
            return self._leaves.get(source.trace_key)
        watched = self._watched.get(id(source))
        return None if watched is None else watched[1]


def _unchanged(dy: np.ndarray) -> np.ndarray:
    return dy
