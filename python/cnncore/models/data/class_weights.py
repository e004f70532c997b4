"""Weights of samples that follow from their classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._checks import Float32

__all__ = ["weights_of_classes"]


def weights_of_classes(
    class_weight: Mapping[int, float], y: np.ndarray, output_shape: tuple[int, ...], owner: str
) -> Float32:
    """The weight of each sample's class; 1 for classes that ``class_weight`` does not name.

    Parameters
    ----------
    class_weight : dict of int to float
        A weight for some of the classes.
    y : numpy.ndarray
        Prepared targets: labels (samples,), one-hot rows (samples, classes), or 0 and 1 for one output.
    output_shape : tuple of int
        Shape of a prediction, whose last axis is the number of classes.
    owner : str
        The function that messages name.

    Returns
    -------
    numpy.ndarray, float32 (samples,)

    Raises
    ------
    ValueError
        If the model has no such class, a weight is negative, or the targets do not give one class for each sample.
    TypeError
        If ``class_weight`` is not a dict of numbers.

    Examples
    --------
    >>> weights_of_classes({1: 5.0}, np.array([0, 1, 1]), (3,), "fit")
    array([1., 5., 5.], dtype=float32)
    """
    if not isinstance(class_weight, Mapping):
        raise TypeError(f"[{owner}] expected `class_weight` to be a dict. Received: class_weight={class_weight!r}")
    classes = max(output_shape[-1], 2) if output_shape else 2
    table = np.ones(classes, np.float32)
    for key, value in class_weight.items():
        index = _checks.integer(key, "class_weight key", owner, minimum=0)
        if index >= classes:
            raise ValueError(
                f"[{owner}] expected keys of `class_weight` from 0 to {classes - 1}, the classes of the model. "
                f"Received: {key!r}"
            )
        table[index] = _checks.number(value, "class_weight value", owner, 0.0)
    labels = _labels(y)
    if labels is None:
        raise ValueError(
            f"[{owner}] expected `class_weight` only with one class for each sample. Received: y of shape {y.shape}"
        )
    inside = (labels >= 0) & (labels < classes)  # a label that the loss ignores is not among the classes
    return np.where(inside, table[np.where(inside, labels, 0)], np.float32(1)).astype(np.float32)


def _labels(y: np.ndarray) -> Any:
    """The class of each sample, to which targets that are not whole are rounded, as in Keras. None if the targets do
    not give one class for each sample.
    """
    if y.ndim not in (1, 2):
        return None
    if y.ndim == 2 and y.shape[1] > 1:
        return y.argmax(axis=-1)
    return np.rint(y.ravel()).astype(np.int64)
