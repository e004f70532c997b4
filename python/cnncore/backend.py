"""What scripts ask Keras' backend for: settings that have one value here, names, and plain functions of arrays.

``cnncore.backend`` is often imported as ``K``. Functions take and give NumPy arrays; on symbolic tensors use layers.
"""

# ruff: noqa: A001 (these are Keras' names, and the functions are called as K.sum and the like)

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from cnncore import _checks
from cnncore._naming import reset_names
from cnncore._registry import snake_case
from cnncore.activations import elu, hard_sigmoid, relu, sigmoid, softmax, softplus, softsign, tanh

__all__ = [
    "abs",
    "argmax",
    "backend",
    "cast",
    "cast_to_floatx",
    "clear_session",
    "clip",
    "concatenate",
    "count_params",
    "elu",
    "epsilon",
    "eval",
    "exp",
    "expand_dims",
    "flatten",
    "floatx",
    "get_uid",
    "get_value",
    "hard_sigmoid",
    "image_data_format",
    "int_shape",
    "is_keras_tensor",
    "log",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "ndim",
    "one_hot",
    "relu",
    "reshape",
    "round",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_value",
    "shape",
    "sigmoid",
    "softmax",
    "softplus",
    "softsign",
    "sqrt",
    "square",
    "std",
    "sum",
    "tanh",
    "transpose",
    "var",
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
def cast(x: ArrayLike, dtype: DTypeLike) -> np.ndarray:
    """``x`` as an array of another type."""
    return np.asarray(x).astype(dtype)


def cast_to_floatx(x: ArrayLike) -> np.ndarray:
    """``x`` as an array of float32."""
    return np.asarray(x, np.float32)


def sum(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Any:
    """Sum over ``axis``, by default over all."""
    return np.sum(x, axis=_axes(axis), keepdims=keepdims)


def mean(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Any:
    """Mean over ``axis``, by default over all.

    Examples
    --------
    >>> mean([[1.0, 2.0], [3.0, 4.0]], axis=-1)
    array([1.5, 3.5])
    """
    return np.mean(np.asarray(x), axis=_axes(axis), keepdims=keepdims)


def var(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Any:
    """Variance over ``axis``, by default over all."""
    return np.var(np.asarray(x), axis=_axes(axis), keepdims=keepdims)


def std(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Any:
    """Standard deviation over ``axis``, by default over all."""
    return np.std(np.asarray(x), axis=_axes(axis), keepdims=keepdims)


def max(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Any:
    """Largest value over ``axis``, by default over all."""
    return np.max(x, axis=_axes(axis), keepdims=keepdims)


def min(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Any:
    """Smallest value over ``axis``, by default over all."""
    return np.min(x, axis=_axes(axis), keepdims=keepdims)


def argmax(x: ArrayLike, axis: int = -1) -> Any:
    """Position of the largest value along ``axis``."""
    return np.argmax(x, axis=axis)


def clip(x: ArrayLike, min_value: float, max_value: float) -> Any:
    """``x`` with nothing below ``min_value`` or above ``max_value``."""
    return np.clip(x, min_value, max_value)


def concatenate(tensors: Sequence[ArrayLike], axis: int = -1) -> np.ndarray:
    """Arrays one after the other along ``axis``."""
    return np.concatenate([np.asarray(tensor) for tensor in tensors], axis=axis)


def expand_dims(x: ArrayLike, axis: int = -1) -> np.ndarray:
    """``x`` with a new axis of length 1."""
    return np.expand_dims(np.asarray(x), axis)


def flatten(x: ArrayLike) -> np.ndarray:
    """All values as one axis."""
    return np.ravel(x)


def one_hot(indices: ArrayLike, num_classes: int) -> np.ndarray:
    """Rows with a 1 at the place of each label."""
    return np.asarray(np.eye(num_classes, dtype=np.float32)[np.asarray(indices)])


abs, exp, log, sqrt, square, round = np.abs, np.exp, np.log, np.sqrt, np.square, np.round
maximum, minimum, reshape, transpose, zeros_like = np.maximum, np.minimum, np.reshape, np.transpose, np.zeros_like


def _axes(axis: Axis) -> int | tuple[int, ...] | None:
    return axis if axis is None or isinstance(axis, int) else tuple(axis)
