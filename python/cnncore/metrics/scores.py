"""F-scores, and the coefficient of determination."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks
from cnncore.metrics.base import Metric, divide, registry
from cnncore.metrics.counts import broadcast_weights, comparable
from cnncore.metrics.state import same_columns

__all__ = ["F1Score", "FBetaScore", "R2Score"]

_EPSILON = 1e-7


class _Columns(Metric):
    """Base class of metrics with sums for each column of predictions (samples, columns). The first batch says how many
    columns there are.
    """

    kinds: tuple[str, ...] = ()
    _direction = "up"

    def __init__(self, name: str | None, dtype: str | None) -> None:
        super().__init__(dtype, name)
        self._sums: dict[str, Any] = {}

    def check_targets(self, y_true: np.ndarray, output_shape: tuple[int, ...]) -> None:
        comparable(y_true[:1], np.zeros((1, *output_shape), np.float32), self.name)

    def _columns(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Targets, predictions and weights as float64 arrays of one shape (samples, columns)."""
        targets, predictions = comparable(y_true, y_pred, self.name)
        if predictions.ndim == 1:
            targets, predictions = targets[:, np.newaxis], predictions[:, np.newaxis]
        if predictions.ndim != 2:
            raise ValueError(
                f"[{self.name}] expected predictions of shape (samples, outputs). Received: shape {predictions.shape}"
            )
        if not self._sums:
            self._sums = {kind: self.add_variable((predictions.shape[1],), name=kind) for kind in self.kinds}
        same_columns(self._sums.values(), predictions.shape[1], self.name)
        weights = broadcast_weights(1.0 if sample_weight is None else sample_weight, predictions, self.name)
        return targets.astype(np.float64), predictions, np.asarray(weights)

    def _add(self, **values: np.ndarray) -> None:
        for kind, value in values.items():
            self._sums[kind].value += value.sum(axis=0)


@registry.register("fbeta_score")
class FBetaScore(_Columns):
    """(1 + beta^2) precision recall / (beta^2 precision + recall), for each class or averaged.

    Parameters
    ----------
    average : {"micro", "macro", "weighted"}, optional
        With None, an array with a score for each class. "macro" is the mean of these, "weighted" their mean weighted by
        how often the classes occur, and "micro" the score of the counts of all classes together.
    beta : float, default 1
        How much more recall counts than precision; more than 0.
    threshold : float in (0, 1], optional
        Predictions above it are positive. With None, the largest prediction of each row is positive.
    name : str, default "fbeta_score"
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> FBetaScore(beta=2.0, threshold=0.5)([[1, 1], [1, 0]], [[0.6, 0.7], [0.2, 0.6]])
    array([0.555555..., 0.833333...])
    """

    kinds = ("true_positives", "false_positives", "false_negatives", "weights")

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: str | None = None,
    ) -> None:
        owner = type(self).__name__
        super().__init__(name, dtype)
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(
                f'[{owner}] expected `average` to be None, "micro", "macro" or "weighted". '
                f"Received: average={average!r}"
            )
        self.average, self.beta = average, _checks.number(beta, "beta", owner)
        if self.beta <= 0:
            raise ValueError(f"[{owner}] expected `beta` > 0. Received: beta={beta!r}")
        self.threshold = None if threshold is None else _checks.number(threshold, "threshold", owner)
        if self.threshold is not None and not 0 < self.threshold <= 1:
            raise ValueError(f"[{owner}] expected `threshold` in (0, 1]. Received: threshold={threshold!r}")

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        """Take more samples into account.

        Parameters
        ----------
        y_true : array_like, (samples, classes)
            One-hot or multi-hot rows.
        y_pred : array_like, (samples, classes)
        sample_weight : array_like, optional, (samples,)
        """
        truth, predictions, weights = self._columns(y_true, y_pred, sample_weight)
        if self.threshold is None:
            chosen = (predictions >= predictions.max(axis=-1, keepdims=True)) & (np.abs(predictions) > 1e-9)
        else:
            chosen = predictions > self.threshold
        positive = chosen.astype(np.float64)
        self._add(
            true_positives=positive * truth * weights,
            false_positives=positive * (1 - truth) * weights,
            false_negatives=(1 - positive) * truth * weights,
            weights=truth * weights,
        )

    def result(self) -> Any:
        """The score so far: a float, or without averaging an array with one score for each class."""
        if not self._sums:
            return 0.0
        tp, fp, fn, weights = (self._sums[kind].value for kind in self.kinds)
        if self.average == "micro":
            tp, fp, fn = tp.sum(), fp.sum(), fn.sum()
        precision, recall = tp / (tp + fp + _EPSILON), tp / (tp + fn + _EPSILON)
        square = self.beta**2
        score = (1 + square) * precision * recall / (square * precision + recall + _EPSILON)
        if self.average == "weighted":
            return float((score * weights).sum() / (weights.sum() + _EPSILON))
        return np.asarray(score) if self.average is None else float(np.mean(score))

    def get_config(self) -> dict[str, Any]:
        own = {"average": self.average, "beta": self.beta, "threshold": self.threshold}
        return {**super().get_config(), **own}


