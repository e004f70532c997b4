"""Random graphs of any ops, with branches, tensors that several ops read, layers that are called twice, and several
inputs and outputs.

The seed of ``RandomGraph(seed)`` decides everything. ``build`` adds the same ops to any builder, that of the compiled
engine or that of the reference, so that both compute the same network.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

import reference_core

Shape = tuple[int, ...]

SMOOTH = (
    "linear",
    "elu",
    "celu",
    "selu",
    "gelu",
    "gelu_tanh",
    "silu",
    "mish",
    "sigmoid",
    "tanh",
    "softplus",
    "softsign",
)
KINKED = ("relu", "relu6", "leaky_relu", "hard_sigmoid", "hard_silu")
OVER_ROWS = ("softmax", "log_softmax")
FUSED = ("linear", "linear", "relu", "sigmoid", "tanh", "softmax")


@dataclass
class Node:
    """One op: the arguments of ``GraphBuilder.add``."""

    kind: str
    inputs: list[int]
    layer: str
    attributes: dict[str, Any]


@dataclass
class RandomGraph:
    """A graph of random ops. ``inputs`` are the shapes of samples.

    Tensors have numbers: first come the inputs, then the outputs of the nodes. A ``wide`` graph has so many channels
    and units that its products compute in a reduced precision if they are asked to.
    """

    seed: int
    wide: bool = False
    inputs: list[Shape] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self._builder = reference_core.GraphBuilder()
        image = (self.draw(3, 8), self.draw(3, 8), self.width(1, 5))
        for shape in [image, *[image, (self.width(2, 9),)][: self.draw(0, 2)]]:
            self.inputs.append(shape)
            self._builder.input(shape)
        while len(self.nodes) < self.draw(3, 12):
            self._add_node()
        self._choose_outputs()

    # --- choices ----------------------------------------------------------------------------------------------------
    def draw(self, low: int, high: int) -> int:
        """An integer in [low, high]."""
        return int(self.rng.integers(low, high + 1))

    def pick(self, values: Any) -> Any:
        """One of several values."""
        return values[self.draw(0, len(values) - 1)]

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def width(self, low: int, high: int) -> int:
        """A number of channels or units: in [low, high], or more in wide graphs."""
        return self.draw(32, 48) if self.wide else self.draw(low, high)

    def pair(self, low: int, high: int) -> tuple[int, int]:
        return self.draw(low, high), self.draw(low, high)

    # --- nodes ------------------------------------------------------------------------------------------------------
    @property
    def shapes(self) -> list[Shape]:
        return [node.shape for node in self._builder.nodes]

    def _add_node(self) -> None:
        x = self._some_tensor()
        shared = self._shared_with(self.shapes[x])
        if shared is not None:
            kind, layer, attributes = shared.kind, shared.layer, shared.attributes
            inputs = [x]
        else:
            kind, inputs, attributes = self._new_op(x)
            layer = f"layer{len(self.nodes)}"
            if self.chance(0.1) and kind in PARAMETERS:
                attributes = {**attributes, "trainable": False}
        try:
            self._builder.add(kind, inputs, layer, **attributes)
        except ValueError:  # an empty output, or too large a window
            return
        if prod(self.shapes[-1]) > (4000 if self.wide else 2000):
            self._builder.nodes.pop()
            return
        self.nodes.append(Node(kind, inputs, layer, attributes))

    def _some_tensor(self) -> int:
        """The number of a tensor: mostly the last one, so that graphs get deep."""
        count = len(self.shapes)
        return count - 1 if self.chance(0.6) else self.draw(0, count - 1)

    def _shared_with(self, shape: Shape) -> Node | None:
        """Sometimes a node whose layer is to be called again, on another tensor of ``shape``; otherwise None."""
        fitting = [n for n in self.nodes if n.kind in PARAMETERS and self.shapes[n.inputs[0]] == shape]
        return self.pick(fitting) if fitting and self.chance(0.4) else None

    def _new_op(self, x: int) -> tuple[str, list[int], dict[str, Any]]:
        partners = [i for i, shape in enumerate(self.shapes) if shape == self.shapes[x]]
        if len(partners) > 1 and self.chance(0.3):
            return self._merge(x, partners)
        if self.chance(0.04):
            weight = self.pick((0.5, 0.01))
            return "added_loss", [x, self._some_tensor()], {"weight": weight, "summed": self.chance(0.5)}
        shape = self.shapes[x]
        kinds = IMAGE_OPS if len(shape) == 3 else VECTOR_OPS if len(shape) == 1 else ANY_OPS
        if self.wide and len(shape) in (1, 3) and self.chance(0.5):
            kinds = [kind for kind in kinds if kind in PRODUCTS]
        kind = self.pick(kinds)
        return kind, [x], ATTRIBUTES[kind](self, shape)

    def _merge(self, x: int, partners: list[int]) -> tuple[str, list[int], dict[str, Any]]:
        kind = self.pick(("add", "add", "subtract", "multiply", "average", "maximum", "minimum", "concatenate", "dot"))
        others = [self.pick(partners) for _ in range(1 if kind in ("subtract", "dot") else self.draw(1, 2))]
        rank, same = len(self.shapes[x]), others[0] == x  # a unit vector's product with itself is 1, its gradient 0
        options = {
            "concatenate": {"axis": self.draw(0, rank - 1)},
            "dot": {"axes": (rank - 1, rank - 1), "normalize": self.chance(0.5) and not same},
        }
        return kind, [x, *others], options.get(kind, {})

    def _choose_outputs(self) -> None:
        read = {tensor for node in self.nodes for tensor in node.inputs}
        first = len(self.inputs)
        unread = [i for i in range(first, len(self.shapes)) if i not in read]
        self.outputs = list(unread)
        if self.chance(0.3):  # add an output that other nodes read, too
            extra = self.draw(first, len(self.shapes) - 1)
            self.outputs += [extra] if extra not in self.outputs else []

    # --- use --------------------------------------------------------------------------------------------------------
    def build(self, builder: Any) -> tuple[Any, list[int]]:
        """Add everything to a builder; returns it and the numbers that it gives to the outputs."""
        ids = [builder.input(shape) for shape in self.inputs]
        for node in self.nodes:
            ids.append(builder.add(node.kind, [ids[i] for i in node.inputs], node.layer, **node.attributes))
        return builder, [ids[i] for i in self.outputs]

    def weight_shapes(self) -> list[list[Shape]]:
        """For each node, the shapes in which its op expects the weights of its layer."""
        found = []
        for node in self._builder.nodes[len(self.inputs) :]:
            parameters = node.op.parameters(*(self.shapes[i] for i in node.inputs)) if node.op else []
            found.append([parameter.shape for parameter in parameters])
        return found

    def weights(self) -> dict[str, list[np.ndarray]]:
        """Random values for the weights of each layer, float32."""
        rng = np.random.default_rng((self.seed, 1))
        found: dict[str, list[np.ndarray]] = {}
        for node in self._builder.nodes:
            if node.op is None or node.layer in found:
                continue
            parameters = node.op.parameters(*(self.shapes[i] for i in node.inputs))
            if parameters:
                found[node.layer] = [_value(rng, parameter.name, parameter.shape) for parameter in parameters]
        return found

    def batch(self, size: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Random inputs and targets."""
        rng = np.random.default_rng((self.seed, 2))
        x = [rng.standard_normal((size, *shape)).astype(np.float32) for shape in self.inputs]
        y = [rng.standard_normal((size, *self.shapes[i])).astype(np.float32) for i in self.outputs]
        return x, y

    def __str__(self) -> str:
        lines = [f"seed {self.seed}, outputs {self.outputs}"]
        lines += [f"{i}: input {shape}" for i, shape in enumerate(self.inputs)]
        for i, node in enumerate(self.nodes, len(self.inputs)):
            lines.append(f"{i}: {node.layer} {node.kind}{node.inputs} {node.attributes} -> {self.shapes[i]}")
        return "\n".join(lines)


