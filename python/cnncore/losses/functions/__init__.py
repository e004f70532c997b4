"""Losses as functions: the loss of every row, before any mean over samples.

Each function takes array_like ``y_true`` and ``y_pred``, which are converted to float32, and returns a float32 array
of ``y_pred``'s shape without its axis of classes or values. The classes of :mod:`cnncore.losses` explain the other
arguments.
"""

from __future__ import annotations

from cnncore.losses.functions.base import CLASSES
from cnncore.losses.functions.probabilities import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    kl_divergence,
    poisson,
    sparse_categorical_crossentropy,
)
from cnncore.losses.functions.values import (
    categorical_hinge,
    cosine_similarity,
    hinge,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    squared_hinge,
)

__all__ = [
    "CLASSES",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "cosine_similarity",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "sparse_categorical_crossentropy",
    "squared_hinge",
]
