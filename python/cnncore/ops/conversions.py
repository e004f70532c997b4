"""Functions of ``keras.ops`` that convert arrays: their type, classes to zeros and ones, pairs to complex numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from cnncore import _checks
from cnncore._refusals import names_itself
from cnncore.differentiation import value_of

__all__ = [
    "dtype",
    "is_tensor",
    "multi_hot",
    "saturate_cast",
    "view_as_complex",
    "view_as_real",
]


@names_itself
def multi_hot(inputs: Any, num_classes: int, axis: int = -1, dtype: DTypeLike | None = None) -> np.ndarray:
    """Return rows of zeros with a 1 at each of the labels of a row.

    Parameters
    ----------
    inputs : array_like of int, shape (..., labels)
        Labels below 0 are left out.
    num_classes : int
        The number of values in a row.
    axis : int, default -1
        Where the axis of the values is in the result.
    dtype : optional
        float32 by default.

    Examples
    --------
    >>> multi_hot([[0, 2], [1, -1]], num_classes=3).tolist()
    [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    given = _checks.numeric_array(inputs, "inputs", "multi_hot")
    labels = given.astype(np.int64)
    count = _checks.integer(num_classes, "num_classes", "multi_hot")
    if labels.ndim == 0 or not np.array_equal(labels, given) or (labels.size and labels.max() >= count):
        raise ValueError(f"[multi_hot] expected arrays of labels below {count}. Received: {given.tolist()!r:.80}")
    places = labels[..., np.newaxis] == np.arange(count)
    return np.moveaxis(places.any(axis=-2).astype(dtype or np.float32), -1, axis)


@names_itself
def saturate_cast(x: Any, dtype: DTypeLike) -> np.ndarray:
    """Convert ``x`` to the type ``dtype``; numbers beyond its range become its smallest or largest number.

    Examples
    --------
    >>> saturate_cast([-5.0, 300.0], "uint8").tolist()
    [0, 255]
    """
    wanted = np.dtype(dtype)
    array = np.asarray(value_of(x))
    if wanted.kind in "iu":
        limits = np.iinfo(wanted)
        array = np.clip(array, float(limits.min), float(limits.max))
    elif wanted.kind == "f":
        array = np.clip(array, np.finfo(wanted).min, np.finfo(wanted).max)
    return array.astype(wanted)


@names_itself
def dtype(x: Any) -> str:
    """Return the name of the type of the values of ``x``.

    Examples
    --------
    >>> dtype(np.zeros(2))
    'float64'
    """
    return str(x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype)


@names_itself
def view_as_complex(x: Any) -> np.ndarray:
    """Return the complex numbers whose real and imaginary parts are the two values along the last axis of ``x``.

    Examples
    --------
    >>> view_as_complex([[1.0, 2.0]]).tolist()
    [(1+2j)]
    """
    array = np.asarray(value_of(x))
    if array.ndim == 0 or array.shape[-1] != 2:
        raise ValueError(f"[view_as_complex] expected a last axis of length 2. Received: shape {array.shape}")
    return np.asarray(array[..., 0] + 1j * array[..., 1])


@names_itself
def view_as_real(x: Any) -> np.ndarray:
    """Return the real and imaginary parts of the complex numbers ``x`` along a new last axis.

    Examples
    --------
    >>> view_as_real([1 + 2j]).tolist()
    [[1.0, 2.0]]
    """
    array = np.asarray(value_of(x))
    return np.stack([array.real, array.imag], axis=-1)


def is_tensor(x: Any) -> bool:
    """Whether ``x`` is an array or a symbolic tensor."""
    return isinstance(x, np.ndarray) or hasattr(x, "activated")
