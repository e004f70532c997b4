"""Metrics that are means of losses: of regression losses, divergences and hinge losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import losses
from cnncore.metrics.accuracy_functions import same_rank
from cnncore.metrics.base import registry
from cnncore.metrics.reductions import PairMean

__all__ = [
    "CategoricalHinge",
    "CosineSimilarity",
    "Hinge",
    "KLDivergence",
    "LogCoshError",
    "LossMean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SquaredHinge",
]


class LossMean(PairMean):
    """Base class of metrics that are the mean of a loss over samples. A subclass says which loss."""

    _direction = "down"

    def __init__(self, name: str | None, dtype: str | None, loss: type[losses.Loss], **options: Any) -> None:
        super().__init__(name, dtype)
        self._loss = loss(name=self.name, **options)

    def rows(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """The losses before the mean: one for each sample, or one for each row of a sample."""
        self._loss.name = self.name  # messages begin with this name
        if not isinstance(self._loss, losses.SparseCategoricalCrossentropy):
            y_true, y_pred = same_rank(y_true, y_pred, self.name)
        return self._loss.call(y_true, y_pred)


@registry.register("mse")
class MeanSquaredError(LossMean):
    """The mean of (y - t)^2 over predictions y and targets t.

    Parameters
    ----------
    name : str, default "mean_squared_error"
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> MeanSquaredError()([[1.0, 1.0]], [[1.0, 3.0]])
    2.0
    """

    def __init__(self, name: str | None = "mean_squared_error", dtype: str | None = None) -> None:
        super().__init__(name, dtype, losses.MeanSquaredError)


@registry.register("mae")
class MeanAbsoluteError(LossMean):
    """The mean of |y - t| over predictions y and targets t.

    Parameters
    ----------
    name : str, default "mean_absolute_error"
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> MeanAbsoluteError()([[1.0, 1.0]], [[1.0, 3.0]])
    1.0
    """

    def __init__(self, name: str | None = "mean_absolute_error", dtype: str | None = None) -> None:
        super().__init__(name, dtype, losses.MeanAbsoluteError)


@registry.register("mape")
class MeanAbsolutePercentageError(LossMean):
    """The mean of 100 |y - t| / max(|t|, 1e-7) over predictions y and targets t.

    Parameters
    ----------
    name : str, default "mean_absolute_percentage_error"
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> MeanAbsolutePercentageError()([[1.0, 1.0]], [[1.0, 3.0]])
    100.0
    """

    def __init__(self, name: str | None = "mean_absolute_percentage_error", dtype: str | None = None) -> None:
        super().__init__(name, dtype, losses.MeanAbsolutePercentageError)


@registry.register("msle")
class MeanSquaredLogarithmicError(LossMean):
    """The mean of (log(1 + y) - log(1 + t))^2 over predictions y and targets t, both raised to at least 1e-7.

    Parameters
    ----------
    name : str, default "mean_squared_logarithmic_error"
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> round(MeanSquaredLogarithmicError()([[1.0, 1.0]], [[1.0, 3.0]]), 4)
    0.2402
    """

    def __init__(self, name: str | None = "mean_squared_logarithmic_error", dtype: str | None = None) -> None:
        super().__init__(name, dtype, losses.MeanSquaredLogarithmicError)


@registry.register("logcosh", "log_cosh")
class LogCoshError(LossMean):
    """The mean of log(cosh(y - t)) over predictions y and targets t.

    Parameters
    ----------
    name : str, default "logcosh"
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> round(LogCoshError()([[1.0, 1.0]], [[1.0, 3.0]]), 4)
    0.6625
    """

    def __init__(self, name: str | None = "logcosh", dtype: str | None = None) -> None:
        super().__init__(name, dtype, losses.LogCosh)


@registry.register("kld", "kullback_leibler_divergence")
class KLDivergence(LossMean):
    """The mean of sum(t log(t / y)) over targets t and predictions y, both clipped to [1e-7, 1].

    Parameters
    ----------
    name : str, default "kl_divergence"
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> round(KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]]), 4)
    0.1438
    """

    def __init__(self, name: str | None = "kl_divergence", dtype: str | None = None) -> None:
        super().__init__(name, dtype, losses.KLDivergence)


@registry.register()
class Poisson(LossMean):
    """The mean of y - t log(y + 1e-7) over predictions y and targets t.

    Parameters
    ----------
    name : str, default "poisson"
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> Poisson()([[3.0]], [[1.0]])
    1.0
    """

    def __init__(self, name: str | None = "poisson", dtype: str | None = None) -> None:
        super().__init__(name, dtype, losses.Poisson)


@registry.register()
class Hinge(LossMean):
    """The mean of max(1 - t y, 0) over predictions y and targets t of -1 and 1.

    If all targets of a batch are 0 or 1, 0 stands for -1.

    Parameters
    ----------
    name : str, default "hinge"
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> Hinge()([[1.0], [0.0]], [[0.5], [0.5]])
    1.0
    """

    def __init__(self, name: str | None = "hinge", dtype: str | None = None) -> None:
        super().__init__(name, dtype, losses.Hinge)


@registry.register()
class SquaredHinge(LossMean):
    """The mean of max(1 - t y, 0)^2 over predictions y and targets t of -1 and 1.

    If all targets of a batch are 0 or 1, 0 stands for -1.

    Parameters
    ----------
    name : str, default "squared_hinge"
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> SquaredHinge()([[1.0], [0.0]], [[0.5], [0.5]])
    1.25
    """

    def __init__(self, name: str | None = "squared_hinge", dtype: str | None = None) -> None:
        super().__init__(name, dtype, losses.SquaredHinge)


@registry.register()
class CategoricalHinge(LossMean):
    """The mean of max(1 + max((1 - t) y) - sum(t y), 0) over predictions y and one-hot targets t.

    Parameters
    ----------
    name : str, default "categorical_hinge"
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> CategoricalHinge()([[0.0, 1.0]], [[0.25, 0.5]])
    0.75
    """

    def __init__(self, name: str | None = "categorical_hinge", dtype: str | None = None) -> None:
        super().__init__(name, dtype, losses.CategoricalHinge)


@registry.register()
class CosineSimilarity(LossMean):
    """The mean of sum(t y) / (|t| |y|): 1 if all predictions y point in the direction of their targets t.

    Parameters
    ----------
    name : str, default "cosine_similarity"
    dtype : str, optional
        Accepted for compatibility with Keras.
    axis : int, default -1
        The axis of the vectors.

    Examples
    --------
    >>> round(CosineSimilarity()([[1.0, 0.0]], [[1.0, 1.0]]), 4)
    0.7071
    """

    _direction = "up"

    def __init__(self, name: str | None = "cosine_similarity", dtype: str | None = None, axis: int = -1) -> None:
        self.axis = axis
        super().__init__(name, dtype, losses.CosineSimilarity, axis=axis)

    def rows(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return -super().rows(y_true, y_pred)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}
