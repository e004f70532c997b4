"""Crossentropies: losses of predictions that are probabilities or logits.

As in Keras, probabilities are clipped to [1e-7, 1 - 1e-7] before the logarithm, in training and in evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks
from cnncore.losses import targets
from cnncore.losses.base import registry
from cnncore.losses.compiled import CompiledLoss

__all__ = [
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "Crossentropy",
    "SparseCategoricalCrossentropy",
]

_LABELS_HINT = ' For integer labels use loss="sparse_categorical_crossentropy" or cnncore.utils.to_categorical.'


class Crossentropy(CompiledLoss):
    """The base class of crossentropies, with the arguments that they share."""

    def __init__(
        self,
        from_logits: bool,
        label_smoothing: float,
        axis: int,
        reduction: str | None,
        name: str | None,
        dtype: str | None,
        **parameters: Any,
    ) -> None:
        owner = type(self).__name__
        self.from_logits = _checks.boolean(from_logits, "from_logits", owner)
        self.label_smoothing = _checks.number(label_smoothing, "label_smoothing", owner)
        self.axis = _checks.integer(axis, "axis", owner, -(2**31))
        super().__init__(
            name, reduction, dtype, from_logits=self.from_logits, label_smoothing=self.label_smoothing, **parameters
        )

    def get_config(self) -> dict[str, Any]:
        own = {"from_logits": self.from_logits, "label_smoothing": self.label_smoothing, "axis": self.axis}
        return {**super().get_config(), **own}


@registry.register()
class SparseCategoricalCrossentropy(Crossentropy):
    """Crossentropy of integer labels: -log(p_label), with p the predictions divided by their sum.

    ``y_true`` has the predictions' shape without the axis of the classes, or with 1 there; it holds integers, bools or
    floats without fractions.

    Parameters
    ----------
    from_logits : bool, default False
        Whether the model ends without softmax, so that its outputs y are logits. The loss is then
        log(sum(exp(y))) - y_label. No probability is computed on the way, so that small ones are not rounded to 0.
    ignore_class : int, optional
        Places with this label have no loss and do not count in the mean. An example is the label of the borders
        between objects in a segmentation.
    reduction : str or None, default "sum_over_batch_size"
        See :class:`~cnncore.losses.Loss`.
    axis : int, default -1
        The axis of the classes. The mean is taken over the samples and all other axes.
    name : str, default "sparse_categorical_crossentropy"
    dtype : str, optional
        Only "float32".
    label_smoothing : float in [0, 1], default 0
        With a smoothing of s, the target of the true class becomes 1 - s + s / classes, and that of the other classes
        s / classes, as in PyTorch's ``CrossEntropyLoss``. Keras does not have this argument.

    Examples
    --------
    >>> round(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]]), 4)
    0.6931
    """

    kind = "sparse_categorical_crossentropy"

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: str | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        if ignore_class is not None:
            ignore_class = _checks.integer(ignore_class, "ignore_class", type(self).__name__, -(2**31))
        self.ignore_class = ignore_class
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype, ignore_class=ignore_class)

    def prepare_targets(self, y: ArrayLike, output_shape: tuple[int, ...]) -> np.ndarray:
        """Integer labels, int64 of shape (samples, ...) without the axis of the classes. A last axis of length 1 stays,
        because metrics of users get the same array.
        """
        rows, axis = list(output_shape), self.axis if self.axis < 0 else self.axis - 1
        self._is_last(len(output_shape) + 1)
        classes = rows.pop(axis)
        labels = targets.labels(y, self.name, tuple(rows), classes, self.ignore_class)
        return labels.reshape(np.shape(y))

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "ignore_class": self.ignore_class}
        if self.label_smoothing == 0:
            del config["label_smoothing"]  # Keras does not have this argument
        return config


@registry.register()
class CategoricalCrossentropy(Crossentropy):
    """Crossentropy of targets t that are one-hot rows or other distributions: -sum(t log(p)).

    The probabilities p are the predictions divided by their sum.

    Parameters
    ----------
    from_logits : bool, default False
        Whether the model ends without softmax. The loss then computes the logarithm of the softmax itself, without
        rounding small probabilities to 0.
    label_smoothing : float in [0, 1], default 0
        With a smoothing of s, targets t become t (1 - s) + s / classes (Szegedy et al., "Rethinking the Inception
        Architecture for Computer Vision", 2016).
    axis : int, default -1
        The axis of the classes. The mean is taken over the samples and all other axes.
    reduction : str or None, default "sum_over_batch_size"
        See :class:`~cnncore.losses.Loss`.
    name : str, default "categorical_crossentropy"
    dtype : str, optional
        Only "float32".

    Examples
    --------
    >>> round(CategoricalCrossentropy()([[0, 1]], [[0.5, 0.5]]), 4)
    0.6931
    """

    kind = "categorical_crossentropy"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: str | None = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)

    def prepare_targets(self, y: ArrayLike, output_shape: tuple[int, ...]) -> np.ndarray:
        """The rows as float32, of the predictions' shape."""
        return targets.full(y, self.name, output_shape, _LABELS_HINT)


@registry.register()
class CategoricalFocalCrossentropy(Crossentropy):
    """-sum(alpha (1 - p)^gamma t log(p)): crossentropy in which samples that are predicted well count less.

    The targets t are one-hot rows, and the probabilities p are the predictions divided by their sum. From Lin et al.,
    "Focal Loss for Dense Object Detection", 2017, for several classes.

    Parameters
    ----------
    alpha : float or list of float, default 0.25
        The weight of every class, or a list with one weight for each class.
    gamma : float, default 2
        At least 0. The larger it is, the less a sample counts whose class already has a high probability.
    from_logits : bool, default False
        Whether the model ends without softmax. The loss then applies it itself.
    label_smoothing : float in [0, 1], default 0
        With a smoothing of s, targets t become t (1 - s) + s / classes.
    axis : int, default -1
        The axis of the classes. The mean is taken over the samples and all other axes.
    reduction : str or None, default "sum_over_batch_size"
        See :class:`~cnncore.losses.Loss`.
    name : str, default "categorical_focal_crossentropy"
    dtype : str, optional
        Only "float32".

    Examples
    --------
    >>> round(CategoricalFocalCrossentropy(alpha=1.0)([[0, 1]], [[0.5, 0.5]]), 4)
    0.1733
    """

    kind = "categorical_focal_crossentropy"

    def __init__(
        self,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_focal_crossentropy",
        dtype: str | None = None,
    ) -> None:
        owner = type(self).__name__
        many = isinstance(alpha, (Sequence, np.ndarray)) and not isinstance(alpha, str)
        self.alpha: Any = (
            [_checks.number(a, "alpha", owner) for a in np.asarray(alpha).ravel().tolist()]
            if many
            else _checks.number(alpha, "alpha", owner)
        )
        self.gamma = _checks.number(gamma, "gamma", owner, 0)
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype, alpha=self.alpha, gamma=self.gamma)

    def prepare_targets(self, y: ArrayLike, output_shape: tuple[int, ...]) -> np.ndarray:
        """The rows as float32, of the predictions' shape."""
        return targets.full(y, self.name, output_shape, _LABELS_HINT)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha, "gamma": self.gamma}
