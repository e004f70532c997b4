"""The loss of a model whose class defines ``compute_loss``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore._checks import Float32
from cnncore._structure import pack_like
from cnncore.differentiation import NotDifferentiableError, Traced, pullback
from cnncore.losses import Loss
from cnncore.models.data.sources import Batch

__all__ = ["ModelLoss", "losses_with_inputs"]


class ModelLoss(Loss):
    """Calls ``model.compute_loss(x=..., y=..., y_pred=..., sample_weight=...)``.

    Parameters
    ----------
    model : Model
        A model with one output and without penalties.
    compiled : Loss or None
        The loss that ``compile`` was given, which prepares the targets.
    """

    def __init__(self, model: Any, compiled: Loss | None) -> None:
        super().__init__(name="compute_loss")
        self._model, self._compiled, self._x = model, compiled, None

    def show(self, batch: Batch) -> None:
        """Keep the inputs that the next predictions belong to, for ``compute_loss``."""
        rows = [x if batch.indices is None else x[batch.indices] for x in batch.x]
        self._x = pack_like(self._model.layer_graph.inputs, rows)

    def prepare_targets(self, y: Any, output_shape: tuple[int, ...]) -> np.ndarray:
        if self._compiled is not None:
            return self._compiled.prepare_targets(y, output_shape)
        return np.asarray(y)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        return float(np.mean(self._value(y_true, y_pred, sample_weight)))

    def value_and_gradient(
        self, y_true: np.ndarray, y_pred: Float32, sample_weight: Float32 | None = None
    ) -> tuple[float, Float32]:
        try:
            value, back = pullback(lambda y: np.mean(self._value(y_true, y, sample_weight)), [y_pred])
        except NotDifferentiableError as error:
            raise TypeError(f"[{type(self._model).__name__}.compute_loss] cannot be trained with: {error}") from error
        (gradient,) = back(np.ones((), np.float32))
        return float(value), np.require(gradient, np.float32, "C")

    def _value(self, y_true: Any, y_pred: Any, sample_weight: Any) -> Any:
        """What ``compute_loss`` returns, as numbers."""
        value = self._model.compute_loss(x=self._x, y=y_true, y_pred=y_pred, sample_weight=sample_weight)
        if isinstance(value, Traced):
            return value
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise TypeError(
                f"[{type(self._model).__name__}.compute_loss] expected a number, or one for each sample. "
                f"Received: {value!r}"
            )
        return array.astype(np.float32)


def losses_with_inputs(losses: Sequence[Any]) -> list[ModelLoss]:
    """Those of the losses that compute with the inputs of a batch and must be shown it before each step."""
    owners = [getattr(loss, "__self__", loss) for loss in losses]
    return [owner for owner in owners if isinstance(owner, ModelLoss)]
