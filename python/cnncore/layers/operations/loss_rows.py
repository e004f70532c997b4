"""The layer that functions of :mod:`cnncore.losses` make when they are called on symbolic tensors, for ``add_loss``."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore.graph.tensor import KerasTensor, NotTraceableError, register_operator
from cnncore.layers.base import Layer, Shape

__all__ = ["LossRows"]

_EPSILON = 1e-7
# Losses that depend only on y_pred - y_true, so that the gradient of one is that of the other with its sign changed.
_OF_DIFFERENCES = ("mean_squared_error", "mean_absolute_error", "huber", "log_cosh")


class LossRows(Layer):
    """Compute the loss of each row of two inputs: the targets and the predictions, of one shape (batch, ..., classes).

    The output has the shape (batch, ...).

    Parameters
    ----------
    loss : Loss
        A loss that the core computes, with ``reduction="none"``.
    """

    def __init__(self, loss: Any) -> None:
        super().__init__()
        self.loss = loss

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return tuple(input_shape[1])[:-1]

    def call(self, inputs: Any) -> Any:
        return np.asarray(self.loss(*inputs))

    def backward(self, inputs: Any, dy: np.ndarray) -> list[np.ndarray]:
        """Compute the gradients of the targets and of the predictions."""
        spread = dy[..., np.newaxis]
        gradient = np.asarray(self.loss.gradient(*inputs) * spread, np.float32)
        if self.loss.kind in _OF_DIFFERENCES:
            return [-gradient, gradient]
        return [np.asarray(_of_targets(self.loss, inputs[1]) * spread, np.float32), gradient]


def _of_targets(loss: Any, y_pred: np.ndarray) -> np.ndarray:
    """Compute the gradient of a cross-entropy with respect to the targets. It does not depend on them."""
    config = loss.get_config()
    logits = config["from_logits"]
    kept = 1.0 - config["label_smoothing"]
    if loss.kind == "binary_crossentropy":
        p = np.clip(y_pred, _EPSILON, 1 - _EPSILON)
        return np.asarray(kept * (-y_pred if logits else np.log1p(-p) - np.log(p)) / y_pred.shape[-1])
    if logits:
        shifted = y_pred - y_pred.max(axis=-1, keepdims=True)
        return np.asarray(kept * (np.log(np.exp(shifted).sum(axis=-1, keepdims=True)) - shifted))
    return np.asarray(-kept * np.log(np.clip(y_pred / y_pred.sum(axis=-1, keepdims=True), _EPSILON, 1 - _EPSILON)))


def _rows(loss: Any, tensors: tuple[Any, Any]) -> Any:
    """Call the layer that computes the loss of each row of two symbolic tensors."""
    y_true, y_pred = tensors
    for tensor in tensors:
        if not isinstance(tensor, KerasTensor):
            raise NotTraceableError(
                f"[{loss.name}] expected two symbolic tensors, or two arrays. Received: {type(tensor).__name__}"
            )
    if loss.kind not in (*_OF_DIFFERENCES, "binary_crossentropy", "categorical_crossentropy"):
        raise NotTraceableError(
            f"[{loss.name}] cannot be computed from symbolic tensors: write the formula with NumPy functions, or pass "
            "the loss to `compile` for an output of the model."
        )
    if y_pred.ndim < 2:
        raise NotTraceableError(
            f"[{loss.name}] expected symbolic tensors with at least one axis besides that of the batch. "
            f"Received: y_pred of shape {y_pred.shape}"
        )
    return LossRows(loss)([y_true, y_pred])


register_operator("loss", _rows)
