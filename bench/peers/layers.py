"""The classes with which ``models.py`` describes networks: layers, and graphs of them.

Images are float32, NHWC; kernels of convolutions HWIO, depthwise ones (height, width, channels, 1), dense ones
(in, out). Padding "same" is that of Keras: the output has ceil(size / stride) pixels, and an odd row or column of zeros
is added at the bottom or on the right.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

Shape = tuple[int, ...]
Weights = list[list[np.ndarray]]  # per layer, in Keras' order

BATCH_NORM_EPSILON = 1e-3  # Keras' default
BATCH_NORM_MOMENTUM = 0.9  # with Keras' 0.99, the moving statistics need more steps than a benchmark has


class Conv(NamedTuple):
    filters: int
    kernel: tuple[int, int] = (3, 3)
    padding: str = "valid"
    activation: str = "linear"
    stride: int = 1
    use_bias: bool = True


class DepthwiseConv(NamedTuple):
    """A convolution with one filter for each channel."""

    kernel: tuple[int, int] = (3, 3)
    stride: int = 1
    padding: str = "same"


class BatchNorm(NamedTuple):
    """Normalization of each channel (the last axis). Weights: gamma, beta, and the moving mean and variance."""


class Activate(NamedTuple):
    """An activation as a layer of its own, such as after a batch normalization."""

    activation: str = "relu"


class Pool(NamedTuple):
    """Pooling over windows that do not overlap."""

    kind: str  # "max" or "average"
    size: tuple[int, int] = (2, 2)


class GlobalAveragePool(NamedTuple):
    """The mean of each channel."""


class Add(NamedTuple):
    """The sum of two layers."""


class Dropout(NamedTuple):
    rate: float


class Dense(NamedTuple):
    """A dense layer, which flattens images. In some libraries, a "softmax" of the last layer is part of the loss."""

    units: int
    activation: str = "linear"


Layer = Conv | DepthwiseConv | BatchNorm | Activate | Pool | GlobalAveragePool | Add | Dropout | Dense


class Node(NamedTuple):
    """A layer and the values it reads: 0 is the network's input, i the output of node i - 1."""

    layer: Layer
    inputs: tuple[int, ...]


class Model:
    """A network, built layer by layer; ``loss`` is "crossentropy" or "mse" (the network returns its input)."""

    def __init__(self, input_shape: Shape, loss: str = "crossentropy") -> None:
        self.input_shape = input_shape
        self.loss = loss
        self.nodes: list[Node] = []
        self.shapes: list[Shape] = [input_shape]  # of one sample of each value

    @property
    def last(self) -> int:
        """The number of the value that was added last."""
        return len(self.nodes)

    def add(self, *layers: Layer, to: int | tuple[int, ...] | None = None) -> int:
        """Append layers. The first one reads the value `to`, by default the last one; ``Add`` reads two values."""
        inputs = (self.last if to is None else to,) if not isinstance(to, tuple) else to
        for layer in layers:
            self.shapes.append(_output_shape(layer, self.shapes[inputs[0]]))
            self.nodes.append(Node(layer, inputs))
            inputs = (self.last,)
        return self.last

    def with_inputs(self) -> list[tuple[Layer, Shape]]:
        """Every layer with the shape of one sample of its first input."""
        return [(node.layer, self.shapes[node.inputs[0]]) for node in self.nodes]

    def read_last_by(self) -> list[list[int]]:
        """For each node, the values that it reads and no later node does."""
        last = {value: i for i, node in enumerate(self.nodes) for value in node.inputs}
        return [[value for value, reader in last.items() if reader == i] for i in range(len(self.nodes))]

    def weight_shapes(self) -> list[list[Shape]]:
        """The shapes of the weights of each layer."""
        return [_weight_shapes(layer, x) for layer, x in self.with_inputs()]

    @property
    def has_batch_norm(self) -> bool:
        """Whether there is a batch normalization, which behaves differently in training."""
        return any(isinstance(node.layer, BatchNorm) for node in self.nodes)

    def without_dropout(self) -> Model:
        """The network without dropout, so that its training is not random. Itself if it has no dropout."""
        if not any(isinstance(node.layer, Dropout) for node in self.nodes):
            return self
        model = Model(self.input_shape, self.loss)
        for node in self.nodes:
            model.add(Dropout(0.0) if isinstance(node.layer, Dropout) else node.layer, to=node.inputs)
        return model


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """The rows of zeros above and below the image that padding "same" needs."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def padding_of(layer: Conv | DepthwiseConv, x: Shape) -> tuple[tuple[int, int], tuple[int, int]]:
    """The padding of an input of this shape: rows above and below, columns to the left and to the right."""
    if layer.padding == "valid":
        return (0, 0), (0, 0)
    rows, columns = (same_padding(x[i], layer.kernel[i], layer.stride) for i in range(2))
    return rows, columns


def _weight_shapes(layer: Layer, x: Shape) -> list[Shape]:
    if isinstance(layer, Conv):
        return [(*layer.kernel, x[-1], layer.filters), (layer.filters,)][: 1 + layer.use_bias]
    if isinstance(layer, DepthwiseConv):
        return [(*layer.kernel, x[-1], 1), (x[-1],)]
    if isinstance(layer, BatchNorm):
        return [(x[-1],)] * 4
    return [(int(np.prod(x)), layer.units), (layer.units,)] if isinstance(layer, Dense) else []


def _output_shape(layer: Layer, x: Shape) -> Shape:
    if isinstance(layer, Conv | DepthwiseConv):
        around = padding_of(layer, x)
        h, w = ((x[i] + sum(around[i]) - layer.kernel[i]) // layer.stride + 1 for i in range(2))
        return h, w, layer.filters if isinstance(layer, Conv) else x[-1]
    if isinstance(layer, Pool):
        return x[0] // layer.size[0], x[1] // layer.size[1], x[2]
    if isinstance(layer, GlobalAveragePool):
        return (x[-1],)
    return (layer.units,) if isinstance(layer, Dense) else x
