"""Metrics with the names they have in Keras, as classes, functions and strings. They are updated batch by batch in
float64.

>>> from cnncore import metrics
>>> metric = metrics.SparseCategoricalAccuracy()
>>> metric.update_state([1, 0], [[0.1, 0.9], [0.2, 0.8]])
>>> metric.result()
0.5
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from cnncore import losses
from cnncore._custom_objects import custom_object_scope
from cnncore._keras_names.errors import explain_missing
from cnncore._registry import snake_case
from cnncore.losses import (
    Loss,
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
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
from cnncore.losses.functions import CLASSES as LOSS_CLASSES
from cnncore.metrics.accuracy import (
    Accuracy,
    AccuracyByShape,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
)
from cnncore.metrics.accuracy_functions import (
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from cnncore.metrics.base import Metric, registry
from cnncore.metrics.classes import ConfusionMatrix
from cnncore.metrics.confusion import FalseNegatives, FalsePositives, Precision, Recall, TrueNegatives, TruePositives
from cnncore.metrics.correlation import (
    ConcordanceCorrelation,
    PearsonCorrelation,
    RootMeanSquaredError,
    concordance_correlation,
    pearson_correlation,
)
from cnncore.metrics.crossentropies import BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy
from cnncore.metrics.curves import AUC
from cnncore.metrics.intersections import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from cnncore.metrics.loss_means import (
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SquaredHinge,
)
from cnncore.metrics.operating_points import (
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
)
from cnncore.metrics.reductions import Mean, MeanMetricWrapper, Sum, known_functions
from cnncore.metrics.scores import F1Score, FBetaScore, R2Score

__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "BinaryIoU",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "ConcordanceCorrelation",
    "ConfusionMatrix",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "IoU",
    "KLDivergence",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanIoU",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "OneHotIoU",
    "OneHotMeanIoU",
    "PearsonCorrelation",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "binary_accuracy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "concordance_correlation",
    "deserialize",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "pearson_correlation",
    "poisson",
    "serialize",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "top_k_categorical_accuracy",
    "unique_names",
]

if not TYPE_CHECKING:
    __getattr__ = explain_missing("metrics", __all__)


known_functions |= {
    function.__name__: function
    for function in (
        *LOSS_CLASSES,
        *(binary_accuracy, categorical_accuracy, sparse_categorical_accuracy, top_k_categorical_accuracy),
        *(sparse_top_k_categorical_accuracy, pearson_correlation, concordance_correlation),
    )
}


def get(
    identifier: Any,
    loss: Loss | None = None,
    output_shape: tuple[int, ...] | None = None,
) -> Metric:
    """A metric from an object, a class, a function, a loss, a name or a config.

    Parameters
    ----------
    identifier : Metric, type, callable, Loss, str or dict
        A name is that of a function or a class, or a short name such as "mse"; logs then use the same name. A function
        takes (y_true, y_pred), and returns one value for each sample, or one number for all of them. In logs, the name
        of a function is in small letters: "dice_coef" for ``DiceCoef``.
    loss : Loss, optional
        The loss that decides which accuracy the names "accuracy" and "acc" stand for.
    output_shape : tuple of int, optional
        The shape of the predictions of a sample, which decides this as well.

    Returns
    -------
    Metric

    Examples
    --------
    >>> get("mae").name, type(get("accuracy", output_shape=(1,))).__name__
    ('mae', 'BinaryAccuracy')
    """
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, str):
        automatic = identifier.lower() in ("accuracy", "acc")
        metric = _accuracy(loss, output_shape)() if automatic else get(registry.named(identifier))
        metric.name = identifier
        return metric
    if isinstance(identifier, Loss):
        return MeanMetricWrapper(identifier.call, name=identifier.name)
    if callable(identifier) and not isinstance(identifier, type):
        return MeanMetricWrapper(identifier, name=getattr(identifier, "name", None) or _name_of(identifier))
    return registry.get(identifier)


def _name_of(function: Any) -> str:
    """The name that logs have for a function of a user, as in Keras: "psnr" for ``PSNR``, "lambda" for a lambda."""
    name = getattr(function, "__name__", None) or type(function).__name__
    return snake_case("".join(letter for letter in name if letter.isalnum() or letter == "_"))


def _accuracy(loss: Loss | None, output_shape: tuple[int, ...] | None) -> type[Metric]:
    """The class of accuracy that Keras would choose."""
    if output_shape is not None and output_shape[-1:] in ((1,), ()):
        return BinaryAccuracy
    if isinstance(loss, losses.SparseCategoricalCrossentropy):
        return SparseCategoricalAccuracy
    if isinstance(loss, _OVER_CLASSES):
        return CategoricalAccuracy
    return BinaryAccuracy if output_shape is None else AccuracyByShape


_OVER_CLASSES = (
    losses.SparseCategoricalCrossentropy,
    losses.CategoricalCrossentropy,
    losses.CategoricalFocalCrossentropy,
)


def unique_names(names: Iterable[str]) -> list[str]:
    """``names`` without repetitions, for logs: as in Keras, a name that occurred before gets _1, _2, ...

    >>> unique_names(["auc", "loss", "auc"])
    ['auc', 'loss', 'auc_1']
    """
    result: list[str] = []
    for name in names:
        count, candidate = 0, name
        while candidate in result:
            count += 1
            candidate = f"{name}_{count}"
        result.append(candidate)
    return result


def serialize(metric: Metric) -> dict[str, Any]:
    """``{"class_name", "config"}`` of ``metric``."""
    return registry.serialize(metric)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Metric:
    """Inverse of :func:`serialize`, or a metric by its name; an unknown class is a ValueError.

    Parameters
    ----------
    config : dict or str
    custom_objects : dict of str to class or function, optional
        Classes and functions by name, for names that are not this package's own.
    """
    with custom_object_scope(custom_objects):
        return get(config)
