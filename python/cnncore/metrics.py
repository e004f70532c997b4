"""Metrics: running means over samples, updated with arrays of many samples at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks
from cnncore._registry import Registry, snake_case
from cnncore.losses import CategoricalCrossentropy, Loss, SparseCategoricalCrossentropy

_registry: Registry[Metric] = Registry("metric")


class Metric:
    """Base class: a mean over samples. A subclass implements ``per_sample(y_true, y_pred)``.

    Parameters
    ----------
    name : str, optional
        Key of the metric in logs; the class name in snake case by default.

    Examples
    --------
    >>> class Largest(Metric):
    ...     def per_sample(self, y_true, y_pred):
    ...         return y_pred.max(axis=-1)
    >>> metric = Largest()
    >>> metric.update_state([0, 1], np.array([[0.25, 0.75], [0.75, 0.25]]))
    >>> metric.name, metric.result()
    ('largest', 0.75)
    """

    targets = "any"  # which y_true it takes: "labels" (samples,), "full" (shape of y_pred), or "any" shape

    def __init__(self, name: str | None = None) -> None:
        self.name = name or snake_case(type(self).__name__)
        self.reset_state()

    def per_sample(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """Value for each sample, shape (samples,)."""
        raise NotImplementedError(f"{type(self).__name__} must implement per_sample(y_true, y_pred)")

    def check_targets(self, y_true: np.ndarray, output_shape: tuple[int, ...]) -> None:
        """ValueError if targets of this shape are of no use, with predictions of ``output_shape`` per sample."""
        sample_shape = y_true.shape[1:]
        if self.targets == "labels" and sample_shape not in ((), (1,)):
            raise ValueError(
                f"[{self.name}] expected y_true of shape (samples,) with integer labels. Received: shape {y_true.shape}"
            )
        if self.targets == "full" and (*sample_shape, 1) != output_shape and sample_shape != output_shape:
            raise ValueError(
                f"[{self.name}] expected y_true of the shape of the predictions, (samples, "
                f"{', '.join(map(str, output_shape))}). Received: shape {y_true.shape}"
            )

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        """Take more samples into account."""
        y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
        _checks.same_length(self.name, y_true=y_true, y_pred=y_pred)
        self.check_targets(y_true, y_pred.shape[1:])
        values = np.asarray(self.per_sample(y_true, y_pred), dtype=np.float64)
        if sample_weight is None:
            self._total += float(values.sum())
            self._count += len(values)
        else:
            weights = np.asarray(sample_weight, dtype=np.float64)
            self._total += float((values * weights).sum())
            self._count += float(weights.sum())

    def result(self) -> float:
        """The mean so far; 0 before any sample."""
        return self._total / self._count if self._count else 0.0

    def reset_state(self) -> None:
        """Forget all samples."""
        self._total = 0.0
        self._count = 0.0

    def __call__(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Update, then return the result."""
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor, ready for JSON."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        """Inverse of :meth:`get_config`."""
        return cls(**config)


@_registry.register()
class SparseCategoricalAccuracy(Metric):
    """Share of samples whose largest output is their integer label.

    Examples
    --------
    >>> SparseCategoricalAccuracy()([1, 0], [[0.1, 0.9], [0.2, 0.8]])
    0.5
    """

    targets = "labels"

    def per_sample(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return np.asarray(y_pred.argmax(axis=-1) == y_true.reshape(y_pred.shape[:-1]))


@_registry.register()
class CategoricalAccuracy(Metric):
    """Share of samples whose largest output is at the place of the 1 in their row.

    Examples
    --------
    >>> CategoricalAccuracy()([[0, 1], [1, 0]], [[0.1, 0.9], [0.2, 0.8]])
    0.5
    """

    targets = "full"

    def per_sample(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return np.asarray(y_pred.argmax(axis=-1) == y_true.argmax(axis=-1))


@_registry.register()
class BinaryAccuracy(Metric):
    """Share of outputs on the right side of a threshold.

    Parameters
    ----------
    name : str, optional
    threshold : float, default 0.5

    Examples
    --------
    >>> BinaryAccuracy()([[1], [0]], [[0.7], [0.6]])
    0.5
    """

    targets = "full"

    def __init__(self, name: str | None = None, threshold: float = 0.5) -> None:
        super().__init__(name)
        self.threshold = _checks.number(threshold, "threshold", "BinaryAccuracy")

    def per_sample(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return _row_means((y_pred > self.threshold) == y_true.reshape(y_pred.shape))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "threshold": self.threshold}


@_registry.register("mae")
class MeanAbsoluteError(Metric):
    """Mean of abs(y_pred - y_true).

    Examples
    --------
    >>> MeanAbsoluteError()([[1.0, 1.0]], [[1.0, 3.0]])
    1.0
    """

    targets = "full"

    def per_sample(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return _row_means(np.abs(y_pred.astype(np.float64) - y_true.reshape(y_pred.shape)))


@_registry.register("mse")
class MeanSquaredError(Metric):
    """Mean of (y_pred - y_true)^2.

    Examples
    --------
    >>> MeanSquaredError()([[1.0, 1.0]], [[1.0, 3.0]])
    2.0
    """

    targets = "full"

    def per_sample(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return _row_means(np.square(y_pred.astype(np.float64) - y_true.reshape(y_pred.shape)))


class FunctionMetric(Metric):
    """Mean of a user's function ``(y_true, y_pred) -> one value for each sample``."""

    def __init__(self, function: Callable[[np.ndarray, np.ndarray], ArrayLike]) -> None:
        super().__init__(getattr(function, "__name__", "metric"))
        self.function = function

    def per_sample(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        values = np.asarray(self.function(y_true, y_pred))
        if values.shape[:1] != (len(y_pred),):
            raise ValueError(
                f"[{self.name}] expected the metric to return one value for each of {len(y_pred)} samples. "
                f"Received: shape {values.shape}"
            )
        return _row_means(values)

    def get_config(self) -> dict[str, Any]:
        raise ValueError(f"The metric {self.name!r} is a function, so it cannot be described in a file.")


def get(identifier: Any, loss: Loss | None = None, output_shape: tuple[int, ...] | None = None) -> Metric:
    """A metric from an object, a class, a function, a name or a config.

    ``"accuracy"`` (or "acc") means the kind of accuracy that fits ``loss`` and ``output_shape``, as in Keras; a metric
    given by name is called by that name in logs.
    """
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, str):
        if identifier.lower() in ("accuracy", "acc"):
            return _accuracy_class(loss, output_shape)(name=identifier)
        metric = _registry.get(identifier)
        metric.name = identifier
        return metric
    if callable(identifier) and not isinstance(identifier, type):
        return FunctionMetric(identifier)
    return _registry.get(identifier)


def serialize(metric: Metric) -> dict[str, Any]:
    """``{"class_name", "config"}`` of ``metric``."""
    return _registry.serialize(metric)


def deserialize(config: dict[str, Any]) -> Metric:
    """Inverse of :func:`serialize`; an unknown class is a ValueError."""
    return _registry.deserialize(config)


def _accuracy_class(loss: Loss | None, output_shape: tuple[int, ...] | None) -> type[Metric]:
    if isinstance(loss, SparseCategoricalCrossentropy):
        return SparseCategoricalAccuracy
    one_output = output_shape is not None and output_shape[-1] == 1
    if isinstance(loss, CategoricalCrossentropy) or (output_shape is not None and not one_output):
        return CategoricalAccuracy
    return BinaryAccuracy


def _row_means(values: np.ndarray) -> np.ndarray:
    return np.asarray(values.reshape(len(values), -1).mean(axis=1))
