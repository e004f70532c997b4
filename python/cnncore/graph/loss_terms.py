"""Losses of a whole batch that are computed from symbolic tensors."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from cnncore._structure import flatten, pack_like
from cnncore.graph.tensor import KerasTensor, NotTraceableError, attach_loss

__all__ = [
    "LossTerms",
    "Term",
    "add_loss",
    "collect_values",
    "collected_losses",
    "collected_values",
    "is_following",
    "values_are_collected",
    "with_losses",
]

_OTHER_NUMBERS = (
    "Compute other numbers in the `call` of a Layer, where `self.add_loss` and a Mean that is an attribute take them."
)


class Term(NamedTuple):
    """A part of a loss: ``factor`` times something that is computed from ``tensor``, of shape (batch,).

    ``kind`` says what: "rows" is the value of each sample, "mean" the mean of these values and "sum" their sum.
    """

    factor: float
    kind: str
    tensor: KerasTensor


class LossTerms(NDArrayOperatorsMixin):
    """A sum of objects of the class :class:`Term`, to be passed to ``add_loss``.

    Such sums can be added to each other and to tensors of shape (batch,), multiplied by numbers, and reduced to one
    number by ``numpy.mean`` and ``numpy.sum``.

    Examples
    --------
    >>> from cnncore.layers import Input
    >>> x = Input((3,))
    >>> loss = 0.5 * np.mean(np.sum(np.square(x), axis=-1))
    >>> [(term.factor, term.kind, term.tensor.shape) for term in loss.terms]
    [(0.5, 'mean', (None,))]
    """

    __hash__ = object.__hash__

    def __init__(self, terms: list[Term]) -> None:
        self.terms = terms

    @property
    def shape(self) -> tuple[Any, ...]:
        """(None,) if a tensor with a value for each sample was added, () otherwise."""
        return (None,) if any(term.kind == "rows" for term in self.terms) else ()

    dtype = "float32"

    def scaled(self, factor: Any) -> LossTerms:
        """Multiply by a number."""
        return LossTerms([term._replace(factor=term.factor * float(factor)) for term in self.terms])

    def reduced(self, kind: str = "mean") -> LossTerms:
        """Take the mean or the sum over the batch. Terms that are one number already do not change."""
        plain = [term for term in self.terms if term.kind != "rows"]
        if plain and kind == "sum" and len(plain) < len(self.terms):
            raise NotTraceableError(
                "numpy.sum of a loss that is partly one number for the batch depends on the batch size, which is not "
                "known: take the sum of each part instead."
            )
        return LossTerms([term._replace(kind=kind) if term.kind == "rows" else term for term in self.terms])

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "reduce" and ufunc is np.add:
            return self.reduced("sum")
        if method != "__call__":
            raise NotTraceableError(f"numpy.{ufunc.__name__}.{method} cannot be computed from a loss.")
        left, right = inputs if len(inputs) == 2 else (*inputs, self)
        if ufunc is np.negative:
            return self.scaled(-1)
        if ufunc is np.multiply and (_is_number(left) or _is_number(right)):
            return self.scaled(left if _is_number(left) else right)
        if ufunc is np.true_divide and _is_number(right):
            return self.scaled(1 / float(right))
        left, right = (_of_rows(item) for item in (left, right))
        if ufunc in (np.add, np.subtract) and isinstance(left, LossTerms) and isinstance(right, LossTerms):
            return LossTerms(left.terms + (right if ufunc is np.add else right.scaled(-1)).terms)
        raise NotTraceableError(
            "A loss that is one number for the batch can only be added to other losses and multiplied by numbers. "
            f"{_OTHER_NUMBERS} "
            f"Received: numpy.{ufunc.__name__}"
        )

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        axis = kwargs.get("axis", args[1] if len(args) > 1 else None)
        if function in (np.mean, np.average, np.sum) and axis in (None, 0, -1, (0,), (-1,)):
            return self.reduced("sum" if function is np.sum else "mean")
        raise NotTraceableError(
            f"numpy.{function.__name__} cannot be computed from a loss, only numpy.mean and numpy.sum over the batch. "
            + _OTHER_NUMBERS
        )

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise NotTraceableError(
            "A result that is one number for the batch can only be a loss here: choose axes so that the axis of the "
            f"batch remains. Received: {self!r}"
        )

    def __repr__(self) -> str:
        terms = " + ".join(f"{term.factor:g} {term.kind}({term.tensor.name})" for term in self.terms)
        return f"<LossTerms {terms}>"


def _of_rows(item: Any) -> Any:
    """The values of a tensor of shape (batch,) as a part of a loss; anything else as it is."""
    return LossTerms([Term(1.0, "rows", item)]) if isinstance(item, KerasTensor) and item.ndim == 1 else item


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) or (isinstance(value, np.ndarray) and value.ndim == 0)


class _Collecting(threading.local):
    terms: list[LossTerms] | None = None  # where this thread collects losses; None if it follows no call
    values: list[Any] | None = None  # where this thread collects losses that are computed from arrays


_collecting = _Collecting()


@contextlib.contextmanager
def collected_losses() -> Iterator[list[LossTerms]]:
    """Collect the losses that this thread adds inside the ``with`` block."""
    before, terms = (_collecting.terms, _collecting.values), list[LossTerms]()
    _collecting.terms, _collecting.values = terms, None
    try:
        yield terms
    finally:
        _collecting.terms, _collecting.values = before


@contextlib.contextmanager
def collected_values() -> Iterator[list[Any]]:
    """Collect the losses that are computed from arrays, and that this thread adds inside the ``with`` block."""
    before, values = (_collecting.terms, _collecting.values), list[Any]()
    _collecting.terms, _collecting.values = None, values
    try:
        yield values
    finally:
        _collecting.terms, _collecting.values = before


def values_are_collected() -> bool:
    """Whether this thread is inside a block of :func:`collected_values`."""
    return _collecting.values is not None


def collect_values(losses: Sequence[Any]) -> None:
    """Add what a layer inside the present call adds to the loss to the losses of :func:`collected_values`, if any."""
    if _collecting.values is not None:
        _collecting.values += losses


def is_following() -> bool:
    """Whether this thread is inside a block of :func:`collected_losses`."""
    return _collecting.terms is not None


def add_loss(owner: str, loss: Any) -> LossTerms:
    """Check a loss that the layer or model ``owner`` adds, and append it to the losses that are being collected."""
    parts = loss if isinstance(loss, (list, tuple)) else [loss]
    if _collecting.values is not None and not any(isinstance(part, (KerasTensor, LossTerms)) for part in parts):
        _collecting.values += parts
        return LossTerms([])
    terms = LossTerms([term for part in parts for term in _checked(owner, part).terms])
    if _collecting.terms is not None:
        _collecting.terms.append(terms)
    return terms


def _checked(owner: str, loss: Any) -> LossTerms:
    reduced = np.mean(loss) if isinstance(loss, KerasTensor) else loss
    if not isinstance(reduced, LossTerms):
        raise ValueError(
            f"[{owner}.add_loss] expected a loss that is computed from symbolic tensors, which inside `call` are its "
            f"inputs. For a penalty on a weight pass regularizer= to add_weight. Received: {type(loss).__name__}"
        )
    return reduced.reduced()


def with_losses(outputs: Any, losses: Sequence[LossTerms]) -> Any:
    """Return ``outputs`` with the first one replaced by a tensor of the same values that adds the losses."""
    leaves = flatten(outputs)
    first = leaves[0]
    for loss in losses:
        for term in loss.reduced().terms:
            first = attach_loss(first, term)
    return pack_like(outputs, [first, *leaves[1:]])
