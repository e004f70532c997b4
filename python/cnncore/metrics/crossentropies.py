"""Metrics that are means of crossentropies."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnncore import losses
from cnncore.metrics.base import registry
from cnncore.metrics.loss_means import LossMean

__all__ = ["BinaryCrossentropy", "CategoricalCrossentropy", "SparseCategoricalCrossentropy"]


@registry.register("bce")
class BinaryCrossentropy(LossMean):
    """The mean of -t log(y) - (1 - t) log(1 - y) over targets t and predictions y.

    Parameters
    ----------
    name : str, default "binary_crossentropy"
    dtype : str, optional
        Accepted for compatibility with Keras.
    from_logits : bool, default False
        Whether the predictions are logits, to which the metric applies a sigmoid.
    label_smoothing : float in [0, 1], default 0
        Targets t become t (1 - s) + s / 2.

    Examples
    --------
    >>> round(BinaryCrossentropy()([[0], [1]], [[0.5], [0.5]]), 4)
    0.6931
    """

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: str | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        self.from_logits, self.label_smoothing = from_logits, label_smoothing
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing}
        super().__init__(name, dtype, losses.BinaryCrossentropy, **options)

    def get_config(self) -> dict[str, Any]:
        own = {"from_logits": self.from_logits, "label_smoothing": self.label_smoothing}
        return {**super().get_config(), **own}


@registry.register()
class CategoricalCrossentropy(LossMean):
    """The mean of -sum(t log(y)) over one-hot rows t and predictions y that are divided by their sum.

    Parameters
    ----------
    name : str, default "categorical_crossentropy"
    dtype : str, optional
        Accepted for compatibility with Keras.
    from_logits : bool, default False
        Whether the predictions are logits, to which the metric applies softmax.
    label_smoothing : float in [0, 1], default 0
        Targets t become t (1 - s) + s / classes.
    axis : int, default -1
        The axis of the classes.

    Examples
    --------
    >>> round(CategoricalCrossentropy()([[0, 1]], [[0.5, 0.5]]), 4)
    0.6931
    """

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: str | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(name, dtype, losses.CategoricalCrossentropy, **options)

    def get_config(self) -> dict[str, Any]:
        own = {"from_logits": self.from_logits, "label_smoothing": self.label_smoothing, "axis": self.axis}
        return {**super().get_config(), **own}


@registry.register()
class SparseCategoricalCrossentropy(LossMean):
    """The mean of -log(y_label) over integer labels and predictions y that are divided by their sum.

    Parameters
    ----------
    name : str, default "sparse_categorical_crossentropy"
    dtype : str, optional
        Accepted for compatibility with Keras.
    from_logits : bool, default False
        Whether the predictions are logits, to which the metric applies softmax.
    ignore_class : int, optional
        A label that does not count, as in the loss. (Keras counts it if there are no weights.)
    axis : int, default -1
        The axis of the classes.

    Examples
    --------
    >>> round(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]]), 4)
    0.6931
    """

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: str | None = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        self.from_logits, self.ignore_class, self.axis = from_logits, ignore_class, axis
        options = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(name, dtype, losses.SparseCategoricalCrossentropy, **options)

    def update_state(  # type: ignore[override]
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        """Take more samples into account. Rows whose label is ``ignore_class`` do not count."""
        if self.ignore_class is not None:
            sample_weight = self._weights(np.asarray(y_true), np.ndim(y_pred) - 1, sample_weight)
        super().update_state(y_true, y_pred, sample_weight)

    def _weights(self, y_true: NDArray[Any], rank: int, sample_weight: ArrayLike | None) -> ArrayLike:
        """Return the weights with 0 for ignored labels; weights of a wrong shape as they are, for the loss to refuse.

        ``rank`` is the number of axes of the losses.
        """

        def without_last_axis(array: NDArray[Any], rank: int) -> NDArray[Any]:
            return array[..., 0] if array.ndim == rank + 1 and array.shape[-1] == 1 else array

        counted = without_last_axis((y_true != self.ignore_class).astype(np.float64), rank)
        if sample_weight is None:
            return counted
        weights = without_last_axis(np.asarray(sample_weight, np.float64), counted.ndim)
        if weights.shape != counted.shape[: weights.ndim]:
            return sample_weight
        product: NDArray[Any] = counted * weights.reshape(weights.shape + (1,) * (counted.ndim - weights.ndim))
        return product

    def get_config(self) -> dict[str, Any]:
        own = {"from_logits": self.from_logits, "ignore_class": self.ignore_class, "axis": self.axis}
        return {**super().get_config(), **own}
