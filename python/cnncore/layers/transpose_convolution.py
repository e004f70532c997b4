"""Conv2DTranspose and Conv1DTranspose, the transposed convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from cnncore import _checks, activations, regularizers
from cnncore._checks import Size
from cnncore.graph.protocols import Graph
from cnncore.layers.base import Shape, WeightSpec, registry
from cnncore.layers.base.weighted import Windowed, pair_of, with_precision
from cnncore.layers.weights.variable import Variable

__all__ = [
    "Conv1DTranspose",
    "Conv2DTranspose",
    "Convolution1DTranspose",
    "Convolution2DTranspose",
    "Deconvolution2D",
]


class _Cut(NamedTuple):
    """How many values are cut off the full output on each side of one axis, and how many are added at its end."""

    sides: _checks.Pair
    extra: int


class _TransposeConvolution(Windowed):
    def __init__(
        self,
        filters: int,
        kernel_size: Size,
        strides: Size = 1,
        padding: str = "valid",
        output_padding: Size | None = None,
        data_format: str | None = None,
        dilation_rate: Size = 1,
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
        self.padding = _checks.choice(padding, "padding", owner, ("valid", "same"))
        self.output_padding = None if output_padding is None else self._sizes(output_padding, "output_padding", 0)
        self.data_format = _checks.data_format(data_format, owner)
        self.dilation_rate = self._sizes(dilation_rate, "dilation_rate")
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
        self._check_output_padding()

    def _check_output_padding(self) -> None:
        if self.output_padding is not None and any(
            extra >= stride for extra, stride in zip(self.output_padding, self.strides, strict=True)
        ):
            raise ValueError(
                f"[{type(self).__name__}] expected `output_padding` smaller than `strides`. "
                f"Received: output_padding={self.output_padding}, strides={self.strides}"
            )

    def _extents(self) -> list[int]:
        return [(k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation_rate, strict=True)]

    def _cut(self, axis: int) -> _Cut:
        """Compute how the full output, which has (n - 1) * stride + extent pixels for n pixels of the input, is cut.

        With padding "same" it is cut to n * stride pixels. ``output_padding`` asks for another length, as in Keras:
        (n - 1) * stride + extent % 2 + output_padding with "same", and the full length plus output_padding with
        "valid".
        """
        extent, stride = self._extents()[axis], self.strides[axis]
        given = None if self.output_padding is None else self.output_padding[axis]
        if self.padding == "valid":
            return _Cut((0, 0), max(stride - extent, 0) if given is None else given)
        total = extent - (stride if given is None else extent % 2 + given)
        before = max(total // 2, 0)
        return _Cut((before, max(total - before, 0)), max(before - total, 0))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check_input(input_shape)
        batch, *size, _ = input_shape
        out = []
        for axis, (n, extent) in enumerate(zip(size, self._extents(), strict=True)):
            cut = self._cut(axis)
            out.append((n - 1) * self.strides[axis] + extent - sum(cut.sides) + cut.extra)
        if min(out) < 1:
            raise ValueError(
                f'Layer "{self.name}": expected an output of at least one pixel along each axis. Received: input shape '
                f"{input_shape}, kernel_size={self.kernel_size}, output_padding={self.output_padding}"
            )
        return (batch, *out, self.filters)

    def weight_specs(self, input_shape: Shape) -> list[WeightSpec]:
        kernel = self._spec("kernel", (*self.kernel_size, self.filters, input_shape[-1]))
        return [kernel, self._spec("bias", (self.filters,))][: 1 + self.use_bias]

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        cuts = [_Cut((0, 0), 0), *(self._cut(axis) for axis in range(self.rank))][-2:]
        y = graph.add(
            "conv2d_transpose",
            [self._to_image(graph, inputs[0])],
            self.name,
            filters=self.filters,
            kernel_size=pair_of(self.kernel_size),
            strides=pair_of(self.strides),
            padding=tuple(cut.sides for cut in cuts),
            output_padding=tuple(cut.extra for cut in cuts),
            dilation_rate=pair_of(self.dilation_rate),
            use_bias=self.use_bias,
            activation=activations.fused_kind(self.activation) or "linear",
            **with_precision(self.precision),
        )
        return self._from_image(graph, self._activate(graph, y, self.activation))

    @property
    def kernel(self) -> Variable:
        """The kernel, (height, width, filters, channels), or without the height for sequences."""
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
            "output_padding": self.output_padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "precision": self.precision,
        }


@registry.register("convolution2d_transpose", "convolution2dtranspose", "deconvolution2d")
class Conv2DTranspose(_TransposeConvolution):
    """Transposed convolution: each pixel of the input adds a multiple of the kernel to a larger image.

    A convolution's backward pass computes the same. The layer is also named ``Convolution2DTranspose``, and in old
    scripts ``Deconvolution2D``.

    Parameters
    ----------
    filters : int
        Number of output channels.
    kernel_size : int or two ints
        Height and width of the kernel.
    strides : int or two ints, default 1
        The distance in the output, in pixels, between the kernels of neighbouring pixels of the input. The output is
        about this many times as large as the input.
    padding : {"valid", "same"}, default "valid"
        With "valid" nothing is cut off the output. With "same" the output is exactly ``strides`` times as large as the
        input.
    output_padding : int or two ints, optional
        Chooses among the output sizes from which a convolution with these strides makes the input size. It must be
        smaller than ``strides``.
    data_format : {"channels_last"}, optional
    dilation_rate : int or two ints, default 1
    activation : str or callable, optional
    use_bias : bool, default True
    kernel_initializer, bias_initializer : default "glorot_uniform" and "zeros"
    kernel_regularizer, bias_regularizer, activity_regularizer : optional
    kernel_constraint, bias_constraint : optional
    precision : {"float32", "bfloat16_3x", "bfloat16"}, optional
    **kwargs
        ``name``, ``trainable``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Notes
    -----
    Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016, chapter 4.

    Examples
    --------
    >>> Conv2DTranspose(8, 3, strides=2, padding="same").compute_output_shape((None, 7, 7, 16))
    (None, 14, 14, 8)
    """


@registry.register("convolution1d_transpose", "convolution1dtranspose")
class Conv1DTranspose(_TransposeConvolution):
    """Transposed convolution of sequences (batch, steps, channels); also named ``Convolution1DTranspose``.

    The parameters are those of :class:`Conv2DTranspose`, with one int where it takes two.

    Examples
    --------
    >>> Conv1DTranspose(8, 3, strides=2, padding="same").compute_output_shape((None, 7, 16))
    (None, 14, 8)
    """

    rank = 1


Convolution2DTranspose = Deconvolution2D = Conv2DTranspose
Convolution1DTranspose = Conv1DTranspose
