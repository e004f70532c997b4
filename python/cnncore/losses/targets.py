"""Check targets and sample weights once, before anything is computed, and convert them to what losses need."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks
from cnncore._checks import Float32

__all__ = ["Shape", "check_range", "finite", "full", "labels", "sample_weights"]

Shape = tuple[int, ...]


def finite(array: np.ndarray, name: str, owner: str) -> None:
    """Raise a ValueError if a value is NaN or infinite."""
    if array.dtype.kind == "f" and not np.logical_and.reduce(np.isfinite(array), axis=None):
        bad = "NaN" if np.isnan(array).any() else "infinity"
        raise ValueError(f"[{owner}] expected {name} to hold finite numbers. Received: {name} with {bad}")


def labels(y: ArrayLike, owner: str, rows: Shape, classes: int, ignore_class: int | None = None) -> np.ndarray:
    """Integer labels of the shape ``(samples, *rows)``, from any integers, bools or floats without fractions.

    Returns
    -------
    numpy.ndarray, int64 (samples, *rows)
    """
    array = _checks.numeric_array(y, "y", owner)
    if array.ndim == len(rows) + 2 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim == 0 or array.shape[1:] != rows:
        hint = ""
        if array.shape[1:] == (*rows, classes):
            hint = ' For one-hot rows use loss="categorical_crossentropy".'
        expected = ", ".join(map(str, ("samples", *rows))) + ("" if rows else ",")
        raise ValueError(
            f"[{owner}] expected y of shape ({expected}) with integer labels.{hint} Received: y.shape={array.shape}"
        )
    finite(array, "y", owner)
    integers = array.astype(np.int64)
    if array.dtype.kind == "f" and not np.array_equal(integers, array):
        raise ValueError(
            f"[{owner}] expected integer labels in y. Received: numbers with fractions, y.dtype={array.dtype}"
        )
    check_range(integers, owner, classes, ignore_class)
    return np.ascontiguousarray(integers)


def check_range(integers: np.ndarray, owner: str, classes: int, ignore_class: int | None = None) -> None:
    """Raise a ValueError if a label is not in [0, classes). The label ``ignore_class`` is allowed as well."""
    counted = integers if ignore_class is None else integers[integers != ignore_class]
    if counted.size and (counted.min() < 0 or counted.max() >= classes):
        besides = "" if ignore_class is None else f" or {ignore_class}, which is ignored"
        raise ValueError(
            f"[{owner}] expected labels in [0, {classes}), as the model has {classes} outputs{besides}. "
            f"Received: labels from {counted.min()} to {counted.max()}"
        )


def full(y: ArrayLike, owner: str, output_shape: Shape, hint: str = "") -> Float32:
    """Values of shape ``(samples, *output_shape)``. The last axis may be missing if its length is 1.

    Returns
    -------
    numpy.ndarray, float32 (samples, *output_shape)
    """
    array = _checks.numeric_array(y, "y", owner)
    if array.ndim and (*array.shape[1:], 1) == output_shape:
        array = array[..., np.newaxis]
    elif array.ndim > 1 and array.shape[1:] == (*output_shape, 1):
        array = array[..., 0]
    if array.ndim == 0 or array.shape[1:] != output_shape:
        expected = ", ".join(map(str, ("samples", *output_shape))) + ("" if output_shape else ",")
        raise ValueError(
            f"[{owner}] expected y of shape ({expected}), like the predictions.{hint} Received: y.shape={array.shape}"
        )
    finite(array, "y", owner)
    return _checks.contiguous(array, np.float32)


def sample_weights(weights: ArrayLike, owner: str, rows: Shape) -> Float32:
    """Weights that fit losses of shape ``rows``, whose first axis is that of the samples.

    There is one weight for each loss, or one for each index of the first axes, such as one for all pixels of a sample.
    The weights may have further axes of length 1 at the end, which are dropped.

    Returns
    -------
    numpy.ndarray, float32
        Of shape ``rows``, or of the shape of its first axes. For a single loss any shape is possible.
    """
    array = _checks.float32_array(weights, "sample_weight", owner)
    if not rows:
        return array
    while array.ndim > len(rows) or (array.ndim > 1 and array.shape != rows[: array.ndim]):
        if array.shape[-1] != 1:
            break
        array = array[..., 0]
    if array.shape != rows[: array.ndim]:
        raise ValueError(
            f"[{owner}] expected sample_weight of shape {rows}, like the losses, or of the first axes of this shape. "
            f"Received: sample_weight.shape={np.shape(weights)}"
        )
    return array
