"""Convolution and pools of volumes and videos (batch, depth, height, width, channels)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore import _checks, activations, ops, regularizers
from cnncore.graph.protocols import Graph
from cnncore.layers.base import Shape, WeightSpec, registry
from cnncore.layers.base.weighted import Weighted
from cnncore.layers.weights.variable import Variable

__all__ = [
    "AveragePooling3D",
    "AvgPool3D",
    "Conv3D",
    "Convolution3D",
    "GlobalAveragePooling3D",
    "GlobalAvgPool3D",
    "GlobalMaxPool3D",
    "GlobalMaxPooling3D",
    "MaxPool3D",
    "MaxPooling3D",
]

_AXES = "batch, depth, height, width, channels"
_ONES = (1, 1, 1)


class _Volume(Weighted):
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
        self._expect_rank(input_shape, _AXES)
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
class Conv3D(_Volume):
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


class _Pooling3D(_Volume):
    kind: str  # the name of the op for images

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        owner = type(self).__name__
        self.pool_size = self._sizes(pool_size, "pool_size")
        self.strides = self.pool_size if strides is None else self._sizes(strides, "strides")
        self.padding = _checks.choice(padding, "padding", owner, ("valid", "same"))
        self.data_format = _checks.data_format(data_format, owner)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *self._output(input_shape, self.pool_size, self.strides), input_shape[-1])

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        """Pool images whose channels are those of all depths, then along the depth."""
        name, (depth, height, width, channels) = self.name, graph.output_shape(inputs[0])
        deep, high, wide = self.compute_output_shape((None, depth, height, width, channels))[1:4]
        sides = [
            self._sides(axis, size, self.pool_size, self.strides, _ONES)
            for axis, size in enumerate((depth, height, width))
        ]
        y = graph.add("permute", inputs, name, dims=(2, 3, 1, 4))
        y = graph.add("reshape", [y], name, shape=(height, width, depth * channels))
        options: dict[str, Any] = {"strides": self.strides[1:], "padding": tuple(sides[1:])}
        y = graph.add(self.kind, [y], name, pool_size=self.pool_size[1:], **options)
        y = graph.add("reshape", [y], name, shape=(high * wide, depth, channels))
        options = {"strides": (1, self.strides[0]), "padding": ((0, 0), sides[0])}
        y = graph.add(self.kind, [y], name, pool_size=(1, self.pool_size[0]), **options)
        y = graph.add("reshape", [y], name, shape=(high, wide, deep, channels))
        return graph.add("permute", [y], name, dims=(3, 1, 2, 4))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
        }


@registry.register("max_pool3d", "maxpool3d")
class MaxPooling3D(_Pooling3D):
    """Take the largest value of each channel in each window of a volume; also named ``MaxPool3D``.

    Parameters
    ----------
    pool_size : int or three ints, default 2
        Depth, height and width of the window.
    strides : int or three ints, optional
        By default, the size of the window.
    padding : {"valid", "same"}, default "valid"
        Padding is never the largest value of a window.
    data_format : {"channels_last"}, optional
    name : str, optional
    **kwargs
        ``dtype`` and ``input_shape``, see :class:`Layer`.

    Examples
    --------
    >>> MaxPooling3D().compute_output_shape((None, 16, 16, 16, 8))
    (None, 8, 8, 8, 8)
    """

    kind = "max_pool2d"


@registry.register("avg_pool3d", "avgpool3d")
class AveragePooling3D(_Pooling3D):
    """Take the mean of each channel in each window of a volume; also named ``AvgPool3D``.

    Padding does not count. The parameters are those of :class:`MaxPooling3D`.

    Examples
    --------
    >>> AveragePooling3D(2).compute_output_shape((None, 16, 16, 16, 8))
    (None, 8, 8, 8, 8)
    """

    kind = "avg_pool2d"


class _GlobalPooling3D(Weighted):
    kind: str  # the name of the op for images

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = _checks.data_format(data_format, type(self).__name__)
        self.keepdims = _checks.boolean(keepdims, "keepdims", type(self).__name__)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._expect_rank(input_shape, _AXES)
        return (input_shape[0], *(_ONES if self.keepdims else ()), input_shape[-1])

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        depth, height, width, channels = graph.output_shape(inputs[0])
        window = (depth * height, width)
        y = graph.add("reshape", inputs, self.name, shape=(*window, channels))
        y = graph.add(self.kind, [y], self.name, pool_size=window, strides=window, padding=((0, 0), (0, 0)))
        return graph.add("reshape", [y], self.name, shape=(*(_ONES if self.keepdims else ()), channels))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format, "keepdims": self.keepdims}


@registry.register("global_avg_pool3d", "globalavgpool3d")
class GlobalAveragePooling3D(_GlobalPooling3D):
    """Take the mean of each channel of a volume; also named ``GlobalAvgPool3D``.

    Parameters
    ----------
    data_format : {"channels_last"}, optional
    keepdims : bool, default False
        Whether the output keeps the axes of depth, height and width, with length 1.
    **kwargs
        ``name``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Examples
    --------
    >>> GlobalAveragePooling3D().compute_output_shape((None, 4, 4, 4, 8))
    (None, 8)
    """

    kind = "avg_pool2d"


@registry.register("global_max_pool3d", "globalmaxpool3d")
class GlobalMaxPooling3D(_GlobalPooling3D):
    """Take the largest value of each channel of a volume; also named ``GlobalMaxPool3D``.

    The parameters are those of :class:`GlobalAveragePooling3D`.

    Examples
    --------
    >>> GlobalMaxPooling3D().compute_output_shape((None, 4, 4, 4, 8))
    (None, 8)
    """

    kind = "max_pool2d"


Convolution3D, MaxPool3D, AvgPool3D = Conv3D, MaxPooling3D, AveragePooling3D
GlobalAvgPool3D, GlobalMaxPool3D = GlobalAveragePooling3D, GlobalMaxPooling3D
