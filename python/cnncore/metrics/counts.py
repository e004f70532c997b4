"""The base class of metrics that count true and false positives and negatives at thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks
from cnncore.metrics.accuracy_functions import same_rank
from cnncore.metrics.base import Metric

__all__ = ["NEVER", "CountingMetric", "Counts", "broadcast_weights", "comparable", "evenly_spaced"]

NEVER = -1e10  # the score of predictions that are not among the top k, which is below every threshold, as in Keras


def evenly_spaced(thresholds: np.ndarray) -> bool:
    """Whether the thresholds are evenly spaced from 0 to 1, both included."""
    return len(thresholds) >= 3 and np.allclose(thresholds, np.linspace(0, 1, len(thresholds)), rtol=1e-5, atol=1e-7)


class Counts:
    """Weighted counts of true and false positives and negatives in one batch, for each threshold."""

    def __init__(
        self,
        thresholds: np.ndarray,
        y_true: np.ndarray,
        y_pred: np.ndarray,
        weights: np.ndarray | None,
        *,
        even: bool,
        by_label: bool,
    ) -> None:
        truth = (y_true != 0).astype(np.float64)
        wanted, other = (truth, 1 - truth) if weights is None else (truth * weights, (1 - truth) * weights)
        above = self._thresholds_below(thresholds, y_pred, even)
        count, labels = len(thresholds) + 1, y_pred.shape[-1] if by_label else 1
        slot = above * labels + np.arange(labels) if by_label else above
        shape = (count, labels) if by_label else (count,)

        def cumulated(values: np.ndarray) -> np.ndarray:
            sums = np.bincount(slot.ravel(), weights=values.ravel(), minlength=count * labels).reshape(shape)
            return np.cumsum(sums[::-1], axis=0)[::-1]

        positives, negatives = cumulated(wanted), cumulated(other)
        self.true_positives, self.false_positives = positives[1:], negatives[1:]
        self.false_negatives, self.true_negatives = positives[0] - positives[1:], negatives[0] - negatives[1:]

    @staticmethod
    def _thresholds_below(thresholds: np.ndarray, y_pred: np.ndarray, even: bool) -> np.ndarray:
        """How many thresholds each prediction exceeds, compared in float32 as in Keras. NaN exceeds none."""
        y_pred = np.where(np.isnan(y_pred), np.float32(-np.inf), y_pred)
        if not even:
            return np.asarray(np.searchsorted(thresholds.astype(np.float32), y_pred, side="left"))
        outside = thresholds[0] < 0  # the first threshold lies below 0, so that everything exceeds it
        steps = np.ceil(np.clip(y_pred, 0, 1) * np.float32(len(thresholds) - 1)).astype(np.int64)
        return np.asarray(np.maximum(steps, 1) if outside else steps)


class CountingMetric(Metric):
    """Base class of metrics that count positives and negatives at thresholds. ``kept`` names the counts to keep."""

    kept: tuple[str, ...] = ()

    def __init__(
        self,
        thresholds: float | Sequence[float] | None,
        top_k: int | None,
        class_id: int | None,
        name: str | None,
        dtype: str | None,
    ) -> None:
        super().__init__(dtype, name)
        owner = type(self).__name__
        self.init_thresholds = thresholds
        self.top_k = None if top_k is None else _checks.integer(top_k, "top_k", owner)
        self.class_id = None if class_id is None else _checks.integer(class_id, "class_id", owner, 0)
        given = (0.5 if top_k is None else NEVER) if thresholds is None else thresholds
        many = [_checks.number(t, "thresholds", owner) for t in (given if np.ndim(given) else [given])]  # type: ignore[union-attr]
        if thresholds is not None and not (many and all(0 <= t <= 1 for t in many)):
            raise ValueError(
                f"[{owner}] expected `thresholds` to be one or more numbers in [0, 1]. "
                f"Received: thresholds={thresholds!r}"
            )
        self.thresholds = many
        self._order = np.argsort(many)
        self._even = evenly_spaced(np.asarray(many))
        self._sums = {kind: self.add_variable((len(many),), name=kind) for kind in self.kept}

    def check_targets(self, y_true: np.ndarray, output_shape: tuple[int, ...]) -> None:
        comparable(y_true[:1], np.zeros((1, *output_shape), np.float32), self.name)

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        """Take more samples into account.

        Parameters
        ----------
        y_true : array_like
            Targets in the shape of the predictions. Values that are not 0 are positive.
        y_pred : array_like
        sample_weight : array_like, optional
            One weight for each sample or for each prediction.
        """
        targets, predictions = comparable(y_true, y_pred, self.name)
        if self.top_k is not None:
            predictions = _only_top(predictions, self.top_k)
        weights = broadcast_weights(sample_weight, predictions, self.name)
        if self.class_id is not None:
            targets, predictions, weights = _one_class(self.class_id, targets, predictions, weights, self.name)
        thresholds = np.asarray(self.thresholds)[self._order]
        counts = Counts(thresholds, targets, predictions, weights, even=self._even, by_label=False)
        for kind, state in self._sums.items():
            state.value[self._order] += getattr(counts, kind)

    def _one_or_all(self, values: np.ndarray) -> Any:
        return float(values[0]) if len(self.thresholds) == 1 else values.copy()

    def get_config(self) -> dict[str, Any]:
        thresholds = self.init_thresholds
        listed = thresholds if thresholds is None or np.ndim(thresholds) == 0 else list(self.thresholds)
        return {**super().get_config(), "thresholds": listed}


def comparable(y_true: ArrayLike, y_pred: ArrayLike, owner: str) -> tuple[np.ndarray, np.ndarray]:
    """Targets and float32 predictions of one shape."""
    predictions = _checks.float32_array(y_pred, "y_pred", owner)
    targets, _ = same_rank(_checks.numeric_array(y_true, "y_true", owner), predictions, owner)
    return targets, predictions


def broadcast_weights(sample_weight: ArrayLike | None, predictions: np.ndarray, owner: str) -> np.ndarray | None:
    """Sample weights as an array of the predictions' shape; None if there are none."""
    if sample_weight is None:
        return None
    weights = _checks.numeric_array(sample_weight, "sample_weight", owner).astype(np.float64)
    weights = weights.reshape(weights.shape + (1,) * (predictions.ndim - weights.ndim))
    try:
        return np.broadcast_to(weights, predictions.shape)
    except ValueError:
        raise ValueError(
            f"[{owner}] expected sample_weight for predictions of shape {predictions.shape}. "
            f"Received: sample_weight.shape={np.shape(sample_weight)}"
        ) from None


def _only_top(predictions: np.ndarray, k: int) -> np.ndarray:
    kept = np.argsort(-predictions, axis=-1, kind="stable")[..., :k]
    result = np.full_like(predictions, NEVER)
    np.put_along_axis(result, kept, np.take_along_axis(predictions, kept, axis=-1), axis=-1)
    return result


def _one_class(
    class_id: int, targets: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None, owner: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    if predictions.ndim < 2 or class_id >= predictions.shape[-1]:
        raise ValueError(
            f"[{owner}] expected predictions of shape (samples, classes) with class_id={class_id} among the classes. "
            f"Received: shape {predictions.shape}"
        )
    chosen = (..., slice(class_id, class_id + 1))
    return targets[chosen], predictions[chosen], None if weights is None else weights[chosen]
