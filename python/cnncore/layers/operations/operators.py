"""The layers that ``+``, ``-``, ``*`` and ``/`` make when they are used with symbolic tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore.graph.loss_terms import LossTerms
from cnncore.graph.tensor import KerasTensor, NotTraceableError, apply_function, register_operator
from cnncore.graph.unknown_sizes import broadcast
from cnncore.layers.base import Layer, registry
from cnncore.layers.weights.variable import Variable

__all__ = ["Divide"]


@registry.register()
class Divide(Layer):
    """Divide the first of two tensors by the second, value by value. The operator ``/`` makes such a layer.

    Samples with fewer axes than the others get axes of length 1 in front, as for :class:`Add`.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[1.0, 4.0]], np.float32)
    >>> Divide()([x, x * 2])
    array([[0.5, 0.5]], dtype=float32)
    """

    one_input = False
    takes_unknown_sizes = records_call = True

    def call(self, inputs: Any) -> Any:
        numerator, denominator = _with_equal_rank(inputs)
        return numerator / denominator

    def compute_output_shape(self, input_shape: Any) -> Any:
        rank = max(len(shape) for shape in input_shape)
        shape = broadcast([(*[1] * (rank - len(shape)), *shape[1:]) for shape in input_shape])
        if shape is None:
            raise ValueError(f'Layer "{self.name}": expected inputs of one shape. Received: shapes {input_shape}')
        return (None, *shape)

    def backward(self, inputs: Any, dy: Any) -> list[np.ndarray]:
        """Compute the gradients of the numerator and of the denominator."""
        numerator, denominator = _with_equal_rank(inputs)
        gradients = [
            _summed(dy / denominator, numerator.shape),
            _summed(-dy * numerator / denominator**2, denominator.shape),
        ]
        return [gradient.reshape(x.shape) for gradient, x in zip(gradients, inputs, strict=True)]


@registry.register()
class Reciprocal(Layer):
    """Divide a number by a tensor. The operator ``/`` makes such a layer.

    Parameters
    ----------
    numerator : float, default 1
    **kwargs
        ``name``, see :class:`Layer`.
    """

    def __init__(self, numerator: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.numerator = float(numerator)

    records_call = True

    def call(self, x: Any) -> Any:
        return self.numerator / x

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def backward(self, x: Any, dy: Any) -> np.ndarray:
        """Compute the gradient of the denominator."""
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
    """The result of an operator with the name ``kind`` of a layer, of which at least one operand is symbolic."""
    if isinstance(left, (np.ndarray, Variable)) or isinstance(right, (np.ndarray, Variable)):
        return apply_function(_UFUNCS[kind], (left, right), {})
    if isinstance(left, LossTerms) or isinstance(right, LossTerms):
        return (left if isinstance(left, LossTerms) else right).__array_ufunc__(_UFUNCS[kind], "__call__", left, right)
    for operand in (left, right):
        if not isinstance(operand, KerasTensor):
            raise NotTraceableError(
                "An operator of a symbolic tensor expected a tensor, an array, a weight or a number as the other "
                f"operand. Received: {type(operand).__name__}"
            )
    if left.ndim != right.ndim and 1 in (left.ndim, right.ndim):
        raise NotTraceableError(
            "An operator expected two tensors with a single value for each sample, (None,), or two with further axes; "
            f"numpy.expand_dims adds an axis. Received: shapes {left.shape} and {right.shape}"
        )
    return registry.class_named(kind)()([left, right])


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) or (isinstance(value, np.ndarray) and value.ndim == 0)


def _with_equal_rank(arrays: Any) -> list[np.ndarray]:
    """Insert axes of length 1 after the batch axis of arrays that have fewer axes than others."""
    rank = max(np.ndim(x) for x in arrays)
    return [np.reshape(x, (len(x), *[1] * (rank - np.ndim(x)), *np.shape(x)[1:])) for x in arrays]


def _summed(gradient: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Sum the gradient of an operand over the axes along which its values were repeated."""
    axes = tuple(axis for axis, size in enumerate(shape) if size == 1 and gradient.shape[axis] != 1)
    return np.asarray(gradient.sum(axis=axes, keepdims=True) if axes else gradient)


register_operator("add", _add)
register_operator("subtract", _subtract)
register_operator("multiply", _multiply)
register_operator("divide", _divide)
register_operator("activation", _activated)
register_operator("layer", _given)
