"""What recurrent layers share: their arguments and weights, and how they go through a sequence with NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks, activations, regularizers
from cnncore._random import generator, next_seed
from cnncore.activations.definition import functions
from cnncore.differentiation import value_of
from cnncore.graph.call_record import is_probed
from cnncore.layers.base import WeightSpec
from cnncore.layers.base.weighted import Weighted
from cnncore.layers.weights.variable import Variable

__all__ = ["Recurrent", "shared_options", "shown_steps", "used_steps"]


class Recurrent(Weighted):
    """The base class of recurrent layers: arguments, weights, dropout, and the form of the result."""

    keras_weights_in = "cell"  # the name of the part of Keras' layer that has the weights
    gates = 1  # how many parts of the size of the state a step computes
    states_of_step = 1
    one_input = False

    def __init__(self, units: int, activation: Any, use_bias: bool, options: dict[str, Any], kwargs: Any) -> None:
        owner = type(self).__name__
        own = {key: options.pop(key) for key in _FLAGS}
        super().__init__(activity_regularizer=options.pop("activity_regularizer"), **kwargs)
        self.units = _checks.integer(units, "units", owner)
        self.activation = activations.get(activation, owner)
        self.use_bias = _checks.boolean(use_bias, "use_bias", owner)
        self._keep_weight_options(**options)
        for name in ("dropout", "recurrent_dropout"):
            setattr(self, name, _checks.number(own[name], name, owner, minimum=0.0, below=1.0))
        flags = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll", "zero_output_for_mask")
        for name in flags:
            setattr(self, name, _checks.boolean(own[name], name, owner))
        self.states: list[Any] | None = None  # after the last batch, if `stateful`
        self.runs_as_a_whole = self.return_state or self.stateful
        self.supports_masking = self.return_sequences
        self.seed = None if own["seed"] is None else _checks.integer(own["seed"], "seed", owner, minimum=0)
        self._random = generator(next_seed() if self.seed is None else self.seed)

    dropout: float
    recurrent_dropout: float
    zero_output_for_mask: bool
    return_sequences: bool
    return_state: bool
    go_backwards: bool
    stateful: bool
    unroll: bool

    def reset_state(self) -> None:
        """Let the next batch begin with states of zeros. It is needed if ``stateful``."""
        self.states = None

    reset_states = reset_state

    def _kept_in_files(self) -> list[str]:
        drops = self.dropout or self.recurrent_dropout
        kept = [name for name in super()._kept_in_files() if drops or name != "_random"]
        return [*kept, "states"] if self.stateful else kept

    @property
    def says_its_output_shape(self) -> bool:
        """Whether the shape of the result is known without a call; a list of results is found by a call."""
        return not self.return_state

    def compute_output_shape(self, input_shape: Any, initial_state: Any = None) -> Any:
        shape: Any = input_shape[0] if isinstance(input_shape[0], (list, tuple)) else input_shape
        self._expect_rank(shape, "batch, steps, features")
        result = (shape[0], shape[1], self.units) if self.return_sequences else (shape[0], self.units)
        return [result, *[(shape[0], self.units)] * self.states_of_step] if self.return_state else result

    def weight_specs(self, input_shape: Any) -> list[WeightSpec]:
        shape: Any = input_shape[0] if isinstance(input_shape[0], (list, tuple)) else input_shape
        self._expect_rank(shape, "batch, steps, features")
        width = self.gates * self.units
        specs = [
            self._spec("kernel", (shape[-1], width)),
            self._spec("recurrent_kernel", (self.units, width), stem="recurrent"),
        ]
        return [*specs, self._bias_spec(width)] if self.use_bias else specs

    def _bias_spec(self, width: int) -> WeightSpec:
        return self._spec("bias", (width,))

    @property
    def kernel(self) -> Variable:
        """The weights of the input."""
        return self._weight("kernel")

    @property
    def recurrent_kernel(self) -> Variable:
        """The weights of the state."""
        return self._weight("recurrent_kernel")

    @property
    def bias(self) -> Variable | None:
        """The bias; None if ``use_bias`` is False."""
        return self._weight("bias") if self.use_bias else None

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        if isinstance(sequences, (list, tuple)):
            initial_state, sequences = list(sequences[1:]), sequences[0]
        states = self._first_states(sequences, initial_state)
        if training and self.dropout:
            sequences = sequences * self._kept((len(sequences), 1, sequences.shape[-1]), self.dropout)
        kept = None
        if training and self.recurrent_dropout:
            kept = self._kept((len(sequences), self.units), self.recurrent_dropout)
        used = None if mask is None else used_steps(mask, sequences.shape, self.name)
        if self.go_backwards:
            sequences = sequences[:, ::-1]
            used = None if used is None else used[:, ::-1]
        found = self._run(sequences, states, kept, used)
        last = [found[:, -1, i * self.units : (i + 1) * self.units] for i in range(self.states_of_step)]
        if self.stateful and not is_probed():
            self.states = [np.array(value_of(state)) for state in last]
        outputs = found[..., : self.units] if self.states_of_step > 1 else found
        if used is not None:
            outputs = outputs * shown_steps(used, self.zero_output_for_mask)
        result = outputs if self.return_sequences else outputs[:, -1]
        return [result, *last] if self.return_state else result

    def _first_states(self, sequences: Any, given: Any) -> list[Any]:
        """The states before the first step: those that are given, those of the batch before, or zeros."""
        if given is None:
            if not self.stateful or self.states is None or is_probed():
                return [np.zeros((len(sequences), self.units), np.float32)] * self.states_of_step
            given = self.states
            if len(given[0]) != len(sequences):
                raise ValueError(
                    f'Layer "{self.name}": expected {len(given[0])} samples, as in the batch before, since it keeps '
                    f"their states. Received: {len(sequences)}. `reset_state()` forgets them."
                )
        states = list(given) if isinstance(given, (list, tuple)) else [given]
        if len(states) != self.states_of_step:
            raise ValueError(
                f'Layer "{self.name}": expected {self.states_of_step} initial states. Received: {len(states)}'
            )
        return states

    def _kept(self, shape: tuple[int, ...], rate: float) -> np.ndarray:
        return np.asarray((self._random.random(shape, np.float32) >= rate) / np.float32(1 - rate), np.float32)

    def _biases(self) -> Any:
        return np.zeros(self.gates * self.units, np.float32) if self.bias is None else self.bias

    def _run(self, sequences: Any, states: list[Any], kept: Any, used: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must implement _run(sequences, states, kept, used)")

    def _named(self, activation: Any) -> Any:
        """Return the name of an activation, with which a file can describe it, or the function if it has none."""
        name = activations.serialize(activation)
        return name if isinstance(name, str) and functions.known_class(name) is activation else activation

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            **{name: getattr(self, name) for name in _FLAGS},
        }


def used_steps(mask: Any, shape: Any, name: str) -> np.ndarray:
    """Return a mask of steps as an array of bool, (batch, steps)."""
    given = np.asarray(value_of(mask[0] if isinstance(mask, list) else mask))
    if given.dtype.kind not in "biuf":
        raise TypeError(f'Layer "{name}": expected a mask of True and False. Received: mask of type {given.dtype}')
    used: np.ndarray = given != 0
    if used.shape != tuple(shape[:2]):
        raise ValueError(
            f'Layer "{name}": expected a mask of shape (batch, steps) = {tuple(shape[:2])}. Received: {used.shape}'
        )
    return used


def shown_steps(used: np.ndarray, zeros: bool) -> np.ndarray:
    """Return factors of the outputs, (batch, steps, 1): 0 for steps that are not used, or only for those before the
    first one that is used.
    """
    shown = used if zeros else np.logical_or.accumulate(used, axis=1)
    return np.asarray(shown[..., np.newaxis], np.float32)


_FLAGS = (
    *("dropout", "recurrent_dropout", "seed", "return_sequences", "return_state", "go_backwards", "stateful", "unroll"),
    "zero_output_for_mask",
)
_KINDS = ("initializer", "regularizer", "constraint")


def shared_options(given: dict[str, Any]) -> dict[str, Any]:
    """Choose the arguments that all recurrent layers share from those of a constructor."""
    return {key: value for key, value in given.items() if key in _FLAGS or key.rpartition("_")[2] in _KINDS}
