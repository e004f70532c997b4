"""Optimizer: functions of flat vectors. The built-in ones are one fused pass in the core, a user's is NumPy."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from cnncore import _checks
from cnncore._checks import Float32
from cnncore._registry import Registry
from cnncore.optimizers import schedules
from cnncore.optimizers.schedules import LearningRateSchedule

if TYPE_CHECKING:
    from cnncore import _core

registry: Registry[Optimizer] = Registry("optimizer")


class Optimizer:
    """Base class. Your own optimizer implements ``update`` and keeps its vectors in ``self.state``.

    Parameters
    ----------
    learning_rate : float or callable
        A number, or a schedule: a function of the number of steps done (see :mod:`cnncore.optimizers.schedules`).

    Attributes
    ----------
    state : dict of str to numpy.ndarray
        Float32 vectors of the size of the parameters, saved with the model. ``update`` may add to it.
    iterations : int
        Number of steps done.

    Examples
    --------
    >>> class SignDescent(Optimizer):
    ...     def update(self, params, grads, step):
    ...         params -= self.learning_rate * np.sign(grads)
    >>> optimizer = SignDescent(learning_rate=0.5)
    >>> params = np.array([1.0, 1.0], dtype=np.float32)
    >>> optimizer.update(params, np.array([3.0, -0.1], dtype=np.float32), step=1)
    >>> params
    array([0.5, 1.5], dtype=float32)
    """

    def __init__(self, learning_rate: float | Callable[[int], float]) -> None:
        self.rule: _core.Sgd | _core.Adam | None = None  # the core's part, once the size of the model is known
        self._state: dict[str, Float32] = {}
        self._iterations = 0
        self._size: int | None = None
        self._owner: weakref.ref[Any] | None = None
        self.learning_rate = learning_rate

    # --- what a subclass says -----------------------------------------------------------------------------------
    def update(self, params: Float32, grads: Float32, step: int) -> None:
        """Change ``params`` in place.

        Parameters
        ----------
        params, grads : numpy.ndarray of float32, shape (size,)
            All parameters of the model and their gradients (``model.network.slots`` tells which is where).
        step : int
            Number of this step, counted from 1.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement update(params, grads, step)")

    def make_rule(self, size: int) -> _core.Sgd | _core.Adam | None:
        """The core's update rule for ``size`` parameters, or None where ``update`` is to be called."""
        return None

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor, ready for JSON; the learning rate as it is now."""
        if isinstance(self._schedule, LearningRateSchedule):
            return {"learning_rate": schedules.serialize(self._schedule)}
        if self._schedule is not None:
            raise ValueError(
                f"[{type(self).__name__}] a learning rate given as a plain function cannot be described in a file: "
                f"use a class of cnncore.optimizers.schedules. Received: learning_rate={self._schedule!r}"
            )
        return {"learning_rate": self._learning_rate}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Optimizer:
        """Inverse of :meth:`get_config`."""
        return cls(**config)

    # --- state ----------------------------------------------------------------------------------------------------
    @property
    def learning_rate(self) -> float:
        """The rate of the next step. Assign a number or a schedule to change it."""
        if self._schedule is None:
            return self._learning_rate
        return _checks.number(self._schedule(self.iterations), "learning_rate", type(self).__name__, minimum=0.0)

    @learning_rate.setter
    def learning_rate(self, value: float | Callable[[int], float] | dict[str, Any]) -> None:
        if isinstance(value, dict):
            value = schedules.deserialize(value)
        if callable(value):
            self._schedule: Callable[[int], float] | None = value
        else:
            rate = _checks.number(value, "learning_rate", type(self).__name__, minimum=0.0)
            self._schedule, self._learning_rate = None, rate
            if self.rule is not None:
                self.rule.learning_rate = rate

    @property
    def iterations(self) -> int:
        """Number of steps done."""
        return self._iterations if self.rule is None else self.rule.step

    @property
    def state(self) -> dict[str, Float32]:
        """The vectors kept from step to step; those of built-in optimizers are views of the core's."""
        return self._state if self.rule is None else self.rule.state

    def build(self, size: int, owner: Any = None) -> None:
        """Make the state for ``size`` parameters; nothing happens if that is done already.

        Raises
        ------
        ValueError
            If the optimizer belongs to another model, or has state for another number of parameters.
        """
        current = self._owner() if self._owner is not None else None
        if owner is not None and current is not None and current is not owner:
            raise ValueError(f"[{type(self).__name__}] this optimizer is in use by another model: make a new one.")
        if self._size is not None and self._size != size:
            raise ValueError(
                f"[{type(self).__name__}] the optimizer has state for {self._size} parameters, but the model now has "
                f"{size}: compile the model again."
            )
        if self._size is None:
            self.rule, self._size = self.make_rule(size), size
            if self.rule is not None and self._schedule is None:
                self.rule.learning_rate = self._learning_rate
        if owner is not None:
            self._owner = weakref.ref(owner)

    def prepare_step(self) -> _core.Sgd | _core.Adam | None:
        """The rule for the next step, with its learning rate set."""
        if self.rule is not None and self._schedule is not None:
            self.rule.learning_rate = self.learning_rate
        return self.rule

    def apply(self, params: Float32, grads: Float32) -> None:
        """One step of an optimizer without a rule in the core."""
        self.update(params, grads, self._iterations + 1)
        self._iterations += 1

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of the state: "step", an int64 scalar, and float32 vectors."""
        vectors = {name: np.array(vector, dtype=np.float32) for name, vector in self.state.items()}
        return {"step": np.array(self.iterations, dtype=np.int64), **vectors}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of :meth:`state_dict`, after :meth:`build`. Nothing is changed if the state does not fit.

        Raises
        ------
        ValueError
            If a vector is missing, unknown or of the wrong size, or the step is negative.
        """
        owner = type(self).__name__
        if self._size is None:
            raise ValueError(f"[{owner}] the optimizer must be built for a model before its state can be loaded.")
        vectors = {name: np.asarray(vector) for name, vector in state.items() if name != "step"}
        step = _checks.integer(np.asarray(state.get("step")).item(), "step", owner, minimum=0)
        if self.rule is not None and set(vectors) != set(self.rule.state):
            raise ValueError(f"[{owner}] expected state vectors {sorted(self.rule.state)}. Received: {sorted(vectors)}")
        for name, vector in vectors.items():
            if vector.shape != (self._size,) or vector.dtype.kind != "f":
                raise ValueError(
                    f"[{owner}] expected state {name!r} of shape ({self._size},) and a float dtype. "
                    f"Received: shape {vector.shape}, dtype {vector.dtype}"
                )
        if self.rule is None:
            self._state = {name: vector.astype(np.float32) for name, vector in vectors.items()}
            self._iterations = step
            return
        for name, target in self.rule.state.items():
            target[...] = vectors[name]
        self.rule.step = step
