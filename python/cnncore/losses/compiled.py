"""Losses that the core computes: Python prepares the arrays, and ``_core.Loss`` computes values and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks, _core
from cnncore._checks import Float32
from cnncore._scalar import Scalar
from cnncore.differentiation import Traced, first_order, seen, value_of
from cnncore.graph.tensor import KerasTensor, loss_of_tensors
from cnncore.losses import targets
from cnncore.losses.base import Loss, ValueAndGradient
from cnncore.losses.second_derivatives import hessian_product
from cnncore.losses.target_gradients import OF_TARGETS
from cnncore.losses.traced import traced

__all__ = ["CompiledLoss"]

# Losses of the difference of their arguments, so that the gradients are opposite.
_OF_DIFFERENCES = ("mean_squared_error", "mean_absolute_error", "huber", "log_cosh")


class CompiledLoss(Loss):
    """A loss that the core computes along the axis ``axis`` of the predictions. The mean is taken over all
    other axes.
    """

    kind = ""  # the name of the loss in the core
    axis = -1

    def __init__(self, name: str | None, reduction: str | None, dtype: str | None, **parameters: Any) -> None:
        super().__init__(name or self.kind, reduction, dtype)
        self._parameters = parameters
        reduced = reduction if reduction in ("sum", "mean_with_sample_weight") else "sum_over_batch_size"
        try:
            self._core = _core.Loss(self.kind, reduction=reduced, **parameters)
        except TypeError:
            received = ", ".join(f"{key}={value!r}" for key, value in parameters.items())
            raise TypeError(f"[{type(self).__name__}] expected numbers. Received: {received}") from None

    def __getstate__(self) -> dict[str, Any]:
        return {"config": self.get_config()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state["config"])  # type: ignore[misc]

    def call(self, y_true: Any, y_pred: Any) -> np.ndarray:
        """Losses before reduction: float64, of the predictions' shape without the axis ``axis``."""
        predictions = _checks.float32_array(y_pred, "y_pred", self.name)
        y = self._prepared(y_true, predictions)
        return self._core.values(*self._last(y, predictions))

    def __call__(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> Any:
        if isinstance(y_pred, KerasTensor):
            rows = loss_of_tensors(type(self)(**{**self.get_config(), "reduction": None}), y_true, y_pred)
            return np.sum(rows) if self.reduction == "sum" else np.mean(rows)
        y_true, y_pred = seen(y_true), seen(y_pred)
        if isinstance(y_pred, Traced) or isinstance(y_true, Traced):
            return traced(self, y_true, y_pred, sample_weight)
        predictions = _checks.float32_array(y_pred, "y_pred", self.name)
        y, predictions = self._last(self._prepared(y_true, predictions), predictions)
        if self.reduction in (None, "none") or (sample_weight is not None and predictions.ndim == 1):
            return self._reduced(self._core.values(y, predictions), sample_weight)
        return Scalar(self._core(y, predictions, self._weights(sample_weight, predictions)))

    def gradient(self, y_true: Any, y_pred: Any) -> np.ndarray:
        """The derivative of the sum of the losses with respect to ``y_pred``: float32, of the shape of ``y_pred``."""
        predictions = _checks.float32_array(y_pred, "y_pred", self.name)
        y, last = self._last(self._prepared(y_true, predictions), predictions)
        summed = _core.Loss(self.kind, reduction="sum", **self._parameters)
        return self._back(summed.value_and_gradient(y, last)[1])

    def value_and_gradient(
        self, y_true: np.ndarray, y_pred: Float32, sample_weight: Float32 | None = None
    ) -> tuple[float, Float32]:
        predictions = _checks.float32_array(y_pred, "y_pred", self.name)
        y, last = self._last(self._prepared(y_true, predictions), predictions)
        value, gradient = self._core.value_and_gradient(y, last, self._weights(sample_weight, last))
        return value, self._back(gradient)

    def _of_targets(self, y_true: np.ndarray, y_pred: Float32) -> np.ndarray:
        if self.kind in _OF_DIFFERENCES:
            return -self.gradient(y_true, y_pred)
        if self.kind == "sparse_categorical_crossentropy":
            return np.zeros(np.shape(y_true), np.float32)  # labels are numbers of classes, which change in steps
        if self.kind not in OF_TARGETS:
            return super()._of_targets(y_true, y_pred)
        y, last = self._last(y_true, y_pred)
        return self._back(np.asarray(OF_TARGETS[self.kind](y, last, self), np.float32))

    def _recorded_gradient(self, y_true: np.ndarray, y_pred: Any, sample_weight: Any, dy: Any) -> Any:
        if not self._is_last(y_pred.ndim):
            first_order(f"the loss {self.name} with axis={self.axis}")
        predictions = np.asarray(y_pred.value, np.float32)
        weights = None if sample_weight is None else self._weights(sample_weight, predictions)
        factor, loss = value_of(dy), self._core
        if self.reduction in (None, "none"):  # a sum with the weights dy
            rows = predictions.shape[:-1]
            fitting = 1.0 if weights is None else weights.reshape(weights.shape + (1,) * (len(rows) - weights.ndim))
            weights, factor = np.asarray(np.broadcast_to(factor * fitting, rows), np.float32), 1.0
            loss = _core.Loss(self.kind, reduction="sum", **self._parameters)
            slopes = self.gradient(y_true, predictions) * np.asarray(fitting)[..., np.newaxis]
            gradient = slopes * value_of(dy)[..., np.newaxis]
        else:
            slopes = self.value_and_gradient(y_true, predictions, sample_weight)[1]
            gradient = slopes * factor

        def of_predictions(direction: np.ndarray) -> np.ndarray:
            first_order(f"gradients of gradients of the loss {self.name}")
            product = hessian_product(loss, y_true, np.atleast_2d(predictions), weights, np.atleast_2d(direction))
            return np.asarray(factor * product.reshape(predictions.shape))

        def of_factor(direction: np.ndarray) -> np.ndarray:
            return np.asarray((direction * slopes).sum(axis=-1 if np.ndim(dy) else None))

        sources: list[Any] = [(y_pred, of_predictions)]
        return Traced(gradient, sources + ([(dy, of_factor)] if isinstance(dy, Traced) else []))

    def core(self, output_shape: tuple[int, ...]) -> _core.Loss | ValueAndGradient:
        python = super().core(output_shape)
        return self._core if self._is_last(len(output_shape) + 1) else python

    def _weights(self, sample_weight: ArrayLike | None, last: Float32) -> Float32 | None:
        return None if sample_weight is None else targets.sample_weights(sample_weight, self.name, last.shape[:-1])

    def _is_last(self, rank: int) -> bool:
        if not -rank <= self.axis < rank:
            raise ValueError(f"[{self.name}] expected `axis` of predictions of rank {rank}. Received: axis={self.axis}")
        return self.axis in (-1, rank - 1)

    def _last(self, y: np.ndarray, predictions: Float32) -> tuple[np.ndarray, Float32]:
        """Targets and predictions with ``axis`` moved to the end; labels do not have this axis."""
        if self._is_last(predictions.ndim):
            return y, predictions
        moved = np.ascontiguousarray(np.moveaxis(predictions, self.axis, -1))
        return (np.ascontiguousarray(np.moveaxis(y, self.axis, -1)) if y.ndim == moved.ndim else y), moved

    def _back(self, gradient: Float32) -> Float32:
        if self._is_last(gradient.ndim):
            return gradient
        return np.ascontiguousarray(np.moveaxis(gradient, -1, self.axis))

    def _prepared(self, y_true: ArrayLike, predictions: Float32) -> np.ndarray:
        if predictions.ndim == 0:
            raise ValueError(f"[{self.name}] expected y_pred of rank 1 or more. Received: a scalar")
        if predictions.ndim > 1:
            return super()._prepared(y_true, predictions)
        # a single row, without a batch axis
        one = self.prepare_targets(np.asarray(y_true)[np.newaxis], predictions.shape)
        return one[0] if one.ndim > 1 else one.reshape(())

    def prepare_targets(self, y: ArrayLike, output_shape: tuple[int, ...]) -> np.ndarray:
        return targets.full(y, self.name, output_shape)
