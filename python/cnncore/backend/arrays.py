"""Functions of arrays. Most of them are NumPy functions under the names of Keras' backend."""

# ruff: noqa: A001 (these are Keras' names, and the functions are called as K.sum and the like)

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from cnncore import _checks
from cnncore._random import generator, next_seed
from cnncore._refusals import names_itself
from cnncore.activations import sigmoid, softmax
from cnncore.backend.settings import epsilon
from cnncore.differentiation import Traced
from cnncore.graph.tensor import KerasTensor, NotTraceableError

__all__ = [
    "abs",
    "all",
    "any",
    "argmax",
    "batch_flatten",
    "binary_crossentropy",
    "cast",
    "cast_to_floatx",
    "categorical_crossentropy",
    "clip",
    "concatenate",
    "constant",
    "dot",
    "equal",
    "exp",
    "expand_dims",
    "eye",
    "flatten",
    "greater",
    "greater_equal",
    "l2_normalize",
    "less",
    "less_equal",
    "log",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "not_equal",
    "one_hot",
    "ones",
    "ones_like",
    "permute_dimensions",
    "pow",
    "prod",
    "random_normal",
    "random_uniform",
    "repeat_elements",
    "reshape",
    "reverse",
    "round",
    "sign",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "stop_gradient",
    "sum",
    "switch",
    "transpose",
    "var",
    "zeros",
    "zeros_like",
]

Axis = int | Sequence[int] | None


@names_itself
def cast(x: Any, dtype: DTypeLike) -> Any:
    """``x`` as an array of the type ``dtype``."""
    return (x if hasattr(x, "astype") else np.asarray(x)).astype(dtype)


@names_itself
def cast_to_floatx(x: Any) -> Any:
    """``x`` as an array of float32."""
    return cast(x, np.float32)


@names_itself
def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Sum of ``x`` over ``axis``, by default over all axes. ``keepdims`` keeps these axes with size 1."""
    return np.sum(x, axis=_axes(axis), keepdims=keepdims)


@names_itself
def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Mean of ``x`` over ``axis``, by default over all axes. ``keepdims`` keeps these axes with size 1.

    Examples
    --------
    >>> mean([[1.0, 2.0], [3.0, 4.0]], axis=-1)
    array([1.5, 3.5])
    """
    return np.mean(x, axis=_axes(axis), keepdims=keepdims)


