"""``fit``, ``evaluate`` and ``predict`` of classes that define their own steps."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from cnncore import _checks
from cnncore.callbacks import CallbackList, History
from cnncore.models.data.sources import is_stream, unpack
from cnncore.models.own.loop import OwnLoop, RawData, evaluate_by_steps, predict_by_steps
from cnncore.models.own.steps import OwnSteps
from cnncore.models.training.fit_options import FitData, HeldOut
from cnncore.models.training.interrupts import terminate_like_interrupt
from cnncore.models.training.loop import Validation
from cnncore.models.training.preparation import checked_frequency

__all__ = ["OwnFit"]


class OwnFit(OwnSteps):
    """The part of a model that runs the steps of a subclass."""

    history: History | None
    stop_training: bool
    _loop: Any

    def _fit_by_steps(
        self, data: FitData, epochs: range, shuffle: bool, callbacks: Any, verbose: Any, progress: Any
    ) -> History:
        """Train by :meth:`train_step`. The arguments are those of ``fit``."""
        self._require_compiled("fit")
        source = RawData(data.arrays, data.batch_size, "fit", data.steps, data.class_weight)
        rest: RawData | None = None
        if data.held_out.data is None and data.held_out.split:
            split = _checks.number(data.held_out.split, "validation_split", "fit", minimum=0.0, below=1.0)
            source, rest = source.split(split)
        evaluates = data.held_out.data is not None or rest is not None
        hooks = CallbackList(
            callbacks,
            add_history=True,
            model=self,
            progress=progress,
            verbose=verbose,
            epochs=epochs.stop,
            steps=source.steps,
            samples=source.samples,
            batch_size=source.batch_size,
            do_validation=evaluates,
        )
        self.history, self.stop_training = hooks.history, False
        validation: Any = None
        if evaluates:
            is_due = Validation(rest, checked_frequency(data.held_out.frequency)).is_due
            size = data.held_out.batch_size or source.batch_size
            validation = is_due, functools.partial(self._evaluate_held_out, data.held_out, rest, size, hooks)
        with terminate_like_interrupt(), hooks:
            self._loop = OwnLoop(self, source, validation, shuffle)
            try:
                self._loop.run(epochs, hooks)
            finally:
                self._loop = None
        return hooks.history

    def _evaluate_held_out(
        self, held_out: HeldOut, rest: RawData | None, batch_size: int | None, hooks: CallbackList
    ) -> dict[str, Any]:
        """The losses and metrics by name: of ``rest``, the part of the training data that was split off, if there is
        one, and otherwise of ``validation_data``. Calls the hooks of an evaluation.
        """
        if rest is not None:
            x, y, weight = unpack(next(rest.whole()), "fit")
        elif is_stream(held_out.data, "fit"):
            x, y, weight = held_out.data, None, None
        else:
            x, y, weight = unpack(held_out.data, "fit")
        if self._tests_itself:
            return evaluate_by_steps(self, RawData((x, y, weight), batch_size, "evaluate", held_out.steps), hooks)
        self._require_loss("evaluate")
        source = self._evaluation_data((x, y, weight), batch_size, held_out.steps, "evaluate", seen=True)
        with self._own_outputs() as outputs:
            return self._evaluate_source(outputs, source, hooks)  # type: ignore[attr-defined,no-any-return]

    def _evaluate_by_steps(
        self, data: tuple[Any, Any, Any], batch_size: int | None, steps: int | None, hooks: CallbackList
    ) -> dict[str, Any]:
        """Evaluate by :meth:`test_step`; the losses and metrics by name."""
        self._require_compiled("evaluate")
        with hooks:
            return evaluate_by_steps(self, RawData(data, batch_size, "evaluate", steps), hooks)

    def _predict_by_steps(self, x: Any, batch_size: int | None, steps: int | None, hooks: CallbackList) -> Any:
        """Predict by :meth:`predict_step`."""
        with hooks:
            return predict_by_steps(self, RawData((x, None, None), batch_size, "predict", steps), hooks)

    # --- functions that run one step --------------------------------------------------------------------------------
    def make_train_function(self, force: bool = False) -> Callable[[Any], Any]:
        """A function that takes an iterator over batches, and calls :meth:`train_step` with the next one.

        ``force`` is accepted for compatibility with Keras.
        """
        return lambda data: self.train_step(_next_of(data))

    def make_test_function(self, force: bool = False) -> Callable[[Any], Any]:
        """The same for :meth:`test_step`."""
        return lambda data: self.test_step(_next_of(data))

    def make_predict_function(self, force: bool = False) -> Callable[[Any], Any]:
        """The same for :meth:`predict_step`. It need not be called before threads use a model."""
        return lambda data: self.predict_step(_next_of(data))


def _next_of(data: Any) -> Any:
    return next(data) if hasattr(data, "__next__") else data
