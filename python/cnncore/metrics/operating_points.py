"""Metrics that give the best value of one ratio among the thresholds at which another ratio is high enough."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.metrics.base import divide, registry
from cnncore.metrics.counts import CountingMetric

__all__ = ["PrecisionAtRecall", "RecallAtPrecision", "SensitivityAtSpecificity", "SpecificityAtSensitivity"]

_KINDS = ("true_positives", "false_positives", "true_negatives", "false_negatives")


class _AtValue(CountingMetric):
    """The largest value of the ratio ``wanted`` at the thresholds where the ratio ``given`` is at least ``value``."""

    kept = _KINDS
    given: tuple[str, str]
    wanted: tuple[str, str]
    _direction = "up"

    def __init__(
        self, value: float, what: str, num_thresholds: int, class_id: int | None, name: str | None, dtype: str | None
    ) -> None:
        owner = type(self).__name__
        self.value = _checks.number(value, what, owner)
        if not 0 <= self.value <= 1:
            raise ValueError(f"[{owner}] expected `{what}` in [0, 1]. Received: {what}={value!r}")
        self.num_thresholds, self._what = _checks.integer(num_thresholds, "num_thresholds", owner), what
        thresholds = [0.5] if num_thresholds == 1 else np.linspace(0, 1, num_thresholds).tolist()
        super().__init__(thresholds, None, class_id, name, dtype)

    def result(self) -> float:
        """The best value so far."""
        given, wanted = (
            divide(self._sums[right].value, self._sums[right].value + self._sums[wrong].value)
            for right, wrong in (self.given, self.wanted)
        )
        return float(np.where(given >= self.value, wanted, 0).max(initial=0))

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "num_thresholds": self.num_thresholds, self._what: self.value}
        return {key: value for key, value in config.items() if key != "thresholds"} | {"class_id": self.class_id}


_SENSITIVITY = ("true_positives", "false_negatives")
_SPECIFICITY = ("true_negatives", "false_positives")
_PRECISION = ("true_positives", "false_positives")


@registry.register()
class SensitivityAtSpecificity(_AtValue):
    """The best sensitivity, tp / (tp + fn), at thresholds where the specificity, tn / (tn + fp), is high enough.

    Parameters
    ----------
    specificity : float in [0, 1]
    num_thresholds : int, default 200
    class_id : int, optional
        Look at this class alone, in predictions of shape (samples, classes).
    name : str, optional
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> SensitivityAtSpecificity(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
    0.5
    """

    given, wanted = _SPECIFICITY, _SENSITIVITY

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(specificity, "specificity", num_thresholds, class_id, name, dtype)


@registry.register()
class SpecificityAtSensitivity(_AtValue):
    """The best specificity, tn / (tn + fp), at thresholds where the sensitivity, tp / (tp + fn), is high enough.

    Parameters
    ----------
    sensitivity : float in [0, 1]
    num_thresholds : int, default 200
    class_id : int, optional
        Look at this class alone, in predictions of shape (samples, classes).
    name : str, optional
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> round(SpecificityAtSensitivity(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]), 4)
    0.6667
    """

    given, wanted = _SENSITIVITY, _SPECIFICITY

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(sensitivity, "sensitivity", num_thresholds, class_id, name, dtype)


@registry.register()
class PrecisionAtRecall(_AtValue):
    """The best precision, tp / (tp + fp), at thresholds where the recall, tp / (tp + fn), is high enough.

    Parameters
    ----------
    recall : float in [0, 1]
    num_thresholds : int, default 200
    class_id : int, optional
        Look at this class alone, in predictions of shape (samples, classes).
    name : str, optional
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> PrecisionAtRecall(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
    0.5
    """

    given, wanted = _SENSITIVITY, _PRECISION

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(recall, "recall", num_thresholds, class_id, name, dtype)


@registry.register()
class RecallAtPrecision(_AtValue):
    """The best recall, tp / (tp + fn), at thresholds where the precision, tp / (tp + fp), is high enough.

    Parameters
    ----------
    precision : float in [0, 1]
    num_thresholds : int, default 200
    class_id : int, optional
        Look at this class alone, in predictions of shape (samples, classes).
    name : str, optional
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> RecallAtPrecision(0.8)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])
    0.5
    """

    given, wanted = _PRECISION, _SENSITIVITY

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(precision, "precision", num_thresholds, class_id, name, dtype)
