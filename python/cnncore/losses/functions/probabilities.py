"""Losses of probabilities as functions: crossentropies, the KL divergence and the Poisson loss."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from cnncore.losses.binary_crossentropies import BinaryCrossentropy, BinaryFocalCrossentropy
from cnncore.losses.crossentropies import (
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    SparseCategoricalCrossentropy,
)
from cnncore.losses.divergences import KLDivergence, Poisson
from cnncore.losses.functions.base import function_of, rows

__all__ = [
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "kl_divergence",
    "poisson",
    "sparse_categorical_crossentropy",
]


@function_of(SparseCategoricalCrossentropy)
def sparse_categorical_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> np.ndarray:
    """-log(p_label) of integer labels: see :class:`~cnncore.losses.SparseCategoricalCrossentropy`.

    Examples
    --------
    >>> sparse_categorical_crossentropy([1], [[0.5, 0.5]])
    array([0.6931472], dtype=float32)
    """
    return rows(
        SparseCategoricalCrossentropy(from_logits=from_logits, ignore_class=ignore_class, axis=axis, reduction=None),
        y_true,
        y_pred,
    )


@function_of(CategoricalCrossentropy)
def categorical_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> np.ndarray:
    """-sum(t log(p)): see :class:`~cnncore.losses.CategoricalCrossentropy`.

    Examples
    --------
    >>> categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])
    array([0.6931472], dtype=float32)
    """
    return rows(
        CategoricalCrossentropy(from_logits=from_logits, label_smoothing=label_smoothing, axis=axis, reduction=None),
        y_true,
        y_pred,
    )


@function_of(CategoricalFocalCrossentropy)
def categorical_focal_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """-sum(alpha (1 - p)^gamma t log(p)): see :class:`~cnncore.losses.CategoricalFocalCrossentropy`.

    Examples
    --------
    >>> categorical_focal_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])
    array([0.0433217], dtype=float32)
    """
    return rows(
        CategoricalFocalCrossentropy(
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
            reduction=None,
        ),
        y_true,
        y_pred,
    )


@function_of(BinaryCrossentropy)
def binary_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> np.ndarray:
    """mean(-t log(p) - (1 - t) log(1 - p)): see :class:`~cnncore.losses.BinaryCrossentropy`.

    Examples
    --------
    >>> binary_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])
    array([0.6931472], dtype=float32)
    """
    return rows(
        BinaryCrossentropy(from_logits=from_logits, label_smoothing=label_smoothing, axis=axis, reduction=None),
        y_true,
        y_pred,
    )


@function_of(BinaryFocalCrossentropy)
def binary_focal_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """Binary crossentropy in which outputs that are predicted well count less: see
    :class:`~cnncore.losses.BinaryFocalCrossentropy`.

    Examples
    --------
    >>> binary_focal_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])
    array([0.1732868], dtype=float32)
    """
    return rows(
        BinaryFocalCrossentropy(
            apply_class_balancing=apply_class_balancing,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
            reduction=None,
        ),
        y_true,
        y_pred,
    )


@function_of(KLDivergence)
def kl_divergence(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """sum(t log(t / y)): see :class:`~cnncore.losses.KLDivergence`.

    Examples
    --------
    >>> kl_divergence([[0.5, 0.5]], [[0.25, 0.75]])
    array([0.143841], dtype=float32)
    """
    return rows(KLDivergence(reduction=None), y_true, y_pred)


@function_of(Poisson)
def poisson(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """mean(y - t log(y + 1e-7)): see :class:`~cnncore.losses.Poisson`.

    Examples
    --------
    >>> poisson([[3.0]], [[1.0]])
    array([1.], dtype=float32)
    """
    return rows(Poisson(reduction=None), y_true, y_pred)
