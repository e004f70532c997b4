"""Convolution of volumes and videos (batch, depth, height, width, channels), and what it shares with their pools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore import _checks, activations, ops, regularizers
from cnncore.layers.base import Shape, WeightSpec, registry
from cnncore.layers.base.weighted import Weighted
from cnncore.layers.weights.variable import Variable

__all__ = ["VOLUME_AXES", "Conv3D", "Convolution3D", "VolumeLayer"]

VOLUME_AXES = "batch, depth, height, width, channels"
_ONES = (1, 1, 1)


class VolumeLayer(Weighted):
    """A layer that moves a window over a volume. Sizes such as ``kernel_size`` are kept as tuples of three numbers."""

    padding: str

    def _sizes(self, value: Any, name: str) -> tuple[int, ...]:
        """An argument that is one int or three ints, as three ints."""
        sizes = _checks.integers(value, name, type(self).__name__)
        if len(sizes) not in (1, 3):
            raise ValueError(
                f"[{type(self).__name__}] expected `{name}` to be an integer or three of them. Received: "
                f"{name}={value!r}"
            )
        return sizes if len(sizes) == 3 else sizes * 3

    def _sides(
        self, axis: int, size: int, window: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
    ) -> _checks.Pair:
        """The padding before and after one axis of a volume of ``size`` along it."""
        pairs: list[_checks.Pair] = [(1, value[axis]) for value in (window, strides, dilation)]
        return _checks.explicit_padding(self.padding, (1, size), *pairs)[1]

    def _output(
        self, input_shape: Shape, window: Sequence[int], strides: Sequence[int], dilation: Sequence[int] = _ONES
    ) -> list[int]:
        """The size of the output along each axis."""
        self._expect_rank(input_shape, VOLUME_AXES)
        sizes = [
            _checks.output_size(
                size, window[axis], strides[axis], self._sides(axis, size, window, strides, dilation), dilation[axis]
            )
            for axis, size in enumerate(input_shape[1:4])
        ]
        if min(sizes) < 1:
            raise ValueError(
                f'Layer "{self.name}": expected a window that is not larger than the input. Received: input (depth, '
                f"height, width)={tuple(input_shape[1:4])}, window={tuple(window)}, padding={self.padding!r}, "
                f"dilation_rate={tuple(dilation)}"
            )
        return sizes


@registry.register("convolution3d")
class Conv3D(VolumeLayer):
    """Convolution of volumes (batch, depth, height, width, channels); also named ``Convolution3D``.

    It is a sum of convolutions of images, one for each place along the depth of the kernel, which Python adds. So it is
    slower than :class:`Conv2D` with as many products.

    Parameters
    ----------
    filters : int
        Number of output channels.
    kernel_size : int or three ints
        Depth, height and width of the kernel.
    strides, dilation_rate : int or three ints, default 1
    padding : {"valid", "same"}, default "valid"
    data_format : {"channels_last"}, optional
    groups : int, default 1
        Must be 1.
    activation, use_bias, kernel_initializer, bias_initializer
        As for :class:`Conv2D`.
    kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint : optional
    **kwargs
        ``name``, ``trainable``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Examples
    --------
    >>> Conv3D(8, 3, padding="same").compute_output_shape((None, 16, 16, 16, 1))
    (None, 16, 16, 16, 8)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        self.use_bias = _checks.boolean(use_bias, "use_bias", owner)
        if groups != 1:
            raise ValueError(f"[{owner}] expected groups=1. Received: groups={groups!r}")
        self._keep_weight_options(
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        sizes = self._output(input_shape, self.kernel_size, self.strides, self.dilation_rate)
        return (input_shape[0], *sizes, self.filters)

    def weight_specs(self, input_shape: Shape) -> list[WeightSpec]:
        kernel = self._spec("kernel", (*self.kernel_size, input_shape[-1], self.filters))
        return [kernel, self._spec("bias", (self.filters,))][: 1 + self.use_bias]

    @property
    def kernel(self) -> Variable:
        """The kernel, (depth, height, width, channels, filters)."""
        return self._weight("kernel")

    @property
    def bias(self) -> Variable | None:
        """The bias, of shape (filters,); None if ``use_bias`` is False."""
        return self._weight("bias") if self.use_bias else None

    def call(self, inputs: Any) -> Any:
        shape = self.compute_output_shape(inputs.shape)
        sides = self._sides(0, inputs.shape[1], self.kernel_size, self.strides, self.dilation_rate)
        x = np.pad(inputs, ((0, 0), sides, (0, 0), (0, 0), (0, 0))) if any(sides) else inputs
        total: Any = 0.0
        for place in range(self.kernel_size[0]):
            start = place * self.dilation_rate[0]
            part = x[:, start : start + (shape[1] - 1) * self.strides[0] + 1 : self.strides[0]]
            images = np.reshape(part, (-1, *inputs.shape[2:]))
            options: dict[str, Any] = {"strides": self.strides[1:], "dilation_rate": self.dilation_rate[1:]}
            total = total + ops.conv(images, self.kernel[place], padding=self.padding, **options)
        result = np.reshape(total, (-1, *shape[1:]))
        return self.activation(result if self.bias is None else result + self.bias)

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
            "groups": 1,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
        }


Convolution3D = Conv3D
