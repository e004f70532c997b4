"""Penalties that the loss grows by: on the outputs of a layer, and on its weights where the user wrote the function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnncore._structure import flatten
from cnncore.graph.protocols import AnyLayer, Graph
from cnncore.layers.custom.taped import TapedFunction
from cnncore.regularizers import sum_of_penalty

__all__ = ["add_penalties", "is_known", "is_own", "penalized"]


def add_penalties(graph: Graph, layer: AnyLayer, result: Any) -> Any:
    """Add the penalties of a layer to the loss, for one of its calls.

    The core adds penalties on weights itself, unless a user wrote them as functions.

    Parameters
    ----------
    graph : Graph
    layer : Layer
    result : int, or structure of ints
        The ids of the outputs of the call.

    Returns
    -------
    int, or list of ints
        The ids to use in the place of ``result``. Its values are the same.
    """
    penalty = layer.activity_regularizer
    own = penalty if is_own(penalty) else None
    if own is not None or (graph.adds_penalties_of_weights and any(is_own(spec.regularizer) for spec in layer.specs)):
        first = (
            graph.adds_penalties_of_weights and graph.is_first_call
        )  # penalties on weights are added once, however often the layer is called
        result = [_with_own(graph, y, layer, own, first and not i) for i, y in enumerate(flatten(result))]
    if not is_known(penalty):
        return result
    l1, l2 = float(getattr(penalty, "l1", 0.0)), float(getattr(penalty, "l2", 0.0))
    return [penalized(graph, item, layer.name, l1, l2) for item in flatten(result)]


def penalized(graph: Graph, tensor: int, name: str, l1: float, l2: float) -> int:
    """Add a penalty that the core computes on a tensor, and return the id to use in its place.

    The core adds it in training. An evaluation does not compute what happens in training only, so it asks for the
    penalty of each sample.
    """

    def of_each(arrays: Sequence[Any], training: bool) -> Any:
        rows = arrays[0].reshape(len(arrays[0]), -1).astype(np.float64)
        return (l1 * np.abs(rows).sum(axis=1) + l2 * np.square(rows).sum(axis=1)).astype(np.float32)[:, np.newaxis]

    graph.note_loss(graph.add("host", [tensor], name, forward=of_each, backward=None, shape=(1,)))
    return graph.add("activity_regularization", [tensor], name, l1=l1, l2=l2)


def is_own(penalty: Any) -> bool:
    """Whether a penalty is a function that the user wrote, rather than a sum of magnitudes and squares."""
    return penalty is not None and getattr(type(penalty), "is_own", True)


def is_known(penalty: Any) -> bool:
    """Whether a penalty is one that the core computes."""
    return penalty is not None and not is_own(penalty)


def _with_own(graph: Graph, tensor: int, layer: AnyLayer, activity: Any, weights: bool) -> int:
    """Add the penalty ``activity`` on ``tensor``, and if ``weights`` is True those on the weights of the layer."""
    if activity is not None:
        # Like Keras, divide by the number of samples, so that the penalty does not depend on the batch size.
        tensor = _with_penalty(graph, tensor, layer, lambda x: sum_of_penalty(activity(x), layer.name) / len(x), [])
    for variable in layer.variables if weights else ():
        penalty = variable.spec.regularizer
        if variable.layer is layer and variable.trainable and is_own(penalty):
            tensor = _with_penalty(graph, tensor, layer, _of_weight(penalty, variable), [variable])
    return tensor


def _of_weight(penalty: Callable[[Any], Any], variable: Any) -> Callable[[Any], Any]:
    return lambda _: sum_of_penalty(penalty(variable), variable.layer.name)


def _with_penalty(
    graph: Graph, tensor: int, layer: AnyLayer, penalty: Callable[[Any], Any], variables: Sequence[Any]
) -> int:
    """Add ``penalty`` to the loss. An added loss has a value for each sample, of which the mean is taken, so the
    penalty is repeated for each sample.
    """

    def column(arrays: Sequence[Any], training: bool) -> Any:
        return penalty(arrays[0]) * np.ones((len(arrays[0]), 1), np.float32)

    rows = TapedFunction(f"{layer.name}: its regularizer", column, variables).lower(graph, [tensor], (1,))
    return graph.add_loss([tensor, rows], 1.0, False)
