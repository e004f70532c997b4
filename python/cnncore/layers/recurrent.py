"""Recurrent layers: SimpleRNN, LSTM and GRU. They go through sequences step by step, and call NumPy for each step."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks, activations, ops
from cnncore.initializers import Initializer
from cnncore.layers.base import WeightSpec, registry
from cnncore.layers.recurrent_base import Recurrent, shared_options

__all__ = ["GRU", "LSTM", "SimpleRNN"]


@registry.register("simplernn")
class SimpleRNN(Recurrent):
    """Go through a sequence with h = activation(x kernel + h recurrent_kernel + bias).

    The output is the state h.

    Parameters
    ----------
    units : int
        The size of the state and of the output.
    activation : default "tanh"
    use_bias : bool, default True
    kernel_initializer, recurrent_initializer, bias_initializer : default "glorot_uniform", "orthogonal" and "zeros"
    kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer : optional
    kernel_constraint, recurrent_constraint, bias_constraint : optional
    dropout, recurrent_dropout : float, default 0
        The share of the features of the input, and of the state, that are set to 0 in training: for each sample the
        same ones in all steps.
    seed : int, optional
    return_sequences : bool, default False
        Whether the output is that of every step (batch, steps, units), instead of that of the last one (batch, units).
    return_state : bool, default False
        Whether the layer returns a list: its output, and then the state after the last step.
    go_backwards : bool, default False
        Whether to begin with the last step; the outputs are in the order in which they were computed.
    stateful : bool, default False
        Whether each batch begins with the states after the batch before, instead of zeros; see ``reset_state``.
    zero_output_for_mask : bool, default False
        Whether the output of steps that a mask leaves out is 0, instead of that of the step before.
    unroll : bool, default False
        Accepted for compatibility with Keras, and not used.
    **kwargs
        ``name``, ``trainable``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Notes
    -----
    Elman, "Finding structure in time", 1990.

    Examples
    --------
    >>> SimpleRNN(4)(np.ones((2, 5, 3), np.float32)).shape
    (2, 4)
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
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, activation, use_bias, shared_options(locals()), kwargs)

    def _run(self, sequences: Any, states: list[Any], kept: Any, used: Any) -> Any:
        weights = (self.kernel, self.recurrent_kernel, self._biases())
        return ops.recurrence.simple_rnn(sequences, *weights, states[0], self._named(self.activation), kept, used)


class ForgetBias(Initializer):
    """The bias of an LSTM: ones for the forget gate, and the values of another initializer for the other gates."""

    def __init__(self, others: Initializer) -> None:
        super().__init__()
        self._others = others

    def __call__(self, shape: Any, seed: Any = None, dtype: Any = None) -> np.ndarray:
        values = np.array(self._others(shape, seed, dtype))
        values[shape[0] // 4 : shape[0] // 2] = 1
        return values


@registry.register("lstm")
class LSTM(Recurrent):
    """Go through a sequence with long short-term memory.

    It has two states, h and c; the output is h. :func:`cnncore.ops.recurrence.lstm` has the formulas.

    Parameters
    ----------
    units : int
        The size of the state and of the output.
    activation : default "tanh"
    recurrent_activation : default "sigmoid"
        The activation of the gates.
    use_bias : bool, default True
    kernel_initializer, recurrent_initializer, bias_initializer : default "glorot_uniform", "orthogonal" and "zeros"
    unit_forget_bias : bool, default True
        Whether the bias of the forget gate begins with ones.
    kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer : optional
    kernel_constraint, recurrent_constraint, bias_constraint : optional
    dropout, recurrent_dropout : float, default 0
        The share of the features of the input, and of the state, that are set to 0 in training: for each sample the
        same ones in all steps.
    seed : int, optional
    return_sequences : bool, default False
        Whether the output is that of every step (batch, steps, units), instead of that of the last one (batch, units).
    return_state : bool, default False
        Whether the layer returns a list: its output, and then the states h and c after the last step.
    go_backwards : bool, default False
        Whether to begin with the last step; the outputs are in the order in which they were computed.
    stateful : bool, default False
        Whether each batch begins with the states after the batch before, instead of zeros; see ``reset_state``.
    zero_output_for_mask : bool, default False
        Whether the output of steps that a mask leaves out is 0, instead of that of the step before.
    unroll, use_cudnn : bool, default False
        Accepted for compatibility with Keras, and not used.
    **kwargs
        ``name``, ``trainable``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Notes
    -----
    Hochreiter and Schmidhuber, "Long short-term memory", 1997.

    Examples
    --------
    >>> LSTM(4)(np.ones((2, 5, 3), np.float32)).shape
    (2, 4)
    """

    gates = 4
    states_of_step = 2

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
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        use_cudnn: Any = "auto",
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, activation, use_bias, shared_options(locals()), kwargs)
        self.recurrent_activation = activations.get(recurrent_activation, "LSTM")
        self.unit_forget_bias = _checks.boolean(unit_forget_bias, "unit_forget_bias", "LSTM")

    def _bias_spec(self, width: int) -> WeightSpec:
        spec = super()._bias_spec(width)
        return spec._replace(initializer=ForgetBias(spec.initializer)) if self.unit_forget_bias else spec

    def _run(self, sequences: Any, states: list[Any], kept: Any, used: Any) -> Any:
        weights = (self.kernel, self.recurrent_kernel, self._biases())
        inner, gate = self._named(self.activation), self._named(self.recurrent_activation)
        return ops.recurrence.lstm(sequences, *weights, states[0], states[1], inner, gate, kept, used)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "unit_forget_bias": self.unit_forget_bias,
        }


