"""The ops of a network in float64: the base class of reference ops, and the ops with a window or a kernel.

``OPS[kind](**attributes)`` makes an op. Shapes are those of samples; arrays have the batch axis in front. The
other ops are in ``reference_ops_pointwise.py``, ``reference_ops_batch.py`` and ``reference_ops_layout.py``.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

import precision as rounding
import reference as ref

Array = ref.Array
Shape = tuple[int, ...]
Gradients = list[Array]
Pullback = Callable[[Array], tuple[Gradients, Gradients]]  # dy -> (gradients of the inputs, gradients of the weights)

OPS: dict[str, type["Op"]] = {}


class Parameter(NamedTuple):
    """An array that an op needs. An array with ``state`` is not trained: the op itself updates it."""

    name: str
    shape: Shape
    state: bool = False


@dataclass
class Context:
    """What a run of the network tells an op, and what the op returns beside its output."""

    training: bool = False
    draw: Callable[[Shape, Callable[[np.random.Generator, Shape], Array]], Array] | None = None
    # By the number of a parameter with state, the function that updates it after the step. A layer that is called twice
    # is updated twice.
    states: dict[int, Callable[[Array], Array]] = field(default_factory=dict)
    loss: float = 0.0  # the op's term of the total loss


@dataclass
class Op:
    """Base of all ops. By default an op has one input, an output of the same shape, and no parameters."""

    def infer(self, *shapes: Shape) -> Shape:
        """Return the shape of an output sample; raises ValueError if the shapes of the inputs are not allowed."""
        self.expect(len(shapes) == 1, "one input", shapes)
        return shapes[0]

    def parameters(self, *shapes: Shape) -> list[Parameter]:
        return []

    def forward(self, inputs: list[Array], weights: list[Array], context: Context) -> tuple[Array, Pullback]:
        raise NotImplementedError

    @staticmethod
    def expect(condition: bool, what: str, received: Any) -> None:
        if not condition:
            raise ValueError(f"expected {what}. Received: {received}")


def op(kind: str) -> Callable[[type[Op]], type[Op]]:
    """Class decorator: ``kind`` is the op's name in ``GraphBuilder.add``."""

    def register(cls: type[Op]) -> type[Op]:
        OPS[kind] = dataclass(cls)
        return OPS[kind]

    return register


class Image(Op):
    """Base of the ops with one input, an image (height, width, channels)."""

    def infer(self, *shapes: Shape) -> Shape:
        self.expect(len(shapes) == 1 and len(shapes[0]) == 3, "one input (height, width, channels)", shapes)
        out = self.image_shape(shapes[0])
        self.expect(min(out) >= 1, "an output that is not empty", out)
        return out

    def image_shape(self, shape: Shape) -> Shape:
        raise NotImplementedError


def rounded_product(
    x: Array,
    kernel: Array,
    used: str,
    forward: Callable[[Array, Array], Array],
    backward: Callable[[Array, Array, Array], tuple[Array, Array]],
) -> tuple[Array, Callable[[Array], tuple[Array, Array]]]:
    """A product of ``x`` and ``kernel`` in the precision ``used``: every operand is rounded.

    Returns the output, and the function from ``dy`` to ``dx`` and ``dkernel``.
    """
    x, kernel = rounding.operand(x, used), rounding.operand(kernel, used)
    return forward(x, kernel), lambda dy: backward(x, kernel, rounding.operand(dy, used))


def with_activation(y: Array, pullback: Pullback, name: str) -> tuple[Array, Pullback]:
    """Apply the activation that is part of an op to its output ``y``, and extend its pullback."""
    if name == "linear":
        return y, pullback
    after, activation_pullback = OPS["activation"](kind=name).forward([y], [], Context())
    return after, lambda dy: pullback(activation_pullback(dy)[0][0])


def with_bias(
    product: tuple[Array, Callable[[Array], tuple[Array, Array]]], bias: list[Array], activation: str
) -> tuple[Array, Pullback]:
    """Add a bias to a rounded product, if there is one, and apply an activation. Sums of dy are not rounded."""
    y, product_pullback = product

    def pullback(dy: Array) -> tuple[Gradients, Gradients]:
        dx, dkernel = product_pullback(dy)
        return [dx], [dkernel, *(dy.sum(axis=tuple(range(dy.ndim - 1))) for _ in bias)]

    return with_activation(y + bias[0] if bias else y, pullback, activation)


