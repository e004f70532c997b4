"""Accuracies as functions: 1 for each prediction that is right, else 0."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks, _core

__all__ = [
    "binary_accuracy",
    "categorical_accuracy",
    "checked_labels",
    "checked_scores",
    "same_rank",
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


def checked_labels(y_true: ArrayLike, predictions: np.ndarray, owner: str) -> np.ndarray:
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


def checked_scores(y_pred: ArrayLike, owner: str) -> np.ndarray:
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
    predictions = checked_scores(y_pred, "categorical_accuracy")
    targets, _ = same_rank(y_true, predictions, "categorical_accuracy")
    truth = _core.argmax(np.require(targets, np.float32, "C"))
    return np.asarray(_core.argmax(predictions) == truth, np.float32)


def sparse_categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Whether the largest value of each row of ``y_pred`` is at the integer label in ``y_true``.

    >>> sparse_categorical_accuracy([1, 0], [[0.1, 0.9], [0.2, 0.8]])
    array([1., 0.], dtype=float32)
    """
    predictions = checked_scores(y_pred, "sparse_categorical_accuracy")
    labels = checked_labels(y_true, predictions, "sparse_categorical_accuracy")
    return np.asarray(_core.argmax(predictions) == labels, np.float32)


def top_k_categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike, k: int = 5) -> np.ndarray:
    """Whether the class of each one-hot row of ``y_true`` is among the ``k`` largest predictions in ``y_pred``.

    >>> top_k_categorical_accuracy([[0, 0, 1]], [[0.5, 0.2, 0.3]], k=2)
    array([1.], dtype=float32)
    """
    predictions = checked_scores(y_pred, "top_k_categorical_accuracy")
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
    predictions = checked_scores(y_pred, "sparse_top_k_categorical_accuracy")
    labels = checked_labels(y_true, predictions, "sparse_top_k_categorical_accuracy")
    if from_sorted_ids:
        return np.asarray((predictions[..., :k] == labels[..., np.newaxis]).any(axis=-1), np.float32)
    return _core.top_k_hits(_integers(labels), predictions, k).astype(np.float32)
