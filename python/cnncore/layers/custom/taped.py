"""Ops for NumPy functions that use weights of several layers, such as a layer that also uses the weights of another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnncore.differentiation import NotDifferentiableError, pullback
from cnncore.graph.protocols import AnyLayer, Graph
from cnncore.layers.weights.variable import Variable

__all__ = ["TapedFunction"]


class TapedFunction:
    """Ops that call a Python function of arrays and weights.

    An op of the core can only have weights of one layer. So the first op computes the function and has no weights. For
    each layer whose weights the function uses, another op follows. It returns its input unchanged in the forward pass,
    and gives the gradients of the weights of its layer in the backward pass.

    Parameters
    ----------
    name : str
        The name of the layer, for messages.
    function : callable
        Takes the list of arrays and ``training``, and returns an array.
    variables : list of Variable
        The trained weights that the function may use.
    """

    def __init__(
        self, name: str, function: Callable[[Sequence[Any], bool], Any], variables: Sequence[Variable]
    ) -> None:
        self._name, self._function, self._variables = name, function, list(variables)
        # For the last forward pass in training: the function that computes its gradients, or the error that says why
        # there is none; and the gradients, once they are computed.
        self._back: Callable[[np.ndarray], list[np.ndarray]] | NotDifferentiableError | None = None
        self._gradients: list[np.ndarray] | None = None
        self._inputs = 0

    def lower(self, graph: Graph, inputs: Sequence[int], shape: tuple[int, ...]) -> int:
        """Add the ops to ``graph``, and return the id of the result, whose samples have ``shape``."""
        result = graph.add("host", inputs, self._name, forward=self.forward, backward=self.backward, shape=shape)
        owners: dict[int, tuple[AnyLayer, list[int]]] = {}
        for place, variable in enumerate(self._variables):
            owners.setdefault(id(variable.layer), (variable.layer, []))[1].append(place)
        for owner, places in owners.values():
            result = graph.add_for(
                owner,
                [result],
                forward=_passed,
                backward=self._backward_of(places),
                shape=shape,
                parameters=[self._variables[place].shape for place in places],
                weights=[self._variables[place].index for place in places],
            )
        return result

    def forward(self, arrays: Sequence[np.ndarray], training: bool) -> np.ndarray:
        """Compute the result for a batch."""
        self._inputs, self._gradients = len(arrays), None
        if not training:
            return _plain(self._function(arrays, False))
        arrays = [array.copy() for array in arrays]  # the core may reuse its arrays before the backward pass
        try:
            result, self._back = pullback(lambda *args: self._function(args, True), arrays, self._variables)
        except NotDifferentiableError as error:  # the error is raised only if the gradient is needed
            self._back, result = error, self._function(arrays, True)
        return _plain(result)

    def backward(self, arrays: Sequence[np.ndarray], dy: np.ndarray) -> list[np.ndarray]:
        """Compute the gradients of the inputs."""
        return self._all_gradients(dy)[: self._inputs]

    def _backward_of(self, places: list[int]) -> Callable[..., list[np.ndarray]]:
        def backward(arrays: Sequence[np.ndarray], dy: np.ndarray) -> list[np.ndarray]:
            gradients = self._all_gradients(dy)
            return [np.array(dy, np.float32, order="C"), *(gradients[self._inputs + place] for place in places)]

        return backward

    def _all_gradients(self, dy: np.ndarray) -> list[np.ndarray]:
        if self._gradients is None:  # the first op that needs them computes them: all ops get the same dy
            if not callable(self._back):
                raise ValueError(f'Layer "{self._name}" cannot be trained through: {self._back}') from self._back
            self._gradients = [np.array(gradient, np.float32, order="C") for gradient in self._back(dy)]
        return self._gradients


def _passed(arrays: Sequence[np.ndarray], training: bool) -> np.ndarray:
    return np.array(arrays[0], np.float32, order="C")


def _plain(result: Any) -> np.ndarray:
    return np.require(np.asarray(result), np.float32, ["C", "A"])
