"""What ``+``, ``-``, ``*`` and ``/`` between symbolic tensors and numbers become."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore.layers.base import Layer, registry
from cnncore.layers.tensor import KerasTensor, NotTraceableError, apply_function, register_operator
from cnncore.layers.variable import Variable

__all__ = ["Divide"]


@registry.register()
class Divide(Layer):
    """The quotient of two tensors, as the operator ``/`` makes it.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[1.0, 4.0]], np.float32)
    >>> Divide()([x, x * 2])
    Array([[0.5, 0.5]], dtype=float32)
    """

    one_input = False

    def call(self, inputs: Any) -> Any:
        numerator, denominator = inputs
        return numerator / denominator

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (None, *np.broadcast_shapes(*(shape[1:] for shape in input_shape)))

    def backward(self, inputs: Any, dy: Any) -> list[np.ndarray]:
        """Gradients of numerator and denominator."""
        numerator, denominator = inputs
        return [
            _summed(dy / denominator, numerator.shape),
            _summed(-dy * numerator / denominator**2, denominator.shape),
        ]


@registry.register()
class Reciprocal(Layer):
    """``numerator / x`` for a number, as the operator ``/`` makes it."""

    def __init__(self, numerator: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.numerator = float(numerator)

    def call(self, x: Any) -> Any:
        return self.numerator / np.asarray(x)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def backward(self, x: Any, dy: Any) -> np.ndarray:
        """Gradient of the denominator."""
        return np.asarray(-dy * self.numerator / x**2)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "numerator": self.numerator}


_UFUNCS = {"Add": np.add, "Subtract": np.subtract, "Multiply": np.multiply, "Divide": np.true_divide}


def _add(left: Any, right: Any) -> Any:
    if _is_number(right):
        return _scaled(left, 1.0, right)
    return _scaled(right, 1.0, left) if _is_number(left) else _merged("Add", left, right)


def _subtract(left: Any, right: Any) -> Any:
    if _is_number(right):
        return _scaled(left, 1.0, -right)
    return _scaled(right, -1.0, left) if _is_number(left) else _merged("Subtract", left, right)


def _multiply(left: Any, right: Any) -> Any:
    if _is_number(right):
        return _scaled(left, right, 0.0)
    return _scaled(right, left, 0.0) if _is_number(left) else _merged("Multiply", left, right)


def _divide(left: Any, right: Any) -> Any:
    if _is_number(right):
        return _scaled(left, 1.0 / right, 0.0)
    return Reciprocal(left)(right) if _is_number(left) else _merged("Divide", left, right)


def _activated(tensor: Any, function: Any) -> Any:
    return registry.class_named("Activation")(function)(tensor)


def _given(tensor: Any, made: tuple[str, dict[str, Any]]) -> Any:
    return registry.class_named(made[0])(**made[1])(tensor)


def _scaled(tensor: Any, scale: float, offset: float) -> Any:
    return registry.class_named("Rescaling")(float(scale), float(offset))(tensor)


def _merged(kind: str, left: Any, right: Any) -> Any:
    if isinstance(left, (np.ndarray, Variable)) or isinstance(right, (np.ndarray, Variable)):
        return apply_function(_UFUNCS[kind], (left, right), {})
    for operand in (left, right):
        if not isinstance(operand, KerasTensor):
            raise NotTraceableError(
                "Expected a symbolic tensor or a number as operand; arrays and weights belong into a Lambda or a "
                "custom "
                f"layer. Received: {type(operand).__name__}"
            )
    return registry.class_named(kind)()([left, right])


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) or (isinstance(value, np.ndarray) and value.ndim == 0)


def _summed(gradient: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The gradient of an operand that was broadcast, which is the sum over the axes along which it was repeated."""
    axes = tuple(axis for axis, size in enumerate(shape) if size == 1 and gradient.shape[axis] != 1)
    return np.asarray(gradient.sum(axis=axes, keepdims=True) if axes else gradient)


register_operator("add", _add)
register_operator("subtract", _subtract)
register_operator("multiply", _multiply)
register_operator("divide", _divide)
register_operator("activation", _activated)
register_operator("layer", _given)
