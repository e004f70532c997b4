"""The words in which ``models.py`` describes a network: layers, and which reads which.

Images are float32, NHWC; kernels of convolutions HWIO, depthwise ones (height, width, channels, 1), dense ones
(in, out). "same" padding is Keras': an output of ceil(size / stride), and the odd row or column of zeros goes below or
to the right.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

Shape = tuple[int, ...]
Weights = list[list[np.ndarray]]  # per layer, in Keras' order

BATCH_NORM_EPSILON = 1e-3  # Keras' default
BATCH_NORM_MOMENTUM = 0.9  # Keras' 0.99 needs more steps than a benchmark has until its statistics say anything


class Conv(NamedTuple):
    filters: int
    kernel: tuple[int, int] = (3, 3)
    padding: str = "valid"
    activation: str = "linear"
    stride: int = 1
    use_bias: bool = True


class DepthwiseConv(NamedTuple):
    """One filter a channel, "same" padding."""

    kernel: tuple[int, int] = (3, 3)
    stride: int = 1
    padding: str = "same"


class BatchNorm(NamedTuple):
    """Over the last axis. Weights: gamma, beta, and the moving mean and variance, which are not trained."""


class Activate(NamedTuple):
    """An activation as a layer of its own, as it stands behind a batch normalization."""

    activation: str = "relu"


class Pool(NamedTuple):
    """Windows side by side."""

    kind: str  # "max" or "average"
    size: tuple[int, int] = (2, 2)


class GlobalAveragePool(NamedTuple):
    """Each channel's mean."""


class Add(NamedTuple):
    """The sum of two layers."""


class Dropout(NamedTuple):
    rate: float


class Dense(NamedTuple):
    """Flattens its input where that is an image. A last "softmax" is in the loss in some libraries."""

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
        """The value that was added last."""
        return len(self.nodes)

    def add(self, *layers: Layer, to: int | tuple[int, ...] | None = None) -> int:
        """Append layers, the first of which reads the value `to` (two of them for ``Add``; default: the last)."""
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
        """Per node, the values that no later node reads."""
        last = {value: i for i, node in enumerate(self.nodes) for value in node.inputs}
        return [[value for value, reader in last.items() if reader == i] for i in range(len(self.nodes))]

    def weight_shapes(self) -> list[list[Shape]]:
        """Per layer."""
        return [_weight_shapes(layer, x) for layer, x in self.with_inputs()]

    @property
    def has_batch_norm(self) -> bool:
        """Whether training and inference differ by the statistics they use."""
        return any(isinstance(node.layer, BatchNorm) for node in self.nodes)

    def without_dropout(self) -> Model:
        """The same network whose training is not random: itself, where it has no dropout."""
        if not any(isinstance(node.layer, Dropout) for node in self.nodes):
            return self
        model = Model(self.input_shape, self.loss)
        for node in self.nodes:
            model.add(Dropout(0.0) if isinstance(node.layer, Dropout) else node.layer, to=node.inputs)
        return model


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Rows of zeros before and behind that "same" padding wants."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def padding_of(layer: Conv | DepthwiseConv, x: Shape) -> tuple[tuple[int, int], tuple[int, int]]:
    """Rows above and below, columns to the left and right of an input of this shape."""
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
