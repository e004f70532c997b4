"""Running sums and means of values, and of functions of targets and predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks
from cnncore._custom_objects import function_name, named_function
from cnncore.differentiation import value_of
from cnncore.metrics.base import Metric, registry

__all__ = ["Mean", "MeanMetricWrapper", "Sum", "known_functions"]

known_functions: dict[str, Callable[..., Any]] = {}  # the functions of this package that are metrics


def _samplewise(
    values: np.ndarray, sample_weight: ArrayLike, reduce: Callable[..., Any], owner: str
) -> tuple[np.ndarray, np.ndarray]:
    """Values times weights, and weights, one for each sample. ``reduce`` reduces further axes as Keras does."""
    weights = _checks.numeric_array(sample_weight, "sample_weight", owner).astype(np.float64)
    if weights.ndim == values.ndim + 1 and weights.shape[-1] == 1:
        weights = weights[..., 0]
    if values.ndim > weights.ndim:
        values = reduce(values, axis=tuple(range(weights.ndim, values.ndim)))
    try:
        weights = np.broadcast_to(weights, values.shape)
    except ValueError:
        raise ValueError(
            f"[{owner}] expected sample_weight of the shape {values.shape} of the values. "
            f"Received: sample_weight.shape={np.shape(sample_weight)}"
        ) from None
    values = values * weights
    if values.ndim > 1:
        axes = tuple(range(1, values.ndim))
        return reduce(values, axis=axes), reduce(weights, axis=axes)
    return values, weights


@registry.register()
class Sum(Metric):
    """The sum of values, each multiplied by its weight.

    Parameters
    ----------
    name : str, default "sum"
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> Sum()([1, 3, 5])
    9.0
    """

    def __init__(self, name: str | None = "sum", dtype: str | None = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable(name="total")

    def update_state(self, values: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        """Add values of any shape. The shape of the weights is that of the values, or that of their first axes."""
        array = _checks.numeric_array(value_of(values), "values", self.name).astype(np.float64)
        if sample_weight is not None:
            array, _ = _samplewise(array, sample_weight, np.sum, self.name)
        self.total.value += float(array.sum())

    def result(self) -> float:
        """The sum so far."""
        return float(self.total.value)


@registry.register()
class Mean(Metric):
    """The mean of values: sum(weight * value) / sum(weight).

    Parameters
    ----------
    name : str, default "mean"
    dtype : str, optional
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> mean = Mean()
    >>> mean.update_state([1, 3])
    >>> mean.update_state([5, 7], sample_weight=[1, 0])
    >>> mean.result()
    3.0
    """

    def __init__(self, name: str | None = "mean", dtype: str | None = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable(name="total")
        self.count = self.add_variable(name="count")

    def update_state(self, values: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        """Add values whose first axis is that of the samples. The mean is taken over the other axes."""
        self._add(_checks.numeric_array(value_of(values), "values", self.name), sample_weight)

    def result(self) -> float:
        """The mean so far; 0 before any sample."""
        return self.total.value / self.count.value if self.count.value else 0.0

    def _add(self, values: np.ndarray, sample_weight: ArrayLike | None = None) -> None:
        if sample_weight is None:
            count = len(values) if values.ndim else 1
            self.total.value += float(values.sum(dtype=np.float64)) * count / max(values.size, 1)
            self.count.value += count
        else:
            values, weights = _samplewise(values.astype(np.float64), sample_weight, np.mean, self.name)
            self.total.value += float(values.sum())
            self.count.value += float(weights.sum())


class PairMean(Mean):
    """The mean over samples of a function of targets and predictions: ``rows(y_true, y_pred)``."""

    def update_state(  # type: ignore[override]
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        """Take more samples into account.

        Parameters
        ----------
        y_true, y_pred : array_like
            Targets and predictions of the same number of samples.
        sample_weight : array_like, optional
            One weight for each sample or for each value.
        """
        targets, predictions = np.asarray(y_true), np.asarray(y_pred)
        _checks.same_length(self.name, y_true=targets, y_pred=predictions)
        self._add(self.rows(targets, predictions), sample_weight)

    def check_targets(self, y_true: np.ndarray, output_shape: tuple[int, ...]) -> None:
        self.rows(y_true[:1], np.full((1, *output_shape), 0.5, np.float32))

    def rows(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """The values whose mean is taken. Their first axis is that of the samples."""
        raise NotImplementedError(f"{type(self).__name__} must implement rows(y_true, y_pred)")


@registry.register()
class MeanMetricWrapper(PairMean):
    """The mean over samples of a function ``fn(y_true, y_pred, **kwargs)``, or of a loss.

    Parameters
    ----------
    fn : callable
        Returns one value for each sample, an array with the samples on its first axis, or one number for all of them.
        In training, the mean of such numbers is that over batches.
    name : str, optional
        The function's name by default.
    dtype : str, optional
        Accepted for compatibility with Keras.
    **kwargs
        Further arguments of ``fn``.

    Examples
    --------
    >>> def largest(y_true, y_pred):
    ...     return y_pred.max(axis=-1)
    >>> MeanMetricWrapper(largest)([0, 1], [[0.25, 0.75], [0.5, 0.5]])
    0.625
    """

    def __init__(
        self, fn: Callable[..., Any], name: str | None = None, dtype: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(name or getattr(fn, "name", None) or getattr(fn, "__name__", "metric"), dtype)
        self._fn, self._fn_kwargs = fn, kwargs

    @property
    def depends_on_batches(self) -> bool:
        """True for a function of a user, which may return one number for a batch."""
        return not any(self._fn is known for known in known_functions.values())

    def update_state(  # type: ignore[override]
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        """Take more samples into account. One number for all of them counts as one value, as in Keras."""
        targets, predictions = np.asarray(y_true), np.asarray(y_pred)
        _checks.same_length(self.name, y_true=targets, y_pred=predictions)
        self._add(self._values(targets, predictions, sample_weight is not None), sample_weight)

    def check_targets(self, y_true: np.ndarray, output_shape: tuple[int, ...]) -> None:
        """Do nothing: only calling the function shows whether it accepts its arguments."""

    def rows(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """What the function returns. If it is one number, every sample gets it."""
        return self._values(y_true, y_pred, True)

    def _values(self, y_true: np.ndarray, y_pred: np.ndarray, of_samples: bool) -> np.ndarray:
        values = _checks.numeric_array(self._fn(y_true, y_pred, **self._fn_kwargs), "values", self.name)
        if values.ndim == 0:
            return np.full(len(y_pred), values) if of_samples else values
        if len(values) != len(y_pred):
            raise ValueError(
                f"[{self.name}] expected the metric to return one value for each of {len(y_pred)} samples, or one for "
                f"all. Received: shape {values.shape}"
            )
        return values

    def get_config(self) -> dict[str, Any]:
        """The name of the function and the other arguments. A function without a name, such as a lambda, is a
        ValueError.

        Reading a file with this metric needs the name: register it, or pass ``custom_objects={name: function}``.
        """
        return {**super().get_config(), "fn": function_name(self._fn, "metric"), **self._fn_kwargs}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        """Inverse of :meth:`get_config`."""
        name = config.get("fn")
        return cls(**{**config, "fn": known_functions.get(str(name)) or named_function(name, "metric")})
