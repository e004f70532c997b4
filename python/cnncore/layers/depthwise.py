"""DepthwiseConv2D and DepthwiseConv1D, which convolve each channel by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnncore import _checks, activations, regularizers
from cnncore._checks import PaddingArgument, Size
from cnncore.graph.protocols import Graph
from cnncore.layers.base import Shape, WeightSpec, registry
from cnncore.layers.base.weighted import Windowed, pair_of, with_precision
from cnncore.layers.weights.variable import Variable

__all__ = ["Depthwise", "DepthwiseConv1D", "DepthwiseConv2D"]


class Depthwise(Windowed):
    """The base class of depthwise and separable convolutions, which have a kernel for each channel."""

    kernel_size: tuple[int, ...]
    strides: tuple[int, ...]
    dilation_rate: tuple[int, ...]
    padding: Any
    depth_multiplier: int
    activation: Any
    use_bias: bool
    precision: str | None

    def _keep_window(
        self, kernel_size: Any, strides: Any, padding: Any, depth_multiplier: int, data_format: Any, dilation_rate: Any
    ) -> None:
        owner = type(self).__name__
        self.kernel_size = self._sizes(kernel_size, "kernel_size")
        self.strides = self._sizes(strides, "strides")
        self.padding = self._padding(padding)
        self.depth_multiplier = _checks.integer(depth_multiplier, "depth_multiplier", owner)
        self.data_format = _checks.data_format(data_format, owner)
        self.dilation_rate = self._sizes(dilation_rate, "dilation_rate")

    def _keep_rest(self, activation: Any, use_bias: bool, precision: str | None) -> None:
        owner = type(self).__name__
        self.activation = activations.get(activation, owner)
        self.use_bias = _checks.boolean(use_bias, "use_bias", owner)
        self.precision = None if precision is None else _checks.precision(precision, owner)

    def _depthwise_shape(self, input_shape: Shape) -> list[int]:
        self._check_input(input_shape)
        size = input_shape[1:-1]
        return self._window_output(size, self.kernel_size, self.strides, self.padding, self.dilation_rate)

    def _kernel_shape(self, input_shape: Shape) -> tuple[int, ...]:
        return (*self.kernel_size, input_shape[-1], self.depth_multiplier)

    def _depthwise(self, graph: Graph, image: int, use_bias: bool, activation: str, weights: list[int]) -> int:
        """Add the convolution of each channel to ``graph``, as one whose groups are the channels."""
        channels = graph.output_shape(image)[2]
        return graph.add(
            "conv2d",
            [image],
            self.name,
            filters=channels * self.depth_multiplier,
            kernel_size=pair_of(self.kernel_size),
            dilation_rate=pair_of(self.dilation_rate),
            groups=channels,
            use_bias=use_bias,
            activation=activation,
            weights=weights,
            **self._window_attributes(graph, image, self.kernel_size, self.strides, self.padding, self.dilation_rate),
            **with_precision(self.precision),
        )

    @property
    def depthwise_kernel(self) -> Variable:
        """The kernels, (height, width, channels, depth_multiplier), or without the height for sequences."""
        return self._weight("depthwise_kernel")

    @property
    def bias(self) -> Variable | None:
        """The bias, with one value for each output channel; None if ``use_bias`` is False."""
        return self._weight("bias") if self.use_bias else None

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "depth_multiplier": self.depth_multiplier,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "precision": self.precision,
        }


class _DepthwiseConvolution(Depthwise):
    def __init__(
        self,
        kernel_size: Size,
        strides: Size = 1,
        padding: PaddingArgument = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Size = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        *,
        precision: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._keep_window(kernel_size, strides, padding, depth_multiplier, data_format, dilation_rate)
        self._keep_rest(activation, use_bias, precision)
        self._keep_weight_options(
            depthwise_initializer=depthwise_initializer,
            bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer,
            bias_regularizer=bias_regularizer,
            depthwise_constraint=depthwise_constraint,
            bias_constraint=bias_constraint,
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        out = self._depthwise_shape(input_shape)
        return (input_shape[0], *out, input_shape[-1] * self.depth_multiplier)

    def weight_specs(self, input_shape: Shape) -> list[WeightSpec]:
        # Keras names this weight "kernel", but the arguments for it "depthwise_...".
        kernel = self._spec("kernel", self._kernel_shape(input_shape), stem="depthwise")
        return [kernel, self._spec("bias", (input_shape[-1] * self.depth_multiplier,))][: 1 + self.use_bias]

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        image = self._to_image(graph, inputs[0])
        kind = activations.fused_kind(self.activation) or "linear"
        y = self._depthwise(graph, image, self.use_bias, kind, [0, 1][: 1 + self.use_bias])
        return self._from_image(graph, self._activate(graph, y, self.activation))

    @property
    def kernel(self) -> Variable:
        """The kernels, (height, width, channels, depth_multiplier), or without the height for sequences."""
        return self._weight("kernel")

    depthwise_kernel = kernel


@registry.register()
class DepthwiseConv2D(_DepthwiseConvolution):
    """Convolve each channel of an image (batch, height, width, channels) with its own kernels.

    Parameters
    ----------
    kernel_size : int or two ints
        Height and width of the kernels.
    strides : int or two ints, default 1
    padding : {"valid", "same"}, default "valid"
        As for :class:`Conv2D`.
    depth_multiplier : int, default 1
        The number of output channels for each input channel. The output channels of the first input channel come
        first, then those of the second, and so on.
    data_format : {"channels_last"}, optional
    dilation_rate : int or two ints, default 1
    activation : str or callable, optional
    use_bias : bool, default True
    depthwise_initializer, bias_initializer : default "glorot_uniform" and "zeros"
    depthwise_regularizer, bias_regularizer, activity_regularizer : optional
    depthwise_constraint, bias_constraint : optional
    precision : {"float32", "bfloat16_3x", "bfloat16"}, optional
    **kwargs
        ``name``, ``trainable``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Examples
    --------
    >>> DepthwiseConv2D(3, depth_multiplier=2).compute_output_shape((None, 8, 8, 4))
    (None, 6, 6, 8)
    """


@registry.register()
class DepthwiseConv1D(_DepthwiseConvolution):
    """Convolve each channel of a sequence (batch, steps, channels) with its own kernels.

    The parameters are those of :class:`DepthwiseConv2D`, with one int where it takes two.

    Examples
    --------
    >>> DepthwiseConv1D(3).compute_output_shape((None, 8, 4))
    (None, 6, 4)
    """

    rank = 1
