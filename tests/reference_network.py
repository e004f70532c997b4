"""Whole networks in float64: the reference ops in a chain, and the compiled network of the same layers.

A ``Chain`` is built from descriptions of layers; ``chain.network`` is the compiled network, with the same parameters.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import precision as rounding
import reference as ref
from cnncore import _core


@dataclass
class Layer:
    """Base of the layers. ``lower`` adds the layer to a graph; ``forward`` keeps what ``backward`` needs.

    ``peak`` is the largest sum of absolute values so far. If all values are multiples of a unit and ``peak`` is below
    2**24 units, float32 arithmetic on the same numbers is exact in any order.
    """

    parameters = ()
    peak = 0.0

    def backward(self, dy):
        return self.pullback(dy), {}

    def note(self, *sums):
        self.peak = max(self.peak, *(float(np.max(total)) for total in sums))


@dataclass
class Rescaling(Layer):
    scale: float
    offset: float = 0.0

    def lower(self, graph, x, name):
        return graph.add("rescaling", [x], name, scale=self.scale, offset=self.offset)

    def forward(self, x, weights):
        self.pullback = lambda dy: dy * self.scale
        return x * self.scale + self.offset


@dataclass
class Product(Layer):
    """Base of convolutions and dense layers: a kernel, a bias, an activation, and rounded operands.

    The gradient of the bias is a sum and not a product, so it is summed from dy before dy is rounded.
    ``alternatives`` holds another result that a reduced precision may give: for bfloat16_3x, the gradient of the kernel
    without the products of the two smaller halves.
    """

    @property
    def parameters(self):
        return ("kernel", "bias") if self.use_bias else ("kernel",)

    def forward(self, x, weights):
        kernel = weights["kernel"]
        self.used = self.used_precision(kernel)
        self.x, self.kernel = rounding.operand(x, self.used), rounding.operand(kernel, self.used)
        self.x_low = rounding.terms(x, self.used)[1]
        self.y = ref.activation(self.product(self.x, self.kernel, weights.get("bias")), self.activation)
        self.note(self.product(abs(self.x), abs(self.kernel), abs(weights.get("bias", np.zeros(1)))))
        return self.y

    def backward(self, dy):
        dy = ref.activation_backward(self.y, dy, self.activation)
        operand, low = rounding.operand(dy, self.used), rounding.terms(dy, self.used)[1]
        dx, dkernel, _ = self.product_backward(self.x, operand, self.kernel)
        self.note(*self.product_backward(abs(self.x), abs(operand), abs(self.kernel)))
        self.alternatives = {"kernel": dkernel - self.product_backward(self.x_low, low, self.kernel)[1]}
        return dx, {"kernel": dkernel, "bias": dy.sum(axis=tuple(range(dy.ndim - 1)))}


@dataclass
class Conv2d(Product):
    filters: int
    kernel_size: ref.Pair = (3, 3)
    strides: ref.Pair = (1, 1)
    padding: ref.Padding = ref.NO_PADDING
    dilation_rate: ref.Pair = (1, 1)
    groups: int = 1
    use_bias: bool = True
    activation: str = "linear"
    precision: str | None = None

    def lower(self, graph, x, name):
        window = {"kernel_size": self.kernel_size, "strides": self.strides, "padding": self.padding}
        window |= {"dilation_rate": self.dilation_rate, "groups": self.groups, "filters": self.filters}
        precision = {} if self.precision is None else {"precision": self.precision}
        return graph.add("conv2d", [x], name, **window, use_bias=self.use_bias, activation=self.activation, **precision)

    def used_precision(self, kernel):
        return rounding.conv2d_precision(kernel.shape, self.groups, self.precision or rounding.FLOAT32)

    def product(self, x, kernel, bias):
        return ref.conv2d(x, kernel, bias, self.strides, self.padding, self.dilation_rate, self.groups)

    def product_backward(self, x, dy, kernel):
        params = (self.strides, self.padding, self.dilation_rate, self.groups)
        return ref.conv2d_backward(x, kernel, dy, *params)


@dataclass
class Dense(Product):
    units: int
    use_bias: bool = True
    activation: str = "linear"
    precision: str | None = None

    def lower(self, graph, x, name):
        precision = {} if self.precision is None else {"precision": self.precision}
        return graph.add(
            "dense", [x], name, units=self.units, use_bias=self.use_bias, activation=self.activation, **precision
        )

    def used_precision(self, kernel):
        return rounding.dense_precision(*kernel.shape, self.precision or rounding.FLOAT32)

    def product(self, x, kernel, bias):
        return ref.dense(x, kernel, bias)

    def product_backward(self, x, dy, kernel):
        return ref.dense_backward(x, kernel, dy)


@dataclass
class MaxPool2d(Layer):
    pool_size: ref.Pair = (2, 2)
    strides: ref.Pair = (2, 2)
    padding: ref.Padding = ref.NO_PADDING

    def lower(self, graph, x, name):
        return graph.add("max_pool2d", [x], name, pool_size=self.pool_size, strides=self.strides, padding=self.padding)

    def forward(self, x, weights):
        params = (self.pool_size, self.strides, self.padding)
        self.pullback = lambda dy: ref.max_pool2d_backward(x, dy, *params)
        return ref.max_pool2d(x, *params)


@dataclass
class AvgPool2d(MaxPool2d):
    def lower(self, graph, x, name):
        return graph.add("avg_pool2d", [x], name, pool_size=self.pool_size, strides=self.strides, padding=self.padding)

    def forward(self, x, weights):
        params = (self.pool_size, self.strides, self.padding)
        self.pullback = lambda dy: ref.avg_pool2d_backward(x.shape, dy, *params)
        return ref.avg_pool2d(x, *params)


@dataclass
class Flatten(Layer):
    def lower(self, graph, x, name):
        return graph.add("reshape", [x], name, shape=(int(np.prod(graph.output_shape(x))),))

    def forward(self, x, weights):
        self.pullback = lambda dy: dy.reshape(x.shape)
        return x.reshape(len(x), -1)


@dataclass
class Activation(Layer):
    kind: str

    def lower(self, graph, x, name):
        return graph.add("activation", [x], name, kind=self.kind)

    def forward(self, x, weights):
        y = ref.activation(x, self.kind)
        self.pullback = lambda dy: ref.activation_backward(y, dy, self.kind)
        return y


@dataclass
class Slot:
    """Where a weight lies in the flat vectors of parameters and gradients."""

    name: str  # "layer_0/kernel"
    shape: tuple[int, ...]
    offset: int


class ChainNetwork:
    """A network of the core with one input and one output.

    ``parameters`` is a flat vector that may be written to at any time; it is copied to the core before each call.
    """

    def __init__(self, core):
        self.core = core
        self.parameters = core.get_parameters()
        self.slots = [Slot(f"{slot.layer}/{slot.name}", tuple(slot.shape), slot.offset) for slot in core.slots]
        (self.input_shape,), (self.output_shape,) = core.input_shapes, core.output_shapes

    def __getattr__(self, name):
        return getattr(self.core, name)

    @property
    def step(self):
        return self.core.step

    @step.setter
    def step(self, value):
        self.core.step = value

    @property
    def precision(self):
        return self.core.precision

    @precision.setter
    def precision(self, value):
        self.core.precision = value

    def forward(self, x):
        self.core.set_parameters(self.parameters)
        return self.core.forward([x])[0]

    def train_step(self, x, y, indices, loss, from_logits, optimizer, sample_weight, outputs):
        self.core.set_parameters(self.parameters)
        kind = _core.Loss(loss, from_logits=from_logits)
        outputs = None if outputs is None else [outputs]
        weight = None if sample_weight is None else [sample_weight]
        try:
            values = self.core.train_step(
                [x], [y], [kind], [1.0], weight, indices=indices, optimizer=optimizer, outputs=outputs
            )
        finally:
            self.parameters[...] = self.core.get_parameters()
        return values[0]


class Chain:
    """Layers in a row, computed in float64, and ``network``, the compiled network of the same layers."""

    def __init__(self, input_shape: tuple[int, ...], layers: list[Layer]) -> None:
        graph = _core.GraphBuilder()
        tensor = graph.input(input_shape)
        for index, layer in enumerate(layers):
            tensor = layer.lower(graph, tensor, f"layer_{index}")
        self.layers = layers
        self.network = ChainNetwork(_core.Network(graph, [tensor]))
        self.slots = {slot.name: slot for slot in self.network.slots}
        expected = [f"layer_{i}/{name}" for i, layer in enumerate(layers) for name in layer.parameters]
        assert list(self.slots) == expected

    def view(self, flat: NDArray[np.float32], name: str) -> NDArray[np.float32]:
        """The part of a flat vector (parameters or gradients) that belongs to a slot."""
        slot = self.slots[name]
        return flat[slot.offset : slot.offset + int(np.prod(slot.shape))].reshape(slot.shape)

    def initialize(self, rng: np.random.Generator, exact: bool) -> None:
        """Write random parameters.

        With ``exact`` they are -1, 0 and 1, of which at most about 16 in each sum are not 0. Otherwise they are normal
        values, scaled so that activations keep their size.
        """
        for name, slot in self.slots.items():
            fan_in = int(np.prod(slot.shape[:-1])) if name.endswith("kernel") else 1
            if exact:
                values = rng.integers(-1, 2, slot.shape) * (rng.random(slot.shape) < 24 / fan_in)
            else:
                values = rng.standard_normal(slot.shape) / np.sqrt(fan_in)
            self.view(self.network.parameters, name)[...] = values

    def forward(self, x: NDArray) -> ref.Array:
        y = x.astype(np.float64)
        for index, layer in enumerate(self.layers):
            prefix = f"layer_{index}/"
            weights = {p: self.view(self.network.parameters, prefix + p).astype(np.float64) for p in layer.parameters}
            y = layer.forward(y, weights)
        return y

    def loss(self, y_pred: ref.Array, y: NDArray, loss: str, from_logits: bool, weights: NDArray | None = None):
        """Return (loss, dy_pred). Probabilities that do not sum to one are divided by their sum."""
        if loss == "mean_squared_error":
            return ref.mean_squared_error(y_pred, y, weights)
        if from_logits:
            return ref.softmax_cross_entropy(y_pred, y, weights)
        value, _ = ref.softmax_cross_entropy(np.log(y_pred), y, weights)
        targets = ref.one_hot(y, y_pred.shape[1]) if y.ndim == 1 else y
        scale = (np.ones(len(y)) if weights is None else weights.astype(np.float64)) / len(y)
        share = targets.sum(axis=1, keepdims=True) / y_pred.sum(axis=1, keepdims=True)
        return value, scale[:, None] * (share - targets / y_pred)

    def backward(self, dy: ref.Array) -> dict[str, ref.Array]:
        """Return the gradient of every parameter, by the name of its slot."""
        gradients = {}
        for index, layer in reversed(list(enumerate(self.layers))):
            dy, own = layer.backward(dy)
            gradients |= {f"layer_{index}/{name}": own[name] for name in layer.parameters}
        return gradients
