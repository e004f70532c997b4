"""Metrics of regions: how well those that are predicted for a class overlap with the true ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnncore import _checks
from cnncore.metrics.base import Metric, divide, registry
from cnncore.metrics.classes import count_pairs

__all__ = ["BinaryIoU", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"]


@registry.register()
class IoU(Metric):
    """The mean of tp / (tp + fp + fn), intersection over union, over some classes (Jaccard, 1901).

    For each class, tp, fp and fn are the numbers of true positives, false positives and false negatives.

    Parameters
    ----------
    num_classes : int
    target_class_ids : list of int
        The classes to take the mean over. Classes that occur neither in targets nor in predictions are left out.
    name : str, optional
    dtype : str, optional
        Accepted for compatibility with Keras.
    ignore_class : int, optional
        A label that does not count.
    sparse_y_true, sparse_y_pred : bool, default True
        Whether they are integer labels, rather than one-hot rows or scores of the classes.
    axis : int, default -1
        The axis of the classes, if there is one.

    Examples
    --------
    >>> round(IoU(num_classes=2, target_class_ids=[0])([0, 0, 1, 1], [0, 1, 0, 1]), 4)
    0.3333
    """

    _direction = "up"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(dtype, name)
        owner = type(self).__name__
        self.num_classes = _checks.integer(num_classes, "num_classes", owner)
        self.target_class_ids = [
            _checks.integer(target, "target_class_ids", owner, 0, num_classes - 1)
            for target in _checks.listed(target_class_ids, "target_class_ids", owner)
        ]
        self.ignore_class, self.axis = ignore_class, _checks.integer(axis, "axis", owner, -(2**31))
        self.sparse_y_true = _checks.boolean(sparse_y_true, "sparse_y_true", owner)
        self.sparse_y_pred = _checks.boolean(sparse_y_pred, "sparse_y_pred", owner)
        self.total_cm = self.add_variable((num_classes, num_classes), name="total_confusion_matrix")

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        """Take more samples into account: labels, or rows of classes, of any shape."""
        truth = _checks.numeric_array(y_true, "y_true", self.name)
        predicted = _checks.numeric_array(y_pred, "y_pred", self.name)
        if not self.sparse_y_true:
            truth = self._labels(truth, "y_true")
        if not self.sparse_y_pred:
            predicted = self._labels(predicted, "y_pred")
        if self.ignore_class is not None:
            truth = np.where(truth == self.ignore_class, -1, truth)
        self.total_cm.value += count_pairs(truth, predicted, sample_weight, self.num_classes, self.name)

    def _labels(self, rows: NDArray[Any], argument: str) -> NDArray[Any]:
        """Return the class with the largest value in each row along the axis of the classes."""
        if not -rows.ndim <= self.axis < rows.ndim:
            raise ValueError(
                f"[{self.name}] expected {argument} with an axis {self.axis}. Received: shape {rows.shape}"
            )
        labels: NDArray[Any] = rows.argmax(axis=self.axis)
        return labels

    def result(self) -> float:
        """The mean over the classes so far; 0 if none of them has occurred yet."""
        counts = self.total_cm.value
        hits = np.diag(counts)[self.target_class_ids]
        union = (counts.sum(axis=0) + counts.sum(axis=1) - np.diag(counts))[self.target_class_ids]
        return float(divide(hits, union).sum() / max((union > 0).sum(), 1))

    def get_config(self) -> dict[str, Any]:
        own = ("num_classes", "target_class_ids", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")
        return {**super().get_config(), **{key: getattr(self, key) for key in own}}

    def _config_without(self, *names: str) -> dict[str, Any]:
        return {key: value for key, value in IoU.get_config(self).items() if key not in names}


@registry.register()
class BinaryIoU(IoU):
    """Intersection over union of predictions at or above a threshold.

    Parameters
    ----------
    target_class_ids : list of int, default (0, 1)
        0 stands for predictions below the threshold, 1 for the others.
    threshold : float, default 0.5
    name : str, optional
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> round(BinaryIoU()([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7]), 4)
    0.5833
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = _checks.number(threshold, "threshold", "BinaryIoU")

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        """Take more samples into account: targets 0 and 1, and predictions between 0 and 1."""
        predictions = _checks.float32_array(y_pred, "y_pred", self.name)
        super().update_state(y_true, (predictions >= self.threshold).astype(np.int64), sample_weight)

    def get_config(self) -> dict[str, Any]:
        left_out = ("num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")
        return {**self._config_without(*left_out), "threshold": self.threshold}


@registry.register()
class MeanIoU(IoU):
    """The mean over all classes of intersection over union.

    Parameters
    ----------
    num_classes : int
    name : str, optional
    dtype : str, optional
        Accepted for compatibility with Keras.
    ignore_class : int, optional
        A label that does not count.
    sparse_y_true, sparse_y_pred : bool, default True
        Whether they are integer labels, rather than one-hot rows or scores of the classes.
    axis : int, default -1
        The axis of the classes, if there is one.

    Examples
    --------
    >>> round(MeanIoU(num_classes=2)([0, 0, 1, 1], [0, 1, 0, 1]), 4)
    0.3333
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        classes = range(_checks.integer(num_classes, "num_classes", type(self).__name__))
        super().__init__(num_classes, classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        return self._config_without("target_class_ids")


@registry.register()
class OneHotIoU(IoU):
    """Intersection over union of some classes, for one-hot targets and scores.

    Parameters
    ----------
    num_classes : int
    target_class_ids : list of int
    name : str, optional
    dtype : str, optional
        Accepted for compatibility with Keras.
    ignore_class : int, optional
        A class that does not count.
    sparse_y_pred : bool, default False
        Whether predictions are integer labels.
    axis : int, default -1
        The axis of the classes.

    Examples
    --------
    >>> OneHotIoU(2, [1])([[1, 0], [0, 1]], [[0.4, 0.6], [0.2, 0.8]])
    0.5
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        return self._config_without("sparse_y_true")


@registry.register()
class OneHotMeanIoU(MeanIoU):
    """The mean over all classes of intersection over union, for one-hot targets and scores.

    Parameters
    ----------
    num_classes : int
    name : str, optional
    dtype : str, optional
        Accepted for compatibility with Keras.
    ignore_class : int, optional
        A class that does not count.
    sparse_y_pred : bool, default False
        Whether predictions are integer labels.
    axis : int, default -1
        The axis of the classes.

    Examples
    --------
    >>> OneHotMeanIoU(2)([[1, 0], [0, 1]], [[0.6, 0.4], [0.2, 0.8]])
    1.0
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        return self._config_without("target_class_ids", "sparse_y_true")
