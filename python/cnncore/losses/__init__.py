"""Losses with the names they have in Keras, as classes, functions and strings. Training runs the same code.

>>> from cnncore import losses
>>> losses.get("mse")([[1.0]], [[3.0]])
4.0
>>> losses.categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])
array([0.6931472], dtype=float32)
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping
from typing import Any

from cnncore._custom_objects import custom_object_scope
from cnncore._keras_names.errors import missing
from cnncore.losses.base import Loss, registry
from cnncore.losses.binary_crossentropies import BinaryCrossentropy, BinaryFocalCrossentropy
from cnncore.losses.crossentropies import (
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    SparseCategoricalCrossentropy,
)
from cnncore.losses.custom import FunctionLoss
from cnncore.losses.divergences import KLDivergence, Poisson
from cnncore.losses.functions import (
    CLASSES,
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    cosine_similarity,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from cnncore.losses.hinge import CategoricalHinge, Hinge, SquaredHinge
from cnncore.losses.outputs import check_output
from cnncore.losses.overlap import Dice, Tversky, dice, tversky
from cnncore.losses.regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
)
from cnncore.losses.robust import CategoricalGeneralizedCrossEntropy, categorical_generalized_cross_entropy

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Dice",
    "FunctionLoss",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "check_output",
    "cosine_similarity",
    "deserialize",
    "dice",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]

_KERAS_2 = {
    "bce": binary_crossentropy,
    "kld": kl_divergence,
    "kullback_leibler_divergence": kl_divergence,
    "logcosh": log_cosh,
    "mae": mean_absolute_error,
    "mape": mean_absolute_percentage_error,
    "mse": mean_squared_error,
    "msle": mean_squared_logarithmic_error,
}


class _Reduction:
    """The names of reductions in Keras 2."""

    AUTO = SUM_OVER_BATCH_SIZE = "sum_over_batch_size"
    SUM = "sum"
    NONE = "none"


def __getattr__(name: str) -> Any:
    if name == "Reduction":
        message = 'losses.Reduction is Keras 2\'s. Today reductions are strings such as "sum".'
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return _Reduction
    function = _KERAS_2.get(name.lower())
    if function is None:
        raise missing("losses", name, __all__)
    message = f"losses.{name} is Keras 2's name of losses.{function.__name__}."
    warnings.warn(message, DeprecationWarning, stacklevel=2)
    return function


def __dir__() -> list[str]:
    return __all__


def get(identifier: Any) -> Loss:
    """A loss from an object, a class, a function, a name or a config.

    Parameters
    ----------
    identifier : Loss, type, callable, str or dict
        A name is that of a function or a class ("mean_squared_error", "MeanSquaredError"), or one of the short names
        "mse", "mae", "mape", "msle", "bce" and "kld". A function of this module stands for its class. Any other
        function becomes a :class:`FunctionLoss`.

    Returns
    -------
    Loss

    Examples
    --------
    >>> get(huber).delta
    1.0
    >>> get(functools.partial(huber, delta=2.0)).delta
    2.0
    """
    if isinstance(identifier, str):
        identifier = registry.named(identifier)
    if isinstance(identifier, Loss):
        return identifier
    if isinstance(identifier, functools.partial) and identifier.func in CLASSES and not identifier.args:
        return CLASSES[identifier.func](**identifier.keywords)
    if callable(identifier) and not isinstance(identifier, type):
        return CLASSES[identifier]() if identifier in CLASSES else FunctionLoss(identifier)
    return registry.get(identifier)


def serialize(loss: Loss) -> dict[str, Any]:
    """``{"class_name", "config"}`` of ``loss``."""
    return registry.serialize(loss)


def deserialize(name: Any, custom_objects: Mapping[str, Any] | None = None) -> Loss:
    """Inverse of :func:`serialize`, or a loss by its name; an unknown class is a ValueError.

    Parameters
    ----------
    name : dict or str
    custom_objects : dict of str to class or function, optional
        Classes and functions by name, for names that are not this package's own.
    """
    with custom_object_scope(custom_objects):
        return get(name)
