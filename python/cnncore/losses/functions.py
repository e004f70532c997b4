"""Losses as functions: the loss of every row, before any mean over samples.

Each takes array_like ``y_true`` and ``y_pred`` (converted to float32) and returns a float32 array of ``y_pred``'s shape
without its axis of classes or values; the classes of :mod:`cnncore.losses` say what their arguments mean.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from cnncore.differentiation import Traced
from cnncore.layers.tensor import KerasTensor, loss_of_tensors
from cnncore.losses.base import Loss
from cnncore.losses.compiled import CompiledLoss
from cnncore.losses.crossentropies import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    SparseCategoricalCrossentropy,
)
from cnncore.losses.divergences import KLDivergence, Poisson
from cnncore.losses.hinge import CategoricalHinge, Hinge, SquaredHinge
from cnncore.losses.overlap import Dice, Tversky, dice, tversky
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


F = TypeVar("F", bound=Callable[..., np.ndarray])

#: The class behind each function: ``compile(loss=losses.huber)`` means ``losses.Huber()``.
CLASSES: dict[Callable[..., Any], type[Loss]] = {dice: Dice, tversky: Tversky}


def _function_of(cls: type[Loss]) -> Callable[[F], F]:
    """Note which class a function stands for, and take the description of its arguments from there."""

    def note(function: F) -> F:
        CLASSES[function] = cls
        if function.__doc__ and cls.__doc__:
            names = inspect.signature(function).parameters
            function.__doc__ = _described(inspect.cleandoc(function.__doc__), inspect.cleandoc(cls.__doc__), set(names))
        return function

    return note


def _described(text: str, of_class: str, names: set[str]) -> str:
    """The docstring `text` with the arguments `names` as the docstring of a class describes them."""
    parameters = of_class.partition("Parameters\n----------\n")[2].partition("\n\n")[0]
    entries = re.findall(r"^\S.*(?:\n .*)*", parameters, re.MULTILINE)
    options = [entry for entry in entries if entry.split()[0] in names]
    described = "\n".join(["Parameters", "----------", "y_true, y_pred : array_like", *options])
    returned = "numpy.ndarray\n    float32, of the shape of `y_pred` without its axis of classes or values"
    summary, _, examples = text.partition("Examples\n")
    return f"{summary}{described}\n\nReturns\n-------\n{returned}\n\nExamples\n{examples}"


def _rows(loss: CompiledLoss, y_true: Any, y_pred: Any) -> np.ndarray:
    if isinstance(y_true, (int, float)) and not isinstance(y_pred, KerasTensor):  # the same target everywhere
        y_true = np.full(np.shape(y_pred), y_true, np.float32)
    if isinstance(y_pred, Traced):  # called inside a loss of the user that is being differentiated
        gradient = loss.gradient(y_true, y_pred.value)
        rows: Any = Traced(loss(y_true, y_pred.value), [(y_pred, lambda dy: gradient * np.expand_dims(dy, loss.axis))])
        return rows  # type: ignore[no-any-return]
    if isinstance(y_true, KerasTensor) or isinstance(y_pred, KerasTensor):
        return loss_of_tensors(loss, y_true, y_pred)  # type: ignore[no-any-return]
    return np.asarray(loss(y_true, y_pred))


@_function_of(SparseCategoricalCrossentropy)
def sparse_categorical_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> np.ndarray:
    """-log(p_label) of integer labels: see :class:`~cnncore.losses.SparseCategoricalCrossentropy`.

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


@_function_of(CategoricalCrossentropy)
def categorical_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> np.ndarray:
    """-sum(t log(p)): see :class:`~cnncore.losses.CategoricalCrossentropy`.

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


@_function_of(CategoricalFocalCrossentropy)
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


@_function_of(BinaryCrossentropy)
def binary_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> np.ndarray:
    """mean(-t log(p) - (1 - t) log(1 - p)): see :class:`~cnncore.losses.BinaryCrossentropy`.

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


@_function_of(BinaryFocalCrossentropy)
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


