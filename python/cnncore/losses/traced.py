"""Losses inside functions that are being differentiated, or while a tape is open."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore.differentiation import Traced, current_recording, first_order, is_recording_backward, value_of

__all__ = ["traced"]


def traced(loss: Any, y_true: Any, y_pred: Any, sample_weight: Any) -> Any:
    """Compute a loss of which at least one argument is being differentiated.

    Parameters
    ----------
    loss : Loss
    y_true, y_pred : array_like or Traced
    sample_weight : array_like, optional

    Returns
    -------
    Traced
        The reduced loss, or the losses if ``loss`` has no reduction.
    """
    predictions = np.asarray(value_of(y_pred), np.float32)
    prepared = loss._prepared(value_of(y_true), predictions)
    if current_recording() is not None:
        targets = np.reshape(y_true, prepared.shape) if isinstance(y_true, Traced) else prepared
        losses = loss._recorded(targets, y_pred)
        if losses is not None:
            return loss._reduced_record(losses, sample_weight)
    kind = _Rows if loss.reduction in (None, "none") else _Reduced
    computed = kind(loss, prepared, predictions, sample_weight)

    def of_predictions(dy: Any) -> Any:
        if is_recording_backward():
            return loss._recorded_gradient(prepared, y_pred, sample_weight, dy)
        return np.asarray(computed.gradient * computed.spread(dy))

    def of_targets(dy: np.ndarray) -> np.ndarray:
        first_order(f"the targets of the loss {loss.name}")
        gradient = loss._of_targets(prepared, predictions) * computed.share() * computed.spread(dy)
        return np.reshape(gradient, np.shape(y_true))

    sources: list[Any] = [(y_pred, of_predictions)] if isinstance(y_pred, Traced) else []
    if isinstance(y_true, Traced):
        sources.append((y_true, of_targets))
    return Traced(computed.value, sources)


class _Reduced:
    """The reduced loss, ``value``, and its ``gradient`` with respect to the predictions."""

    def __init__(self, loss: Any, y_true: np.ndarray, y_pred: np.ndarray, sample_weight: Any) -> None:
        self._arguments = loss, y_true, y_pred, sample_weight
        total, self.gradient = loss.value_and_gradient(y_true, y_pred, sample_weight)
        self.value: Any = np.float32(total)

    def share(self) -> Any:
        """How much each loss counts in the value."""
        loss, y_true, y_pred, sample_weight = self._arguments
        return loss._share(loss._losses(y_true, y_pred), y_pred, sample_weight)

    def spread(self, dy: np.ndarray) -> np.ndarray:
        """The gradient of the value, in a shape that can be multiplied by that of the predictions."""
        return dy


class _Rows:
    """The same for a loss that is not reduced: ``value`` has the loss of each row."""

    def __init__(self, loss: Any, y_true: np.ndarray, y_pred: np.ndarray, sample_weight: Any) -> None:
        self.value: Any = loss._reduced(loss._losses(y_true, y_pred), sample_weight)
        self._axis = getattr(loss, "axis", -1)
        self._weight = loss._fitting_weights(1.0 if sample_weight is None else sample_weight, self.value)
        self.gradient = np.asarray(loss.gradient(y_true, y_pred), np.float32)

    def share(self) -> Any:
        return 1.0

    def spread(self, dy: np.ndarray) -> np.ndarray:
        rows = dy * np.reshape(self._weight, self._weight.shape + (1,) * (dy.ndim - self._weight.ndim))
        if rows.ndim == self.gradient.ndim - 1:
            return np.expand_dims(rows, self._axis)
        return np.reshape(rows, rows.shape + (1,) * (self.gradient.ndim - rows.ndim))
