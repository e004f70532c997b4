"""Penalties that are functions of the user: on the output of a layer and on its weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnncore.layers.protocols import AnyLayer, Graph
from cnncore.layers.taped import TapedFunction

__all__ = ["add_penalties", "is_known", "is_own"]


def add_penalties(graph: Graph, tensor: int, layer: AnyLayer, activity: Any, first: bool) -> int:
    """Add to the loss what penalties return that the core does not compute; the id of ``tensor`` with it.

    Parameters
    ----------
    graph : Graph
    tensor : int
        An output of the layer.
    layer : Layer
    activity : callable or None
        The penalty on the output.
    first : bool
        Whether this is the first output and call of the layer, which brings the penalties on its weights.
    """
    if activity is not None:
        # as in Keras, for one sample: the batch size does not change how strong it is
        tensor = _with_penalty(graph, tensor, layer, lambda x: np.sum(activity(x)) / len(x), [])
    for variable in layer.variables if first else ():
        penalty = variable.spec.regularizer
        if variable.layer is layer and variable.trainable and is_own(penalty):
            tensor = _with_penalty(graph, tensor, layer, _of_weight(penalty, variable), [variable])
    return tensor


def is_own(penalty: Any) -> bool:
    """Whether a penalty is a function of the user, rather than a sum of magnitudes and squares."""
    return penalty is not None and getattr(type(penalty), "is_own", True)


def is_known(penalty: Any) -> bool:
    """Whether a penalty is one that the core computes."""
    return penalty is not None and not is_own(penalty)


def _of_weight(penalty: Callable[[Any], Any], variable: Any) -> Callable[[Any], Any]:
    return lambda _: penalty(variable)


def _with_penalty(
    graph: Graph, tensor: int, layer: AnyLayer, penalty: Callable[[Any], Any], variables: Sequence[Any]
) -> int:
    """The penalty as a column (batch, 1) of equal numbers, whose mean is the penalty, as a loss."""

    def column(arrays: Sequence[Any], training: bool) -> Any:
        return np.sum(penalty(arrays[0])) * np.ones((len(arrays[0]), 1), np.float32)

    rows = TapedFunction(f"{layer.name}: its regularizer", column, variables).lower(graph, [tensor], (1,))
    return graph.add_loss([tensor, rows], 1.0, False)
