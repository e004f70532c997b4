"""Metrics that are updated while a model computes, by its layers or its own ``call``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore._structure import flatten, pack_like
from cnncore.graph.loss_terms import LossTerms, Term
from cnncore.graph.tensor import KerasTensor
from cnncore.layers.base import Layer, Shape

__all__ = ["watched"]


class _Watching(Layer):
    """Return the first input unchanged, and update a metric with a value that is computed from the others."""

    takes_single_values = True
    one_input = False

    def __init__(self, metric: Any, terms: list[Term] | None) -> None:
        super().__init__()
        self._metric, self._terms = metric, terms

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return tuple(input_shape[0])

    def call(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        self._metric.update_state(_value(inputs[1:], self._terms))
        return inputs[0]

    def backward(self, inputs: Sequence[np.ndarray], dy: np.ndarray) -> list[np.ndarray]:
        """Pass the gradient on to the first input."""
        return [dy, *(np.zeros_like(array) for array in inputs[1:])]


def watched(outputs: Any, metric: Any, value: KerasTensor | LossTerms) -> Any:
    """Return ``outputs`` with the first one replaced by a tensor of the same values that updates ``metric``."""
    leaves = flatten(outputs)
    terms = value.terms if isinstance(value, LossTerms) else None
    tensors = [value] if terms is None else [term.tensor for term in terms]
    return pack_like(outputs, [_Watching(metric, terms)([leaves[0], *tensors]), *leaves[1:]])


def _value(arrays: Sequence[np.ndarray], terms: list[Term] | None) -> Any:
    if terms is None:
        return arrays[0]
    reductions: dict[str, Any] = {"mean": np.mean, "sum": np.sum, "rows": np.asarray}
    parts = [term.factor * reductions[term.kind](array) for term, array in zip(terms, arrays, strict=True)]
    return sum(parts)
