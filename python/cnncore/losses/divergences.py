"""KL divergence and the Poisson loss: predictions are probabilities or rates."""

from __future__ import annotations

from cnncore.losses.base import registry
from cnncore.losses.compiled import CompiledLoss

__all__ = ["KLDivergence", "Poisson"]


@registry.register("kld", "kullback_leibler_divergence")
class KLDivergence(CompiledLoss):
    """sum(t log(t / y)) of targets t and predictions y, both clipped to [1e-7, 1] (Kullback and Leibler, 1951).

    Parameters
    ----------
    reduction : str or None, default "sum_over_batch_size"
        See :class:`~cnncore.losses.Loss`.
    name : str, default "kl_divergence"
    dtype : str, optional
        Only "float32".

    Examples
    --------
    >>> round(KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]]), 4)
    0.1438
    """

    kind = "kl_divergence"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "kl_divergence",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@registry.register()
class Poisson(CompiledLoss):
    """mean(y - t log(y + 1e-7)): minus the log likelihood of counts t (the targets) at rates y (the predictions).

    The terms of the likelihood that depend on t alone are left out.

    Parameters
    ----------
    reduction : str or None, default "sum_over_batch_size"
        See :class:`~cnncore.losses.Loss`.
    name : str, default "poisson"
    dtype : str, optional
        Only "float32".

    Examples
    --------
    >>> Poisson()([[3.0]], [[1.0]])
    1.0
    """

    kind = "poisson"

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "poisson", dtype: str | None = None
    ) -> None:
        super().__init__(name, reduction, dtype)
