"""Hinge losses: the predictions are scores rather than probabilities, and should lie beyond a margin."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cnncore.losses import targets
from cnncore.losses.base import registry
from cnncore.losses.compiled import CompiledLoss

__all__ = ["CategoricalHinge", "Hinge", "SquaredHinge", "signs"]


def signs(y: np.ndarray) -> np.ndarray:
    """Targets as -1 and 1 if all of them are 0 or 1. Other targets stay as they are."""
    return 2 * y - 1 if ((y == 0) | (y == 1)).all() else y


class _Hinge(CompiledLoss):
    def prepare_targets(self, y: ArrayLike, output_shape: tuple[int, ...]) -> np.ndarray:
        """Targets of -1 and 1 as float32, in the shape of the predictions."""
        return signs(targets.full(y, self.name, output_shape))


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