def _value(rng: np.random.Generator, name: str, shape: Shape) -> np.ndarray:
    if name in ("moving_variance", "gamma", "scale"):
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    fan = prod(shape[:-1]) if len(shape) > 1 else 4
    return (rng.standard_normal(shape) / np.sqrt(fan)).astype(np.float32)


# --- attributes of each kind, for an input of a shape -----------------------------------------------------------------


def _window(g: RandomGraph, key: str) -> dict[str, Any]:
    size = (3, 3) if g.chance(0.4) else g.pair(1, 3)
    stride = (1, 1) if g.chance(0.6) else g.pair(1, 2)
    padding = ((0, 0), (0, 0)) if g.chance(0.5) else (g.pair(0, size[0] - 1), g.pair(0, size[1] - 1))
    return {key: size, "strides": stride, "padding": padding}


def _conv2d(g: RandomGraph, shape: Shape) -> dict[str, Any]:
    groups = g.pick([n for n in (1, 1, shape[2]) if shape[2] % n == 0])
    options = {
        "filters": g.width(1, 4) if groups == 1 else groups * g.draw(1, 4),
        "groups": groups,
        "use_bias": g.chance(0.7),
        **_window(g, "kernel_size"),
    }
    if g.chance(0.2):
        options["dilation_rate"] = g.pair(1, 2)
    return options | {"activation": g.pick(FUSED)}


