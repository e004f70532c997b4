"""Arguments of ``fit`` that are passed on together."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["FitData", "HeldOut"]


class HeldOut(NamedTuple):
    """What ``fit`` evaluates the model on after epochs, as its arguments ``validation_...`` say it."""

    split: float
    data: Any
    steps: int | None
    batch_size: int | None
    frequency: Any


class FitData(NamedTuple):
    """What ``fit`` trains on: its arguments before any check."""

    arrays: tuple[Any, Any, Any]  # x, y, sample_weight; or a source of batches, None, None
    class_weight: Any
    batch_size: int | None
    steps: int | None
    held_out: HeldOut
