"""NumPy functions under the names that they have in ``keras.ops``, for losses, metrics and Lambda layers.

:mod:`cnncore.differentiation` knows their gradients.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from cnncore import _checks
from cnncore._refusals import names_itself
from cnncore.differentiation import Array, Traced, as_array
from cnncore.ops.definition import is_recorded
from cnncore.ops.operations import operation_of

__all__ = [
    "NUMPY_NAMES",
    "cast",
    "convert_to_numpy",
    "convert_to_tensor",
    "numpy_function",
    "one_hot",
    "rsqrt",
    "stop_gradient",
]

_WITH_AXES = ("all", "any", "argmax", "argmin", "max", "mean", "min", "prod", "squeeze", "std", "sum", "var")
# Functions whose first argument is a list of arrays, or a list of numbers.
_OF_LISTS = ("concatenate", "dstack", "hstack", "stack", "vstack", "full", "ones", "zeros", "einsum", "meshgrid")
NUMPY_NAMES = (
    *("abs", "absolute", "add", "all", "allclose", "amax", "amin", "angle", "any", "append", "arange", "arccos"),
    *("arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "argmax", "argmin", "argpartition", "argsort"),
    *("array", "array_split", "average", "bartlett", "bincount", "bitwise_and", "bitwise_invert", "bitwise_left_shift"),
    *("bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "blackman", "broadcast_to", "cbrt", "ceil"),
    *("clip", "concatenate", "conj", "conjugate", "copy", "corrcoef", "correlate", "cos", "cosh", "count_nonzero"),
    *("cross", "cumprod", "cumsum", "deg2rad", "diag", "diagflat", "diagonal", "diff", "digitize", "divide", "dot"),
    *("dsplit", "dstack", "einsum", "empty", "empty_like", "equal", "exp", "exp2", "expand_dims", "expm1", "eye"),
    *("fabs", "flip", "fliplr", "flipud", "floor", "floor_divide", "fmax", "fmin", "fmod", "full", "full_like", "gcd"),
    *("geomspace", "greater", "greater_equal", "hamming", "hanning", "heaviside", "histogram", "hsplit", "hstack"),
    *("hypot", "i0", "identity", "imag", "inner", "isclose", "isfinite", "isin", "isinf", "isnan", "isneginf"),
    *("isposinf", "isreal", "kaiser", "kron", "lcm", "ldexp", "left_shift", "less", "less_equal", "linspace", "log"),
    *("log10", "log1p", "log2", "logaddexp", "logaddexp2", "logical_and", "logical_not", "logical_or", "logical_xor"),
    *("logspace", "matmul", "max", "maximum", "mean", "median", "meshgrid", "min", "minimum", "mod", "moveaxis"),
    *("multiply", "nan_to_num", "nanargmax", "nanargmin", "nancumprod", "nancumsum", "nanmax", "nanmean", "nanmedian"),
    *("nanmin", "nanpercentile", "nanprod", "nanquantile", "nanstd", "nansum", "nanvar", "ndim", "negative"),
    *("nextafter", "nonzero", "not_equal", "ones", "ones_like", "outer", "pad", "percentile", "power", "prod", "ptp"),
    *("quantile", "rad2deg", "ravel", "real", "reciprocal", "repeat", "reshape", "right_shift", "roll", "rot90"),
    *("round", "searchsorted", "select", "shape", "sign", "signbit", "sin", "sinc", "sinh", "size", "sort", "sqrt"),
    *("square", "squeeze", "stack", "std", "subtract", "sum", "swapaxes", "take", "take_along_axis", "tan"),
    *("tensordot", "tile", "trace", "transpose", "trapezoid", "tri", "tril", "triu", "true_divide", "trunc", "unique"),
    *("unravel_index", "vander", "var", "vdot", "vsplit", "vstack", "where", "zeros", "zeros_like"),
)


@functools.cache
def numpy_function(name: str) -> Callable[..., Any]:
    """Return NumPy's function of that name, whose results a tape can watch (:class:`~cnncore.differentiation.Array`).

    It takes arguments by Keras' names, too. If it takes several axes, it also takes them as a list, as in Keras.
    """
    function: Callable[..., Any] = getattr(np, name)
    takes_axes = name in _WITH_AXES
    places = _places_of_words(name, function)

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        if kwargs and not places.keys().isdisjoint(kwargs):
            args, kwargs = _words_in_places(places, args, kwargs)
        if takes_axes:
            args, kwargs = _axes_as_tuple(args, kwargs)
        if name not in _OF_LISTS:
            args = tuple(_one_array(x) if isinstance(x, (list, tuple)) else x for x in args)
        if name == "array" and args and is_recorded(args[0]):  # NumPy's function would read the values alone
            return np.copy(args[0])
        return as_array(function(*args, **kwargs))

    return names_itself(called)


def _one_array(x: Any) -> Any:
    """One array for a list of arrays or numbers of which one is recorded. NumPy would read the values alone, and their
    gradient would be lost.
    """
    if not is_recorded(x):
        return x
    return np.stack([_one_array(item) for item in x]) if isinstance(x, (list, tuple)) else x


def _places_of_words(name: str, function: Callable[..., Any]) -> dict[str, int]:
    """For Keras' names of arguments that NumPy calls otherwise: their places among all arguments."""
    operation = operation_of(name)
    if operation is None:
        return {}
    try:
        parameters = inspect.signature(function).parameters
    except ValueError:  # some functions in C do not say what arguments they have
        parameters = {}  # type: ignore[assignment]
    known = {key for key, item in parameters.items() if item.kind is not item.POSITIONAL_ONLY}
    if name == "pad":
        known.add("constant_values")  # one of the words that NumPy's signature does not name
    return {word: place for place, word in enumerate(operation.order) if word not in known}


