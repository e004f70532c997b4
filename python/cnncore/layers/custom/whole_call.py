"""Layers whose ``call`` runs in Python as a whole for each batch, because it assigns to weights, or computes losses
from arrays. In training, a tape records what it does, including the calls of other layers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore._structure import flatten, pack_like
from cnncore.graph.call_record import whole_call
from cnncore.graph.loss_terms import collected_values
from cnncore.graph.protocols import AnyLayer, Graph
from cnncore.graph.tensor import KerasTensor
from cnncore.layers.custom.host_call import HostCall, NoBatchAxisError
from cnncore.layers.custom.taped import TapedFunction

__all__ = ["WholeCall", "names_in_call"]


def names_in_call(layer: AnyLayer, *wanted: str) -> bool:
    """Whether the ``call`` of a user's layer, or a method that it calls, uses an attribute with one of these names.

    The names are those in the compiled code. This must be known before ``call`` runs for the first time, because it
    would already assign to weights then.
    """
    todo, seen = ["call"], set[str]()
    while todo:
        name = todo.pop()
        function = getattr(type(layer), name, None)
        code = getattr(function, "__code__", None)
        if name in seen or code is None or str(getattr(function, "__module__", "")).startswith("cnncore."):
            continue
        seen.add(name)
        if any(item in code.co_names for item in wanted):
            return True
        todo += code.co_names
    return False


class WholeCall(HostCall):
    """A call that runs as a whole.

    An op of the core has one result. So the results are put side by side into one array, and taken out of it again. If
    the layer adds losses, their sum is a further column: the mean of the column is the loss.

    Parameters
    ----------
    layer : Layer
    args, kwargs
        The arguments of the call, with symbolic tensors in the place of arrays.
    adds_losses : bool
        Whether the layer may call ``add_loss``.

    Attributes
    ----------
    output_shape : tuple, or structure of tuples
        The shapes of the results, with the batch axis (None) in front.

    Raises
    ------
    NoBatchAxisError
        If the call does not return arrays with the batch axis in front.
    """

    def __init__(self, layer: AnyLayer, args: Any, kwargs: dict[str, Any], adds_losses: bool) -> None:
        super().__init__(layer, args, kwargs)
        self._adds_losses = adds_losses
        leaves = flatten([list(args), dict(kwargs)])
        shapes = [leaf.shape for leaf in leaves if isinstance(leaf, KerasTensor)]
        results = []
        for samples in (1, 2):
            with whole_call(training=False, probed=True), collected_values():
                zeros = [np.zeros((samples, *shape[1:]), np.float32) for shape in shapes]
                results.append(super().call(zeros, False))
        found = [[np.shape(leaf) for leaf in flatten(result)] for result in results]
        if any(one[:1] != (1,) or two[:1] != (2,) for one, two in zip(*found, strict=True)):
            raise NoBatchAxisError(
                f'Layer "{layer.name}": expected call to return arrays with the batch axis in front. '
                f"Received: shapes {found[0]} for one sample and {found[1]} for two"
            )
        self._shapes = [shape[1:] for shape in found[0]]
        self.output_shape = pack_like(results[0], [(None, *shape) for shape in self._shapes])

    def call(self, arrays: Sequence[Any], training: bool) -> Any:
        """Call the layer's ``call``, and return its result."""
        behaves = (training or self.is_always_training) and not self.is_inference
        with whole_call(behaves):
            return super().call(arrays, training)

    def lower(self, graph: Graph, inputs: Sequence[int]) -> list[int]:
        """Add the ops to ``graph``, and return the ids of the results."""
        layer = self._layer
        variables = [variable for variable in layer.variables if variable.spec.trainable]
        sizes = [math.prod(shape) for shape in self._shapes]
        function = TapedFunction(layer.name, self._side_by_side, variables)
        together = function.lower(graph, inputs, (sum(sizes) + self._adds_losses,))
        results, start = [], 0
        for size, shape in zip(sizes, self._shapes, strict=True):
            results.append(_part(graph, layer.name, together, (start, start + size), shape))
            start += size
        if self._adds_losses:
            loss = _part(graph, layer.name, together, (start, start + 1), (1,))
            results[0] = graph.add_loss([results[0], loss], 1.0, False)
        return results

    def _side_by_side(self, arrays: Sequence[Any], training: bool) -> Any:
        """The results of the call as columns of one array. Its losses, if it adds any, are the last column."""
        with collected_values() as losses:
            results = flatten(self.call(arrays, training))
        samples = len(arrays[0])
        shapes = [(samples, *shape) for shape in self._shapes]
        if [np.shape(result) for result in results] != shapes:
            received = [np.shape(result) for result in results]
            raise ValueError(
                f'Layer "{self._layer.name}": expected call to return arrays of shapes {shapes}. Received: {received}'
            )
        columns = [np.reshape(result, (samples, -1)) for result in results]
        if self._adds_losses:
            columns.append(sum((np.mean(loss) for loss in losses), 0.0) * np.ones((samples, 1), np.float32))
        return np.concatenate(columns, axis=1)


def _part(graph: Graph, name: str, x: int, place: tuple[int, int], shape: tuple[int, ...]) -> int:
    """Add an op that takes the columns ``place`` of a matrix, and gives each row ``shape``."""
    start, end = place
    (width,) = graph.output_shape(x)

    def forward(arrays: Sequence[np.ndarray], training: bool) -> np.ndarray:
        return np.require(arrays[0][:, start:end].reshape(-1, *shape), np.float32, ["C", "A"])

    def backward(arrays: Sequence[np.ndarray], dy: np.ndarray) -> list[np.ndarray]:
        dx = np.zeros((len(dy), width), np.float32)
        dx[:, start:end] = dy.reshape(len(dy), -1)
        return [dx]

    return graph.add("host", [x], name, forward=forward, backward=backward, shape=shape)
