"""The layer that adds a loss to that of the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnncore.layers.base import Layer, Shape
from cnncore.layers.loss_terms import Term
from cnncore.layers.protocols import Graph
from cnncore.layers.tensor import register_operator

__all__ = ["AddedLoss"]


class AddedLoss(Layer):
    """The first input as it is; the second one is a loss of each sample, which the loss of the model grows by.

    Parameters
    ----------
    weight : float
        Factor of the loss.
    summed : bool
        Whether the losses of the samples are summed; else their mean is taken.
    """

    one_input = False

    def __init__(self, weight: float, summed: bool) -> None:
        super().__init__()
        self.weight, self.summed = weight, summed

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return tuple(input_shape[0])

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        return graph.add_loss(inputs, self.weight, self.summed)


def _attached(tensor: Any, term: Term) -> Any:
    return AddedLoss(term.factor, term.kind == "sum")([tensor, term.tensor])


register_operator("added_loss", _attached)
