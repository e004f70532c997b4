"""RNN, which goes through sequences with a cell."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._structure import flatten, map_structure, pack_like
from cnncore.differentiation import value_of
from cnncore.graph.call_record import is_probed
from cnncore.layers.base import Layer, registry
from cnncore.layers.recurrent_base import used_steps
from cnncore.layers.stacked_cells import StackedRNNCells, called_cell, initial_states

__all__ = ["RNN"]


@registry.register()
class RNN(Layer):
    """Go through a sequence (batch, steps, ...) with a cell, which computes one step.

    A cell is a layer with a ``state_size``, an int or a list of ints, and a method ``call(inputs, states)``, which
    returns the output of the step and a list of new states. It runs in Python for each step; ``SimpleRNN``, ``LSTM``
    and ``GRU`` are faster than ``RNN`` with their cells.

    Parameters
    ----------
    cell : Layer or list of Layer
        A list stands for :class:`StackedRNNCells`.
    return_sequences : bool, default False
        Whether the output is that of every step, instead of that of the last one.
    return_state : bool, default False
        Whether the layer returns its output, and then the states after the last step.
    go_backwards : bool, default False
        Whether to begin with the last step; the outputs are in the order in which they were computed.
    stateful : bool, default False
        Whether each batch begins with the states after the batch before, instead of zeros; see ``reset_state``.
    unroll : bool, default False
        Accepted for compatibility with Keras, and not used.
    zero_output_for_mask : bool, default False
        Whether the output of steps that a mask leaves out is 0, instead of that of the step before.
    **kwargs
        ``name``, ``trainable`` and ``input_shape``, see :class:`Layer`.

    Raises
    ------
    ValueError
        If ``cell`` has no method ``call`` or no ``state_size``.

    Examples
    --------
    >>> from cnncore.layers import GRUCell, LSTMCell
    >>> RNN([LSTMCell(4), GRUCell(3)])(np.ones((2, 5, 3), np.float32)).shape
    (2, 3)
    """

    runs_as_a_whole = True
    one_input = False

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
        if not hasattr(cell, "call") or not hasattr(cell, "state_size"):
            raise ValueError(f"[RNN] expected a cell with a method `call` and a `state_size`. Received: {cell!r:.80}")
        self.cell = cell
        flags = {"return_sequences": return_sequences, "return_state": return_state, "go_backwards": go_backwards}
        flags |= {"stateful": stateful, "unroll": unroll, "zero_output_for_mask": zero_output_for_mask}
        self._flags = {name: _checks.boolean(value, name, "RNN") for name, value in flags.items()}
        for name, value in self._flags.items():
            setattr(self, name, value)
        self.supports_masking = return_sequences
        self.states: list[Any] | None = None  # after the last batch, if `stateful`

    return_sequences: bool
    return_state: bool
    go_backwards: bool
    stateful: bool
    zero_output_for_mask: bool

    @property
    def says_its_output_shape(self) -> bool:
        """Whether the shape of the result is known without a call."""
        return False

    @property
    def state_size(self) -> list[Any]:
        """The sizes of the states, as a list."""
        size = self.cell.state_size
        return list(size) if isinstance(size, (list, tuple)) else [size]

    def build(self, input_shape: Any) -> None:
        """Build the cell for inputs of one step."""
        shape: Any = input_shape[0] if isinstance(input_shape[0], (list, tuple)) else input_shape
        if len(shape) < 3:
            raise ValueError(f'Layer "{self.name}": expected sequences (batch, steps, ...). Received: shape {shape}')
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build((shape[0], *shape[2:]))

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """Return the states before the first step: zeros, or what ``get_initial_state`` of the cell returns."""
        return initial_states(self.cell, batch_size)

    def reset_state(self) -> None:
        """Let the next batch begin with states of zeros. It is needed if ``stateful``."""
        self.states = None

    reset_states = reset_state

    def _kept_in_files(self) -> list[str]:
        return [*super()._kept_in_files(), "states"] if self.stateful else super()._kept_in_files()

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        if isinstance(sequences, (list, tuple)):
            initial_state, sequences = list(sequences[1:]), sequences[0]
        if initial_state is None:
            kept = self.states if self.stateful and not is_probed() else None
            initial_state = self.get_initial_state(len(sequences)) if kept is None else kept
        states = list(initial_state) if isinstance(initial_state, (list, tuple)) else [initial_state]
        used = None if mask is None else used_steps(mask, sequences.shape, self.name)
        outputs, states = self._outputs(sequences, states, used, bool(training))
        if self.stateful and not is_probed():
            self.states = map_structure(lambda state: np.array(value_of(state)), states)
        result = np.stack(outputs, axis=1) if self.return_sequences else outputs[-1]
        return [result, *states] if self.return_state else result

    def _outputs(self, sequences: Any, states: list[Any], used: Any, training: bool) -> tuple[list[Any], list[Any]]:
        """Call the cell for each step. Return the outputs of all steps, and the last states."""
        if hasattr(self.cell, "reset_dropout_mask"):
            self.cell.reset_dropout_mask()
        if sequences.shape[1] == 0:
            raise ValueError(f'Layer "{self.name}": expected at least one step. Received: shape {sequences.shape}')
        steps = range(sequences.shape[1])
        outputs: list[Any] = []
        for t in reversed(steps) if self.go_backwards else steps:
            output, new = called_cell(self.cell, sequences[:, t], states, training)
            if used is not None:
                before = outputs[-1] if outputs and not self.zero_output_for_mask else output * 0
                output = _chosen(used[:, t], output, before)
                pairs = zip(flatten(new), flatten(states), strict=True)
                new = pack_like(new, [_chosen(used[:, t], *pair) for pair in pairs])
            outputs.append(output)
            states = new
        return outputs, states

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "cell": registry.serialize(self.cell), **self._flags}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> RNN:
        """Make a layer from a dict that :meth:`get_config` returned."""
        cell = config["cell"]
        return cls(**{**config, "cell": registry.deserialize(cell) if isinstance(cell, dict) else cell})


def _chosen(used: np.ndarray, new: Any, old: Any) -> Any:
    """Return ``new`` for the samples that use a step, and ``old`` for the others."""
    factors = used.reshape(-1, *[1] * (len(np.shape(new)) - 1)).astype(np.float32)
    return new * factors + old * (1 - factors)
