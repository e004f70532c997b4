"""Counts of true and false positives and negatives at thresholds, and their ratios: precision and recall."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnncore.metrics.base import divide, registry
from cnncore.metrics.counts import CountingMetric

__all__ = ["FalseNegatives", "FalsePositives", "Precision", "Recall", "TrueNegatives", "TruePositives"]


class _Count(CountingMetric):
    def __init__(
        self, thresholds: float | Sequence[float] | None = None, name: str | None = None, dtype: str | None = None
    ) -> None:
        super().__init__(thresholds, None, None, name, dtype)

    def result(self) -> Any:
        """The (weighted) count, or an array with one for each threshold."""
        return self._one_or_all(self._sums[self.kept[0]].value)


@registry.register()
class TruePositives(_Count):
    """How many positives were predicted as positives, that is above the threshold.

    Parameters
    ----------
    thresholds : float or list of float in [0, 1], default 0.5
    name : str, optional
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> TruePositives()([0, 1, 1, 1], [1, 0, 1, 1])
    2.0
    """

    kept = ("true_positives",)


@registry.register()
class FalsePositives(_Count):
    """How many negatives were predicted as positives, that is above the threshold.

    Parameters
    ----------
    thresholds : float or list of float in [0, 1], default 0.5
    name : str, optional
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> FalsePositives()([0, 1, 0, 0], [0, 0, 1, 1])
    2.0
    """

    kept = ("false_positives",)


@registry.register()
class TrueNegatives(_Count):
    """How many negatives were predicted as negatives, that is not above the threshold.

    Parameters
    ----------
    thresholds : float or list of float in [0, 1], default 0.5
    name : str, optional
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> TrueNegatives()([0, 1, 0, 0], [1, 1, 0, 0])
    2.0
    """

    kept = ("true_negatives",)


@registry.register()
class FalseNegatives(_Count):
    """How many positives were predicted as negatives, that is not above the threshold.

    Parameters
    ----------
    thresholds : float or list of float in [0, 1], default 0.5
    name : str, optional
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> FalseNegatives()([0, 1, 1, 1], [0, 1, 0, 0])
    2.0
    """

    kept = ("false_negatives",)


class _Ratio(CountingMetric):
    _direction = "up"

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(thresholds, top_k, class_id, name, dtype)

    def result(self) -> Any:
        """The ratio, or an array with one for each threshold; 0 where the denominator is 0."""
        first, second = (self._sums[kind].value for kind in self.kept)
        return self._one_or_all(divide(first, first + second))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "top_k": self.top_k, "class_id": self.class_id}


@registry.register()
class Precision(_Ratio):
    """true positives / (true positives + false positives): the share of the predicted positives that are positive.

    Parameters
    ----------
    thresholds : float or list of float in [0, 1], optional
        Predictions above the threshold are positive. By default it is 0.5, or with ``top_k`` so low that all of the top
        k are positive.
    top_k : int, optional
        Only the ``top_k`` largest predictions of a row can be positive.
    class_id : int, optional
        Look at this class alone, in predictions of shape (samples, classes).
    name : str, optional
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> round(Precision()([0, 1, 1, 1], [1, 0, 1, 1]), 4)
    0.6667
    """

    kept = ("true_positives", "false_positives")


@registry.register()
class Recall(_Ratio):
    """true positives / (true positives + false negatives): the share of the positives that are predicted as such.

    Parameters
    ----------
    thresholds : float or list of float in [0, 1], optional
        Predictions above the threshold are positive. By default it is 0.5, or with ``top_k`` so low that all of the top
        k are positive.
    top_k : int, optional
        Only the ``top_k`` largest predictions of a row can be positive.
    class_id : int, optional
        Look at this class alone, in predictions of shape (samples, classes).
    name : str, optional
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> round(Recall()([0, 1, 1, 1], [1, 0, 1, 1]), 4)
    0.6667
    """

    kept = ("true_positives", "false_negatives")
