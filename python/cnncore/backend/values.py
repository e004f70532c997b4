"""Values of weights, and of tensors inside a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["count_params", "function", "get_value", "int_shape", "ndim", "set_value", "shape", "variable"]


def get_value(x: Any) -> Any:
    """A copy of the values of ``x``, a weight or array. A number, such as a learning rate, is returned as it is."""
    return x if isinstance(x, (int, float)) else np.array(x)


def set_value(x: Any, value: Any) -> None:
    """Assign ``value`` to ``x``, which is a weight or any object with a method ``assign``."""
    if hasattr(x, "assign"):
        x.assign(value)
        return
    if not isinstance(x, np.ndarray):
        raise TypeError(
            "[set_value] expected a weight or an array. A learning rate is set by optimizer.learning_rate = value. "
            f"Received: {type(x).__name__}"
        )
    x[...] = value


def count_params(weights: Any) -> int:
    """Number of values of a weight or array ``weights``, or of a list of them."""
    if isinstance(weights, (list, tuple)):
        return int(np.sum([np.prod(weight.shape) for weight in weights], dtype=np.int64))
    return int(np.prod(weights.shape, dtype=np.int64))


def int_shape(x: Any) -> tuple[Any, ...]:
    """The shape of ``x``, an array, weight or symbolic tensor. For a symbolic tensor the batch axis is None."""
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)


shape = int_shape


def ndim(x: Any) -> int:
    """Number of axes of ``x``."""
    return len(int_shape(x))


def variable(value: Any, dtype: Any = None, name: str | None = None) -> np.ndarray:
    """A float32 array of ``value`` that can be written to. ``dtype`` and ``name`` have no effect."""
    return np.array(value, np.float32)


def function(inputs: Any, outputs: Any) -> Callable[[Any], list[np.ndarray]]:
    """A function that takes arrays for some tensors of a model and returns the values of others.

    Parameters
    ----------
    inputs, outputs : symbolic tensor or list of them
        For example ``[model.input]`` and ``[model.layers[0].output]``. The inputs may have :func:`learning_phase` among
        them, as in Keras 2: the function then takes 1 there to compute as in training, or 0.

    Returns
    -------
    callable
        A function from a list of arrays to a list of arrays.

    Examples
    --------
    >>> from cnncore import Sequential
    >>> from cnncore.layers import Dense, Input
    >>> model = Sequential([Input((3,)), Dense(4), Dense(1)])
    >>> hidden = function([model.input], [model.layers[0].output])
    >>> hidden([np.ones((2, 3))])[0].shape
    (2, 4)
    """
    from cnncore.models import Model

    sources = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    results = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    phases = [place for place, source in enumerate(sources) if isinstance(source, int)]
    model = Model([source for source in sources if not isinstance(source, int)], results)

    def run(arrays: Any) -> list[np.ndarray]:
        given = list(arrays) if isinstance(arrays, (list, tuple)) else [arrays]
        training = any(given[place] for place in phases if place < len(given))
        data = [np.asarray(array) for place, array in enumerate(given) if place not in phases]
        values = model(data, training=training)
        return [np.asarray(value) for value in (values if isinstance(values, list) else [values])]

    return run
