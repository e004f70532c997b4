"""Losses as functions: the loss of every row, before any mean over samples.

Each takes array_like ``y_true`` and ``y_pred`` (converted to float32) and returns a float32 array of ``y_pred``'s shape
without its axis of classes or values; the classes of :mod:`cnncore.losses` say what their arguments mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnncore.differentiation import Traced
from cnncore.losses.base import Loss
from cnncore.losses.compiled import CompiledLoss
from cnncore.losses.hinge import CategoricalHinge, Hinge, SquaredHinge
from cnncore.losses.overlap import Dice, Tversky, dice, tversky
from cnncore.losses.probabilistic import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
)
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
    "CLASSES",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "cosine_similarity",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "sparse_categorical_crossentropy",
    "squared_hinge",
]


def _rows(loss: CompiledLoss, y_true: ArrayLike, y_pred: Any) -> np.ndarray:
    if isinstance(y_pred, Traced):  # inside of a user's own loss, which is being differentiated
        gradient = loss.gradient(y_true, y_pred.value)
        rows: Any = Traced(loss(y_true, y_pred.value), [(y_pred, lambda dy: gradient * np.expand_dims(dy, loss.axis))])
        return rows  # type: ignore[no-any-return]
    return np.asarray(loss(y_true, y_pred))


def sparse_categorical_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> np.ndarray:
    """-log(p_label) of integer labels: see :class:`~cnncore.losses.SparseCategoricalCrossentropy`.

    Parameters
    ----------
    y_true, y_pred : array_like
    from_logits : bool, default False
    ignore_class : int, optional
    axis : int, default -1

    Returns
    -------
    numpy.ndarray, float32, of ``y_pred``'s shape without its ``axis``

    Examples
    --------
    >>> sparse_categorical_crossentropy([1], [[0.5, 0.5]])
    array([0.6931472], dtype=float32)
    """
    return _rows(
        SparseCategoricalCrossentropy(from_logits=from_logits, ignore_class=ignore_class, axis=axis, reduction=None),
        y_true,
        y_pred,
    )


def categorical_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> np.ndarray:
    """-sum(t log(p)): see :class:`~cnncore.losses.CategoricalCrossentropy`.

    Parameters
    ----------
    y_true, y_pred : array_like
    from_logits : bool, default False
    label_smoothing : float, default 0
    axis : int, default -1

    Returns
    -------
    numpy.ndarray, float32, of ``y_pred``'s shape without its ``axis``

    Examples
    --------
    >>> categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])
    array([0.6931472], dtype=float32)
    """
    return _rows(
        CategoricalCrossentropy(from_logits=from_logits, label_smoothing=label_smoothing, axis=axis, reduction=None),
        y_true,
        y_pred,
    )


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

    Parameters
    ----------
    y_true, y_pred : array_like
    alpha : float or list of float, default 0.25
    gamma : float, default 2
    from_logits : bool, default False
    label_smoothing : float, default 0
    axis : int, default -1

    Returns
    -------
    numpy.ndarray, float32, of ``y_pred``'s shape without its ``axis``

    Examples
    --------
    >>> categorical_focal_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])
    array([0.0433217], dtype=float32)
    """
    return _rows(
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


def binary_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> np.ndarray:
    """mean(-t log(p) - (1 - t) log(1 - p)): see :class:`~cnncore.losses.BinaryCrossentropy`.

    Parameters
    ----------
    y_true, y_pred : array_like
    from_logits : bool, default False
    label_smoothing : float, default 0
    axis : int, default -1

    Returns
    -------
    numpy.ndarray, float32, of ``y_pred``'s shape without its ``axis``

    Examples
    --------
    >>> binary_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])
    array([0.6931472], dtype=float32)
    """
    return _rows(
        BinaryCrossentropy(from_logits=from_logits, label_smoothing=label_smoothing, axis=axis, reduction=None),
        y_true,
        y_pred,
    )


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
    """Crossentropy that counts less where predictions are good: see
    :class:`~cnncore.losses.BinaryFocalCrossentropy`.

    Parameters
    ----------
    y_true, y_pred : array_like
    apply_class_balancing : bool, default False
    alpha : float, default 0.25
    gamma : float, default 2
    from_logits : bool, default False
    label_smoothing : float, default 0
    axis : int, default -1

    Returns
    -------
    numpy.ndarray, float32, of ``y_pred``'s shape without its ``axis``

    Examples
    --------
    >>> binary_focal_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])
    array([0.1732868], dtype=float32)
    """
    return _rows(
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


def kl_divergence(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """sum(t log(t / y)): see :class:`~cnncore.losses.KLDivergence`.

    Parameters
    ----------
    y_true, y_pred : array_like

    Returns
    -------
    numpy.ndarray, float32, of ``y_pred``'s shape without its last axis

    Examples
    --------
    >>> kl_divergence([[0.5, 0.5]], [[0.25, 0.75]])
    array([0.143841], dtype=float32)
    """
    return _rows(KLDivergence(reduction=None), y_true, y_pred)


def poisson(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """mean(y - t log(y)): see :class:`~cnncore.losses.Poisson`.

    Parameters
    ----------
    y_true, y_pred : array_like

    Returns
    -------
    numpy.ndarray, float32, of ``y_pred``'s shape without its last axis

    Examples
    --------
    >>> poisson([[3.0]], [[1.0]])
    array([1.], dtype=float32)
    """
    return _rows(Poisson(reduction=None), y_true, y_pred)


def mean_squared_error(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """mean((y - t)^2).

    Parameters
    ----------
    y_true, y_pred : array_like

    Returns
    -------
    numpy.ndarray, float32, of ``y_pred``'s shape without its last axis

    Examples
    --------
    >>> mean_squared_error([[1.0, 1.0]], [[1.0, 3.0]])
    array([2.], dtype=float32)
    """
    return _rows(MeanSquaredError(reduction=None), y_true, y_pred)


def mean_absolute_error(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """mean(|y - t|).

    Parameters
    ----------
    y_true, y_pred : array_like

    Returns
    -------
    numpy.ndarray, float32, of ``y_pred``'s shape without its last axis

    Examples
    --------
    >>> mean_absolute_error([[1.0, 1.0]], [[1.0, 3.0]])
    array([1.], dtype=float32)
    """
    return _rows(MeanAbsoluteError(reduction=None), y_true, y_pred)


def mean_absolute_percentage_error(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """100 mean(|y - t| / max(|t|, 1e-7)).

    Parameters
    ----------
    y_true, y_pred : array_like

    Returns
    -------
    numpy.ndarray, float32, of ``y_pred``'s shape without its last axis

    Examples
    --------
    >>> mean_absolute_percentage_error([[1.0, 1.0]], [[1.0, 3.0]])
    array([100.], dtype=float32)
    """
    return _rows(MeanAbsolutePercentageError(reduction=None), y_true, y_pred)


def mean_squared_logarithmic_error(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """mean((log(1 + y) - log(1 + t))^2), with both at least 1e-7.

    Parameters
    ----------
    y_true, y_pred : array_like

    Returns
    -------
    numpy.ndarray, float32, of ``y_pred``'s shape without its last axis

    Examples
    --------
    >>> mean_squared_logarithmic_error([[1.0, 1.0]], [[1.0, 3.0]])
    array([0.2402265], dtype=float32)
    """
    return _rows(MeanSquaredLogarithmicError(reduction=None), y_true, y_pred)


def huber(y_true: ArrayLike, y_pred: ArrayLike, delta: float = 1.0) -> np.ndarray:
    """Mean of d^2 / 2 near the target and straight far away: see :class:`~cnncore.losses.Huber`.

    Parameters
    ----------
    y_true, y_pred : array_like
    delta : float, default 1

    Returns
    -------
    numpy.ndarray, float32, of ``y_pred``'s shape without its last axis

    Examples
    --------
    >>> huber([[1.0, 1.0]], [[1.0, 3.0]])
    array([0.75], dtype=float32)
    """
    return _rows(Huber(delta=delta, reduction=None), y_true, y_pred)


def log_cosh(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """mean(log(cosh(y - t))).

    Parameters
    ----------
    y_true, y_pred : array_like

    Returns
    -------
    numpy.ndarray, float32, of ``y_pred``'s shape without its last axis

    Examples
    --------
    >>> log_cosh([[1.0, 1.0]], [[1.0, 3.0]])
    array([0.6625014], dtype=float32)
    """
    return _rows(LogCosh(reduction=None), y_true, y_pred)


def cosine_similarity(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> np.ndarray:
    """-sum(t y) / (|t| |y|): see :class:`~cnncore.losses.CosineSimilarity`.

    Parameters
    ----------
    y_true, y_pred : array_like
    axis : int, default -1

    Returns
    -------
    numpy.ndarray, float32, of ``y_pred``'s shape without its ``axis``

    Examples
    --------
    >>> cosine_similarity([[1.0, 1.0]], [[1.0, 3.0]])
    array([-0.8944272], dtype=float32)
    """
    return _rows(CosineSimilarity(axis=axis, reduction=None), y_true, y_pred)


def hinge(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """mean(max(1 - t y, 0)): see :class:`~cnncore.losses.Hinge`.

    Parameters
    ----------
    y_true, y_pred : array_like

    Returns
    -------
    numpy.ndarray, float32, of ``y_pred``'s shape without its last axis

    Examples
    --------
    >>> hinge([[-1.0, 1.0]], [[0.5, 0.5]])
    array([1.], dtype=float32)
    """
    return _rows(Hinge(reduction=None), y_true, y_pred)


def squared_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """mean(max(1 - t y, 0)^2): see :class:`~cnncore.losses.SquaredHinge`.

    Parameters
    ----------
    y_true, y_pred : array_like

    Returns
    -------
    numpy.ndarray, float32, of ``y_pred``'s shape without its last axis

    Examples
    --------
    >>> squared_hinge([[-1.0, 1.0]], [[0.5, 0.5]])
    array([1.25], dtype=float32)
    """
    return _rows(SquaredHinge(reduction=None), y_true, y_pred)


def categorical_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """max(1 + max((1 - t) y) - sum(t y), 0): see :class:`~cnncore.losses.CategoricalHinge`.

    Parameters
    ----------
    y_true, y_pred : array_like

    Returns
    -------
    numpy.ndarray, float32, of ``y_pred``'s shape without its last axis

    Examples
    --------
    >>> categorical_hinge([[0.0, 1.0]], [[0.5, 0.5]])
    array([1.], dtype=float32)
    """
    return _rows(CategoricalHinge(reduction=None), y_true, y_pred)


#: The class behind each function: ``compile(loss=losses.huber)`` means ``losses.Huber()``.
CLASSES: dict[Callable[..., Any], type[Loss]] = {
    binary_crossentropy: BinaryCrossentropy,
    binary_focal_crossentropy: BinaryFocalCrossentropy,
    categorical_crossentropy: CategoricalCrossentropy,
    categorical_focal_crossentropy: CategoricalFocalCrossentropy,
    categorical_hinge: CategoricalHinge,
    cosine_similarity: CosineSimilarity,
    dice: Dice,
    hinge: Hinge,
    huber: Huber,
    kl_divergence: KLDivergence,
    log_cosh: LogCosh,
    mean_absolute_error: MeanAbsoluteError,
    mean_absolute_percentage_error: MeanAbsolutePercentageError,
    mean_squared_error: MeanSquaredError,
    mean_squared_logarithmic_error: MeanSquaredLogarithmicError,
    poisson: Poisson,
    sparse_categorical_crossentropy: SparseCategoricalCrossentropy,
    squared_hinge: SquaredHinge,
    tversky: Tversky,
}
