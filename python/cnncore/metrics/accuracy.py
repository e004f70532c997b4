"""Accuracies: the share of predictions that are right."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks, _core
from cnncore.metrics.base import registry
from cnncore.metrics.reductions import PairMean

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "SparseCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
]


def same_rank(y_true: ArrayLike, y_pred: ArrayLike, owner: str) -> tuple[np.ndarray, np.ndarray]:
    """Targets and predictions as arrays of one shape. One of them may lack a last axis of length 1."""
    targets, predictions = np.asarray(y_true), np.asarray(y_pred)
    if targets.shape != predictions.shape:
        if (*targets.shape, 1) == predictions.shape or targets.shape == (*predictions.shape, 1):
            targets = targets.reshape(predictions.shape)
        else:
            expected = ", ".join(map(str, ("samples", *predictions.shape[1:]))) + ("" if predictions.ndim > 1 else ",")
            raise ValueError(
                f"[{owner}] expected y_true of the shape of the predictions, ({expected}). "
                f"Received: shape {targets.shape}"
            )
    return targets, predictions


def _labels(y_true: ArrayLike, predictions: np.ndarray, owner: str) -> np.ndarray:
    """Integer labels, in the shape of the predictions without the axis of the classes."""
    labels = np.asarray(y_true)
    if labels.ndim == predictions.ndim and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if labels.shape != predictions.shape[:-1]:
        expected = ", ".join(map(str, ("samples", *predictions.shape[1:-1]))) + ("" if predictions.ndim > 2 else ",")
        raise ValueError(
            f"[{owner}] expected y_true of shape ({expected}) with integer labels. Received: shape {np.shape(y_true)}"
        )
    return labels


def _scores(y_pred: ArrayLike, owner: str) -> np.ndarray:
    scores = _checks.float32_array(y_pred, "y_pred", owner)
    if scores.ndim == 0 or scores.shape[-1] == 0:
        raise ValueError(f"[{owner}] expected y_pred with classes on its last axis. Received: shape {scores.shape}")
    return scores


def _integers(labels: np.ndarray) -> np.ndarray:
    """Labels as int64. Values that are not integers become -1, which is not a class."""
    if labels.dtype == np.int64:
        return np.ascontiguousarray(labels)
    integers = np.where(np.isfinite(labels), labels, -1).astype(np.int64)
    return np.where(integers == labels, integers, -1)


def _ready(array: np.ndarray, dtype: Any, shape: tuple[int, ...] | None = None) -> bool:
    """Whether the core can read an array without a conversion."""
    fits = array.ndim == 2 and array.size > 0 if shape is None else array.shape == shape
    return fits and array.dtype == dtype and array.flags.c_contiguous and array.flags.aligned


def binary_accuracy(y_true: ArrayLike, y_pred: ArrayLike, threshold: float = 0.5) -> np.ndarray:
    """Whether each value of ``y_pred`` is on the same side of ``threshold`` as the target in ``y_true``.

    >>> binary_accuracy([[1], [0]], [[0.7], [0.6]])
    array([[1.],
           [0.]], dtype=float32)
    """
    targets, predictions = same_rank(y_true, y_pred, "binary_accuracy")
    return np.asarray((predictions > threshold) == targets, np.float32)


def categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Whether the largest value of each row of ``y_pred`` is where that row of ``y_true`` has its largest value.

    >>> categorical_accuracy([[0, 1], [1, 0]], [[0.1, 0.9], [0.2, 0.8]])
    array([1., 0.], dtype=float32)
    """
    predictions = _scores(y_pred, "categorical_accuracy")
    targets, _ = same_rank(y_true, predictions, "categorical_accuracy")
    truth = _core.argmax(np.require(targets, np.float32, "C"))
    return np.asarray(_core.argmax(predictions) == truth, np.float32)


def sparse_categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Whether the largest value of each row of ``y_pred`` is at the integer label in ``y_true``.

    >>> sparse_categorical_accuracy([1, 0], [[0.1, 0.9], [0.2, 0.8]])
    array([1., 0.], dtype=float32)
    """
    predictions = _scores(y_pred, "sparse_categorical_accuracy")
    labels = _labels(y_true, predictions, "sparse_categorical_accuracy")
    return np.asarray(_core.argmax(predictions) == labels, np.float32)


def top_k_categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike, k: int = 5) -> np.ndarray:
    """Whether the class of each one-hot row of ``y_true`` is among the ``k`` largest predictions in ``y_pred``.

    >>> top_k_categorical_accuracy([[0, 0, 1]], [[0.5, 0.2, 0.3]], k=2)
    array([1.], dtype=float32)
    """
    predictions = _scores(y_pred, "top_k_categorical_accuracy")
    targets, _ = same_rank(y_true, predictions, "top_k_categorical_accuracy")
    hits = _core.top_k_hits(_core.argmax(np.require(targets, np.float32, "C")), predictions, k)
    return hits.astype(np.float32)


def sparse_top_k_categorical_accuracy(
    y_true: ArrayLike, y_pred: ArrayLike, k: int = 5, from_sorted_ids: bool = False
) -> np.ndarray:
    """Whether each integer label in ``y_true`` is among the ``k`` largest predictions of its row of ``y_pred``.

    With ``from_sorted_ids`` each row of predictions lists class indices, the best first.

    >>> sparse_top_k_categorical_accuracy([2], [[0.5, 0.2, 0.3]], k=2)
    array([1.], dtype=float32)
    """
    k = _checks.integer(k, "k", "sparse_top_k_categorical_accuracy")
    predictions = _scores(y_pred, "sparse_top_k_categorical_accuracy")
    labels = _labels(y_true, predictions, "sparse_top_k_categorical_accuracy")
    if from_sorted_ids:
        return np.asarray((predictions[..., :k] == labels[..., np.newaxis]).any(axis=-1), np.float32)
    return _core.top_k_hits(_integers(labels), predictions, k).astype(np.float32)


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
        predictions = _scores(y_pred, self.name)
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
        if sample_weight is None and _ready(scores, np.float32) and _ready(labels, np.int64, scores.shape[:-1]):
            # training passes arrays like these: the core can count the hits without any conversion
            self.total.value += _core.count_hits(labels, scores)
            self.count.value += len(labels)
        else:
            super().update_state(labels, scores, sample_weight)

    def rows(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        predictions = _scores(y_pred, self.name)
        return np.asarray(_core.argmax(predictions) == _labels(y_true, predictions, self.name))


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
