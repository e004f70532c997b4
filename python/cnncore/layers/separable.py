"""SeparableConv2D and SeparableConv1D, which convolve each channel by itself and then mix the channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnncore import _checks, activations
from cnncore._checks import PaddingArgument, Size
from cnncore.graph.protocols import Graph
from cnncore.layers.base import Shape, WeightSpec, registry
from cnncore.layers.base.weighted import with_precision
from cnncore.layers.depthwise import Depthwise
from cnncore.layers.weights.variable import Variable

__all__ = ["SeparableConv1D", "SeparableConv2D", "SeparableConvolution1D", "SeparableConvolution2D"]


class _SeparableConvolution(Depthwise):
    def __init__(
        self,
        filters: int,
        kernel_size: Size,
        strides: Size = 1,
        padding: PaddingArgument = "valid",
        data_format: str | None = None,
        dilation_rate: Size = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        *,
        precision: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = _checks.integer(filters, "filters", type(self).__name__)
        self._keep_window(kernel_size, strides, padding, depth_multiplier, data_format, dilation_rate)
        self._keep_rest(activation, use_bias, precision)
        self._keep_weight_options(
            depthwise_initializer=depthwise_initializer,
            pointwise_initializer=pointwise_initializer,
            bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer,
            pointwise_regularizer=pointwise_regularizer,
            bias_regularizer=bias_regularizer,
            depthwise_constraint=depthwise_constraint,
            pointwise_constraint=pointwise_constraint,
            bias_constraint=bias_constraint,
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *self._depthwise_shape(input_shape), self.filters)

    def weight_specs(self, input_shape: Shape) -> list[WeightSpec]:
        inner = input_shape[-1] * self.depth_multiplier
        specs = [
            self._spec("depthwise_kernel", self._kernel_shape(input_shape), stem="depthwise"),
            self._spec("pointwise_kernel", (*[1] * self.rank, inner, self.filters), stem="pointwise"),
            self._spec("bias", (self.filters,)),
        ]
        return specs[: 2 + self.use_bias]

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        image = self._to_image(graph, inputs[0])
        inner = self._depthwise(graph, image, use_bias=False, activation="linear", weights=[0])
        y = graph.add(
            "conv2d",
            [inner],
            self.name,
            filters=self.filters,
            kernel_size=(1, 1),
            use_bias=self.use_bias,
            activation=activations.fused_kind(self.activation) or "linear",
            weights=[1, 2][: 1 + self.use_bias],
            **with_precision(self.precision),
        )
        return self._from_image(graph, self._activate(graph, y, self.activation))

    @property
    def pointwise_kernel(self) -> Variable:
        """The kernel that mixes channels, (1, 1, channels * depth_multiplier, filters); for sequences with one 1."""
        return self._weight("pointwise_kernel")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "filters": self.filters}


@registry.register("separable_convolution2d", "separableconvolution2d")
class SeparableConv2D(_SeparableConvolution):
    """Convolve each channel of an image by itself, then mix the channels by a 1x1 convolution.

    Also named ``SeparableConvolution2D``.

    Parameters
    ----------
    filters : int
        Number of output channels.
    kernel_size, strides, padding, data_format, dilation_rate, depth_multiplier
        The arguments of the first convolution, see :class:`DepthwiseConv2D`.
    activation : str or callable, optional
        Applied after the second convolution; there is no activation between the two.
    use_bias : bool, default True
        Whether the second convolution has a bias; the first one has none.
    depthwise_initializer, pointwise_initializer, bias_initializer : default "glorot_uniform", "glorot_uniform", "zeros"
    depthwise_regularizer, pointwise_regularizer, bias_regularizer, activity_regularizer : optional
    depthwise_constraint, pointwise_constraint, bias_constraint : optional
    precision : {"float32", "bfloat16_3x", "bfloat16"}, optional
    **kwargs
        ``name``, ``trainable``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Notes
    -----
    Chollet, "Xception: deep learning with depthwise separable convolutions", 2017.

    Examples
    --------
    >>> SeparableConv2D(16, 3, padding="same").compute_output_shape((None, 8, 8, 4))
    (None, 8, 8, 16)
    """


@registry.register("separable_convolution1d", "separableconvolution1d")
class SeparableConv1D(_SeparableConvolution):
    """Convolve each channel of a sequence (batch, steps, channels) by itself, then mix the channels of each step.

    The parameters are those of :class:`SeparableConv2D`, with one int where it takes two. Also named
    ``SeparableConvolution1D``.

    Examples
    --------
    >>> SeparableConv1D(16, 3).compute_output_shape((None, 8, 4))
    (None, 6, 16)
    """

    rank = 1


SeparableConvolution2D, SeparableConvolution1D = SeparableConv2D, SeparableConv1D
