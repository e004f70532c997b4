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
    if loss.reduction in (None, "none"):
        value: Any = loss._reduced(loss._losses(prepared, predictions), sample_weight)
        axis, weight = (
            getattr(loss, "axis", -1),
            loss._fitting_weights(1.0 if sample_weight is None else sample_weight, value),
        )
        gradient = np.asarray(loss.gradient(prepared, predictions), np.float32)

        def share() -> Any:
            return 1.0

        def spread(dy: np.ndarray) -> np.ndarray:
            rows = dy * np.reshape(weight, weight.shape + (1,) * (dy.ndim - weight.ndim))
            if rows.ndim == gradient.ndim - 1:
                return np.expand_dims(rows, axis)
            return np.reshape(rows, rows.shape + (1,) * (gradient.ndim - rows.ndim))
    else:
        total, gradient = loss.value_and_gradient(prepared, predictions, sample_weight)
        value = np.float32(total)

        def share() -> Any:
            return loss._share(loss._losses(prepared, predictions), predictions, sample_weight)

        def spread(dy: np.ndarray) -> np.ndarray:
            return dy

    def of_predictions(dy: Any) -> Any:
        if is_recording_backward():
            return loss._recorded_gradient(prepared, y_pred, sample_weight, dy)
        return np.asarray(gradient * spread(dy))

    def of_targets(dy: np.ndarray) -> np.ndarray:
        first_order(f"the targets of the loss {loss.name}")
        return np.reshape(loss._of_targets(prepared, predictions) * share() * spread(dy), np.shape(y_true))

    sources: list[Any] = [(y_pred, of_predictions)] if isinstance(y_pred, Traced) else []
    if isinstance(y_true, Traced):
        sources.append((y_true, of_targets))
    return Traced(value, sources)