def _conv2d_transpose(g: RandomGraph, shape: Shape) -> dict[str, Any]:
    size, strides = g.pair(1, 3), g.pair(1, 2)
    return {
        "filters": g.width(1, 4),
        "kernel_size": size,
        "strides": strides,
        "padding": (g.pair(0, (size[0] - 1) // 2), g.pair(0, (size[1] - 1) // 2)),
        "output_padding": (g.draw(0, strides[0] - 1), g.draw(0, strides[1] - 1)),
        "use_bias": g.chance(0.7),
        "activation": g.pick(FUSED),
    }


def _activation(g: RandomGraph, shape: Shape) -> dict[str, Any]:
    kind = g.pick(SMOOTH * 2 + KINKED * 2 + OVER_ROWS)
    options: dict[str, Any] = {"kind": kind}
    if kind == "relu" and g.chance(0.3):
        options |= {"alpha": 0.25, "max_value": 1.5, "threshold": 0.125}
    if kind in ("leaky_relu", "elu", "celu") and g.chance(0.5):
        options["alpha"] = 0.5
    return options


def _reshape(g: RandomGraph, shape: Shape) -> dict[str, Any]:
    count = prod(shape)
    if g.chance(0.5):
        return {"shape": (count,)}
    first = g.pick([n for n in range(1, count + 1) if count % n == 0 and n <= 8])
    second = g.pick([n for n in range(1, count // first + 1) if (count // first) % n == 0 and n <= 8])
    return {"shape": (first, second, count // first // second)}


def _normalization(g: RandomGraph, shape: Shape) -> dict[str, Any]:
    return {"epsilon": g.pick((1e-3, 0.1)), "center": g.chance(0.7), "scale": g.chance(0.7)}


def _second_moment(g: RandomGraph, shape: Shape) -> dict[str, Any]:
    if g.chance(0.4):
        return {"of": "gradients"}
    window = _window(g, "kernel_size") if len(shape) == 3 else {}
    return {"of": "inputs", "use_bias": g.chance(0.5), **window}


def _sides(g: RandomGraph, shape: Shape) -> tuple[tuple[int, int], tuple[int, int]]:
    return g.pair(0, 1), g.pair(0, 1)


ATTRIBUTES: dict[str, Callable[[RandomGraph, Shape], dict[str, Any]]] = {
    "conv2d": _conv2d,
    "conv2d_transpose": _conv2d_transpose,
    "max_pool2d": lambda g, shape: _window(g, "pool_size"),
    "avg_pool2d": lambda g, shape: _window(g, "pool_size"),
    "dense": lambda g, shape: {"units": g.width(1, 12), "use_bias": g.chance(0.7), "activation": g.pick(FUSED)},
    "reshape": _reshape,
    "permute": lambda g, shape: {"dims": tuple(int(d) + 1 for d in g.rng.permutation(len(shape)))},
    "zero_padding2d": lambda g, shape: {"padding": _sides(g, shape)},
    "cropping2d": lambda g, shape: {"cropping": _sides(g, shape)},
    "upsampling2d": lambda g, shape: {"size": g.pair(1, 2), "interpolation": g.pick(("nearest", "bilinear"))},
    "activation": _activation,
    "prelu": lambda g, shape: {"shared_axes": g.pick(((), tuple(range(1, len(shape)))))},
    "batch_normalization": lambda g, shape: {**_normalization(g, shape), "momentum": 0.75},
    "layer_normalization": lambda g, shape: {**_normalization(g, shape), "axes": g.draw(1, len(shape))},
    "group_normalization": lambda g, shape: {
        **_normalization(g, shape),
        "groups": g.pick([n for n in (1, 2, shape[-1]) if shape[-1] % n == 0]),
    },
    "affine": lambda g, shape: {},
    "rescaling": lambda g, shape: {"scale": 0.5, "offset": 0.25},
    "activity_regularization": lambda g, shape: {"l1": 0.01, "l2": 0.02},
    "second_moment": _second_moment,
    "unit_normalization": lambda g, shape: {"axes": g.draw(1, len(shape))},
}
ANY_OPS = (
    *("activation", "activation", "reshape", "permute", "prelu", "batch_normalization", "layer_normalization"),
    *("group_normalization", "affine", "rescaling", "activity_regularization", "unit_normalization"),
)
PRODUCTS = ("conv2d", "conv2d_transpose", "dense")
VECTOR_OPS = ("dense", "dense", "dense", "second_moment", *ANY_OPS)
IMAGE_OPS = (
    *("conv2d", "conv2d", "conv2d", "conv2d_transpose", "max_pool2d", "avg_pool2d", "zero_padding2d", "cropping2d"),
    *("upsampling2d", "second_moment", *ANY_OPS),
)
PARAMETERS = (
    *("conv2d", "conv2d_transpose", "dense", "prelu", "batch_normalization", "layer_normalization"),
    "group_normalization",
)
