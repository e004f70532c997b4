"""What scripts ask Keras' backend for: settings that have one value here, names, and plain functions of arrays.

``cnncore.backend`` is often imported as ``K``. Functions take and give NumPy arrays. A Lambda layer, an activation or a
loss written with them can be trained: their gradients are known (:mod:`cnncore.differentiation`).
"""

# ruff: noqa: A001 (these are Keras' names, and the functions are called as K.sum and the like)

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from cnncore import _checks
from cnncore._naming import reset_names
from cnncore._random import generator, next_seed
from cnncore._registry import snake_case
from cnncore.activations import elu, hard_sigmoid, relu, sigmoid, softmax, softplus, softsign, tanh
from cnncore.differentiation import Traced
from cnncore.layers.tensor import NotTraceableError

__all__ = [
    "abs",
    "argmax",
    "backend",
    "batch_flatten",
    "binary_crossentropy",
    "cast",
    "cast_to_floatx",
    "categorical_crossentropy",
    "clear_session",
    "clip",
    "concatenate",
    "constant",
    "count_params",
    "dot",
    "elu",
    "epsilon",
    "equal",
    "eval",
    "exp",
    "expand_dims",
    "eye",
    "flatten",
    "floatx",
    "get_uid",
    "get_value",
    "greater",
    "hard_sigmoid",
    "image_data_format",
    "int_shape",
    "is_keras_tensor",
    "l2_normalize",
    "less",
    "log",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "ndim",
    "not_equal",
    "one_hot",
    "ones",
    "ones_like",
    "pow",
    "random_normal",
    "random_uniform",
    "relu",
    "reshape",
    "round",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_value",
    "shape",
    "sigmoid",
    "sign",
    "softmax",
    "softplus",
    "softsign",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "stop_gradient",
    "sum",
    "switch",
    "tanh",
    "transpose",
    "var",
    "zeros",
    "zeros_like",
]

Axis = int | Sequence[int] | None


class _Settings:
    epsilon = 1e-7


_uids: dict[str, int] = {}


# --- settings ----------------------------------------------------------------------------------------------------
def backend() -> str:
    """The name of what computes: "cnncore"."""
    return "cnncore"


def image_data_format() -> str:
    """The layout of images: always "channels_last", (batch, height, width, channels)."""
    return "channels_last"


def set_image_data_format(data_format: str) -> None:
    """Accepts "channels_last", which holds anyway; a ValueError for anything else."""
    _checks.data_format(data_format, "set_image_data_format")


def floatx() -> str:
    """The type of weights and activities: always "float32"."""
    return "float32"


def set_floatx(value: str) -> None:
    """Accepts "float32", which holds anyway; a ValueError for anything else."""
    _checks.dtype(value, "set_floatx")


def epsilon() -> float:
    """A small number that keeps divisions finite, 1e-7 unless :func:`set_epsilon` changed it."""
    return _Settings.epsilon


def set_epsilon(value: float) -> None:
    """Change what :func:`epsilon` gives. Layers and losses of this package keep theirs."""
    _Settings.epsilon = _checks.number(value, "value", "set_epsilon", minimum=0.0)


# --- names --------------------------------------------------------------------------------------------------------
def clear_session(free_memory: bool = True) -> None:
    """Begin the names of layers at "conv2d", "dense", ... again. There is no other hidden state to free."""
    reset_names()
    _uids.clear()


def get_uid(prefix: str = "") -> int:
    """The next number for a name that begins with ``prefix``, from 1.

    Examples
    --------
    >>> clear_session()
    >>> get_uid("dense"), get_uid("dense"), get_uid("conv2d")
    (1, 2, 1)
    """
    stem = snake_case(prefix)
    _uids[stem] = _uids.get(stem, 0) + 1
    return _uids[stem]


def is_keras_tensor(x: Any) -> bool:
    """Whether ``x`` is a symbolic tensor, the result of ``Input`` or of a layer called on one."""
    from cnncore.layers.tensor import KerasTensor

    return isinstance(x, KerasTensor)


# --- values of weights --------------------------------------------------------------------------------------------
def get_value(x: Any) -> Any:
    """A copy of the values of a weight or array; a plain number, such as a learning rate, as it is."""
    return x if isinstance(x, (int, float)) else np.array(x)


eval = get_value


def set_value(x: Any, value: Any) -> None:
    """Replace the values of a weight, or of anything with ``assign``."""
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
    """Number of values of a weight or array, or of a list of them."""
    if isinstance(weights, (list, tuple)):
        return int(np.sum([np.prod(weight.shape) for weight in weights], dtype=np.int64))
    return int(np.prod(weights.shape, dtype=np.int64))


def int_shape(x: Any) -> tuple[Any, ...]:
    """Shape of an array, weight or symbolic tensor; None stands for the batch axis of the last."""
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)


shape = int_shape


def ndim(x: Any) -> int:
    """Number of axes."""
    return len(int_shape(x))


# --- functions of arrays ------------------------------------------------------------------------------------------
def cast(x: Any, dtype: DTypeLike) -> Any:
    """``x`` as an array of another type."""
    return (x if hasattr(x, "astype") else np.asarray(x)).astype(dtype)


def cast_to_floatx(x: Any) -> Any:
    """``x`` as an array of float32."""
    return cast(x, np.float32)


