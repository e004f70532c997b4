"""Losses for segmentation: how little the predicted and the true regions overlap."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks
from cnncore.differentiation import Traced
from cnncore.graph.tensor import KerasTensor
from cnncore.losses import targets
from cnncore.losses.base import Loss, registry

__all__ = ["Axis", "Dice", "Tversky", "dice", "tversky"]

Axis = int | tuple[int, ...] | list[int] | None
_EPSILON = 1e-7


def _axes(axis: Any, owner: str) -> Any:
    """Check ``axis``, and convert a list to the tuple that NumPy expects."""
    if axis is None:
        return None
    if isinstance(axis, (list, tuple)):
        return tuple(_checks.integer(item, "axis", owner, minimum=-8) for item in axis)
    return _checks.integer(axis, "axis", owner, minimum=-8)


def dice(y_true: ArrayLike, y_pred: Any, axis: Axis = None) -> Any:
    """1 - 2 sum(t y) / (sum(t) + sum(y)) over ``axis``, by default over all: see :class:`~cnncore.losses.Dice`.

    t are the values of ``y_true``, and y those of ``y_pred``.

    >>> float(dice([[1.0, 0.0]], np.array([[0.5, 0.5]])))
    0.5
    """
    y_pred = y_pred if isinstance(y_pred, (Traced, KerasTensor)) else _checks.float32_array(y_pred, "y_pred", "dice")
    t, over = _checks.numeric_array(y_true, "y_true", "dice").astype(np.float32), _axes(axis, "dice")
    return 1 - 2 * np.sum(t * y_pred, axis=over) / (np.sum(t, axis=over) + np.sum(y_pred, axis=over) + _EPSILON)


def tversky(y_true: ArrayLike, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Axis = None) -> Any:
    """1 - sum(t y) / (sum(t y) + alpha sum(t (1 - y)) + beta sum((1 - t) y)) over ``axis``.

    t are the values of ``y_true``, and y those of ``y_pred``.

    See :class:`~cnncore.losses.Tversky`.

    >>> round(float(tversky([[1.0, 0.0]], np.array([[0.5, 0.5]]))), 4)
    0.5
    """
    y_pred = y_pred if isinstance(y_pred, (Traced, KerasTensor)) else _checks.float32_array(y_pred, "y_pred", "tversky")
    t, over = _checks.numeric_array(y_true, "y_true", "tversky").astype(np.float32), _axes(axis, "tversky")
    common = np.sum(t * y_pred, axis=over)
    missed, added = np.sum(t * (1 - y_pred), axis=over), np.sum((1 - t) * y_pred, axis=over)
    return 1 - common / (common + alpha * missed + beta * added + _EPSILON)


class _Overlap(Loss):
    """A loss over some axes of the predictions. Over all axes it is one number, so that samples cannot have weights."""

    def __init__(self, axis: Axis, name: str | None, reduction: str | None, dtype: str | None) -> None:
        super().__init__(name, reduction, dtype)
        self.axis = tuple(axis) if isinstance(axis, list) else axis

    def prepare_targets(self, y: ArrayLike, output_shape: tuple[int, ...]) -> np.ndarray:
        """Targets as float32, of the predictions' shape."""
        return targets.full(y, self.name, output_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": list(self.axis) if isinstance(self.axis, tuple) else self.axis}


@registry.register()
class Dice(_Overlap):
    """1 - 2 sum(t y) / (sum(t) + sum(y)): one minus Dice's coefficient of the true region t and the predicted region y.

    From Milletari et al., "V-Net: Fully Convolutional Neural Networks for Volumetric Medical Image Segmentation", 2016.

    Parameters
    ----------
    reduction : str or None, default "sum_over_batch_size"
        See :class:`~cnncore.losses.Loss`.
    name : str, default "dice"
    axis : int or tuple of int, optional
        Over which axes the sums are taken; by default over all of the batch.
    dtype : str, optional
        Only "float32".

    Examples
    --------
    >>> round(Dice()([[1.0, 0.0]], [[0.5, 0.5]]), 4)
    0.5
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "dice",
        axis: Axis = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(axis, name, reduction, dtype)

    def call(self, y_true: Any, y_pred: Any) -> np.ndarray:
        return dice(y_true, y_pred, self.axis)  # type: ignore[no-any-return]


@registry.register()
class Tversky(_Overlap):
    """1 - sum(t y) / (sum(t y) + alpha sum(t (1 - y)) + beta sum((1 - t) y)), of targets t and predictions y.

    If alpha and beta are 1/2, this is Dice's loss. From Salehi et al., "Tversky Loss Function for Image Segmentation
    Using 3D Fully Convolutional Deep Networks", 2017.

    Parameters
    ----------
    alpha : float, default 0.5
        The weight of false negatives: of the part of the true region that the prediction misses.
    beta : float, default 0.5
        The weight of false positives: of the part of the predicted region that is outside the true one.
    reduction : str or None, default "sum_over_batch_size"
        See :class:`~cnncore.losses.Loss`.
    name : str, default "tversky"
    axis : int or tuple of int, optional
        Over which axes the sums are taken; by default over all of the batch.
    dtype : str, optional
        Only "float32".

    Examples
    --------
    >>> round(Tversky()([[1.0, 0.0]], [[0.5, 0.5]]), 4)
    0.5
    """

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "tversky",
        axis: Axis = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(axis, name, reduction, dtype)
        self.alpha = _checks.number(alpha, "alpha", "Tversky")
        self.beta = _checks.number(beta, "beta", "Tversky")

    def call(self, y_true: Any, y_pred: Any) -> np.ndarray:
        return tversky(y_true, y_pred, self.alpha, self.beta, self.axis)  # type: ignore[no-any-return]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha, "beta": self.beta}
