"""A crossentropy on which wrong labels have less influence."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks
from cnncore.differentiation import Traced
from cnncore.graph.tensor import KerasTensor
from cnncore.losses import targets
from cnncore.losses.base import Loss, registry

__all__ = ["CategoricalGeneralizedCrossEntropy", "categorical_generalized_cross_entropy"]


def categorical_generalized_cross_entropy(y_true: ArrayLike, y_pred: Any, q: float) -> Any:
    """(1 - y_label^q) / q of integer labels: see :class:`~cnncore.losses.CategoricalGeneralizedCrossEntropy`.

    The labels are ``y_true``, and y are the probabilities ``y_pred``.

    >>> categorical_generalized_cross_entropy([1], np.array([[0.75, 0.25]]), 0.5)
    array([1.], dtype=float32)
    """
    owner = "categorical_generalized_cross_entropy"
    scores = y_pred if isinstance(y_pred, (Traced, KerasTensor)) else _checks.float32_array(y_pred, "y_pred", owner)
    if not scores.shape:
        raise ValueError(f"[{owner}] expected y_pred with an axis of classes. Received: a number")
    labels = _checks.numeric_array(y_true, "y_true", owner).astype(np.int64)
    targets.check_range(labels, owner, scores.shape[-1])
    one_hot = np.eye(scores.shape[-1], dtype=np.float32)[labels]
    return (1 - np.sum(one_hot * scores, axis=-1) ** q) / q


@registry.register()
class CategoricalGeneralizedCrossEntropy(Loss):
    """(1 - y_label^q) / q, where y_label is the predicted probability of the integer label.

    From Zhang and Sabuncu, "Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels", 2018.

    Parameters
    ----------
    q : float in (0, 1), default 0.5
        Near 0 the loss is like crossentropy. Near 1 it is like the mean absolute error, on which wrong labels have
        less influence.
    reduction : str or None, default "sum_over_batch_size"
        See :class:`~cnncore.losses.Loss`.
    name : str, default "categorical_generalized_cross_entropy"
    dtype : str, optional
        Only "float32".

    Examples
    --------
    >>> CategoricalGeneralizedCrossEntropy()([1], [[0.75, 0.25]])
    1.0
    """

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_generalized_cross_entropy",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.q = _checks.number(q, "q", "CategoricalGeneralizedCrossEntropy")
        if not 0 < self.q < 1:
            raise ValueError(f"[CategoricalGeneralizedCrossEntropy] expected `q` in (0, 1). Received: q={q!r}")

    def prepare_targets(self, y: ArrayLike, output_shape: tuple[int, ...]) -> np.ndarray:
        """Integer labels, int64 of shape (samples, ...) without the axis of the classes."""
        if not output_shape:
            raise ValueError(f"[{self.name}] expected y_pred of shape (samples, ..., classes). Received: (samples,)")
        return targets.labels(y, self.name, output_shape[:-1], output_shape[-1])

    def call(self, y_true: Any, y_pred: Any) -> np.ndarray:
        return categorical_generalized_cross_entropy(y_true, y_pred, self.q)  # type: ignore[no-any-return]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "q": self.q}
