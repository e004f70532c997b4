"""The state of an optimizer: its vectors, its number of steps, the model they belong to, and how they are stored."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

import numpy as np

from cnncore import _checks, _core
from cnncore._checks import Float32
from cnncore.optimizers.arrays import place_variables
from cnncore.optimizers.options import DecayExclusions, Options, VariableRange, ranges_of
from cnncore.optimizers.rated import Rated
from cnncore.optimizers.variables import Iterations

__all__ = ["MEMORY", "Stateful", "copied"]

MEMORY = "memory/"  # in state_dict, the names of arrays other than vectors begin with this


class Stateful(Rated):
    """The part of an optimizer that keeps vectors from one step to the next, in the core or in NumPy."""

    options: Options

    def __init__(self) -> None:
        self.rule = None
        self.exclusions = DecayExclusions()
        self.trained_variables: list[VariableRange] = []
        self._state: dict[str, Float32] = {}
        self._memory: dict[str, Float32] = {}
        self._step = 0
        self._finite = True
        self._size: int | None = None
        self._owner: weakref.ref[Any] | None = None
        self.array_ids: list[Any] = []  # without a model: the arrays or variables that the state is for

    def make_rule(self, size: int) -> _core.Optimizer | None:
        """The core's update rule for ``size`` parameters, or None if ``update`` computes the step."""
        return None

    @property
    def step(self) -> int:
        """The number of batches so far, including those whose gradients were only accumulated. Schedules depend on
        it.
        """
        return self._step if self.rule is None else self.rule.step

    @step.setter
    def step(self, value: int) -> None:
        number = _checks.integer(value, "step", type(self).__name__, minimum=0)
        if self.rule is None:
            self._step = number
        else:
            self.rule.step = number

    @property
    def iterations(self) -> Iterations:
        """The number of steps done. Batches whose gradients were only accumulated do not count."""
        every = self.options.gradient_accumulation_steps or 1
        return Iterations(self.step // every, lambda value: setattr(self, "step", value * every))

    @property
    def finite(self) -> bool:
        """False if the last step left NaN or infinity in the weights or in the state."""
        return self._finite if self.rule is None else self.rule.finite

    @property
    def state(self) -> dict[str, Float32]:
        """The vectors that are kept from one step to the next, by name. Those of built-in optimizers are views of
        vectors of the core.
        """
        return self._state if self.rule is None else self.rule.state

    @property
    def memory(self) -> dict[str, Float32]:
        """Other arrays that are kept from step to step: float32 arrays of any shape, by name."""
        return self._memory

    @property
    def built(self) -> bool:
        """Whether the state has been made."""
        return self._size is not None

    @property
    def variables(self) -> list[np.ndarray]:
        """Everything that changes in training: the number of batches, the learning rate, and for each trained variable
        its part of each vector of the state, as views in the variable's shape.
        """
        state = self.state
        parts = [state[name][part.slice].reshape(part.shape) for part in self.trained_variables for name in state]
        return [np.array(self.step, np.int64), np.array(self.learning_rate, np.float32), *parts]

    def build(self, size: Any, owner: Any = None, slots: Iterable[Any] = ()) -> None:
        """Make the state for ``size`` parameters, unless that has been done.

        Parameters
        ----------
        size : int, or list of variables
            The length of the flat vectors. Or, as in Keras, the variables for which :meth:`apply` will be called.
        owner : object, optional
            The model. An optimizer belongs to one model.
        slots : iterable, optional
            The slots of the network: objects with ``name``, ``shape`` and ``offset``, and optionally ``layer`` and
            ``trainable``. Without slots all parameters are one variable.

        Raises
        ------
        ValueError
            If the optimizer belongs to another model, or has state for another number of parameters.
        """
        if isinstance(size, (list, tuple)):
            place_variables(self, size)
            return
        size = _checks.integer(size, "size", type(self).__name__)
        if owner is not None and self.serves_another(owner):
            raise ValueError(f"[{type(self).__name__}] this optimizer is in use by another model: make a new one.")
        if self.array_ids and owner is not None and not self.step:
            self.reset()  # it was only built for variables, and has done no step
        if self.array_ids and owner is not None:
            raise ValueError(
                f"[{type(self).__name__}] this optimizer has state for the variables that `apply` was called with, in "
                "their order: fit needs another optimizer."
            )
        if self._size is not None and self._size != size:
            raise ValueError(
                f"[{type(self).__name__}] the optimizer has state for {self._size} parameters, but the model now has "
                f"{size}: compile the model again."
            )
        if self._size is None:
            self.build_for(size, ranges_of(slots) or [VariableRange("parameters", 0, (size,))])
        if owner is not None:
            self._owner = weakref.ref(owner)

    def serves_another(self, owner: Any) -> bool:
        """Whether the state belongs to another model than ``owner``."""
        current = self._owner() if self._owner is not None else None
        return current is not None and current is not owner

    @property
    def size(self) -> int:
        """The length of the vectors of the state; 0 before there is any."""
        return self._size or 0

    def ranges_in_model(self) -> dict[Any, VariableRange]:
        """The places in the state's vectors of the model's trained variables, by trace key. Empty if the state belongs
        to no model.
        """
        model = self._owner() if self._owner is not None else None
        if model is None or not self.built:
            return {}
        return {
            model.variable_of(slot).trace_key: VariableRange(slot.name, int(slot.offset), tuple(slot.shape))
            for slot in model.core_network.slots
            if slot.trainable
        }

    def build_for(self, size: int, variables: list[VariableRange]) -> None:
        """Make the state for these variables in vectors of ``size`` parameters."""
        rule = self.make_rule(size)
        if rule is not None:
            rule.set_options(**self.options.for_core())
            rule.set_variables([(v.name, v.offset, v.shape, self.exclusions.decays(v.name)) for v in variables])
            rule.learning_rate = self._learning_rate
        self.rule, self._size, self.trained_variables = rule, size, variables

    def reset(self) -> None:
        """Forget the state and the steps, as if the optimizer had never been used. The learning rate and the options
        stay.
        """
        self.rule, self._size, self._owner = None, None, None
        self._state, self._memory, self._step, self._finite = {}, {}, 0, True
        self.trained_variables, self.array_ids = [], []

    def state_dict(self, into: dict[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
        """Copies of the state: the scalar "step" as int64, the vectors as float32, and the arrays of :attr:`memory` as
        "memory/...".

        Parameters
        ----------
        into : dict, optional
            The result of an earlier call that is not needed any more. Its arrays are overwritten and returned again.
        """
        old = into or {}
        vectors = {name: copied(vector, old.get(name)) for name, vector in self.state.items()}
        memory = {f"{MEMORY}{name}": copied(array, old.get(f"{MEMORY}{name}")) for name, array in self.memory.items()}
        return {"step": np.array(self.step, dtype=np.int64), **vectors, **memory}

    def __getstate__(self) -> dict[str, Any]:
        held = self.state_dict() if self.built else None
        return {
            **self.__dict__,
            "rule": None,
            "_state": {},
            "_memory": {},
            "_owner": None,
            "array_ids": [],
            "held": held,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        held = state.pop("held")
        self.__dict__.update(state)
        if held is not None and self._size is not None:
            self.build_for(self._size, self.trained_variables)
            self.load_state_dict(held)

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
        arrays = {name: np.asarray(array) for name, array in state.items() if name != "step"}
        vectors = {name: array for name, array in arrays.items() if not name.startswith(MEMORY)}
        step = _checks.integer(np.asarray(state.get("step")).item(), "step", owner, minimum=0)
        if self.rule is not None and set(vectors) != set(self.rule.state):
            raise ValueError(f"[{owner}] expected state vectors {sorted(self.rule.state)}. Received: {sorted(vectors)}")
        for name, vector in vectors.items():
            if vector.shape != (self._size,) or vector.dtype.kind != "f":
                raise ValueError(
                    f"[{owner}] expected state {name!r} of shape ({self._size},) and a float dtype. "
                    f"Received: shape {vector.shape}, dtype {vector.dtype}"
                )
        memory = {name.removeprefix(MEMORY): array for name, array in arrays.items() if name.startswith(MEMORY)}
        self._memory = {name: array.astype(np.float32) for name, array in memory.items()}
        if self.rule is None:
            self._state = {name: vector.astype(np.float32) for name, vector in vectors.items()}
        else:
            for name, target in self.rule.state.items():
                target[...] = vectors[name]
        self.step = step


def copied(array: np.ndarray, into: np.ndarray | None) -> Float32:
    """A float32 copy of an array, in the memory of ``into`` if that has the same shape."""
    if into is None or into.shape != array.shape:
        return np.array(array, dtype=np.float32)
    into[...] = array
    return into
