"""Accuracies: the share of predictions that are right."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks, _core
from cnncore.metrics.accuracy_functions import (
    checked_labels,
    checked_scores,
    same_rank,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from cnncore.metrics.base import registry
from cnncore.metrics.reductions import PairMean

__all__ = [
    "Accuracy",
    "AccuracyByShape",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "SparseCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
]


def _ready(array: np.ndarray, dtype: Any, shape: tuple[int, ...] | None = None) -> bool:
    """Whether the core can read an array without a conversion."""
    fits = array.ndim == 2 and array.size > 0 if shape is None else array.shape == shape
    return fits and array.dtype == dtype and array.flags.c_contiguous and array.flags.aligned


@registry.register()
class Accuracy(PairMean):
    """The share of predictions that equal their target exactly.

    In ``compile`` the name "accuracy" means the kind of accuracy that fits the loss; this class compares values.

    Parameters
    ----------
    name : str, default "accuracy"
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> Accuracy()([1, 2, 3, 4], [0, 2, 3, 4])
    0.75
    """

    _direction = "up"

    def __init__(self, name: str | None = "accuracy", dtype: str | None = None) -> None:
        super().__init__(name, dtype)

    def rows(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        targets, predictions = same_rank(y_true, y_pred, self.name)
        return np.asarray(targets == predictions)


@registry.register()
class BinaryAccuracy(PairMean):
    """The share of predictions on their target's side of a threshold.

    Parameters
    ----------
    name : str, default "binary_accuracy"
    dtype : str, optional
        Accepted for compatibility with Keras.
    threshold : float, default 0.5
        Use 0 if the predictions are logits.

    Examples
    --------
    >>> BinaryAccuracy()([[1], [0]], [[0.7], [0.6]])
    0.5
    """

    _direction = "up"

    def __init__(self, name: str | None = "binary_accuracy", dtype: str | None = None, threshold: float = 0.5) -> None:
        super().__init__(name, dtype)
        self.threshold = _checks.number(threshold, "threshold", "BinaryAccuracy")

    def rows(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        targets, predictions = same_rank(y_true, y_pred, self.name)
        return np.asarray((predictions > self.threshold) == targets)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "threshold": self.threshold}


@registry.register()
class CategoricalAccuracy(PairMean):
    """The share of rows whose largest prediction is where the one-hot row has its 1.

    Parameters
    ----------
    name : str, default "categorical_accuracy"
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> CategoricalAccuracy()([[0, 1], [1, 0]], [[0.1, 0.9], [0.2, 0.8]])
    0.5
    """

    _direction = "up"

    def __init__(self, name: str | None = "categorical_accuracy", dtype: str | None = None) -> None:
        super().__init__(name, dtype)

    def update_state(  # type: ignore[override]
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        targets, scores = np.asarray(y_true), np.asarray(y_pred)
        if sample_weight is None and _ready(scores, np.float32) and _ready(targets, np.float32, scores.shape):
            self.total.value += _core.count_hits(_core.argmax(targets), scores)
            self.count.value += len(targets)
        else:
            super().update_state(targets, scores, sample_weight)

    def rows(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        predictions = checked_scores(y_pred, self.name)
        targets, _ = same_rank(y_true, predictions, self.name)
        return np.asarray(_core.argmax(predictions) == _core.argmax(np.require(targets, np.float32, "C")))


@registry.register()
class SparseCategoricalAccuracy(PairMean):
    """The share of rows whose largest prediction is at the integer label.

    Parameters
    ----------
    name : str, default "sparse_categorical_accuracy"
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> SparseCategoricalAccuracy()([1, 0], [[0.1, 0.9], [0.2, 0.8]])
    0.5
    """

    _direction = "up"

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: str | None = None) -> None:
        super().__init__(name, dtype)

    def update_state(  # type: ignore[override]
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        labels, scores = np.asarray(y_true), np.asarray(y_pred)
        if labels.ndim == scores.ndim and labels.shape[-1] == 1:
            labels = labels[..., 0]
        if sample_weight is None and _ready(scores, np.float32) and _ready(labels, np.int64, scores.shape[:-1]):
            # training passes arrays like these: the core can count the hits without any conversion
            self.total.value += _core.count_hits(labels, scores)
            self.count.value += len(labels)
        else:
            super().update_state(labels, scores, sample_weight)

    def rows(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        predictions = checked_scores(y_pred, self.name)
        return np.asarray(_core.argmax(predictions) == checked_labels(y_true, predictions, self.name))


class AccuracyByShape(PairMean):
    """:class:`SparseCategoricalAccuracy` for targets that are labels, otherwise :class:`CategoricalAccuracy`.

    The name "accuracy" means this metric if the loss does not say which of the two is meant. As in Keras, targets are
    labels if they have an axis less than the predictions, or a last axis of length 1.
    """

    _direction = "up"

    def rows(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        predictions = checked_scores(y_pred, self.name)
        targets = np.asarray(y_true)
        if targets.ndim < predictions.ndim or targets.shape[-1] == 1 < predictions.shape[-1]:
            hits = _core.argmax(predictions) == checked_labels(targets, predictions, self.name)
        else:
            targets, _ = same_rank(targets, predictions, self.name)
            hits = _core.argmax(predictions) == _core.argmax(np.require(targets, np.float32, "C"))
        return np.asarray(hits)


class _TopK(PairMean):
    _direction = "up"

    def __init__(self, k: int, name: str | None, dtype: str | None) -> None:
        super().__init__(name, dtype)
        self.k = _checks.integer(k, "k", type(self).__name__)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "k": self.k}


@registry.register()
class TopKCategoricalAccuracy(_TopK):
    """The share of one-hot rows whose class is among the ``k`` largest predictions.

    Parameters
    ----------
    k : int, default 5
    name : str, default "top_k_categorical_accuracy"
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> TopKCategoricalAccuracy(k=2)([[0, 0, 1], [0, 1, 0]], [[0.5, 0.2, 0.3], [0.5, 0.2, 0.3]])
    0.5
    """

    def __init__(self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: str | None = None) -> None:
        super().__init__(k, name, dtype)

    def rows(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return top_k_categorical_accuracy(y_true, y_pred, self.k)


@registry.register()
class SparseTopKCategoricalAccuracy(_TopK):
    """The share of integer labels that are among the ``k`` largest predictions.

    Parameters
    ----------
    k : int, default 5
    name : str, default "sparse_top_k_categorical_accuracy"
    dtype : str, optional
        Accepted for compatibility with Keras.
    from_sorted_ids : bool, default False
        Whether each row of predictions lists class indices, the best first, rather than a score for each class.

    Examples
    --------
    >>> SparseTopKCategoricalAccuracy(k=2)([2, 1], [[0.5, 0.2, 0.3], [0.5, 0.2, 0.3]])
    0.5
    """

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: str | None = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(k, name, dtype)
        self.from_sorted_ids = _checks.boolean(from_sorted_ids, "from_sorted_ids", type(self).__name__)

    def rows(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return sparse_top_k_categorical_accuracy(y_true, y_pred, self.k, self.from_sorted_ids)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {**config, "from_sorted_ids": True} if self.from_sorted_ids else config
