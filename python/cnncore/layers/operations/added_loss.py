"""The layer that adds a further loss to the loss of the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnncore.graph.loss_terms import Term
from cnncore.graph.protocols import Graph
from cnncore.graph.tensor import register_operator
from cnncore.layers.base import Layer, Shape

__all__ = ["AddedLoss"]


class AddedLoss(Layer):
    """Return the first input unchanged, and add the second one to the loss of the model.

    The second input is a loss for each sample, of shape (batch,) or (batch, 1).

    Parameters
    ----------
    weight : float
        The factor by which the loss is multiplied.
    summed : bool
        True adds the sum over the samples, False their mean.
    """

    takes_single_values = True

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
