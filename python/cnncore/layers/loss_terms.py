"""Losses without values: what reducing a symbolic tensor to one number a sample, or for the batch, gives."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from cnncore._structure import flatten, pack_like
from cnncore.layers.tensor import KerasTensor, NotTraceableError, attach_loss

__all__ = ["LossTerms", "Term", "add_loss", "collected_losses", "is_following", "with_losses"]


class Term(NamedTuple):
    """``factor`` times a tensor (batch, 1): one value a sample (kind "rows"), their "mean" or their "sum"."""

    factor: float
    kind: str
    tensor: KerasTensor


class LossTerms(NDArrayOperatorsMixin):
    """A sum of :class:`Term`, to be given to ``add_loss``.

    It can be added to others, multiplied by numbers and reduced by ``mean`` and ``sum``. What has one value for each
    sample goes through other functions of NumPy as well.

    Examples
    --------
    >>> from cnncore.layers import Input
    >>> x = Input((3,))
    >>> loss = np.mean(0.5 * np.sum(np.square(x), axis=-1))
    >>> [(term.factor, term.kind, term.tensor.shape) for term in loss.terms]
    [(0.5, 'mean', (None, 1))]
    """

    __hash__ = object.__hash__

    def __init__(self, terms: list[Term]) -> None:
        self.terms = terms

    @property
    def shape(self) -> tuple[Any, ...]:
        """(None,) while there is a value for each sample, () afterwards."""
        return (None,) if any(term.kind == "rows" for term in self.terms) else ()

    dtype = "float32"

    def scaled(self, factor: Any) -> LossTerms:
        """Each term times a number."""
        return LossTerms([term._replace(factor=term.factor * float(factor)) for term in self.terms])

    def reduced(self, kind: str = "mean") -> LossTerms:
        """The mean or sum over the batch; what is one number already stays so."""
        plain = [term for term in self.terms if term.kind != "rows"]
        if plain and kind == "sum" and len(plain) < len(self.terms):
            raise NotTraceableError("A sum over the batch of something that is one number for the batch is not known.")
        return LossTerms([term._replace(kind=kind) if term.kind == "rows" else term for term in self.terms])

    def rows(self) -> KerasTensor:
        """One value a sample, as a tensor (batch, 1)."""
        if any(term.kind != "rows" for term in self.terms):
            raise NotTraceableError("What is one number for the batch can only be added and multiplied by numbers.")
        first, *more = (term.tensor * term.factor if term.factor != 1 else term.tensor for term in self.terms)
        for tensor in more:
            first = first + tensor
        return first

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "reduce" and ufunc is np.add:
            return self.reduced("sum")
        if method != "__call__":
            raise NotTraceableError(f"numpy.{ufunc.__name__}.{method} of a loss is not known.")
        left, right = inputs if len(inputs) == 2 else (*inputs, self)
        if ufunc is np.negative:
            return self.scaled(-1)
        if ufunc is np.multiply and (_is_number(left) or _is_number(right)):
            return self.scaled(left if _is_number(left) else right)
        if ufunc is np.true_divide and _is_number(right):
            return self.scaled(1 / float(right))
        if ufunc in (np.add, np.subtract) and isinstance(left, LossTerms) and isinstance(right, LossTerms):
            return LossTerms(left.terms + (right if ufunc is np.add else right.scaled(-1)).terms)
        tensors = [item.rows() if isinstance(item, LossTerms) else item for item in inputs]
        if any(isinstance(item, KerasTensor) and item.shape != (None, 1) for item in tensors):
            raise NotTraceableError(
                f"numpy.{ufunc.__name__} of a loss of each sample and a tensor with further axes is not known. "
                "keepdims=True keeps axes."
            )
        return LossTerms([Term(1.0, "rows", ufunc(*tensors, **kwargs))])

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        axis = kwargs.get("axis", args[1] if len(args) > 1 else None)
        if function in (np.mean, np.average, np.sum) and axis in (None, 0, -1, (0,), (-1,)):
            return self.reduced("sum" if function is np.sum else "mean")
        raise NotTraceableError(f"numpy.{function.__name__} of a loss is not known: mean and sum are.")

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise NotTraceableError(
            "What has one value for each sample, or one for the batch, can only be a loss here: keepdims=True keeps "
            "axes. "
            f"Received: {self!r}"
        )

    def __repr__(self) -> str:
        terms = " + ".join(f"{term.factor:g} {term.kind}({term.tensor.name})" for term in self.terms)
        return f"<LossTerms {terms}>"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) or (isinstance(value, np.ndarray) and value.ndim == 0)


class _Collecting(threading.local):
    terms: list[LossTerms] | None = None  # the terms of the call that this thread is following


_collecting = _Collecting()


@contextlib.contextmanager
def collected_losses() -> Iterator[list[LossTerms]]:
    """The losses that are added meanwhile."""
    before, terms = _collecting.terms, list[LossTerms]()
    _collecting.terms = terms
    try:
        yield terms
    finally:
        _collecting.terms = before


def is_following() -> bool:
    """Whether a call is being followed in this thread."""
    return _collecting.terms is not None


def add_loss(owner: str, loss: Any) -> LossTerms:
    """A loss as a layer or model adds it, checked; inside a call that is followed it is noted there."""
    parts = loss if isinstance(loss, (list, tuple)) else [loss]
    terms = LossTerms([term for part in parts for term in _checked(owner, part).terms])
    if _collecting.terms is not None:
        _collecting.terms.append(terms)
    return terms


def _checked(owner: str, loss: Any) -> LossTerms:
    reduced = np.mean(loss) if isinstance(loss, KerasTensor) else loss
    if not isinstance(reduced, LossTerms):
        raise ValueError(
            f"[{owner}.add_loss] expected a loss that is computed from symbolic tensors, inside `call` from its "
            f"inputs. A penalty on weights is their regularizer=. Received: {type(loss).__name__}"
        )
    return reduced.reduced()


def with_losses(outputs: Any, losses: Sequence[LossTerms]) -> Any:
    """The outputs, the first of which now brings the losses with it."""
    leaves = flatten(outputs)
    first = leaves[0]
    for loss in losses:
        for term in loss.reduced().terms:
            first = attach_loss(first, term)
    return pack_like(outputs, [first, *leaves[1:]])
