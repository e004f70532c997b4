"""The area under the ROC curve, or under the curve of precision over recall or of their gains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks
from cnncore.metrics.base import Metric, divide, registry
from cnncore.metrics.counts import Counts, broadcast_weights, comparable, evenly_spaced
from cnncore.metrics.state import same_columns

__all__ = ["AUC"]

_KINDS = ("true_positives", "false_positives", "true_negatives", "false_negatives")
_METHODS = ("interpolation", "majoring", "minoring")
_CURVES = ("ROC", "PR", "PRGAIN")


def _choice(value: Any, name: str, owner: str, known: Sequence[str]) -> str:
    for word in known:
        if isinstance(value, str) and value in (word, word.lower(), word.capitalize()):
            return word
    names = ", ".join(f'"{word}"' for word in known)
    raise ValueError(f"[{owner}] expected `{name}` to be one of {names}. Received: {name}={value!r}")


@registry.register()
class AUC(Metric):
    """Area under the curve of true against false positives (ROC), or of precision against recall (PR).

    The curve is sampled at thresholds. Precision between two of them is interpolated as Davis and Goadrich do ("The
    Relationship Between Precision-Recall and ROC Curves", 2006); PRGAIN is from Flach and Kull ("Precision-Recall-Gain
    Curves", 2015).

    Parameters
    ----------
    num_thresholds : int, default 200
        The number of evenly spaced thresholds from 0 to 1; at least 2.
    curve : {"ROC", "PR", "PRGAIN"}, default "ROC"
    summation_method : {"interpolation", "minoring", "majoring"}, default "interpolation"
        How high the curve is between two thresholds: the mean of the two heights, the lower one or the higher one.
    name : str, optional
    dtype : str, optional
        Accepted for compatibility with Keras.
    thresholds : list of float in [0, 1], optional
        Use these thresholds, and also 0 and 1, instead of evenly spaced ones.
    multi_label : bool, default False
        Whether each column of the predictions is a label of its own. The result is then the mean of the columns' areas.
    num_labels : int, optional
        The number of columns, with ``multi_label``. By default the first batch of predictions says how many there are.
    label_weights : list of float, optional
        Weights of the columns.
    from_logits : bool, default False
        Whether the predictions are logits, to which the metric applies a sigmoid.

    Examples
    --------
    >>> AUC(num_thresholds=3)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])
    0.75
    """

    _direction = "up"

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: str | None = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: ArrayLike | None = None,
        from_logits: bool = False,
    ) -> None:
        self.curve = _choice(curve, "curve", "AUC", _CURVES)
        self.summation_method = _choice(summation_method, "summation_method", "AUC", _METHODS)
        super().__init__(dtype, name)
        self._given = thresholds is not None
        inner = (
            np.linspace(0, 1, _checks.integer(num_thresholds, "num_thresholds", "AUC", 2))[1:-1]
            if thresholds is None
            else np.sort(np.asarray(_checks.numbers(thresholds, "thresholds", "AUC")))
        )
        if inner.size and not 0 <= inner[0] <= inner[-1] <= 1:
            raise ValueError(f"[AUC] expected `thresholds` in [0, 1]. Received: thresholds={thresholds!r}")
        self._even = evenly_spaced(np.concatenate([[0.0], inner, [1.0]]))
        self._thresholds = np.concatenate([[-1e-7], inner, [1 + 1e-7]])
        self.num_thresholds = len(self._thresholds)
        self.multi_label = _checks.boolean(multi_label, "multi_label", "AUC")
        self.from_logits = _checks.boolean(from_logits, "from_logits", "AUC")
        if num_labels is not None and not multi_label:
            raise ValueError("[AUC] expected `num_labels` only with multi_label=True. Received: multi_label=False")
        self.num_labels = None if num_labels is None else _checks.integer(num_labels, "num_labels", "AUC")
        self.label_weights = None
        if label_weights is not None:
            self.label_weights = _checks.numeric_array(label_weights, "label_weights", "AUC").astype(np.float64)
        self._sums: dict[str, Any] = {}
        if not multi_label or num_labels:
            self._make_states(num_labels)

    def _make_states(self, labels: int | None) -> None:
        shape = (self.num_thresholds,) if labels is None else (self.num_thresholds, labels)
        self._sums = {kind: self.add_variable(shape, name=kind) for kind in _KINDS}

    @property
    def thresholds(self) -> list[float]:
        """All thresholds. The first is slightly below 0, and the last slightly above 1."""
        return [float(t) for t in self._thresholds]

    def check_targets(self, y_true: np.ndarray, output_shape: tuple[int, ...]) -> None:
        comparable(y_true[:1], np.zeros((1, *output_shape), np.float32), self.name)

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        """Take more samples into account.

        Parameters
        ----------
        y_true : array_like
            Targets in the shape of the predictions. Values that are not 0 are positive.
        y_pred : array_like
            Probabilities, or logits with ``from_logits``.
        sample_weight : array_like, optional
        """
        targets, predictions = comparable(y_true, y_pred, self.name)
        if self.multi_label and predictions.ndim != 2:
            raise ValueError(
                f"[{self.name}] expected predictions of shape (samples, labels) with multi_label=True. "
                f"Received: shape {predictions.shape}"
            )
        if not self._sums:
            self._make_states(predictions.shape[-1])
        if self.multi_label:
            same_columns(self._sums.values(), predictions.shape[-1], self.name)
        if self.label_weights is not None and self.label_weights.shape != predictions.shape[-1:]:
            raise ValueError(
                f"[{self.name}] expected one of `label_weights` for each column of the predictions, which have shape "
                f"{predictions.shape}. Received: label_weights.shape={self.label_weights.shape}"
            )
        if self.from_logits:
            predictions = 1 / (1 + np.exp(-predictions))
        weights = broadcast_weights(sample_weight, predictions, self.name)
        if self.label_weights is not None and not self.multi_label:
            weights = np.broadcast_to(self.label_weights, predictions.shape) * (1 if weights is None else weights)
        counts = Counts(self._thresholds, targets, predictions, weights, even=self._even, by_label=self.multi_label)
        for kind, state in self._sums.items():
            state.value += getattr(counts, kind)

    def result(self) -> float:
        """The area so far; 0 before any sample."""
        if not self._sums:
            return 0.0
        tp, fp, tn, fn = (self._sums[kind].value for kind in _KINDS)
        if self.curve == "PR" and self.summation_method == "interpolation":
            parts = _interpolated_precision(tp, fp, fn)
        else:
            x, y = self._points(tp, fp, tn, fn)
            heights = {
                "interpolation": (y[:-1] + y[1:]) / 2,
                "minoring": np.minimum(y[:-1], y[1:]),
                "majoring": np.maximum(y[:-1], y[1:]),
            }[self.summation_method]
            parts = (x[:-1] - x[1:]) * heights
        if not self.multi_label:
            return float(parts.sum())
        areas = parts.sum(axis=0)
        if self.label_weights is None:
            return float(areas.mean())
        return float(divide((areas * self.label_weights).sum(), self.label_weights.sum()))

    def _points(self, tp: np.ndarray, fp: np.ndarray, tn: np.ndarray, fn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The coordinates x and y of the curve's points, one for each threshold."""
        if self.curve == "ROC":
            return divide(fp, fp + tn), divide(tp, tp + fn)
        if self.curve == "PR":
            return divide(tp, tp + fn), divide(tp, tp + fp)
        share = divide(tp + fn, tn + fp)
        recall_gain = np.where(tp == 0, 0, 1 - share * divide(fn, tp))
        return np.maximum(recall_gain, 0), np.where(tp == 0, 1, 1 - share * divide(fp, tp))

    def get_config(self) -> dict[str, Any]:
        config = {
            **super().get_config(),
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": None if self.label_weights is None else self.label_weights.tolist(),
            "from_logits": self.from_logits,
        }
        return {**config, "thresholds": self.thresholds[1:-1]} if self._given else config


def _interpolated_precision(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> np.ndarray:
    """The areas under the curve of precision over recall between consecutive thresholds. Between two thresholds the
    number of true positives is taken to grow linearly with the number of predicted positives.
    """
    positive = tp + fp
    more_true, more = tp[:-1] - tp[1:], positive[:-1] - positive[1:]
    slope = divide(more_true, np.maximum(more, 0))
    intercept = tp[1:] - slope * positive[1:]
    both = (positive[:-1] > 0) & (positive[1:] > 0)
    ratio = np.where(both, divide(positive[:-1], positive[1:]), 1)
    return divide(slope * (more_true + intercept * np.log(ratio)), tp[1:] + fn[1:])