@registry.register()
class F1Score(FBetaScore):
    """2 precision recall / (precision + recall), for each class or averaged.

    Parameters
    ----------
    average : {"micro", "macro", "weighted"}, optional
        With None, an array with a score for each class. "macro" is the mean of these, "weighted" their mean weighted by
        how often the classes occur, and "micro" the score of the counts of all classes together.
    threshold : float in (0, 1], optional
        Predictions above it are positive. With None, the largest prediction of each row is positive.
    name : str, default "f1_score"
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> round(F1Score(average="macro", threshold=0.5)([[1, 1], [1, 0]], [[0.6, 0.7], [0.2, 0.6]]), 4)
    0.6667
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: str | None = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        return {key: value for key, value in super().get_config().items() if key != "beta"}


@registry.register()
class R2Score(_Columns):
    """1 - sum((t - y)^2) / sum((t - mean(t))^2): the share of the variance of targets t that predictions y explain.

    Parameters
    ----------
    class_aggregation : {"uniform_average", "variance_weighted_average"}, optional
        How the scores of several outputs become one: by their mean, or by their mean weighted with their variance. With
        None, an array of the scores.
    num_regressors : int, default 0
        If it is more than 0, the score is adjusted for that number of predictors p and n samples:
        1 - (1 - score) (n - 1) / (n - p - 1).
    name : str, default "r2_score"
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> R2Score()([[1], [4], [3]], [[2], [4], [4]])
    0.5714
    """

    kinds = ("squared_sum", "sum", "residual", "count")

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, dtype)
        if class_aggregation not in (None, "uniform_average", "variance_weighted_average"):
            raise ValueError(
                '[R2Score] expected `class_aggregation` to be None, "uniform_average" or "variance_weighted_average". '
                f"Received: class_aggregation={class_aggregation!r}"
            )
        self.class_aggregation = class_aggregation
        self.num_regressors = _checks.integer(num_regressors, "num_regressors", "R2Score", 0)
        self.num_samples = self.add_variable(name="num_samples")

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        """Take more samples into account.

        Parameters
        ----------
        y_true, y_pred : array_like, (samples,) or (samples, outputs)
        sample_weight : array_like, optional, (samples,)
        """
        truth, predictions, weights = self._columns(y_true, y_pred, sample_weight)
        self._add(
            squared_sum=truth * truth * weights,
            sum=truth * weights,
            residual=(truth - predictions) ** 2 * weights,
            count=weights,
        )
        self.num_samples.value += truth.size

    def result(self) -> Any:
        """The score so far: a float, or without aggregation an array with one score for each output."""
        if not self._sums:
            return 0.0
        squares, total, residual, count = (self._sums[kind].value for kind in self.kinds)
        spread = squares - total * divide(total, count)
        scores = np.where(spread == 0, 0 * residual, 1 - divide(residual, spread))  # NaN stays NaN
        if self.class_aggregation == "uniform_average":
            return self._adjusted(scores.mean())
        if self.class_aggregation == "variance_weighted_average":
            return self._adjusted(divide((spread * scores).sum(), spread.sum()))
        return self._adjusted(scores)

    def _adjusted(self, score: np.ndarray) -> Any:
        free = float(self.num_samples) - self.num_regressors - 1
        # with fewer samples than predictors the score is not adjusted, as in Keras
        if self.num_regressors and free > 0:
            score = 1 - (1 - score) * (float(self.num_samples) - 1) / free
        return float(score) if np.ndim(score) == 0 else score

    def get_config(self) -> dict[str, Any]:
        own = {"class_aggregation": self.class_aggregation, "num_regressors": self.num_regressors}
        return {**super().get_config(), **own}
