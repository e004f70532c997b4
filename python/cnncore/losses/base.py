"""The base class of losses: what a subclass implements, and how the losses of rows become one number."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks, _core
from cnncore._checks import Float32
from cnncore._registry import Registry, snake_case
from cnncore._scalar import Scalar
from cnncore.differentiation import (
    NotDifferentiableError,
    Traced,
    backward,
    keeping_gradients,
    pullback,
    seen,
    value_of,
)
from cnncore.losses import targets
from cnncore.losses.traced import traced

__all__ = ["Loss", "ValueAndGradient", "registry"]

registry: Registry[Loss] = Registry("loss")

ValueAndGradient = Callable[[np.ndarray, Float32, "Float32 | None"], tuple[float, Float32]]
_REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


class Loss:
    """Base class of losses, and of your own ones.

    A subclass implements ``call(y_true, y_pred)``, the loss of each sample (or of each pixel of each sample), in NumPy
    or with :mod:`cnncore.backend`; it receives float32 arrays. :mod:`cnncore.differentiation` finds the gradient. A
    subclass may also implement ``gradient(y_true, y_pred)``, the derivative of the sum of what ``call`` returns with
    respect to ``y_pred``. This is faster, and necessary if ``call`` uses functions that cannot be differentiated.

    Parameters
    ----------
    name : str, optional
        The class name in snake case by default.
    reduction : str or None, default "sum_over_batch_size"
        How the losses become one number: their mean ("sum_over_batch_size" or "mean"), "sum",
        "mean_with_sample_weight" (their weighted sum divided by the sum of the weights), or not at all (None, "none").
    dtype : str, optional
        Only "float32", which all losses take.

    Examples
    --------
    >>> class Quartic(Loss):
    ...     def call(self, y_true, y_pred):
    ...         return ((y_pred - y_true) ** 4).sum(axis=-1)
    >>> Quartic()([[0.0], [0.0]], [[1.0], [2.0]])
    8.5
    >>> Quartic().gradient(np.array([[0.0], [0.0]]), np.array([[1.0], [2.0]])).tolist()
    [[4.0], [32.0]]
    """

    from_logits = False

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: str | None = None
    ) -> None:
        owner = type(self).__name__
        self.name = name or snake_case(owner)
        if reduction == "auto":
            message = '`reduction="auto"` is Keras 2\'s word for "sum_over_batch_size".'
            warnings.warn(message, DeprecationWarning, stacklevel=3)
            reduction = "sum_over_batch_size"
        if reduction not in _REDUCTIONS:
            names = ", ".join(map(repr, _REDUCTIONS))
            raise ValueError(f"[{owner}] expected `reduction` to be one of {names}. Received: reduction={reduction!r}")
        if dtype not in (None, "float32", np.float32):
            raise ValueError(f'[{owner}] expected `dtype` to be None or "float32". Received: dtype={dtype!r}')
        self.reduction = reduction

    @property
    def dtype(self) -> str:
        """Always "float32"."""
        return "float32"

    def call(self, y_true: Any, y_pred: Any) -> np.ndarray:
        """Losses before reduction, of shape (samples,) or (samples, ...)."""
        if type(self).__call__ is not Loss.__call__:  # the subclass computes the loss of a whole batch instead
            return self(y_true, y_pred)  # type: ignore[no-any-return]
        raise NotImplementedError(f"{type(self).__name__} must implement call(y_true, y_pred)")

    def gradient(self, y_true: Any, y_pred: Any) -> np.ndarray:
        """The derivative of ``call(y_true, y_pred).sum()`` with respect to ``y_pred``, which has the same shape.

        By default it is found by recording what ``call`` does in NumPy (:mod:`cnncore.differentiation`).
        """
        try:
            losses, back = pullback(lambda y: self.call(y_true, y), [y_pred])
        except NotDifferentiableError as error:
            raise NotDifferentiableError(
                f"[{self.name}] cannot be trained with: {error} Or let {type(self).__name__} implement "
                "gradient(y_true, y_pred), the derivative of the sum of the losses with respect to y_pred: for example "
                "2 * (y_pred - y_true) for losses of ((y_pred - y_true) ** 2).sum(axis=-1)."
            ) from error
        return np.asarray(back(np.ones(losses.shape, np.float32))[0], np.float32)

    def __call__(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> Any:
        """The reduced loss.

        Parameters
        ----------
        y_true : array_like
        y_pred : array_like, converted to float32
        sample_weight : array_like, optional
            One factor for each sample or each loss.

        Returns
        -------
        float
            It also has a method ``numpy()``. Without a reduction, a float32 array of the losses instead, each
            multiplied by its weight.
        """
        y_true, y_pred = seen(y_true), seen(y_pred)
        if isinstance(y_pred, Traced) or isinstance(y_true, Traced):
            return traced(self, y_true, y_pred, sample_weight)
        predictions = _checks.float32_array(y_pred, "y_pred", self.name)
        losses = self._losses(self._prepared(y_true, predictions), predictions)
        return self._reduced(losses, sample_weight)

    def _recorded(self, y_true: Any, y_pred: Any) -> Any:
        """The losses before reduction as a tape records them, with all weights that are used, or None if the gradient
        is computed in another way. Losses that users write without a gradient of their own are recorded.
        """
        if type(self).gradient is not Loss.gradient or type(self).__module__.startswith("cnncore."):
            return None
        with keeping_gradients():
            return self.call(y_true, y_pred)

    def _reduced_record(self, losses: Any, sample_weight: Any) -> Any:
        values = self._checked(value_of(losses), value_of(losses))
        if sample_weight is not None:
            weights = self._fitting_weights(sample_weight, values)
            losses = losses * weights.reshape(weights.shape + (1,) * (values.ndim - weights.ndim))
        if self.reduction in (None, "none"):
            return losses
        divisor = self._divisor(values, sample_weight)
        return np.sum(losses) * np.float32(1 / divisor if divisor else 0.0)

    def _of_targets(self, y_true: np.ndarray, y_pred: Float32) -> np.ndarray:
        """The derivative of ``call(y_true, y_pred).sum()`` with respect to ``y_true``."""
        try:
            losses, back = pullback(lambda y: self.call(y, y_pred), [np.asarray(y_true, np.float32)])
        except NotDifferentiableError as error:
            raise NotDifferentiableError(
                f"[{self.name}] the gradient with respect to y_true is not known: compute the loss with functions of "
                "cnncore.ops, or take targets that do not depend on what is trained, as by ops.stop_gradient."
            ) from error
        return np.asarray(back(np.ones(losses.shape, np.float32))[0])

    def _recorded_gradient(self, y_true: np.ndarray, y_pred: Any, sample_weight: Any, dy: Any) -> Any:
        """The gradient of ``y_pred``, computed in a way that open tapes record."""
        losses: Any = self.call(y_true, y_pred)
        if not isinstance(losses, Traced):  # they do not depend on the predictions
            return np.zeros(y_pred.shape, np.float32)
        (gradient,) = backward([(self._reduced_record(losses, sample_weight), dy)], [y_pred])
        return gradient

    def prepare_targets(self, y: ArrayLike, output_shape: tuple[int, ...]) -> np.ndarray:
        """Check the targets, and convert them to the array that the loss computes with.

        Parameters
        ----------
        y : array_like, (samples, ...)
            The targets as the user passed them.
        output_shape : tuple of int
            The shape of the predictions for one sample.

        Returns
        -------
        numpy.ndarray
            For a loss that a user writes: float32, with a last axis of length 1 if the predictions have one.
        """
        array = _checks.numeric_array(y, "y", self.name)
        if array.ndim and (*array.shape[1:], 1) == output_shape:
            array = array[..., np.newaxis]
        return _checks.contiguous(array, np.float32)

    def core(self, output_shape: tuple[int, ...]) -> _core.Loss | ValueAndGradient:
        """The object with which a training step of the core computes this loss and its gradient.

        Parameters
        ----------
        output_shape : tuple of int
            The shape of the predictions for one sample.

        Returns
        -------
        _core.Loss or callable
            A loss that the core knows, or else a callable that takes (y_true, y_pred, sample_weight or None) and
            returns the reduced loss and its gradient.
        """
        if self.reduction in (None, "none"):
            raise ValueError(
                f'[{self.name}] expected a reduction such as "sum_over_batch_size" in training, which needs one '
                f"number. Received: reduction={self.reduction!r}"
            )
        return self.value_and_gradient

    def value_and_gradient(
        self, y_true: np.ndarray, y_pred: Float32, sample_weight: Float32 | None = None
    ) -> tuple[float, Float32]:
        """The reduced loss of prepared targets, and its derivative with respect to ``y_pred``.

        Returns
        -------
        loss : float
        gradient : numpy.ndarray, float32, of ``y_pred``'s shape
        """
        losses, gradient = self._losses_and_gradient(y_true, y_pred)
        if gradient.shape != y_pred.shape:
            raise ValueError(
                f"[{self.name}] expected a gradient of y_pred's shape {y_pred.shape}. Received: {gradient.shape}"
            )
        share = self._share(losses, y_pred, sample_weight)
        return float(self._reduced(losses, sample_weight)), np.require(gradient * share, np.float32, "C")

    def _share(self, losses: np.ndarray, y_pred: Float32, sample_weight: ArrayLike | None) -> np.ndarray:
        """How much each loss counts in the reduced loss, in an array that can be multiplied by the gradient."""
        divisor = self._divisor(losses, sample_weight)
        share = np.asarray(1 / divisor if divisor else 0.0)
        if sample_weight is None:
            return share
        weights = self._fitting_weights(sample_weight, losses)
        if weights.shape != y_pred.shape[: weights.ndim]:
            raise ValueError(
                f"[{self.name}] expected sample_weight of shape {losses.shape[:1]}, one for each sample, since the "
                f"losses have other axes than y_pred. Received: sample_weight.shape={weights.shape}"
            )
        return np.asarray(share * weights.reshape(weights.shape + (1,) * (y_pred.ndim - weights.ndim)))

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor, ready for JSON."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """Inverse of :meth:`get_config`."""
        return cls(**_checks.config(config, f"{cls.__name__}.from_config"))

    def __repr__(self) -> str:
        arguments = {key: value for key, value in self.get_config().items() if key != "name"}
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"

    def _prepared(self, y_true: ArrayLike, predictions: Float32) -> np.ndarray:
        y = self.prepare_targets(y_true, predictions.shape[1:])
        if y.ndim and predictions.ndim:
            _checks.same_length(self.name, y_true=y, y_pred=predictions)
        return y

    def _losses(self, y_true: np.ndarray, y_pred: Float32) -> np.ndarray:
        return self._checked(self.call(y_true, y_pred), y_pred)

    def _checked(self, values: ArrayLike, y_pred: Float32) -> np.ndarray:
        losses = _checks.numeric_array(values, "losses", self.name).astype(np.float64, copy=False)
        if losses.shape[:1] != y_pred.shape[:1] and losses.ndim:
            raise ValueError(
                f"[{self.name}] expected losses of shape {y_pred.shape[:1]}, one for each sample. "
                f"Received: {losses.shape}"
            )
        return losses

    def _checked_gradient(self, values: ArrayLike) -> np.ndarray:
        return _checks.numeric_array(values, "gradient", self.name).astype(np.float32, copy=False)

    def _losses_and_gradient(self, y_true: np.ndarray, y_pred: Float32) -> tuple[np.ndarray, np.ndarray]:
        return self._losses(y_true, y_pred), self._checked_gradient(self.gradient(y_true, y_pred))

    def _fitting_weights(self, sample_weight: ArrayLike, losses: np.ndarray) -> Float32:
        if losses.ndim == 0 and np.size(sample_weight) > 1:
            raise ValueError(
                f"[{self.name}] expected the loss to return one value for each sample, since the samples have weights. "
                "Received: one number"
            )
        return targets.sample_weights(sample_weight, self.name, losses.shape)

    def _divisor(self, losses: np.ndarray, sample_weight: ArrayLike | None) -> float:
        if self.reduction == "sum":
            return 1.0
        if self.reduction == "mean_with_sample_weight" and sample_weight is not None:
            weights = np.asarray(sample_weight, np.float64)
            return float(weights.sum()) * (losses.size / weights.size if losses.ndim else 1)
        return float(max(losses.size, 1))

    def _reduced(self, losses: np.ndarray, sample_weight: ArrayLike | None) -> Any:
        if sample_weight is not None:
            weights = self._fitting_weights(sample_weight, losses)
            losses = losses * weights.reshape(weights.shape + (1,) * (losses.ndim - weights.ndim))
        if self.reduction in (None, "none"):
            return losses.astype(np.float32)
        divisor = self._divisor(losses, sample_weight)
        return Scalar(float(losses.sum()) / divisor if divisor else 0.0)
