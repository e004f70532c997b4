"""Cells of recurrent layers, each of which computes one step of a sequence: SimpleRNNCell, LSTMCell, GRUCell."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore.layers.base import registry
from cnncore.layers.recurrent import GRU, LSTM, SimpleRNN

__all__ = ["GRUCell", "LSTMCell", "SimpleRNNCell"]

_OF_SEQUENCES = (
    *("return_sequences", "return_state", "go_backwards", "stateful", "unroll", "zero_output_for_mask"),
    "activity_regularizer",
)


class _Cell:
    """What turns a recurrent layer into a cell: it takes one step (batch, features) and a list of states."""

    keras_weights_in = None
    runs_as_a_whole = True
    units: int
    states_of_step: int

    @property
    def state_size(self) -> Any:
        """The size of the state, or a list of sizes if there are several."""
        return self.units if self.states_of_step == 1 else [self.units] * self.states_of_step

    @property
    def output_size(self) -> int:
        """The size of the output."""
        return self.units

    @property
    def says_its_output_shape(self) -> bool:
        """Whether the shape of the result is known without a call."""
        return False

    def get_initial_state(self, batch_size: int | None = None) -> list[np.ndarray]:
        """Return states of zeros for ``batch_size`` samples."""
        return [np.zeros((batch_size or 1, self.units), np.float32) for _ in range(self.states_of_step)]

    def weight_specs(self, input_shape: Any) -> list[Any]:
        shape = input_shape[0] if isinstance(input_shape[0], (list, tuple)) else input_shape
        if len(shape) != 2:
            raise ValueError(
                f"[{type(self).__name__}] expected inputs (batch, features) of one step. Received: shape {shape}"
            )
        return super().weight_specs((shape[0], 1, shape[1]))  # type: ignore[misc,no-any-return]

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        sequences = np.expand_dims(inputs, 1)
        given = list(states) if isinstance(states, (list, tuple)) else [states]
        self._check_states(inputs, given)
        dropped, kept = self.masks_of_dropout(inputs, training)
        if dropped is not None:
            sequences = sequences * np.expand_dims(dropped, 1)
        found = self._run(sequences, given, kept, None)[:, 0]  # type: ignore[attr-defined]
        new = [found[:, i * self.units : (i + 1) * self.units] for i in range(self.states_of_step)]
        return new[0], new

    def _check_states(self, inputs: Any, states: list[Any]) -> None:
        wanted = [(len(inputs), self.units)] * self.states_of_step
        shapes = [np.shape(state) for state in states]
        if shapes != wanted:
            raise ValueError(f"[{type(self).__name__}] expected states of shapes {wanted}. Received: {shapes}")

    _masks: Any = None  # of dropout, which are the same in all steps of a sequence

    def masks_of_dropout(self, inputs: Any, training: bool) -> tuple[Any, Any]:
        """Return the factors of the features of the input, and of those of the state, or None."""
        if not training:
            return None, None
        if self._masks is None or any(mask is not None and len(mask) != len(inputs) for mask in self._masks):
            cell: Any = self
            rates = ((inputs.shape[-1], cell.dropout), (self.units, cell.recurrent_dropout))
            self._masks = tuple(cell._kept((len(inputs), size), rate) if rate else None for size, rate in rates)
        found: tuple[Any, Any] = self._masks
        return found

    def reset_dropout_mask(self) -> None:
        """Let the next step in training draw new features that are dropped."""
        self._masks = None

    reset_recurrent_dropout_mask = reset_dropout_mask

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = super().get_config()  # type: ignore[misc]
        kept: dict[str, Any] = {key: value for key, value in config.items() if key not in _OF_SEQUENCES}
        return kept


def _of_layer(given: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a constructor, as those of the constructor of the layer."""
    kwargs: dict[str, Any] = given.pop("kwargs")
    return {key: value for key, value in given.items() if key not in ("self", "__class__")} | kwargs


@registry.register()
class SimpleRNNCell(_Cell, SimpleRNN):  # type: ignore[misc]
    """One step of a :class:`SimpleRNN`: h = activation(x kernel + h recurrent_kernel + bias).

    It is called as ``cell(x, [h])`` and returns ``(h, [h])``.

    Parameters
    ----------
    units : int
    activation : default "tanh"
    use_bias : bool, default True
    kernel_initializer, recurrent_initializer, bias_initializer : default "glorot_uniform", "orthogonal" and "zeros"
    kernel_regularizer, recurrent_regularizer, bias_regularizer : optional
    kernel_constraint, recurrent_constraint, bias_constraint : optional
    dropout, recurrent_dropout : float, default 0
    seed : int, optional
    **kwargs
        ``name``, ``trainable`` and ``dtype``, see :class:`Layer`.

    Examples
    --------
    >>> y, states = SimpleRNNCell(4)(np.ones((2, 3), np.float32), [np.zeros((2, 4), np.float32)])
    >>> y.shape, len(states)
    ((2, 4), 1)
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**_of_layer(dict(locals())))
        self.runs_as_a_whole = True


@registry.register()
class LSTMCell(_Cell, LSTM):  # type: ignore[misc]
    """One step of an :class:`LSTM`. It is called as ``cell(x, [h, c])`` and returns ``(h, [h, c])``.

    Parameters
    ----------
    units : int
    activation, recurrent_activation : default "tanh" and "sigmoid"
    use_bias : bool, default True
    kernel_initializer, recurrent_initializer, bias_initializer : default "glorot_uniform", "orthogonal" and "zeros"
    unit_forget_bias : bool, default True
    kernel_regularizer, recurrent_regularizer, bias_regularizer : optional
    kernel_constraint, recurrent_constraint, bias_constraint : optional
    dropout, recurrent_dropout : float, default 0
    seed : int, optional
    **kwargs
        ``name``, ``trainable`` and ``dtype``, see :class:`Layer`.

    Examples
    --------
    >>> LSTMCell(4).state_size
    [4, 4]
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**_of_layer(dict(locals())))
        self.runs_as_a_whole = True


@registry.register()
class GRUCell(_Cell, GRU):  # type: ignore[misc]
    """One step of a :class:`GRU`. It is called as ``cell(x, [h])`` and returns ``(h, [h])``.

    Parameters
    ----------
    units : int
    activation, recurrent_activation : default "tanh" and "sigmoid"
    use_bias : bool, default True
    kernel_initializer, recurrent_initializer, bias_initializer : default "glorot_uniform", "orthogonal" and "zeros"
    kernel_regularizer, recurrent_regularizer, bias_regularizer : optional
    kernel_constraint, recurrent_constraint, bias_constraint : optional
    dropout, recurrent_dropout : float, default 0
    reset_after : bool, default True
    seed : int, optional
    **kwargs
        ``name``, ``trainable`` and ``dtype``, see :class:`Layer`.

    Examples
    --------
    >>> GRUCell(4).state_size
    4
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**_of_layer(dict(locals())))
        self.runs_as_a_whole = True
