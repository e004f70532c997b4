"""Checks for authors of layers and losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.graph.call_record import hidden_calls
from cnncore.layers.base import Layer

__all__ = ["check_gradients"]


def check_gradients(
    part: Any,
    input_shape: Any = None,
    *,
    batch_size: int = 3,
    inputs: Any = None,
    epsilon: float = 1e-3,
    tolerance: float = 1e-2,
    seed: int = 0,
) -> None:
    """Compare the gradients that a custom layer or loss computes with differences of its values.

    For a layer with ``call`` and ``backward`` the gradient of sum(c * call(x)), with random c, is compared with
    (f(x + epsilon) - f(x - epsilon)) / (2 epsilon) at a sample of places, for each input and each trained weight. A
    loss is a function (y_true, y_pred) that returns its value and the gradient with respect to y_pred.

    Parameters
    ----------
    part : Layer, or callable
    input_shape : tuple, or list of tuples
        Shape of one sample of the input, or a list with a shape for each input; for a loss, the shape of its y_pred.
    batch_size : int, default 3
    inputs : array, or list of arrays, optional
        Values at which to check, instead of random numbers of ``input_shape``; for a loss, (y_true, y_pred).
    epsilon : float, default 1e-3
        The step of the differences.
    tolerance : float, default 1e-2
        Largest difference that is accepted, relative to the largest gradient.
    seed : int, default 0
        Seed of the random numbers.

    Raises
    ------
    AssertionError
        If a gradient differs; the message says which one, where, and by how much.
    TypeError
        If the layer has no ``backward``.

    Examples
    --------
    >>> import numpy as np
    >>> from cnncore.layers import Layer
    >>> class Square(Layer):
    ...     def call(self, x):
    ...         return x * np.abs(x)
    ...     def backward(self, x, dy):
    ...         return 2 * dy * np.abs(x)
    >>> check_gradients(Square(), (4,))
    """
    rng = np.random.default_rng(_checks.integer(seed, "seed", "check_gradients", minimum=0))
    if isinstance(part, Layer):
        _check_layer(part, _arrays(input_shape, inputs, batch_size, rng), epsilon, tolerance, rng)
    elif callable(part):
        y_true, y_pred = inputs if inputs is not None else _arrays([input_shape, input_shape], None, batch_size, rng)
        _check_loss(part, np.asarray(y_true), np.asarray(y_pred, np.float64), epsilon, tolerance, rng)
    else:
        raise TypeError(f"[check_gradients] expected a layer or a loss. Received: {type(part).__name__}")


def _arrays(shapes: Any, inputs: Any, batch_size: int, rng: np.random.Generator) -> list[np.ndarray]:
    if inputs is not None:
        given = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        return [np.array(array, np.float64) for array in given]
    if shapes is None:
        raise ValueError("[check_gradients] expected `input_shape` or `inputs`. Received: neither")
    several = isinstance(shapes, (list, tuple)) and shapes and isinstance(shapes[0], (list, tuple))
    return [rng.standard_normal((batch_size, *shape)) for shape in (shapes if several else [shapes])]


def _check_layer(
    layer: Any, arrays: list[np.ndarray], epsilon: float, tolerance: float, rng: np.random.Generator
) -> None:
    """Compare what ``backward`` of a layer returns with differences of results of its ``call``."""
    if not hasattr(type(layer), "backward"):
        raise TypeError(f"[check_gradients] expected a layer with a method backward. Received: {type(layer).__name__}")
    x = arrays[0] if len(arrays) == 1 else arrays
    shapes = [(None, *array.shape[1:]) for array in arrays]
    layer.ensure_built(shapes[0] if len(shapes) == 1 else shapes)
    weights = [variable for variable in layer.weights if variable.spec.trainable]
    with hidden_calls():
        factor = rng.standard_normal(np.shape(layer.call(x)))
        result = layer.backward(x, factor)
        gradients, rest = (result[0], result[1]) if weights else (result, [])
        gradients = list(gradients) if isinstance(gradients, (list, tuple)) else [gradients]
        gradients += list(rest) if isinstance(rest, (list, tuple)) else [rest]

        def value() -> float:
            return float((np.asarray(layer.call(x), np.float64) * factor).sum())

        names = [f"input {number}" for number in range(len(arrays))] + [variable.name for variable in weights]
        places = [*arrays, *(variable.value for variable in weights)]
        if len(gradients) != len(places):
            raise AssertionError(f"expected gradients of {', '.join(names)}. Received: {len(gradients)} gradients")
        for name, array, gradient in zip(names, places, gradients, strict=True):
            _compare(f'layer "{layer.name}", {name}', array, np.asarray(gradient), value, epsilon, tolerance, rng)


def _check_loss(
    loss: Any, y_true: np.ndarray, y_pred: np.ndarray, epsilon: float, tolerance: float, rng: np.random.Generator
) -> None:
    name = getattr(loss, "__name__", getattr(loss, "name", type(loss).__name__))
    result = loss(y_true, y_pred)
    if not isinstance(result, Sequence) or len(result) != 2:
        raise TypeError(
            f"[check_gradients] expected the loss {name!r} to return (value, gradient of y_pred). "
            f"Received: {result!r:.80}"
        )

    def value() -> float:
        return float(np.asarray(loss(y_true, y_pred)[0], np.float64).sum())

    _compare(f"loss {name!r}, y_pred", y_pred, np.asarray(result[1]), value, epsilon, tolerance, rng)


def _compare(
    what: str,
    array: np.ndarray,
    gradient: np.ndarray,
    value: Any,
    epsilon: float,
    tolerance: float,
    rng: np.random.Generator,
) -> None:
    """Compare a gradient with differences of ``value()`` at up to 50 places of an array."""
    if gradient.shape != array.shape:
        raise AssertionError(f"{what}: expected a gradient of shape {array.shape}. Received: {gradient.shape}")
    scale = max(float(np.abs(gradient).max()), 1e-6)
    for place in rng.permutation(array.size)[:50]:
        index = np.unravel_index(place, array.shape)
        before = array[index]
        array[index] = before + epsilon
        above = value()
        array[index] = before - epsilon
        below = value()
        array[index] = before
        expected = (above - below) / (2 * epsilon)
        if abs(expected - gradient[index]) > tolerance * max(scale, abs(expected)):
            where = tuple(map(int, index))
            raise AssertionError(f"{what} at {where}: differences give {expected:.6g}. Received: {gradient[index]:.6g}")
