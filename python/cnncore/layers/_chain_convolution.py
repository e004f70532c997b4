"""Conv2D."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cnncore import _checks, activations, initializers
from cnncore._checks import Float32, PaddingArgument, Size
from cnncore.layers._chain_base import Layer, Shape, WeightSpec, registry

if TYPE_CHECKING:
    from cnncore import _core


@registry.register()
class Conv2D(Layer):
    """Convolution of images (batch, height, width, channels) with learned kernels.

    Parameters
    ----------
    filters : int
        Number of output channels.
    kernel_size : int or two ints
        Height and width of the kernel.
    strides, dilation_rate : int or two ints, default 1
        Steps of the kernel, and of its taps.
    padding : {"valid", "same"}, default "valid"
        None, or so much that the output's size is ceil(size / stride). An int or ((top, bottom), (left, right)) too.
    groups : int, default 1
        Independent groups of inputs and filters; the number of channels gives a depthwise convolution.
    activation : str, optional
        "relu", "sigmoid", "tanh", "softmax"; linear by default.
    use_bias : bool, default True
    kernel_initializer, bias_initializer : default "glorot_uniform" and "zeros"
        Names or objects of :mod:`cnncore.initializers`.
    precision : {"float32", "bfloat16_3x", "bfloat16"}, optional
        Arithmetic of this layer's products; the model's by default, see ``Model.precision``.
    input_shape : tuple of int, optional
        (height, width, channels), on the first layer of a model.
    name : str, optional

    Raises
    ------
    ValueError
        If an argument makes no sense, or when the layer is added, if the kernel is larger than the padded input.

    Examples
    --------
    >>> layer = Conv2D(32, kernel_size=(3, 3), activation="relu")
    >>> layer.compute_output_shape((None, 28, 28, 1))
    (None, 26, 26, 32)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Size,
        strides: Size = (1, 1),
        padding: PaddingArgument = "valid",
        *,
        dilation_rate: Size = (1, 1),
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        precision: str | None = None,
        input_shape: Iterable[int] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, input_shape=input_shape)
        self.filters = _checks.integer(filters, "filters", "Conv2D")
        self.kernel_size = _checks.pair(kernel_size, "kernel_size", "Conv2D")
        self.strides = _checks.pair(strides, "strides", "Conv2D")
        self.padding = _checks.padding(padding, "Conv2D")
        self.dilation_rate = _checks.pair(dilation_rate, "dilation_rate", "Conv2D")
        self.groups = _checks.integer(groups, "groups", "Conv2D")
        self.activation = str(activations.serialize(activations.get(activation, "Conv2D")))
        self.use_bias = _checks.boolean(use_bias, "use_bias", "Conv2D")
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.precision = None if precision is None else _checks.precision(precision, "Conv2D")
        if self.filters % self.groups:
            raise ValueError(f"[Conv2D] expected `filters` divisible by `groups`. Received: {filters=}, {groups=}")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._expect_rank(input_shape, "batch, height, width, channels")
        batch, *size, channels = input_shape
        if channels % self.groups:
            raise ValueError(
                f'Input 0 of layer "{self.name}" is incompatible with it: expected channels divisible by '
                f"groups={self.groups}. Received: shape={input_shape}"
            )
        out = window_output_size(self, size, self.kernel_size, self.strides, self.padding, self.dilation_rate)
        return (batch, *out, self.filters)

    def weight_specs(self, input_shape: Shape) -> list[WeightSpec]:
        kernel = (*self.kernel_size, input_shape[-1] // self.groups, self.filters)
        specs = [WeightSpec("kernel", kernel, self.kernel_initializer)]
        return specs + [WeightSpec("bias", (self.filters,), self.bias_initializer)] * self.use_bias

    def lower(self, graph: _core.GraphBuilder, x: int) -> int:
        sides = _checks.explicit_padding(
            self.padding, graph.output_shape(x)[:2], self.kernel_size, self.strides, self.dilation_rate
        )
        return graph.conv2d(
            x,
            self.filters,
            self.kernel_size,
            self.strides,
            sides,
            self.dilation_rate,
            self.groups,
            self.use_bias,
            self.activation,
            self.name,
            self.precision,
        )

    @property
    def kernel(self) -> Float32:
        """View of the kernel, (height, width, channels / groups, filters)."""
        return self._weight("kernel")

    @property
    def bias(self) -> Float32 | None:
        """View of the bias, (filters,); None without one."""
        return self._weight("bias") if self.use_bias else None

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
            "activation": self.activation,
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "precision": self.precision,
        }


def window_output_size(
    layer: Layer,
    size: list[int],
    window: _checks.Pair,
    strides: _checks.Pair,
    padding: str | _checks.Padding,
    dilation: _checks.Pair = (1, 1),
) -> list[int]:
    """Output height and width of a layer with a window; ValueError naming the layer if the window does not fit."""
    sides = _checks.explicit_padding(padding, size, window, strides, dilation)
    out = [_checks.output_size(size[i], window[i], strides[i], sides[i], dilation[i]) for i in (0, 1)]
    if min(out) < 1:
        raise ValueError(
            f'Layer "{layer.name}": its window is larger than its input, so the output would be empty. Received: '
            f"input (height, width)={tuple(size)}, window={window}, {padding=}, dilation_rate={dilation}"
        )
    return out