@names_itself
def var(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Variance of ``x`` over ``axis``, by default over all axes. ``keepdims`` keeps these axes with size 1."""
    return np.var(x, axis=_axes(axis), keepdims=keepdims)


@names_itself
def std(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Standard deviation of ``x`` over ``axis``, by default all. ``keepdims`` keeps these axes with size 1."""
    return np.std(x, axis=_axes(axis), keepdims=keepdims)


@names_itself
def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Largest value of ``x`` over ``axis``, by default over all axes. ``keepdims`` keeps these axes with size 1."""
    return np.max(x, axis=_axes(axis), keepdims=keepdims)


@names_itself
def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Smallest value of ``x`` over ``axis``, by default over all axes. ``keepdims`` keeps these axes with size 1."""
    return np.min(x, axis=_axes(axis), keepdims=keepdims)


@names_itself
def argmax(x: ArrayLike, axis: int = -1) -> Any:
    """Position of the largest value of ``x`` along ``axis``."""
    return np.argmax(x, axis=axis)


@names_itself
def clip(x: Any, min_value: float, max_value: float) -> Any:
    """``x`` limited to values from ``min_value`` to ``max_value``."""
    return np.clip(x, min_value, max_value)


@names_itself
def concatenate(tensors: Sequence[Any], axis: int = -1) -> Any:
    """The arrays ``tensors``, one after the other along ``axis``."""
    return np.concatenate(list(tensors), axis=axis)


@names_itself
def expand_dims(x: Any, axis: int = -1) -> Any:
    """``x`` with a new axis of length 1."""
    return np.expand_dims(x, axis)


@names_itself
def flatten(x: Any) -> Any:
    """All values of ``x`` as one axis.

    A symbolic tensor keeps the axis of the batch. The mean over all values is the same as the mean over its rows.
    """
    return np.reshape(x, (-1, int(np.prod(x.shape[1:])))) if isinstance(x, KerasTensor) else np.ravel(x)


@names_itself
def one_hot(indices: ArrayLike, num_classes: int) -> np.ndarray:
    """For each label in ``indices`` a row of ``num_classes`` values, with a 1 at the place of the label."""
    return np.asarray(np.eye(num_classes, dtype=np.float32)[np.asarray(indices)])


@names_itself
def constant(value: Any, dtype: DTypeLike = "float32", shape: Sequence[int] | None = None) -> np.ndarray:
    """An array of the type ``dtype`` with ``value``, repeated to ``shape``."""
    array = np.asarray(value, dtype)
    return array if shape is None else np.broadcast_to(array, tuple(shape)).copy()


@names_itself
def batch_flatten(x: Any) -> Any:
    """The values of each sample of ``x`` as one axis."""
    return np.reshape(x, (len(x), -1))


@names_itself
def dot(x: Any, y: Any) -> Any:
    """The product of two matrices ``x`` and ``y``."""
    return np.matmul(x, y)


@names_itself
def pow(x: Any, a: Any) -> Any:
    """``x`` to the power of ``a``."""
    return np.power(x, a)


@names_itself
def l2_normalize(x: Any, axis: Axis = None) -> Any:
    """``x`` divided by its length along ``axis``."""
    return x / np.sqrt(np.maximum(np.sum(np.square(x), axis=_axes(axis), keepdims=True), 1e-12))


@names_itself
def stop_gradient(x: Any) -> np.ndarray:
    """``x`` as a constant, through which no gradient passes."""
    return x.value if isinstance(x, Traced) else np.asarray(x)


@names_itself
def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """-t log p - (1 - t) log(1 - p) for each value t of ``target``, with p limited to [epsilon, 1 - epsilon].

    p are the values of ``output``, or with ``from_logits`` their sigmoid.
    """
    p = np.clip(sigmoid(output) if from_logits else output, epsilon(), 1.0 - epsilon())
    return -(target * np.log(p) + (1.0 - target) * np.log(1.0 - p))


@names_itself
def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """-sum t log p along ``axis``, with p divided by its sum and then limited to [epsilon, 1 - epsilon].

    t are the values of ``target``, and p those of ``output``, or with ``from_logits`` its softmax.
    """
    p = softmax(output, axis=axis) if from_logits else output / np.sum(output, axis=axis, keepdims=True)
    return -np.sum(target * np.log(np.clip(p, epsilon(), 1.0 - epsilon())), axis=axis)


@names_itself
def random_normal(
    shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: int | None = None
) -> np.ndarray:
    """An array of this ``shape`` with normal values of this ``mean`` and standard deviation ``stddev``.

    Without a ``seed``, the values are different in each call, and ``utils.set_random_seed`` makes them repeatable. With
    a ``seed``, all calls give the same values. The result is float32, whatever ``dtype`` is.
    """
    values = _drawing(seed, "random_normal").standard_normal(_sizes(shape), dtype=np.float32)
    return np.asarray(mean + stddev * values, np.float32)


@names_itself
def random_uniform(
    shape: Sequence[int], minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: int | None = None
) -> np.ndarray:
    """An array of this ``shape`` with uniform values in [minval, maxval).

    ``dtype`` and ``seed`` have the same meaning as for :func:`random_normal`.
    """
    values = _drawing(seed, "random_uniform").random(_sizes(shape), dtype=np.float32)
    return np.asarray(minval + (maxval - minval) * values, np.float32)


def of_numpy(*names: str) -> list[Callable[..., Any]]:
    """The functions of NumPy with these names. Their errors name them, as those of the others do."""
    return [names_itself(getattr(np, name), name) for name in names]


abs, exp, log, sqrt, square, sign, round = of_numpy("abs", "exp", "log", "sqrt", "square", "sign", "round")
zeros, ones, zeros_like, ones_like, eye = of_numpy("zeros", "ones", "zeros_like", "ones_like", "eye")
maximum, minimum, prod, reshape = of_numpy("maximum", "minimum", "prod", "reshape")
equal, not_equal, greater, less = of_numpy("equal", "not_equal", "greater", "less")
greater_equal, less_equal, stack, squeeze = of_numpy("greater_equal", "less_equal", "stack", "squeeze")
(transpose,) = of_numpy("transpose")
reverse, switch = names_itself(np.flip, "reverse"), names_itself(np.where, "switch")


@names_itself
def permute_dimensions(x: Any, pattern: Sequence[int]) -> Any:
    """``x`` with its axes in the order of ``pattern``, which has the number of each axis once."""
    return np.transpose(x, tuple(pattern))


@names_itself
def repeat_elements(x: Any, rep: int, axis: int) -> Any:
    """Each part of ``x`` along ``axis``, repeated ``rep`` times."""
    return np.concatenate([part for index in range(x.shape[axis]) for part in [_part(x, index, axis)] * rep], axis)


def _part(x: Any, index: int, axis: int) -> Any:
    place = [slice(None)] * len(x.shape)
    place[axis] = slice(index, index + 1)
    return x[tuple(place)]


@names_itself
def any(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Whether any value of ``x`` along ``axis`` is true. ``keepdims`` keeps these axes with size 1."""
    return np.any(x, axis=_axes(axis), keepdims=keepdims)


@names_itself
def all(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Whether all values of ``x`` along ``axis`` are true. ``keepdims`` keeps these axes with size 1."""
    return np.all(x, axis=_axes(axis), keepdims=keepdims)


def _drawing(seed: int | None, owner: str) -> np.random.Generator:
    return generator(next_seed() if seed is None else _checks.integer(seed, "seed", owner, minimum=0))


def _sizes(shape: Sequence[int | None]) -> tuple[int, ...]:
    if None in tuple(shape):
        raise NotTraceableError(
            "The number of samples in a symbolic tensor is not known."
        )  # a Lambda then calls the function with arrays
    return tuple(int(size) for size in shape if size is not None)


def _axes(axis: Axis) -> int | tuple[int, ...] | None:
    return axis if axis is None or isinstance(axis, int) else tuple(axis)