def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Sum over ``axis``, by default over all."""
    return np.sum(x, axis=_axes(axis), keepdims=keepdims)


def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Mean over ``axis``, by default over all.

    Examples
    --------
    >>> mean([[1.0, 2.0], [3.0, 4.0]], axis=-1)
    array([1.5, 3.5])
    """
    return np.mean(x, axis=_axes(axis), keepdims=keepdims)


def var(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Variance over ``axis``, by default over all."""
    return np.var(x, axis=_axes(axis), keepdims=keepdims)


def std(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Standard deviation over ``axis``, by default over all."""
    return np.std(x, axis=_axes(axis), keepdims=keepdims)


def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Largest value over ``axis``, by default over all."""
    return np.max(x, axis=_axes(axis), keepdims=keepdims)


def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Smallest value over ``axis``, by default over all."""
    return np.min(x, axis=_axes(axis), keepdims=keepdims)


def argmax(x: ArrayLike, axis: int = -1) -> Any:
    """Position of the largest value along ``axis``."""
    return np.argmax(x, axis=axis)


def clip(x: Any, min_value: float, max_value: float) -> Any:
    """``x`` with nothing below ``min_value`` or above ``max_value``."""
    return np.clip(x, min_value, max_value)


def concatenate(tensors: Sequence[Any], axis: int = -1) -> Any:
    """Arrays one after the other along ``axis``."""
    return np.concatenate(list(tensors), axis=axis)


def expand_dims(x: Any, axis: int = -1) -> Any:
    """``x`` with a new axis of length 1."""
    return np.expand_dims(x, axis)


def flatten(x: Any) -> Any:
    """All values as one axis."""
    return np.ravel(x)


def one_hot(indices: ArrayLike, num_classes: int) -> np.ndarray:
    """Rows with a 1 at the place of each label."""
    return np.asarray(np.eye(num_classes, dtype=np.float32)[np.asarray(indices)])


def constant(value: Any, dtype: DTypeLike = "float32", shape: Sequence[int] | None = None) -> np.ndarray:
    """An array of ``value``, repeated to ``shape``."""
    array = np.asarray(value, dtype)
    return array if shape is None else np.broadcast_to(array, tuple(shape)).copy()


def batch_flatten(x: Any) -> Any:
    """The values of each sample as one axis."""
    return np.reshape(x, (len(x), -1))


def dot(x: Any, y: Any) -> Any:
    """The product of two matrices."""
    return np.matmul(x, y)


def pow(x: Any, a: Any) -> Any:
    """``x`` to the power of ``a``."""
    return np.power(x, a)


def l2_normalize(x: Any, axis: Axis = None) -> Any:
    """``x`` divided by its length along ``axis``."""
    return x / np.sqrt(np.maximum(np.sum(np.square(x), axis=_axes(axis), keepdims=True), 1e-12))


def stop_gradient(x: Any) -> np.ndarray:
    """``x`` as a constant, through which no gradient passes."""
    return x.value if isinstance(x, Traced) else np.asarray(x)


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """-t log p - (1 - t) log(1 - p) for each value, p within epsilon of 0 and 1 counted as such."""
    p = np.clip(sigmoid(output) if from_logits else output, epsilon(), 1.0 - epsilon())
    return -(target * np.log(p) + (1.0 - target) * np.log(1.0 - p))


def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """-sum t log p along ``axis``, with p scaled to a sum of 1 and not below epsilon."""
    p = softmax(output, axis=axis) if from_logits else output / np.sum(output, axis=axis, keepdims=True)
    return -np.sum(target * np.log(np.clip(p, epsilon(), 1.0 - epsilon())), axis=axis)


def random_normal(shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, **kwargs: Any) -> np.ndarray:
    """Normal values, new ones at each call; ``utils.set_random_seed`` makes them repeatable."""
    values = generator(next_seed()).standard_normal(_sizes(shape), dtype=np.float32)
    return np.asarray(mean + stddev * values, np.float32)


def random_uniform(shape: Sequence[int], minval: float = 0.0, maxval: float = 1.0, **kwargs: Any) -> np.ndarray:
    """Uniform values in [minval, maxval), new ones at each call."""
    values = generator(next_seed()).random(_sizes(shape), dtype=np.float32)
    return np.asarray(minval + (maxval - minval) * values, np.float32)


abs, exp, log, sqrt, square, round = np.abs, np.exp, np.log, np.sqrt, np.square, np.round
maximum, minimum, reshape, transpose, stack, sign = np.maximum, np.minimum, np.reshape, np.transpose, np.stack, np.sign
zeros, ones, zeros_like, ones_like, eye = np.zeros, np.ones, np.zeros_like, np.ones_like, np.eye
equal, not_equal, greater, less, switch, squeeze = np.equal, np.not_equal, np.greater, np.less, np.where, np.squeeze


def _sizes(shape: Sequence[int | None]) -> tuple[int, ...]:
    if any(size is None for size in shape):
        raise NotTraceableError(
            "The number of samples in a symbolic tensor is not known."
        )  # a Lambda tries arrays then
    return tuple(int(size) for size in shape if size is not None)


def _axes(axis: Axis) -> int | tuple[int, ...] | None:
    return axis if axis is None or isinstance(axis, int) else tuple(axis)
