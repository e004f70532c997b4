"""The confusion matrix, and the count of pairs of true and predicted classes that it consists of."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks
from cnncore.metrics.base import Metric, divide, registry
from cnncore.metrics.state import State, same_columns

__all__ = ["ConfusionMatrix", "count_pairs"]


def count_pairs(
    truth: np.ndarray, predicted: np.ndarray, sample_weight: ArrayLike | None, classes: int, owner: str
) -> np.ndarray:
    """Weighted counts of pairs (true class, predicted class). Pairs with a class out of range do not count."""
    if truth.size != predicted.size:
        raise ValueError(
            f"[{owner}] expected as many targets as predictions. Received: {truth.size} and {predicted.size}"
        )
    truth, predicted = truth.ravel(), predicted.ravel()
    inside = (truth >= 0) & (truth < classes) & (predicted >= 0) & (predicted < classes)
    weights = None
    if sample_weight is not None:
        given = _checks.numeric_array(sample_weight, "sample_weight", owner).astype(np.float64).ravel()
        if given.size == 0 or truth.size % given.size:
            raise ValueError(
                f"[{owner}] expected sample_weight for {truth.size} labels. Received: {given.size} weights"
            )
        weights = np.repeat(given, truth.size // given.size)[inside]
    pairs = truth[inside].astype(np.int64) * classes + predicted[inside].astype(np.int64)
    return np.bincount(pairs, weights, classes * classes).reshape(classes, classes).astype(np.float64)


@registry.register()
class ConfusionMatrix(Metric):
    """How often each class is predicted as each class: rows are true classes, columns are predicted classes.

    Parameters
    ----------
    num_classes : int, optional
        The number of the model's outputs by default.
    normalize : {"true", "pred", "all"}, optional
        Divide each count by the sum of its row ("true"), of its column ("pred"), or of all counts ("all").
    name : str, default "confusion_matrix"
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> ConfusionMatrix()([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    array([[1., 0.],
           [1., 1.]])
    """

    def __init__(
        self,
        num_classes: int | None = None,
        normalize: str | None = None,
        name: str | None = "confusion_matrix",
        dtype: str | None = None,
    ) -> None:
        super().__init__(dtype, name)
        if normalize not in (None, "true", "pred", "all"):
            raise ValueError(
                '[ConfusionMatrix] expected `normalize` to be None, "true", "pred" or "all". '
                f"Received: normalize={normalize!r}"
            )
        self.normalize = normalize
        self.num_classes = None if num_classes is None else _checks.integer(num_classes, "num_classes", self.name, 2)
        self._matrix: State | None = None

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        """Take more samples into account.

        Parameters
        ----------
        y_true : array_like
            Integer labels, or one-hot rows of the predictions' shape.
        y_pred : array_like, (samples, ..., classes)
            Scores of the classes. With a single output, the probabilities of class 1.
        sample_weight : array_like, optional
        """
        scores = _checks.float32_array(y_pred, "y_pred", self.name)
        truth = _checks.numeric_array(y_true, "y_true", self.name)
        if scores.ndim < 2 or scores.shape[-1] == 1:
            predicted, outputs = (scores > 0.5).astype(np.int64), 2
        else:
            predicted, outputs = scores.argmax(axis=-1), scores.shape[-1]
            if truth.shape == scores.shape:
                truth = truth.argmax(axis=-1)
        classes = self.num_classes or outputs
        if self._matrix is None:
            self._matrix = self.add_variable((classes, classes), name="matrix")
        same_columns([self._matrix], classes, self.name)
        self._matrix.value += count_pairs(truth, predicted, sample_weight, classes, self.name)

    def result(self) -> np.ndarray:
        """The matrix so far, (classes, classes)."""
        if self._matrix is None:
            return np.zeros((self.num_classes or 0,) * 2)
        counts = self._matrix.numpy()
        axes: dict[str, tuple[int, ...]] = {"true": (1,), "pred": (0,), "all": (0, 1)}
        axis = axes.get(self.normalize or "")
        return counts if axis is None else divide(counts, counts.sum(axis=axis, keepdims=True))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_classes": self.num_classes, "normalize": self.normalize}
