"""Learning rates that change from step to step. A schedule is called with the number of batches so far, 0 at first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncore._keras_names.errors import explain_missing
from cnncore.optimizers.schedules.base import LearningRateSchedule, registry
from cnncore.optimizers.schedules.cosine import CosineDecay, CosineDecayRestarts, OneCycle
from cnncore.optimizers.schedules.decay import (
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
)

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "OneCycle",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]

if not TYPE_CHECKING:
    __getattr__ = explain_missing("optimizers.schedules", __all__)


def serialize(learning_rate_schedule: LearningRateSchedule) -> dict[str, Any]:
    """``{"class_name", "config"}`` of ``learning_rate_schedule``."""
    return registry.serialize(learning_rate_schedule)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> LearningRateSchedule:
    """Inverse of :func:`serialize`.

    Parameters
    ----------
    config : dict
        What :func:`serialize` returned.
    custom_objects : dict, optional
        Your own classes by name.

    Raises
    ------
    ValueError
        If the class is not known or its arguments make no sense.
    """
    return registry.deserialize(config, custom_objects)
