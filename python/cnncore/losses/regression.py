"""Losses for regression: how far predictions are from targets of the same shape, or how far their directions differ."""

from __future__ import annotations

from typing import Any

from cnncore import _checks
from cnncore.losses.base import registry
from cnncore.losses.compiled import CompiledLoss

__all__ = [
    "CosineSimilarity",
    "Huber",
    "LogCosh",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
]


@registry.register("mse")
class MeanSquaredError(CompiledLoss):
    """mean((y - t)^2) of predictions y and targets t of the same shape.

    Parameters
    ----------
    reduction : str or None, default "sum_over_batch_size"
        See :class:`~cnncore.losses.Loss`.
    name : str, default "mean_squared_error"
    dtype : str, optional
        Only "float32".

    Examples
    --------
    >>> MeanSquaredError()([[1.0, 1.0]], [[1.0, 3.0]])
    2.0
    """

    kind = "mean_squared_error"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_error",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@registry.register("mae")
class MeanAbsoluteError(CompiledLoss):
    """mean(|y - t|) of predictions y and targets t of the same shape.

    Parameters
    ----------
    reduction : str or None, default "sum_over_batch_size"
        See :class:`~cnncore.losses.Loss`.
    name : str, default "mean_absolute_error"
    dtype : str, optional
        Only "float32".

    Examples
    --------
    >>> MeanAbsoluteError()([[1.0, 1.0]], [[1.0, 3.0]])
    1.0
    """

    kind = "mean_absolute_error"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_error",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@registry.register("mape")
class MeanAbsolutePercentageError(CompiledLoss):
    """100 mean(|y - t| / max(|t|, 1e-7)): the error of predictions y as a percentage of their targets t.

    Parameters
    ----------
    reduction : str or None, default "sum_over_batch_size"
        See :class:`~cnncore.losses.Loss`.
    name : str, default "mean_absolute_percentage_error"
    dtype : str, optional
        Only "float32".

    Examples
    --------
    >>> MeanAbsolutePercentageError()([[2.0, 4.0]], [[3.0, 4.0]])
    25.0
    """

    kind = "mean_absolute_percentage_error"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_percentage_error",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@registry.register("msle")
class MeanSquaredLogarithmicError(CompiledLoss):
    """mean((log(1 + y) - log(1 + t))^2) of predictions y and targets t: it depends on their ratio.

    Smaller values than 1e-7 are raised to 1e-7 first.

    Parameters
    ----------
    reduction : str or None, default "sum_over_batch_size"
        See :class:`~cnncore.losses.Loss`.
    name : str, default "mean_squared_logarithmic_error"
    dtype : str, optional
        Only "float32".

    Examples
    --------
    >>> round(MeanSquaredLogarithmicError()([[0.0]], [[1.0]]), 4)
    0.4805
    """

    kind = "mean_squared_logarithmic_error"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_logarithmic_error",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@registry.register("huber_loss")
class Huber(CompiledLoss):
    """The mean of d^2 / 2 where |d| <= delta, and of delta |d| - delta^2 / 2 elsewhere.

    The differences d are predictions minus targets. The loss grows like a square near the target and like a straight
    line far away, so that outliers count less (Huber, "Robust Estimation of a Location Parameter", 1964).

    Parameters
    ----------
    delta : float, default 1
        The distance from the target where the straight part begins; more than 0.
    reduction : str or None, default "sum_over_batch_size"
        See :class:`~cnncore.losses.Loss`.
    name : str, default "huber_loss"
    dtype : str, optional
        Only "float32".

    Examples
    --------
    >>> Huber()([[0.0, 0.0]], [[1.0, 3.0]])
    1.5
    """

    kind = "huber"

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: str | None = None,
    ) -> None:
        self.delta = _checks.number(delta, "delta", "Huber")
        super().__init__(name, reduction, dtype, delta=self.delta)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "delta": self.delta}


@registry.register("logcosh")
class LogCosh(CompiledLoss):
    """mean(log(cosh(d))) of differences d = y - t: about d^2 / 2 near the target, and |d| - log(2) far away.

    Parameters
    ----------
    reduction : str or None, default "sum_over_batch_size"
        See :class:`~cnncore.losses.Loss`.
    name : str, default "log_cosh"
    dtype : str, optional
        Only "float32".

    Examples
    --------
    >>> round(LogCosh()([[0.0]], [[1.0]]), 4)
    0.4338
    """

    kind = "log_cosh"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "log_cosh",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@registry.register()
class CosineSimilarity(CompiledLoss):
    """-sum(t y) / (|t| |y|): minus the cosine of the angle between target t and prediction y.

    It is -1 if both have the same direction.

    Parameters
    ----------
    axis : int, default -1
        The axis of the vectors. The mean is taken over the samples and all other axes.
    reduction : str or None, default "sum_over_batch_size"
        See :class:`~cnncore.losses.Loss`.
    name : str, default "cosine_similarity"
    dtype : str, optional
        Only "float32".

    Examples
    --------
    >>> round(CosineSimilarity()([[1.0, 0.0]], [[1.0, 1.0]]), 4)
    -0.7071
    """

    kind = "cosine_similarity"

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: str | None = None,
    ) -> None:
        self.axis = _checks.integer(axis, "axis", "CosineSimilarity", -(2**31))
        super().__init__(name, reduction, dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}