@registry.register("gru")
class GRU(Recurrent):
    """Go through a sequence with gated recurrent units.

    The output is the state h. :func:`cnncore.ops.recurrence.gru` has the formulas.

    Parameters
    ----------
    units : int
        The size of the state and of the output.
    activation : default "tanh"
    recurrent_activation : default "sigmoid"
        The activation of the gates.
    use_bias : bool, default True
    kernel_initializer, recurrent_initializer, bias_initializer : default "glorot_uniform", "orthogonal" and "zeros"
    kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer : optional
    kernel_constraint, recurrent_constraint, bias_constraint : optional
    dropout, recurrent_dropout : float, default 0
        The share of the features of the input, and of the state, that are set to 0 in training: for each sample the
        same ones in all steps.
    seed : int, optional
    return_sequences : bool, default False
        Whether the output is that of every step (batch, steps, units), instead of that of the last one (batch, units).
    return_state : bool, default False
        Whether the layer returns a list: its output, and then the state after the last step.
    go_backwards : bool, default False
        Whether to begin with the last step; the outputs are in the order in which they were computed.
    stateful : bool, default False
        Whether each batch begins with the states after the batch before, instead of zeros; see ``reset_state``.
    zero_output_for_mask : bool, default False
        Whether the output of steps that a mask leaves out is 0, instead of that of the step before.
    unroll, use_cudnn : bool, default False
        Accepted for compatibility with Keras, and not used.
    **kwargs
        ``name``, ``trainable``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Notes
    -----
    Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014. As in Keras, the reset gate applies
    after the product with the state, unless ``reset_after=False`` is given.

    Examples
    --------
    >>> GRU(4)(np.ones((2, 5, 3), np.float32)).shape
    (2, 4)
    """

    gates = 3

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
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: Any = "auto",
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, activation, use_bias, shared_options(locals()), kwargs)
        self.recurrent_activation = activations.get(recurrent_activation, "GRU")
        self.reset_after = _checks.boolean(reset_after, "reset_after", "GRU")

    def _bias_spec(self, width: int) -> WeightSpec:
        return self._spec("bias", (2, width) if self.reset_after else (width,))

    def _run(self, sequences: Any, states: list[Any], kept: Any, used: Any) -> Any:
        both: list[Any] = [np.zeros(self.gates * self.units, np.float32)] * 2
        if self.bias is not None:
            both = [self.bias[0], self.bias[1]] if self.reset_after else [self.bias, both[1]]
        weights = (self.kernel, self.recurrent_kernel, both[0], both[1])
        inner, gate = self._named(self.activation), self._named(self.recurrent_activation)
        return ops.recurrence.gru(sequences, *weights, states[0], inner, gate, self.reset_after, kept, used)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "reset_after": self.reset_after,
        }
