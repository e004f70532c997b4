"""Trainer: the half of a model that compiles, trains, evaluates and predicts."""

from __future__ import annotations

import copy
import math
import sys
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.models.inference import Inference
from cnncore.models.products import Products
from cnncore.models.structure.old_words import OldWords
from cnncore.models.structure.remembered import Remembered
from cnncore.models.training.claim import Claim
from cnncore.optimizers.options import ranges_of
from cnncore.optimizers.stateful import MEMORY

__all__ = ["Trainer"]


class Trainer(Products, Inference, OldWords):
    """The half of a model that trains. ``structure/protocol.py`` describes what it needs of the other half.

    Attributes
    ----------
    history : History or None
        What the last ``fit`` recorded.
    stop_training : bool
        Set it to True in a callback to end ``fit`` after the current batch.
    input_range : list of (float, float), or None
        The least and the greatest value of each input that training has seen so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.history = None
        self.stop_training = False
        self.input_range = None
        self._advised = set()
        self._loop = None
        self._metrics_in_use = Claim()
        self._remembered = Remembered()

    # --- what callbacks and files use -----------------------------------------------------------------------------
    def build_optimizer(self) -> None:
        """Make the state of the optimizer for the weights that are trained now. The first step does this by itself.

        An optimizer has state for one model. Where another model uses it, this one gets a copy with a warning, since
        scripts for Keras 2 compile several models with one optimizer.
        """
        network = self._network_for_use()
        if not any(slot.trainable for slot in network.slots):
            warnings.warn(
                f"The model {self.name!r} has no trainable weights: training measures the loss and changes nothing.",
                stacklevel=_callers_level(),
            )
        if not network.parameter_count:
            return
        if self.optimizer.serves_another(self):
            warnings.warn(
                f"{type(self.optimizer).__name__} is in use by another model, so {self.name!r} trains with a copy of "
                "it from now on. Make an optimizer for each model.",
                stacklevel=_callers_level(),
            )
            self._optimizer = copy.deepcopy(self.optimizer)
            self._optimizer.reset()
        self.optimizer.build(network.parameter_count, owner=self, slots=network.slots)

    @property
    def training_position(self) -> dict[str, Any]:
        """Which batches of a running ``fit`` are done, ready for JSON. Setting it in ``on_train_begin`` makes ``fit``
        continue from there.
        """
        if self._loop is None:
            raise ValueError(
                "[training_position] expected a model inside fit. Received: a model that is not in training"
            )
        return self._loop.position

    @training_position.setter
    def training_position(self, position: dict[str, Any]) -> None:
        if self._loop is None:
            raise ValueError(
                "[training_position] expected a model inside fit. Received: a model that is not in training"
            )
        self._loop.position = position

    def get_compile_config(self) -> dict[str, Any]:
        """The arguments of ``compile`` and the range of the training data, ready for JSON.

        Raises
        ------
        ValueError
            If the model is not compiled, or something in it cannot be described: a function as loss, metric or learning
            rate.
        """
        return {**super().get_compile_config(), "input_range": self.input_range}

    def compile_from_config(self, config: Mapping[str, Any]) -> None:
        """Inverse of :meth:`get_compile_config`."""
        config = _checks.config(config, "compile_from_config")
        ranges = config.get("input_range")
        super().compile_from_config({key: value for key, value in config.items() if key != "input_range"})
        self.input_range = None if ranges is None else [(float(low), float(high)) for low, high in ranges]

    # --- details --------------------------------------------------------------------------------------------------
    def _network_replaced(self, old: Any, new: Any) -> None:
        """Carry the optimizer's state over to a network with other slots; called by the structure, under the lock."""
        optimizer = self._optimizer
        if optimizer is None or old is None or not optimizer.built:
            return
        before, places = optimizer.state_dict(), {(slot.layer, slot.index): slot for slot in old.slots}
        optimizer.build_for(new.parameter_count, ranges_of(new.slots))
        # the state with which variables begin that were not trained so far
        begun = {} if optimizer.rule is None else optimizer.state
        nothing = np.zeros(new.parameter_count, np.float32)
        after = {
            name: np.array(begun.get(name, nothing))
            for name in before
            if name != "step" and not name.startswith(MEMORY)
        }
        for slot in new.slots:
            place = places.get((slot.layer, slot.index))
            if place is None or not (slot.trainable and place.trainable) or tuple(slot.shape) != tuple(place.shape):
                continue  # state of frozen weights is not kept: it starts again when they are trained again
            size = math.prod(slot.shape)
            for name, vector in after.items():
                vector[slot.offset : slot.offset + size] = before[name][place.offset : place.offset + size]
        optimizer.load_state_dict({"step": before["step"], **after})

    def _training_attributes(self) -> dict[str, Any]:
        """The attributes that copies and files keep: all except those that belong to a running call."""
        return {
            "history": self.history,
            "stop_training": False,
            "input_range": self.input_range,
            "_advised": set(self._advised),
            "_optimizer": self._optimizer,
            "_plan": self._plan,
            "_outputs": None,
            "_loop": None,
        }


def _callers_level() -> int:
    """The ``stacklevel`` with which a warning of the calling function points to the program that uses this package."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith("cnncore"):
        frame, level = frame.f_back, level + 1
    return level
