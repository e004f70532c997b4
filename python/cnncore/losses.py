"""Losses by Keras' names. In training the core computes them; called directly they are a few lines of NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks
from cnncore._checks import Float32
from cnncore._registry import Registry

_registry: Registry[Loss] = Registry("loss")

_EPSILON = 1e-7  # Keras' bound of probabilities inside the logarithm


class Loss:
    """Base class: which labels fit, and the loss of each sample.

    Parameters
    ----------
    name : str, optional
        The name in snake case by default.
    """

    kind = ""  # the core's name
    from_logits = False

    def __init__(self, *, name: str | None = None) -> None:
        self.name = name or self.kind

    def __call__(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Mean over the samples of the loss, each times its weight where weights are given."""
        predictions = _checks.float32_array(y_pred, "y_pred", self.name)
        targets = self.prepare_targets(y_true, predictions.shape[1:])
        _checks.same_length(self.name, y_true=targets, y_pred=predictions)
        losses = self.per_sample(targets, predictions)
        if sample_weight is not None:
            losses = losses * _checks.float32_array(sample_weight, "sample_weight", self.name, 1, "batch")
        return float(losses.mean())

    def prepare_targets(self, y: ArrayLike, output_shape: tuple[int, ...]) -> np.ndarray:
        """Labels as the core wants them, for predictions of ``output_shape`` per sample; ValueError if they cannot be.

        Returns
        -------
        numpy.ndarray, int64 (samples,) or float32 (samples, *output_shape)
        """
        raise NotImplementedError

    def per_sample(self, y_true: np.ndarray, y_pred: Float32) -> np.ndarray:
        """Loss of each sample, for prepared targets."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor, ready for JSON."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """Inverse of :meth:`get_config`."""
        return cls(**config)

    def _full_targets(self, y: ArrayLike, output_shape: tuple[int, ...], hint: str = "") -> Float32:
        targets = _checks.numeric_array(y, "y", self.name)
        if (*targets.shape[1:], 1) == output_shape:
            targets = targets[..., np.newaxis]
        if targets.shape[1:] != output_shape or targets.ndim == 0:
            raise ValueError(
                f"[{self.name}] expected y of shape (samples, {', '.join(map(str, output_shape))}), as the model's "
                f"output.{hint} Received: y.shape={targets.shape}"
            )
        return np.ascontiguousarray(targets, dtype=np.float32)


class _Crossentropy(Loss):
    def __init__(self, from_logits: bool = False, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.from_logits = _checks.boolean(from_logits, "from_logits", self.name)

    def get_config(self) -> dict[str, Any]:
        return {"from_logits": self.from_logits, **super().get_config()}

    def _log_probabilities(self, y_pred: Float32) -> np.ndarray:
        predictions = np.asarray(y_pred, dtype=np.float64)
        if self.from_logits:
            shifted = predictions - predictions.max(axis=-1, keepdims=True)
            return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))
        probabilities = predictions / predictions.sum(axis=-1, keepdims=True)
        return np.asarray(np.log(np.clip(probabilities, _EPSILON, 1.0 - _EPSILON)))


@_registry.register()
class SparseCategoricalCrossentropy(_Crossentropy):
    """-log(probability of the true class), for integer labels of shape (samples,) or (samples, 1).

    Parameters
    ----------
    from_logits : bool, default False
        Whether the model ends without softmax.
    name : str, optional

    Examples
    --------
    >>> round(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]]), 4)
    0.6931
    """

    kind = "sparse_categorical_crossentropy"

    def prepare_targets(self, y: ArrayLike, output_shape: tuple[int, ...]) -> np.ndarray:
        labels = _checks.numeric_array(y, "y", self.name)
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        if labels.ndim != 1:
            raise ValueError(
                f"[{self.name}] expected y of shape (samples,) with integer labels; for one-hot rows use "
                f'loss="categorical_crossentropy". Received: y.shape={labels.shape}'
            )
        if len(output_shape) != 1:
            raise ValueError(
                f"[{self.name}] expected a model whose output is (classes,). Received: output_shape={output_shape}"
            )
        integers = labels.astype(np.int64)
        if labels.dtype.kind == "f" and not np.array_equal(integers, labels):
            raise ValueError(f"[{self.name}] expected integer labels in y. Received: fractions, y.dtype={labels.dtype}")
        classes = output_shape[0]
        if integers.size and (integers.min() < 0 or integers.max() >= classes):
            raise ValueError(
                f"[{self.name}] expected labels in [0, {classes}), as the model has {classes} outputs. "
                f"Received: labels from {integers.min()} to {integers.max()}"
            )
        return np.ascontiguousarray(integers)

    def per_sample(self, y_true: np.ndarray, y_pred: Float32) -> np.ndarray:
        return np.asarray(-self._log_probabilities(y_pred)[np.arange(len(y_true)), y_true])


@_registry.register()
class CategoricalCrossentropy(_Crossentropy):
    """-sum(y_true * log(y_pred)), for one-hot rows or other probabilities of shape (samples, classes).

    Parameters
    ----------
    from_logits : bool, default False
        Whether the model ends without softmax.
    name : str, optional

    Examples
    --------
    >>> round(CategoricalCrossentropy()([[0, 1]], [[0.5, 0.5]]), 4)
    0.6931
    """

    kind = "categorical_crossentropy"

    def prepare_targets(self, y: ArrayLike, output_shape: tuple[int, ...]) -> np.ndarray:
        hint = ' For integer labels use loss="sparse_categorical_crossentropy" or cnncore.utils.to_categorical.'
        return self._full_targets(y, output_shape, hint)

    def per_sample(self, y_true: np.ndarray, y_pred: Float32) -> np.ndarray:
        return np.asarray(-(y_true * self._log_probabilities(y_pred)).sum(axis=-1))


@_registry.register("mse")
class MeanSquaredError(Loss):
    """Mean of (y_pred - y_true)^2, for targets with the shape of the model's output.

    Examples
    --------
    >>> MeanSquaredError()([[1.0, 1.0]], [[1.0, 3.0]])
    2.0
    """

    kind = "mean_squared_error"

    def prepare_targets(self, y: ArrayLike, output_shape: tuple[int, ...]) -> np.ndarray:
        return self._full_targets(y, output_shape)

    def per_sample(self, y_true: np.ndarray, y_pred: Float32) -> np.ndarray:
        squares = np.square(y_pred.astype(np.float64) - y_true)
        return np.asarray(squares.reshape(len(squares), -1).mean(axis=1))


def get(identifier: Any) -> Loss:
    """A loss from an object, a class, a name such as ``"sparse_categorical_crossentropy"`` or "mse", or a config."""
    return identifier if isinstance(identifier, Loss) else _registry.get(identifier)


def serialize(loss: Loss) -> dict[str, Any]:
    """``{"class_name", "config"}`` of ``loss``."""
    return _registry.serialize(loss)


def deserialize(config: dict[str, Any]) -> Loss:
    """Inverse of :func:`serialize`; an unknown class is a ValueError."""
    return _registry.deserialize(config)
