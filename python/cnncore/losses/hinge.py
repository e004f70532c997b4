"""Hinge losses: the predictions are scores rather than probabilities, and should lie beyond a margin."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cnncore.losses import targets
from cnncore.losses.base import registry
from cnncore.losses.compiled import CompiledLoss

__all__ = ["CategoricalHinge", "Hinge", "SquaredHinge"]


_ALMOST_ZERO = np.float32(1e-30)  # a product with it is lost when 1 is added


class _Hinge(CompiledLoss):
    def prepare_targets(self, y: ArrayLike, output_shape: tuple[int, ...]) -> np.ndarray:
        """Targets as float32, in the shape of the predictions.

        Targets of 0 and 1 stay so, because metrics get the same array, and the core takes 0 for -1. If there are other
        targets, 0 is not -1 but 0, and must not be exactly 0.
        """
        values = targets.full(y, self.name, output_shape)
        zeros = values == 0
        if not zeros.any() or (zeros | (values == 1)).all():
            return values
        return np.where(zeros, _ALMOST_ZERO, values)


@registry.register()
class Hinge(_Hinge):
    """mean(max(1 - t y, 0)) of predictions y and targets t of -1 and 1. If all targets are 0 or 1, 0 stands for -1.

    Parameters
    ----------
    reduction : str or None, default "sum_over_batch_size"
        See :class:`~cnncore.losses.Loss`.
    name : str, default "hinge"
    dtype : str, optional
        Only "float32".

    Examples
    --------
    >>> Hinge()([[1.0], [0.0]], [[0.5], [0.5]])
    1.0
    """

    kind = "hinge"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "hinge",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@registry.register()
class SquaredHinge(_Hinge):
    """mean(max(1 - t y, 0)^2) of predictions y and targets t of -1 and 1. If all targets are 0 or 1, 0 stands for -1.

    Parameters
    ----------
    reduction : str or None, default "sum_over_batch_size"
        See :class:`~cnncore.losses.Loss`.
    name : str, default "squared_hinge"
    dtype : str, optional
        Only "float32".

    Examples
    --------
    >>> SquaredHinge()([[1.0], [0.0]], [[0.5], [0.5]])
    1.25
    """

    kind = "squared_hinge"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "squared_hinge",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@registry.register()
class CategoricalHinge(CompiledLoss):
    """max(1 + max((1 - t) y) - sum(t y), 0) of predictions y and one-hot targets t.

    It is 0 if the prediction for the true class exceeds all others by 1 or more.

    Parameters
    ----------
    reduction : str or None, default "sum_over_batch_size"
        See :class:`~cnncore.losses.Loss`.
    name : str, default "categorical_hinge"
    dtype : str, optional
        Only "float32".

    Examples
    --------
    >>> CategoricalHinge()([[0.0, 1.0]], [[0.25, 0.5]])
    0.75
    """

    kind = "categorical_hinge"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_hinge",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
