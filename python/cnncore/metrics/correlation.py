"""Root mean squared error, and correlations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks
from cnncore.metrics.accuracy_functions import same_rank
from cnncore.metrics.base import registry
from cnncore.metrics.reductions import Mean, PairMean

__all__ = [
    "ConcordanceCorrelation",
    "PearsonCorrelation",
    "RootMeanSquaredError",
    "concordance_correlation",
    "pearson_correlation",
]


@registry.register("rmse")
class RootMeanSquaredError(Mean):
    """sqrt(mean((y - t)^2)) of predictions y and targets t. The mean over all samples is taken before the root.

    Parameters
    ----------
    name : str, default "root_mean_squared_error"
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> RootMeanSquaredError()([[0.0], [0.0]], [[1.0], [7.0]])
    5.0
    """

    _direction = "down"

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: str | None = None) -> None:
        super().__init__(name, dtype)

    def update_state(  # type: ignore[override]
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        """Take more samples into account."""
        targets, predictions = same_rank(y_true, _checks.float32_array(y_pred, "y_pred", self.name), self.name)
        self._add(np.square(predictions.astype(np.float64) - targets), sample_weight)

    def result(self) -> float:
        """The root of the mean so far."""
        return float(np.sqrt(super().result()))


def _centred(y_true: ArrayLike, y_pred: ArrayLike, axis: int, owner: str) -> tuple[np.ndarray, ...]:
    """Targets minus their mean along ``axis``, predictions minus their mean, and the two means."""
    targets, predictions = same_rank(y_true, _checks.float32_array(y_pred, "y_pred", owner), owner)
    axis = _checks.integer(axis, "axis", owner, -targets.ndim, targets.ndim - 1)
    pair = targets.astype(np.float64), predictions.astype(np.float64)
    means = [array.mean(axis=axis, keepdims=True) for array in pair]
    return pair[0] - means[0], pair[1] - means[1], *means


def pearson_correlation(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> np.ndarray:
    """Pearson's correlation of ``y_true``, t, and ``y_pred``, y, along ``axis``: cov(t, y) / (std(t) std(y)).

    >>> pearson_correlation([[0.0, 1.0, 2.0]], [[1.0, 3.0, 5.0]])
    array([1.], dtype=float32)
    """
    t, y, *_ = _centred(y_true, y_pred, axis, "pearson_correlation")
    scale = np.sqrt((t * t).mean(axis=axis) * (y * y).mean(axis=axis))
    return np.asarray((t * y).mean(axis=axis) / scale, np.float32)


def concordance_correlation(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> np.ndarray:
    """Lin's concordance along ``axis``: 2 cov(t, y) / (var(t) + var(y) + (mean(t) - mean(y))^2).

    t are the values of ``y_true``, and y those of ``y_pred``.

    >>> concordance_correlation([[0.0, 1.0]], [[1.0, 2.0]])
    array([0.3333333], dtype=float32)
    """
    t, y, mean_t, mean_y = _centred(y_true, y_pred, axis, "concordance_correlation")
    between = np.square(mean_t - mean_y).mean(axis=axis)
    norm = (t * t).mean(axis=axis) + (y * y).mean(axis=axis) + between
    return np.asarray(2 * (t * y).mean(axis=axis) / (norm + 1e-7), np.float32)


class _Correlation(PairMean):
    _direction = "up"

    def __init__(self, name: str | None, dtype: str | None, axis: int) -> None:
        super().__init__(name, dtype)
        self.axis = axis

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


@registry.register()
class PearsonCorrelation(_Correlation):
    """The mean over samples of Pearson's correlation of targets t and predictions y: cov(t, y) / (std(t) std(y)).

    Parameters
    ----------
    name : str, default "pearson_correlation"
    dtype : str, optional
        Accepted for compatibility with Keras.
    axis : int, default -1

    Examples
    --------
    >>> PearsonCorrelation()([[0.0, 1.0, 2.0]], [[1.0, 3.0, 5.0]])
    1.0
    """

    def __init__(self, name: str | None = "pearson_correlation", dtype: str | None = None, axis: int = -1) -> None:
        super().__init__(name, dtype, axis)

    def rows(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return pearson_correlation(y_true, y_pred, self.axis)


@registry.register()
class ConcordanceCorrelation(_Correlation):
    """The mean over samples of Lin's concordance correlation of targets t and predictions y.

    It is 2 cov(t, y) / (var(t) + var(y) + (mean(t) - mean(y))^2) (Lin, "A Concordance Correlation Coefficient to
    Evaluate Reproducibility", 1989).

    Parameters
    ----------
    name : str, default "concordance_correlation"
    dtype : str, optional
        Accepted for compatibility with Keras.
    axis : int, default -1

    Examples
    --------
    >>> round(ConcordanceCorrelation()([[0.0, 1.0]], [[1.0, 2.0]]), 4)
    0.3333
    """

    def __init__(self, name: str | None = "concordance_correlation", dtype: str | None = None, axis: int = -1) -> None:
        super().__init__(name, dtype, axis)

    def rows(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return concordance_correlation(y_true, y_pred, self.axis)
