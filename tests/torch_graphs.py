"""Random graphs in PyTorch, in float64: a reference that can be differentiated more than once.

Arrays have the layout of the library, (n, h, w, c). Batch normalization uses its moving statistics, as products with
curvature do.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from random_graphs import RandomGraph
from reference_ops_layout import resize_matrix
from reference_ops_pointwise import SELU_ALPHA, SELU_SCALE

torch = pytest.importorskip("torch")
F = torch.nn.functional
Tensor = torch.Tensor
Op = Callable[[list[Tensor], list[Tensor], dict[str, Any]], Tensor]


def first(x: Tensor) -> Tensor:
    """Move the channels to the front of a sample, where PyTorch expects them."""
    return x.permute(0, 3, 1, 2)


def last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1)


def sides(padding: Any) -> list[int]:
    """Return the padding in the order of F.pad, which begins with the last axis."""
    (top, bottom), (left, right) = padding
    return [left, right, top, bottom]


def hard_sigmoid(x: Tensor) -> Tensor:
    return (x / 6 + 0.5).clamp(0, 1)


def relu(x: Tensor, a: dict[str, Any], slope: float) -> Tensor:
    """As Keras has it: at the threshold itself the value is that from above, and the slope is that from below."""
    threshold, top = a.get("threshold", 0.0), a.get("max_value")
    below = a.get("alpha", slope) * (x - threshold)
    y = torch.where(x > threshold, x, torch.where(x == threshold, below + threshold, below))
    return y if top is None else y.clamp(max=top)


ACTIVATIONS: dict[str, Callable[[Tensor, dict[str, Any]], Tensor]] = {
    "linear": lambda x, a: x,
    "relu": lambda x, a: relu(x, a, 0.0),
    "relu6": lambda x, a: x.clamp(0, 6),
    "leaky_relu": lambda x, a: relu(x, a, 0.2),
    "elu": lambda x, a: F.elu(x, a.get("alpha", 1.0)),
    "celu": lambda x, a: F.celu(x, a.get("alpha", 1.0)),
    "selu": lambda x, a: SELU_SCALE * F.elu(x, SELU_ALPHA),
    "gelu": lambda x, a: F.gelu(x),
    "gelu_tanh": lambda x, a: F.gelu(x, approximate="tanh"),
    "silu": lambda x, a: x * torch.sigmoid(x),
    "mish": lambda x, a: x * torch.tanh(F.softplus(x)),
    "sigmoid": lambda x, a: torch.sigmoid(x),
    "tanh": lambda x, a: torch.tanh(x),
    "softplus": lambda x, a: F.softplus(x, threshold=50),
    "softsign": lambda x, a: x / (1 + x.abs()),
    "hard_sigmoid": lambda x, a: hard_sigmoid(x),
    "hard_silu": lambda x, a: x * hard_sigmoid(x),
    "softmax": lambda x, a: torch.softmax(x, -1),
    "log_softmax": lambda x, a: torch.log_softmax(x, -1),
}


def conv2d(x: Tensor, w: list[Tensor], a: dict[str, Any]) -> Tensor:
    options = {"stride": a["strides"], "dilation": a.get("dilation_rate", 1), "groups": a["groups"]}
    return last(
        F.conv2d(F.pad(first(x), sides(a["padding"])), w[0].permute(3, 2, 0, 1).contiguous(), *w[1:], **options)
    )


def conv2d_transpose(x: Tensor, w: list[Tensor], a: dict[str, Any]) -> Tensor:
    whole = F.conv_transpose2d(first(x), w[0].permute(3, 2, 0, 1).contiguous(), stride=a["strides"])
    rows, columns = a["output_padding"]
    whole = F.pad(whole, [0, columns, 0, rows])
    return last(F.pad(whole, [-side for side in sides(a["padding"])])) + (w[1] if a["use_bias"] else 0.0)


def max_pool2d(x: Tensor, a: dict[str, Any]) -> Tensor:
    padded = F.pad(first(x), sides(a["padding"]), value=-torch.inf)
    return last(F.max_pool2d(padded, a["pool_size"], a["strides"]))


def avg_pool2d(x: Tensor, a: dict[str, Any]) -> Tensor:
    def sums(x: Tensor) -> Tensor:
        return F.avg_pool2d(F.pad(first(x), sides(a["padding"])), a["pool_size"], a["strides"], divisor_override=1)

    return last(sums(x) / sums(torch.ones_like(x)))


def upsampling2d(x: Tensor, a: dict[str, Any]) -> Tensor:
    rows, columns = (torch.tensor(resize_matrix(x.shape[i + 1], a["size"][i], a["interpolation"])) for i in (0, 1))
    return torch.einsum("ph,nhwc,qw->npqc", rows, x, columns)


def scaled(unit: Tensor, w: list[Tensor], a: dict[str, Any]) -> Tensor:
    """Return gamma * unit + beta, without gamma or beta if the attributes say so."""
    rest = list(w)
    unit = unit * rest.pop(0) if a["scale"] else unit
    return unit + rest.pop(0) if a["center"] else unit


def normalized(x: Tensor, axes: tuple[int, ...], epsilon: float) -> Tensor:
    return (x - x.mean(axes, True)) / torch.sqrt(x.var(axes, correction=0, keepdim=True) + epsilon)


def batch_normalization(x: Tensor, w: list[Tensor], a: dict[str, Any]) -> Tensor:
    return scaled((x - w[-2]) / torch.sqrt(w[-1] + a["epsilon"]), w, a)


def group_normalization(x: Tensor, w: list[Tensor], a: dict[str, Any]) -> Tensor:
    grouped = x.reshape(*x.shape[:-1], a["groups"], -1)
    axes = (*range(1, x.ndim - 1), x.ndim)
    return scaled(normalized(grouped, axes, a["epsilon"]).reshape(x.shape), w, a)


def dot(x: list[Tensor], a: dict[str, Any]) -> Tensor:
    """The product along the last axis of both inputs: random graphs use no other axes."""
    x = [F.normalize(v, dim=-1, eps=1e-6) if a["normalize"] else v for v in x]
    rows, columns = (v.reshape(len(v), -1, v.shape[-1]) for v in x)
    shape = (*x[0].shape[1:-1], *x[1].shape[1:-1]) or (1,)
    return (rows @ columns.transpose(1, 2)).reshape(-1, *shape)


def product(x: list[Tensor]) -> Tensor:
    y = x[0]
    for other in x[1:]:
        y = y * other
    return y


def extreme(x: list[Tensor], sign: float) -> Tensor:
    """The largest or smallest input; of several equal ones, the first gets the gradient."""
    y = x[0]
    for other in x[1:]:
        y = torch.where(sign * other > sign * y, other, y)
    return y


def activation(x: list[Tensor], w: list[Tensor], a: dict[str, Any]) -> Tensor:
    return ACTIVATIONS[a["kind"]](x[0], a)


OPS: dict[str, Op] = {
    "conv2d": lambda x, w, a: conv2d(x[0], w, a),
    "conv2d_transpose": lambda x, w, a: conv2d_transpose(x[0], w, a),
    "dense": lambda x, w, a: x[0] @ w[0] + (w[1] if a["use_bias"] else 0.0),
    "max_pool2d": lambda x, w, a: max_pool2d(x[0], a),
    "avg_pool2d": lambda x, w, a: avg_pool2d(x[0], a),
    "reshape": lambda x, w, a: x[0].reshape(-1, *a["shape"]),
    "permute": lambda x, w, a: x[0].permute(0, *a["dims"]),
    "zero_padding2d": lambda x, w, a: last(F.pad(first(x[0]), sides(a["padding"]))),
    "cropping2d": lambda x, w, a: last(F.pad(first(x[0]), [-side for side in sides(a["cropping"])])),
    "upsampling2d": lambda x, w, a: upsampling2d(x[0], a),
    "activation": activation,
    "prelu": lambda x, w, a: torch.where(x[0] > 0, x[0], w[0] * x[0]),
    "batch_normalization": lambda x, w, a: batch_normalization(x[0], w, a),
    "layer_normalization": lambda x, w, a: scaled(
        normalized(x[0], tuple(range(x[0].ndim - a["axes"], x[0].ndim)), a["epsilon"]), w, a
    ),
    "group_normalization": lambda x, w, a: group_normalization(x[0], w, a),
    "unit_normalization": lambda x, w, a: F.normalize(x[0].flatten(x[0].ndim - a["axes"]), dim=-1, eps=1e-6).reshape(
        x[0].shape
    ),
    "affine": lambda x, w, a: x[0] * w[0] + w[1],
    "rescaling": lambda x, w, a: x[0] * a["scale"] + a["offset"],
    "activity_regularization": lambda x, w, a: x[0],
    "added_loss": lambda x, w, a: x[0],
    "second_moment": lambda x, w, a: x[0],
    "add": lambda x, w, a: sum(x[1:], x[0]),
    "subtract": lambda x, w, a: x[0] - x[1],
    "multiply": lambda x, w, a: product(x),
    "average": lambda x, w, a: sum(x[1:], x[0]) / len(x),
    "maximum": lambda x, w, a: extreme(x, 1.0),
    "minimum": lambda x, w, a: extreme(x, -1.0),
    "concatenate": lambda x, w, a: torch.cat(x, a["axis"] + 1),
    "dot": lambda x, w, a: dot(x, a),
}


def own_loss(kind: str, x: Tensor, a: dict[str, Any]) -> Tensor:
    """Return the term that an op adds to the total loss."""
    if kind == "added_loss":
        return a["weight"] * x.sum() / (1 if a["summed"] else len(x))
    return (a["l1"] * x.abs().sum() + a["l2"] * (x * x).sum()) / len(x)


class TorchGraph:
    """A random graph as functions of a tuple of trained weights, in the order of ``slots``: (layer, index)."""

    def __init__(self, graph: RandomGraph, slots: list[tuple[str, int]]) -> None:
        self.graph, self.slots = graph, slots
        self.held = {layer: [to_torch(a) for a in arrays] for layer, arrays in graph.weights().items()}

    @property
    def weights(self) -> tuple[Tensor, ...]:
        return tuple(self.held[layer][index] for layer, index in self.slots)

    def tensors(self, x: list[Tensor], weights: tuple[Tensor, ...]) -> list[Tensor]:
        """Every tensor of the graph, inputs first."""
        held = {layer: list(arrays) for layer, arrays in self.held.items()}
        for (layer, index), weight in zip(self.slots, weights, strict=True):
            held[layer][index] = weight
        found = list(x)
        for node, shapes in zip(self.graph.nodes, self.graph.weight_shapes(), strict=True):
            own = [held[node.layer][i].reshape(shape) for i, shape in enumerate(shapes)]
            y = OPS[node.kind]([found[i] for i in node.inputs], own, node.attributes)
            fused = node.attributes.get("activation", "linear")
            found.append(ACTIVATIONS[fused](y, {}))
        return found

    def outputs(self, x: list[Tensor], weights: tuple[Tensor, ...]) -> list[Tensor]:
        """The outputs, and behind them the tensor that each node in ``adding`` computes its loss from."""
        found = self.tensors(x, weights)
        return [found[i] for i in self.graph.outputs] + [found[node.inputs[-1]] for node in self.adding()]

    def adding(self) -> list[Any]:
        """The nodes that have a loss of their own."""
        return [node for node in self.graph.nodes if node.kind in ("activity_regularization", "added_loss")]

    def own_losses(self, seen: list[Tensor]) -> Tensor:
        """The sum of the losses of these nodes; ``seen`` are the tensors that ``outputs`` appends."""
        total = torch.zeros((), dtype=torch.float64)
        for node, x in zip(self.adding(), seen, strict=True):
            total = total + own_loss(node.kind, x, node.attributes)
        return total


def to_torch(array: Any) -> Tensor:
    return torch.tensor(np.asarray(array), dtype=torch.float64)