@_function_of(KLDivergence)
def kl_divergence(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """sum(t log(t / y)): see :class:`~cnncore.losses.KLDivergence`.

    Examples
    --------
    >>> kl_divergence([[0.5, 0.5]], [[0.25, 0.75]])
    array([0.143841], dtype=float32)
    """
    return _rows(KLDivergence(reduction=None), y_true, y_pred)


@_function_of(Poisson)
def poisson(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """mean(y - t log(y)): see :class:`~cnncore.losses.Poisson`.

    Examples
    --------
    >>> poisson([[3.0]], [[1.0]])
    array([1.], dtype=float32)
    """
    return _rows(Poisson(reduction=None), y_true, y_pred)


@_function_of(MeanSquaredError)
def mean_squared_error(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """mean((y - t)^2).

    Examples
    --------
    >>> mean_squared_error([[1.0, 1.0]], [[1.0, 3.0]])
    array([2.], dtype=float32)
    """
    return _rows(MeanSquaredError(reduction=None), y_true, y_pred)


@_function_of(MeanAbsoluteError)
def mean_absolute_error(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """mean(|y - t|).

    Examples
    --------
    >>> mean_absolute_error([[1.0, 1.0]], [[1.0, 3.0]])
    array([1.], dtype=float32)
    """
    return _rows(MeanAbsoluteError(reduction=None), y_true, y_pred)


@_function_of(MeanAbsolutePercentageError)
def mean_absolute_percentage_error(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """100 mean(|y - t| / max(|t|, 1e-7)).

    Examples
    --------
    >>> mean_absolute_percentage_error([[1.0, 1.0]], [[1.0, 3.0]])
    array([100.], dtype=float32)
    """
    return _rows(MeanAbsolutePercentageError(reduction=None), y_true, y_pred)


@_function_of(MeanSquaredLogarithmicError)
def mean_squared_logarithmic_error(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """mean((log(1 + y) - log(1 + t))^2), with both at least 1e-7.

    Examples
    --------
    >>> mean_squared_logarithmic_error([[1.0, 1.0]], [[1.0, 3.0]])
    array([0.2402265], dtype=float32)
    """
    return _rows(MeanSquaredLogarithmicError(reduction=None), y_true, y_pred)


@_function_of(Huber)
def huber(y_true: ArrayLike, y_pred: ArrayLike, delta: float = 1.0) -> np.ndarray:
    """Mean of d^2 / 2 near the target and straight far away: see :class:`~cnncore.losses.Huber`.

    Examples
    --------
    >>> huber([[1.0, 1.0]], [[1.0, 3.0]])
    array([0.75], dtype=float32)
    """
    return _rows(Huber(delta=delta, reduction=None), y_true, y_pred)


@_function_of(LogCosh)
def log_cosh(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """mean(log(cosh(y - t))).

    Examples
    --------
    >>> log_cosh([[1.0, 1.0]], [[1.0, 3.0]])
    array([0.6625014], dtype=float32)
    """
    return _rows(LogCosh(reduction=None), y_true, y_pred)


@_function_of(CosineSimilarity)
def cosine_similarity(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> np.ndarray:
    """-sum(t y) / (|t| |y|): see :class:`~cnncore.losses.CosineSimilarity`.

    Examples
    --------
    >>> cosine_similarity([[1.0, 1.0]], [[1.0, 3.0]])
    array([-0.8944272], dtype=float32)
    """
    return _rows(CosineSimilarity(axis=axis, reduction=None), y_true, y_pred)


@_function_of(Hinge)
def hinge(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """mean(max(1 - t y, 0)): see :class:`~cnncore.losses.Hinge`.

    Examples
    --------
    >>> hinge([[-1.0, 1.0]], [[0.5, 0.5]])
    array([1.], dtype=float32)
    """
    return _rows(Hinge(reduction=None), y_true, y_pred)


@_function_of(SquaredHinge)
def squared_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """mean(max(1 - t y, 0)^2): see :class:`~cnncore.losses.SquaredHinge`.

    Examples
    --------
    >>> squared_hinge([[-1.0, 1.0]], [[0.5, 0.5]])
    array([1.25], dtype=float32)
    """
    return _rows(SquaredHinge(reduction=None), y_true, y_pred)


@_function_of(CategoricalHinge)
def categorical_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """max(1 + max((1 - t) y) - sum(t y), 0): see :class:`~cnncore.losses.CategoricalHinge`.

    Examples
    --------
    >>> categorical_hinge([[0.0, 1.0]], [[0.5, 0.5]])
    array([1.], dtype=float32)
    """
    return _rows(CategoricalHinge(reduction=None), y_true, y_pred)