@op("conv2d")
class Conv2D(Image):
    filters: int
    kernel_size: ref.Pair
    strides: ref.Pair = (1, 1)
    padding: ref.Padding = ref.NO_PADDING
    dilation_rate: ref.Pair = (1, 1)
    groups: int = 1
    use_bias: bool = True
    activation: str = "linear"
    precision: str | None = None

    def image_shape(self, shape: Shape) -> Shape:
        self.expect(
            shape[2] % self.groups == 0 and self.filters % self.groups == 0,
            f"channels and filters divisible by groups={self.groups}",
            (shape[2], self.filters),
        )
        window = zip(shape, self.kernel_size, self.strides, self.padding, self.dilation_rate, strict=False)
        return (*(ref.output_size(*axis) for axis in window), self.filters)

    def parameters(self, *shapes: Shape) -> list[Parameter]:
        kernel = Parameter("kernel", (*self.kernel_size, shapes[0][2] // self.groups, self.filters))
        return [kernel, Parameter("bias", (self.filters,))][: 1 + self.use_bias]

    def forward(self, inputs, weights, context):
        options = (tuple(self.strides), self.padding, tuple(self.dilation_rate), self.groups)
        kernel = weights[0]
        used = rounding.conv2d_precision(kernel.shape, self.groups, self.precision or rounding.FLOAT32)
        product = rounded_product(
            inputs[0],
            kernel,
            used,
            lambda x, k: ref.conv2d(x, k, None, *options),
            lambda x, k, dy: ref.conv2d_backward(x, k, dy, *options)[:2],
        )
        return with_bias(product, weights[1:], self.activation)


@op("conv2d_transpose")
class Conv2DTranspose(Image):
    """Each input pixel adds the kernel, times its value, to the output; at last ``padding`` is cut off the output."""

    filters: int
    kernel_size: ref.Pair
    strides: ref.Pair = (1, 1)
    padding: ref.Padding = ref.NO_PADDING
    output_padding: ref.Pair = (0, 0)
    dilation_rate: ref.Pair = (1, 1)
    use_bias: bool = True
    activation: str = "linear"
    precision: str | None = None

    def full_size(self, shape: Shape) -> ref.Pair:
        """Height and width before cropping."""
        extent = [(self.kernel_size[a] - 1) * self.dilation_rate[a] + 1 for a in (0, 1)]
        return tuple((shape[a] - 1) * self.strides[a] + extent[a] + self.output_padding[a] for a in (0, 1))

    def image_shape(self, shape: Shape) -> Shape:
        return (*(size - sum(pad) for size, pad in zip(self.full_size(shape), self.padding, strict=True)), self.filters)

    def parameters(self, *shapes: Shape) -> list[Parameter]:
        kernel = Parameter("kernel", (*self.kernel_size, self.filters, shapes[0][2]))
        return [kernel, Parameter("bias", (self.filters,))][: 1 + self.use_bias]

    def forward(self, inputs, weights, context):
        kernel = weights[0]
        window = (kernel.shape[:2], inputs[0].shape[1:3], self.strides, self.dilation_rate)

        def forward(x, kernel):
            full = np.zeros((len(x), *self.full_size(x.shape[1:]), self.filters))
            for (i, j), met in ref._taps(full, *window):
                met += x @ kernel[i, j].T
            return ref._crop(full, self.padding)

        def backward(x, kernel, dy):
            dx, dkernel = np.zeros_like(x), np.zeros_like(kernel)
            for (i, j), met in ref._taps(ref._pad(dy, self.padding), *window):
                dx += met @ kernel[i, j]
                dkernel[i, j] = np.tensordot(met, x, axes=((0, 1, 2), (0, 1, 2)))
            return dx, dkernel

        used = rounding.conv2d_precision(kernel.shape, 1, self.precision or rounding.FLOAT32)
        return with_bias(rounded_product(inputs[0], kernel, used, forward, backward), weights[1:], self.activation)


@op("dense")
class Dense(Op):
    units: int
    use_bias: bool = True
    activation: str = "linear"
    precision: str | None = None

    def infer(self, *shapes: Shape) -> Shape:
        self.expect(len(shapes) == 1 and len(shapes[0]) == 1, "one input (features,)", shapes)
        return (self.units,)

    def parameters(self, *shapes: Shape) -> list[Parameter]:
        kernel = Parameter("kernel", (shapes[0][0], self.units))
        return [kernel, Parameter("bias", (self.units,))][: 1 + self.use_bias]

    def forward(self, inputs, weights, context):
        used = rounding.dense_precision(*weights[0].shape, self.precision or rounding.FLOAT32)
        product = rounded_product(
            inputs[0], weights[0], used, ref.dense, lambda x, k, dy: ref.dense_backward(x, k, dy)[:2]
        )
        return with_bias(product, weights[1:], self.activation)


@dataclass
class Pool(Image):
    pool_size: ref.Pair
    strides: ref.Pair
    padding: ref.Padding = ref.NO_PADDING

    def image_shape(self, shape: Shape) -> Shape:
        window = zip(shape, self.pool_size, self.strides, self.padding, strict=False)
        return (*(ref.output_size(*axis) for axis in window), shape[2])

    @property
    def options(self):
        return tuple(self.pool_size), tuple(self.strides), self.padding


@op("max_pool2d")
class MaxPool2D(Pool):
    def forward(self, inputs, weights, context):
        (x,) = inputs
        return ref.max_pool2d(x, *self.options), lambda dy: ([ref.max_pool2d_backward(x, dy, *self.options)], [])


@op("avg_pool2d")
class AvgPool2D(Pool):
    def forward(self, inputs, weights, context):
        (x,) = inputs
        return ref.avg_pool2d(x, *self.options), lambda dy: ([ref.avg_pool2d_backward(x.shape, dy, *self.options)], [])
