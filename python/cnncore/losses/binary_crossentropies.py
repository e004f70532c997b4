"""Crossentropies of predictions that are each the probability, or the logit, of one of two classes."""

from __future__ import annotations

from typing import Any

from cnncore import _checks
from cnncore.losses.base import registry
from cnncore.losses.crossentropies import Crossentropy

__all__ = ["BinaryCrossentropy", "BinaryFocalCrossentropy"]


@registry.register("bce")
class BinaryCrossentropy(Crossentropy):
    """mean(-t log(p) - (1 - t) log(1 - p)): for one output that is a probability, or several independent ones.

    The targets t are between 0 and 1, and p are the predictions.

    Parameters
    ----------
    from_logits : bool, default False
        Whether the model ends without sigmoid. The loss then computes the logarithm of the sigmoid itself, without
        rounding small probabilities to 0.
    label_smoothing : float in [0, 1], default 0
        With a smoothing of s, targets t become t (1 - s) + s / 2.
    axis : int, default -1
        The axis over which the mean is taken; the others are averaged with the samples.
    reduction : str or None, default "sum_over_batch_size"
        See :class:`~cnncore.losses.Loss`.
    name : str, default "binary_crossentropy"
    dtype : str, optional
        Only "float32".

    Examples
    --------
    >>> round(BinaryCrossentropy()([[1], [0]], [[0.5], [0.5]]), 4)
    0.6931
    """

    kind = "binary_crossentropy"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: str | None = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)


@registry.register()
class BinaryFocalCrossentropy(Crossentropy):
    """mean(w (1 - q)^gamma crossentropy): binary crossentropy in which outputs that are predicted well count less.

    With targets t and predictions p, q = t p + (1 - t) (1 - p) is the probability that is predicted for the true class.
    From Lin et al., "Focal Loss for Dense Object Detection", 2017.

    Parameters
    ----------
    apply_class_balancing : bool, default False
        Whether the weight w is alpha for class 1 and 1 - alpha for class 0. Otherwise it is 1.
    alpha : float, default 0.25
        The weight of class 1.
    gamma : float, default 2
        At least 0. The larger it is, the less an output counts whose true class already has a high probability.
    from_logits : bool, default False
        Whether the model ends without sigmoid. The loss then applies it itself.
    label_smoothing : float in [0, 1], default 0
        With a smoothing of s, targets t become t (1 - s) + s / 2.
    axis : int, default -1
        The axis over which the mean is taken; the others are averaged with the samples.
    reduction : str or None, default "sum_over_batch_size"
        See :class:`~cnncore.losses.Loss`.
    name : str, default "binary_focal_crossentropy"
    dtype : str, optional
        Only "float32".

    Examples
    --------
    >>> round(BinaryFocalCrossentropy()([[1], [0]], [[0.5], [0.5]]), 4)
    0.1733
    """

    kind = "binary_focal_crossentropy"

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_focal_crossentropy",
        dtype: str | None = None,
    ) -> None:
        owner = type(self).__name__
        self.apply_class_balancing = _checks.boolean(apply_class_balancing, "apply_class_balancing", owner)
        self.alpha = _checks.number(alpha, "alpha", owner)
        self.gamma = _checks.number(gamma, "gamma", owner, 0)
        own = {"alpha": self.alpha, "gamma": self.gamma, "class_balancing": self.apply_class_balancing}
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype, **own)

    def get_config(self) -> dict[str, Any]:
        own = {"apply_class_balancing": self.apply_class_balancing, "alpha": self.alpha, "gamma": self.gamma}
        return {**super().get_config(), **own}
