"""What recurrent layers share: their arguments and weights, and how they go through a sequence with NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks, activations, regularizers
from cnncore.activations.definition import functions
from cnncore.layers.base import WeightSpec
from cnncore.layers.variable import Variable
from cnncore.layers.weighted import Weighted

__all__ = ["Recurrent", "shared_options"]


class Recurrent(Weighted):
    """The base class of recurrent layers: arguments, weights, dropout, and the form of the result."""

    keras_weights_in = "cell"  # the name of the part of Keras' layer that has the weights
    gates = 1  # how many parts of the size of the state a step computes
    states = 1
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
        if self.stateful:
            raise ValueError(
                f"[{owner}] expected stateful=False: each batch begins with states of zeros, or with `initial_state`. "
                "Received: stateful=True"
            )
        if self.return_state and (self.dropout or self.recurrent_dropout):
            raise ValueError(f"[{owner}] expected no dropout with return_state=True. Received: both")
        self.seed = own["seed"]
        self._random = np.random.default_rng(self.seed)

    dropout: float
    recurrent_dropout: float
    zero_output_for_mask: bool
    return_sequences: bool
    return_state: bool
    go_backwards: bool
    stateful: bool
    unroll: bool

    @property
    def says_its_output_shape(self) -> bool:
        """Whether the shape of the result is known without a call; a list of results is found by a call."""
        return not self.return_state

    def compute_output_shape(self, input_shape: Any, initial_state: Any = None) -> Any:
        shape: Any = input_shape[0] if isinstance(input_shape[0], (list, tuple)) else input_shape
        self._expect_rank(shape, "batch, steps, features")
        result = (shape[0], shape[1], self.units) if self.return_sequences else (shape[0], self.units)
        return [result, *[(shape[0], self.units)] * self.states] if self.return_state else result

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
        if mask is not None:
            raise ValueError(f'Layer "{self.name}": expected no mask: all steps are used. Received: mask={mask!r:.60}')
        if isinstance(sequences, (list, tuple)):
            initial_state, sequences = list(sequences[1:]), sequences[0]
        states = self._first_states(sequences, initial_state)
        if training and self.dropout:
            sequences = sequences * self._kept((len(sequences), 1, sequences.shape[-1]), self.dropout)
        kept = None
        if training and self.recurrent_dropout:
            kept = self._kept((len(sequences), self.units), self.recurrent_dropout)
        if self.go_backwards:
            sequences = sequences[:, ::-1]
        found = self._run(sequences, states, kept)
        outputs = found[..., : self.units] if self.states > 1 else found
        result = outputs if self.return_sequences else outputs[:, -1]
        if not self.return_state:
            return result
        last = [found[:, -1, i * self.units : (i + 1) * self.units] for i in range(self.states)]
        return [result, *last]

    def _first_states(self, sequences: Any, given: Any) -> list[Any]:
        if given is None:
            if hasattr(sequences, "given_to"):  # a symbolic tensor, of which the number of samples is not known
                zero = np.sum(sequences * 0.0, axis=(1, 2), keepdims=True)[:, 0]
                return [zero * np.ones((1, self.units), np.float32)] * self.states
            return [np.zeros((len(sequences), self.units), np.float32)] * self.states
        states = list(given) if isinstance(given, (list, tuple)) else [given]
        if len(states) != self.states:
            raise ValueError(f'Layer "{self.name}": expected {self.states} initial states. Received: {len(states)}')
        return states

    def _kept(self, shape: tuple[int, ...], rate: float) -> np.ndarray:
        return np.asarray((self._random.random(shape, np.float32) >= rate) / np.float32(1 - rate), np.float32)

    def _biases(self) -> Any:
        return np.zeros(self.gates * self.units, np.float32) if self.bias is None else self.bias

    def _run(self, sequences: Any, states: list[Any], kept: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must implement _run(sequences, states, kept)")

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


_FLAGS = (
    *("dropout", "recurrent_dropout", "seed", "return_sequences", "return_state", "go_backwards", "stateful", "unroll"),
    "zero_output_for_mask",
)
_KINDS = ("initializer", "regularizer", "constraint")


def shared_options(given: dict[str, Any]) -> dict[str, Any]:
    """Choose the arguments that all recurrent layers share from those of a constructor."""
    return {key: value for key, value in given.items() if key in _FLAGS or key.rpartition("_")[2] in _KINDS}
