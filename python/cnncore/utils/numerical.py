"""Turn labels into one-hot rows, and divide vectors by their lengths."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore._checks import integer, numeric_array
from cnncore._refusals import names_itself
from cnncore.differentiation import Traced
from cnncore.graph.tensor import KerasTensor

__all__ = ["normalize", "standardize_dtype", "to_categorical"]


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """One-hot rows for integer class labels.

    Parameters
    ----------
    x : array_like of int, any shape; a last axis of length 1 is dropped
        Labels, counted from 0. Floats must be whole numbers. Strings of digits stand for integers.
    num_classes : int, optional
        The length of the rows. By default it is the largest label plus one.

    Returns
    -------
    numpy.ndarray of float32, of the shape of `x` and (num_classes,)
        Keras returns the same numbers as float64.

    Raises
    ------
    TypeError
        If labels are not numbers.
    ValueError
        If a label is negative, not a whole number or not below ``num_classes``. (Keras counts negative labels from the
        end and cuts fractions off.)

    Examples
    --------
    >>> to_categorical([0, 2])
    array([[1., 0., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    labels = _whole_numbers(x)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if num_classes is None:
        num_classes = max(1, int(labels.max()) + 1) if labels.size else 1
    num_classes = integer(num_classes, "num_classes", "to_categorical")
    if labels.size and (labels.min() < 0 or labels.max() >= num_classes):
        raise ValueError(
            f"[to_categorical] expected labels in [0, {num_classes}). "
            f"Received: labels from {labels.min()} to {labels.max()}"
        )
    rows = np.zeros((*labels.shape, num_classes), np.float32)
    np.put_along_axis(rows, labels[..., None], 1, axis=-1)
    return rows


def _whole_numbers(x: Any) -> np.ndarray:
    try:
        values = np.asarray(x)
    except ValueError:
        raise ValueError("[to_categorical] expected labels of a rectangular shape. Received: a ragged list") from None
    if values.dtype.kind in "iub":
        return values.astype(np.int64)
    try:
        numbers = values.astype(np.float64)
    except (ValueError, TypeError):
        raise TypeError(
            "[to_categorical] expected labels that are integers; np.unique(x, return_inverse=True)[1] turns other "
            "labels into integers. "
            f"Received: dtype {values.dtype}"
        ) from None
    if not np.isfinite(numbers).all() or (numbers != np.floor(numbers)).any():
        raise ValueError(f"[to_categorical] expected whole numbers as labels. Received: {numbers.ravel()[:5]}...")
    return numbers.astype(np.int64)


@names_itself
def normalize(x: Any, axis: int = -1, order: int | float = 2) -> np.ndarray:
    """Divide by the norm along an axis, so that each vector along it has length one.

    Parameters
    ----------
    x : array_like
        Numbers.
    axis : int, default -1
        The axis of the vectors.
    order : int or float, default 2
        The norm: 2 is the Euclidean norm, 1 the sum of magnitudes, and ``numpy.inf`` the largest magnitude.

    Returns
    -------
    numpy.ndarray
        An array of the shape of `x`. Vectors of zeros stay zeros.

    Examples
    --------
    >>> normalize([[3.0, 4.0], [0.0, 0.0]])
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    if isinstance(x, (Traced, KerasTensor)) and order == 2:
        length = np.sqrt(np.sum(np.square(x), axis=axis, keepdims=True))
        return x / np.maximum(length, 1e-12)  # type: ignore[no-any-return]
    values = numeric_array(x, "x", "normalize")
    if values.ndim == 0:
        raise ValueError(f"[normalize] expected an array. Received: the number {values}")
    axis = integer(axis, "axis", "normalize", -values.ndim, values.ndim - 1)
    norms = np.atleast_1d(np.linalg.norm(values, order, axis))
    norms[norms == 0] = 1
    result: np.ndarray = values / np.expand_dims(norms, axis)
    return result


def standardize_dtype(dtype: Any) -> str:
    """Return the name of ``dtype``, a type of numbers; None stands for float32.

    Examples
    --------
    >>> standardize_dtype(None), standardize_dtype(int)
    ('float32', 'int32')
    """
    if isinstance(dtype, np.ndarray):
        raise TypeError(
            f"[standardize_dtype] expected the name of a type of numbers. Received: an array of {dtype.dtype}"
        )
    if dtype in (int, "int"):
        return "int32"
    if dtype in (float, "float", None):
        return "float32"
    try:
        return str(np.dtype(getattr(dtype, "name", dtype)))
    except TypeError:
        raise ValueError(f"[standardize_dtype] expected the name of a type of numbers. Received: {dtype!r}") from None