def _words_in_places(
    places: dict[str, int], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Move arguments by Keras' names to their places. A word whose place is taken stays, for NumPy to refuse it."""
    moved = {places[word]: word for word in kwargs if places.get(word, -1) >= len(args)}
    values = [
        kwargs[moved[place]] if place in moved else None for place in range(len(args), max(moved, default=-1) + 1)
    ]
    return (*args, *values), {word: value for word, value in kwargs.items() if word not in moved.values()}


def _axes_as_tuple(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if len(args) > 1 and isinstance(args[1], list):
        return (args[0], tuple(args[1]), *args[2:]), kwargs
    return (args, {**kwargs, "axis": tuple(kwargs["axis"])}) if isinstance(kwargs.get("axis"), list) else (args, kwargs)


@names_itself
def cast(x: Any, dtype: DTypeLike) -> Any:
    """Convert ``x`` to an array of the type ``dtype``."""
    _refuse_none(x, "cast")
    if hasattr(type(x), "as_operand"):  # a weight
        x = x.as_operand()
    return as_array((x if hasattr(x, "astype") else np.asarray(x)).astype(dtype))


@names_itself
def convert_to_tensor(x: Any, dtype: DTypeLike | None = None) -> Any:
    """Convert ``x`` to an array, of the type ``dtype`` if one is given.

    Symbolic tensors are returned as they are. A weight becomes an array of its present values, through which gradients
    of the weight pass.
    """
    _refuse_none(x, "convert_to_tensor")
    if hasattr(type(x), "as_operand"):  # a weight
        x = x.as_operand()
    if hasattr(x, "activated") and dtype in (None, "float32", np.float32):  # a symbolic tensor
        return x
    x = _one_array(x) if isinstance(x, (list, tuple)) else x
    array = x if isinstance(x, (Traced, Array)) else np.asarray(x).view(Array)
    return array if dtype is None else array.astype(dtype)


def _refuse_none(x: Any, owner: str) -> None:
    """NumPy would convert None, such as a batch size that is not known, to NaN."""
    if x is None:
        raise TypeError(f"[{owner}] expected an array or a number. Received: NoneType")


@names_itself
def convert_to_numpy(x: Any) -> np.ndarray:
    """Convert ``x`` to a NumPy array."""
    return np.asarray(x)


def stop_gradient(x: Any) -> Any:
    """Return ``x`` as a constant, through which no gradient passes."""
    return x.value if isinstance(x, Traced) else x


@names_itself
def rsqrt(x: Any) -> Any:
    """Compute 1 / sqrt(x)."""
    return 1.0 / np.sqrt(x)


@names_itself
def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: DTypeLike | None = None) -> Any:
    """Turn labels into vectors that have a 1 at the place of the label and 0 elsewhere.

    Parameters
    ----------
    x : array_like
        Whole numbers from 0 to ``num_classes - 1``, in an array of any shape.
    num_classes : int
        The length of the vectors.
    axis : int, default -1
        The axis of the result along which the vectors lie.
    dtype : optional, default "float32"

    Raises
    ------
    ValueError
        If a label is not a whole number from 0 to ``num_classes - 1``.
    """
    count = _checks.integer(num_classes, "num_classes", "one_hot")
    if hasattr(x, "activated") and axis in (-1, x.ndim):  # a symbolic tensor, whose labels cannot be checked
        return np.equal(np.expand_dims(x, -1), np.arange(count))
    given = _checks.numeric_array(x, "x", "one_hot")
    with np.errstate(invalid="ignore"):  # NaN becomes a number that differs from it, which is refused below
        labels = given.astype(np.int64)
    if labels.size and ((labels != given).any() or labels.min() < 0 or labels.max() >= count):
        raise ValueError(
            f"[one_hot] expected labels to be whole numbers from 0 to {count - 1}. "
            f"Received: labels from {given.min()} to {given.max()}"
        )
    rows = np.eye(count, dtype=dtype or np.float32)[labels]
    return as_array(np.moveaxis(rows, -1, axis))
