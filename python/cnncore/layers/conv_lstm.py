"""ConvLSTM2D, a recurrent layer for videos whose products are convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks, activations, ops, regularizers
from cnncore.layers.base import Shape, WeightSpec, registry
from cnncore.layers.base.weighted import Windowed
from cnncore.layers.recurrent import ForgetBias
from cnncore.layers.weights.variable import Variable

__all__ = ["ConvLSTM2D"]


@registry.register()
class ConvLSTM2D(Windowed):
    """Go through a video (batch, steps, height, width, channels) with a long short-term memory whose states are images.

    It is an :class:`LSTM` in which products with kernels are convolutions. It calls NumPy in every step.

    Parameters
    ----------
    filters : int
        The number of channels of the output and of the states.
    kernel_size, strides, dilation_rate : int or two ints
        As for :class:`Conv2D`, for the images of the video. The convolution of the state has strides of 1.
    padding : {"valid", "same"}, default "valid"
    data_format : {"channels_last"}, optional
    activation, recurrent_activation : default "tanh" and "sigmoid"
    use_bias : bool, default True
    kernel_initializer, recurrent_initializer, bias_initializer : default "glorot_uniform", "orthogonal" and "zeros"
    unit_forget_bias : bool, default True
        Whether the bias of the forget gate begins with ones.
    kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer : optional
    kernel_constraint, recurrent_constraint, bias_constraint : optional
    dropout, recurrent_dropout : float, default 0
        Must be 0; write a Dropout layer before.
    seed : int, optional
        Accepted for compatibility with Keras.
    return_sequences : bool, default False
        Whether the output is that of every step, instead of that of the last one.
    return_state, stateful : bool, default False
        Must be False.
    go_backwards : bool, default False
        Whether the video is read from its end.
    **kwargs
        ``name``, ``trainable``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Notes
    -----
    Shi et al., "Convolutional LSTM network: a machine learning approach for precipitation nowcasting", 2015.

    Examples
    --------
    >>> ConvLSTM2D(8, 3, padding="same", return_sequences=True).compute_output_shape((None, 10, 16, 16, 1))
    (None, 10, 16, 16, 8)
    """

    keras_weights_in = "cell"  # the name of the part of Keras' layer that has the weights

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        owner = type(self).__name__
        self.filters = _checks.integer(filters, "filters", owner)
        self.kernel_size = self._sizes(kernel_size, "kernel_size")
        self.strides = self._sizes(strides, "strides")
        self.padding = _checks.choice(padding, "padding", owner, ("valid", "same"))
        self.data_format = _checks.data_format(data_format, owner)
        self.dilation_rate = self._sizes(dilation_rate, "dilation_rate")
        self.activation = activations.get(activation, owner)
        self.recurrent_activation = activations.get(recurrent_activation, owner)
        self.use_bias = _checks.boolean(use_bias, "use_bias", owner)
        self.unit_forget_bias = _checks.boolean(unit_forget_bias, "unit_forget_bias", owner)
        self.return_sequences = _checks.boolean(return_sequences, "return_sequences", owner)
        self.go_backwards = _checks.boolean(go_backwards, "go_backwards", owner)
        self.seed = seed
        if dropout or recurrent_dropout or return_state or stateful:
            raise ValueError(
                f"[{owner}] expected no dropout, which a Dropout layer before this one does, and no states to return "
                f"or to keep. Received: {dropout=}, {recurrent_dropout=}, {return_state=}, {stateful=}"
            )
        self._keep_weight_options(
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._expect_rank(input_shape, "batch, steps, height, width, channels")
        size = self._window_output(input_shape[2:4], self.kernel_size, self.strides, self.padding, self.dilation_rate)
        steps = (input_shape[1],) if self.return_sequences else ()
        return (input_shape[0], *steps, *size, self.filters)

    def weight_specs(self, input_shape: Shape) -> list[WeightSpec]:
        width = 4 * self.filters
        kernel = self._spec("kernel", (*self.kernel_size, input_shape[-1], width))
        recurrent = self._spec("recurrent_kernel", (*self.kernel_size, self.filters, width), stem="recurrent")
        bias = self._spec("bias", (width,))
        if self.unit_forget_bias:
            bias = bias._replace(initializer=ForgetBias(bias.initializer))
        return [kernel, recurrent, bias][: 2 + self.use_bias]

    @property
    def kernel(self) -> Variable:
        """The kernel for the images, (height, width, channels, 4 filters): the gates i, f, the cell and o."""
        return self._weight("kernel")

    @property
    def recurrent_kernel(self) -> Variable:
        """The kernel for the state, (height, width, filters, 4 filters)."""
        return self._weight("recurrent_kernel")

    @property
    def bias(self) -> Variable | None:
        """The bias, of shape (4 filters,); None if ``use_bias`` is False."""
        return self._weight("bias") if self.use_bias else None

    def call(self, inputs: Any) -> Any:
        steps = inputs.shape[1]
        images = np.reshape(inputs, (-1, *inputs.shape[2:]))
        options: dict[str, Any] = {"strides": self.strides, "dilation_rate": self.dilation_rate}
        gates = ops.conv(images, self.kernel, padding=self.padding, **options)
        gates = np.reshape(gates if self.bias is None else gates + self.bias, (-1, steps, *gates.shape[1:]))
        h: Any = None
        c: Any = 0.0
        outputs = []
        for step in reversed(range(steps)) if self.go_backwards else range(steps):
            sums = gates[:, step]
            if h is not None:  # the state is zero at first
                sums = sums + ops.conv(h, self.recurrent_kernel, padding="same")
            i, f, cell, o = ops.split(sums, 4, axis=-1)
            c = self.recurrent_activation(f) * c + self.recurrent_activation(i) * self.activation(cell)
            h = self.recurrent_activation(o) * self.activation(c)
            outputs.append(h)
        return np.stack(outputs, axis=1) if self.return_sequences else h

    def get_config(self) -> dict[str, Any]:
        names = (
            *("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "use_bias"),
            *("unit_forget_bias", "return_sequences", "go_backwards", "seed"),
        )
        return {
            **super().get_config(),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "activation": activations.serialize(self.activation),
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            **{name: getattr(self, name) for name in names},
        }
