"""Calls of a user's layer by the core: its ``call`` and ``backward``, which are Python, as an op of a network."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnncore._structure import map_structure
from cnncore.differentiation import NotDifferentiableError, pullback, value_of
from cnncore.graph.call_record import hidden_calls
from cnncore.graph.protocols import AnyLayer
from cnncore.graph.tensor import KerasTensor
from cnncore.layers.weights.variable import Variable

__all__ = ["HostCall", "NoBatchAxisError", "has_backward", "takes_training"]


class NoBatchAxisError(ValueError):
    """Raised if the ``call`` of a layer in NumPy returns something that is not one result for each sample."""


def takes_training(layer: AnyLayer) -> bool:
    """Whether ``call`` has an argument ``training``."""
    parameters = inspect.signature(layer.call).parameters
    return "training" in parameters or any(item.kind is item.VAR_KEYWORD for item in parameters.values())


def has_backward(layer: AnyLayer) -> bool:
    return hasattr(type(layer), "backward")


class HostCall:
    """The functions by which the core calls ``call`` and ``backward`` of a layer, with lists of arrays."""

    def __init__(self, layer: AnyLayer, args: Any, kwargs: Any, output_shape: Any = None) -> None:
        self._layer, self._arguments, self.output_shape = layer, [list(args), dict(kwargs)], output_shape
        self._takes_training = takes_training(layer)
        self.is_inference = False  # whether the call behaves as in inference, also in training
        self.is_always_training = False  # whether the call behaves as in training, also in inference
        self.trained = [index for index, spec in enumerate(layer.specs) if spec.trainable]
        # For the last forward pass in training: the function that computes its gradients, or the error that says why
        # there is none.
        self._back: Callable[[np.ndarray], list[np.ndarray]] | NotDifferentiableError | None = None

    def forward(self, arrays: Sequence[np.ndarray], training: bool) -> np.ndarray:
        """Compute the output for a batch, and check it."""
        if training and not has_backward(self._layer):
            result = self._forward_remembered(arrays)
        else:
            result = self.call(arrays, training)
        return self.checked(result, arrays)

    def checked(self, returned: Any, arrays: Sequence[np.ndarray]) -> np.ndarray:
        """Return what ``call`` returned as an array of float32. Raise an error if it is no such array."""
        result = np.asarray(returned)
        if result.dtype.kind not in "fiub":
            raise TypeError(f'Layer "{self._layer.name}": expected call to return numbers. Received: {result.dtype}')
        expected = None if self.output_shape is None else (len(arrays[0]), *self.output_shape[1:])
        if expected is not None and result.shape != expected:
            raise ValueError(
                f'Layer "{self._layer.name}": expected call to return an array of shape {expected}. '
                f"Received: {result.shape}"
            )
        return np.require(result, np.float32, ["C", "A"])

    def call(self, arrays: Sequence[Any], training: bool) -> Any:
        """Call the layer's ``call`` with ``arrays`` in the place of the symbolic tensors, and return its result."""
        args, kwargs = self._filled(arrays)
        if self._takes_training:
            kwargs["training"] = (training or self.is_always_training) and not self.is_inference
        with hidden_calls():
            return self._layer.call(*args, **kwargs)

    def _forward_remembered(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        """Compute the output and record how, so that :meth:`backward` need not call ``call`` a second time. A ``call``
        that draws random numbers would draw others.
        """
        weights = [Variable.of(self._layer, index) for index in self.trained]
        arrays = [array.copy() for array in arrays]  # the core may reuse its arrays before the backward pass
        try:
            result, self._back = pullback(lambda *args: self.call(args, True), arrays, weights)
        except NotDifferentiableError as error:  # the error is raised only if the gradient is needed
            self._back = error
            return np.asarray(self.call(arrays, True))
        return result

    def backward(self, arrays: Sequence[np.ndarray], dy: np.ndarray) -> list[np.ndarray]:
        """Compute the gradients of the inputs, followed by those of the trained weights."""
        layer: Any = self._layer
        if not has_backward(layer):
            if not callable(self._back):
                raise ValueError(f'Layer "{layer.name}" cannot be trained through: {self._back}') from self._back
            shapes = [array.shape for array in arrays] + [layer.specs[index].shape for index in self.trained]
            return _checked_gradients(layer.name, self._back(dy), shapes)
        args, _ = self._filled(arrays)
        result = layer.backward(args[0] if len(args) == 1 else args, dy)
        gradients: list[Any] = []
        if self.trained:
            if not isinstance(result, tuple) or len(result) != 2:
                raise ValueError(
                    f'Layer "{layer.name}": expected backward to return (dx, list of gradients of the weights). '
                    f"Received: {type(result).__name__}"
                )
            result, gradients = result
            gradients = list(gradients) if isinstance(gradients, (list, tuple)) else [gradients]
        inputs = list(result.values()) if isinstance(result, dict) else result
        inputs = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        shapes = [array.shape for array in arrays] + [layer.specs[index].shape for index in self.trained]
        return _checked_gradients(layer.name, [*inputs, *gradients], shapes)

    def _filled(self, arrays: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
        rest = iter(arrays)
        args, kwargs = map_structure(
            lambda leaf: _given(leaf, next(rest)) if isinstance(leaf, KerasTensor) else leaf, self._arguments
        )
        return args, kwargs


def _given(tensor: KerasTensor, array: Any) -> Any:
    """Return the array that takes the place of a symbolic tensor: a mask becomes an array of bool."""
    return np.asarray(value_of(array) != 0) if tensor.dtype == "bool" else array


def _checked_gradients(name: str, gradients: list[Any], shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    arrays = [np.asarray(gradient) for gradient in gradients]
    if [array.shape for array in arrays] != shapes:
        raise ValueError(
            f'Layer "{name}": expected backward to return gradients of shapes {shapes}, those of the inputs before '
            f"those of the weights. Received: {[array.shape for array in arrays]}"
        )
    return [np.array(array, np.float32, order="C") for array in arrays]
