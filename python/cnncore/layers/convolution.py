"""Conv2D and Conv1D."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnncore import _checks, activations, regularizers
from cnncore._checks import PaddingArgument, Size
from cnncore.graph.protocols import Graph
from cnncore.layers.base import Shape, WeightSpec, registry
from cnncore.layers.base.weighted import Windowed, pair_of, with_precision
from cnncore.layers.weights.variable import Variable

__all__ = ["Conv1D", "Conv2D", "Convolution1D", "Convolution2D"]


class _Convolution(Windowed):
    def __init__(
        self,
        filters: int,
        kernel_size: Size,
        strides: Size = 1,
        padding: PaddingArgument = "valid",
        data_format: str | None = None,
        dilation_rate: Size = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        *,
        precision: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        owner = type(self).__name__
        self.filters = _checks.integer(filters, "filters", owner)
        self.kernel_size = self._sizes(kernel_size, "kernel_size")
        self.strides = self._sizes(strides, "strides")
        self.padding = self._padding(padding, causal=True)
        self.data_format = _checks.data_format(data_format, owner)
        self.dilation_rate = self._sizes(dilation_rate, "dilation_rate")
        self.groups = _checks.integer(groups, "groups", owner)
        self.activation = activations.get(activation, owner)
        self.use_bias = _checks.boolean(use_bias, "use_bias", owner)
        self.precision = None if precision is None else _checks.precision(precision, owner)
        self._keep_weight_options(
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )
        if self.filters % self.groups:
            raise ValueError(f"[{owner}] expected `filters` divisible by `groups`. Received: {filters=}, {groups=}")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check_input(input_shape)
        batch, *size, channels = input_shape
        if channels % self.groups:
            raise ValueError(
                f'Layer "{self.name}": expected a number of channels divisible by groups={self.groups}. '
                f"Received: input shape {input_shape}"
            )
        out = self._window_output(size, self.kernel_size, self.strides, self.padding, self.dilation_rate)
        return (batch, *out, self.filters)

    def weight_specs(self, input_shape: Shape) -> list[WeightSpec]:
        kernel = self._spec("kernel", (*self.kernel_size, input_shape[-1] // self.groups, self.filters))
        return [kernel, self._spec("bias", (self.filters,))][: 1 + self.use_bias]

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        image = self._to_image(graph, inputs[0])
        y = graph.add(
            "conv2d",
            [image],
            self.name,
            filters=self.filters,
            kernel_size=pair_of(self.kernel_size),
            dilation_rate=pair_of(self.dilation_rate),
            groups=self.groups,
            use_bias=self.use_bias,
            activation=activations.fused_kind(self.activation) or "linear",
            **self._window_attributes(graph, image, self.kernel_size, self.strides, self.padding, self.dilation_rate),
            **with_precision(self.precision),
        )
        return self._from_image(graph, self._activate(graph, y, self.activation))

    @property
    def kernel(self) -> Variable:
        """The kernel, (height, width, channels / groups, filters), or without the height for sequences."""
        return self._weight("kernel")

    @property
    def bias(self) -> Variable | None:
        """The bias, of shape (filters,); None if ``use_bias`` is False."""
        return self._weight("bias") if self.use_bias else None

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "precision": self.precision,
        }


@registry.register("convolution2d")
class Conv2D(_Convolution):
    """Convolution of images (batch, height, width, channels) with learned kernels; also named ``Convolution2D``.

    Parameters
    ----------
    filters : int
        Number of output channels.
    kernel_size : int or two ints
        Height and width of the kernel.
    strides, dilation_rate : int or two ints, default 1
        ``strides``: how many pixels the kernel moves from one output pixel to the next. ``dilation_rate``: the
        distance, in pixels, between neighbouring pixels that the kernel multiplies.
    padding : {"valid", "same"}, int, or ((top, bottom), (left, right)), default "valid"
        "valid" adds no padding. "same" adds zeros around the image, so that the output has ceil(size / stride) pixels
        along each axis. Numbers say how many rows and columns of zeros are added on all sides, or on each side.
    data_format : {"channels_last"}, optional
    groups : int, default 1
        Channels and filters are divided into that many groups. Each filter sees only the channels of its group.
    activation : str or callable, optional
        A name or function of :mod:`cnncore.activations`, or a NumPy function. None, the default, applies none.
    use_bias : bool, default True
    kernel_initializer, bias_initializer : default "glorot_uniform" and "zeros"
        Names or objects of :mod:`cnncore.initializers`.
    kernel_regularizer, bias_regularizer, activity_regularizer : optional
        Penalties of :mod:`cnncore.regularizers` on weights and on the output.
    kernel_constraint, bias_constraint : optional
        Constraints of :mod:`cnncore.constraints`, which weights satisfy after each training step.
    precision : {"float32", "bfloat16_3x", "bfloat16"}, optional
        The precision of the products in this layer, see ``Model.precision``, which is the default.
    **kwargs
        ``name``, ``trainable``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Raises
    ------
    ValueError
        If an argument is not one of the values above. Also when the layer is called, if the kernel is larger than the
        input with its padding.

    Examples
    --------
    >>> layer = Conv2D(32, kernel_size=(3, 3), activation="relu")
    >>> layer.compute_output_shape((None, 28, 28, 1))
    (None, 26, 26, 32)
    """


@registry.register("convolution1d")
class Conv1D(_Convolution):
    """Convolution of sequences (batch, steps, channels) with learned kernels; also named ``Convolution1D``.

    The parameters are those of :class:`Conv2D`, with one int instead of two. ``padding`` may also be "causal": zeros
    are added before the sequence only, so that no output depends on a later step of the input.

    Examples
    --------
    >>> Conv1D(8, 3, padding="causal").compute_output_shape((None, 100, 4))
    (None, 100, 8)
    """

    rank = 1


Convolution2D, Convolution1D = Conv2D, Conv1D
