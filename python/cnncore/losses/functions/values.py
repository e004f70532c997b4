"""Losses of values and of margins as functions: regression losses and hinge losses."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cnncore.losses.functions.base import function_of, rows
from cnncore.losses.hinge import CategoricalHinge, Hinge, SquaredHinge
from cnncore.losses.regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
)

__all__ = [
    "categorical_hinge",
    "cosine_similarity",
    "hinge",
    "huber",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "squared_hinge",
]


@function_of(MeanSquaredError)
def mean_squared_error(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """mean((y - t)^2): see :class:`~cnncore.losses.MeanSquaredError`.

    Examples
    --------
    >>> mean_squared_error([[1.0, 1.0]], [[1.0, 3.0]])
    array([2.], dtype=float32)
    """
    return rows(MeanSquaredError(reduction=None), y_true, y_pred)


@function_of(MeanAbsoluteError)
def mean_absolute_error(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """mean(|y - t|): see :class:`~cnncore.losses.MeanAbsoluteError`.

    Examples
    --------
    >>> mean_absolute_error([[1.0, 1.0]], [[1.0, 3.0]])
    array([1.], dtype=float32)
    """
    return rows(MeanAbsoluteError(reduction=None), y_true, y_pred)


@function_of(MeanAbsolutePercentageError)
def mean_absolute_percentage_error(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """100 mean(|y - t| / max(|t|, 1e-7)): see :class:`~cnncore.losses.MeanAbsolutePercentageError`.

    Examples
    --------
    >>> mean_absolute_percentage_error([[1.0, 1.0]], [[1.0, 3.0]])
    array([100.], dtype=float32)
    """
    return rows(MeanAbsolutePercentageError(reduction=None), y_true, y_pred)


@function_of(MeanSquaredLogarithmicError)
def mean_squared_logarithmic_error(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """mean((log(1 + y) - log(1 + t))^2): see :class:`~cnncore.losses.MeanSquaredLogarithmicError`.

    Examples
    --------
    >>> mean_squared_logarithmic_error([[1.0, 1.0]], [[1.0, 3.0]])
    array([0.2402265], dtype=float32)
    """
    return rows(MeanSquaredLogarithmicError(reduction=None), y_true, y_pred)


@function_of(Huber)
def huber(y_true: ArrayLike, y_pred: ArrayLike, delta: float = 1.0) -> np.ndarray:
    """Like a square near the target, and like a straight line far away: see :class:`~cnncore.losses.Huber`.

    Examples
    --------
    >>> huber([[1.0, 1.0]], [[1.0, 3.0]])
    array([0.75], dtype=float32)
    """
    return rows(Huber(delta=delta, reduction=None), y_true, y_pred)


@function_of(LogCosh)
def log_cosh(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """mean(log(cosh(y - t))): see :class:`~cnncore.losses.LogCosh`.

    Examples
    --------
    >>> log_cosh([[1.0, 1.0]], [[1.0, 3.0]])
    array([0.6625014], dtype=float32)
    """
    return rows(LogCosh(reduction=None), y_true, y_pred)


@function_of(CosineSimilarity)
def cosine_similarity(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> np.ndarray:
    """-sum(t y) / (|t| |y|): see :class:`~cnncore.losses.CosineSimilarity`.

    Examples
    --------
    >>> cosine_similarity([[1.0, 1.0]], [[1.0, 3.0]])
    array([-0.8944272], dtype=float32)
    """
    return rows(CosineSimilarity(axis=axis, reduction=None), y_true, y_pred)


@function_of(Hinge)
def hinge(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """mean(max(1 - t y, 0)): see :class:`~cnncore.losses.Hinge`.

    Examples
    --------
    >>> hinge([[-1.0, 1.0]], [[0.5, 0.5]])
    array([1.], dtype=float32)
    """
    return rows(Hinge(reduction=None), y_true, y_pred)


@function_of(SquaredHinge)
def squared_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """mean(max(1 - t y, 0)^2): see :class:`~cnncore.losses.SquaredHinge`.

    Examples
    --------
    >>> squared_hinge([[-1.0, 1.0]], [[0.5, 0.5]])
    array([1.25], dtype=float32)
    """
    return rows(SquaredHinge(reduction=None), y_true, y_pred)


@function_of(CategoricalHinge)
def categorical_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """max(1 + max((1 - t) y) - sum(t y), 0): see :class:`~cnncore.losses.CategoricalHinge`.

    Examples
    --------
    >>> categorical_hinge([[0.0, 1.0]], [[0.5, 0.5]])
    array([1.], dtype=float32)
    """
    return rows(CategoricalHinge(reduction=None), y_true, y_pred)
