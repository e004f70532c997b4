"""A network of ``models.py`` as a PyTorch module."""

from __future__ import annotations

from typing import Any

import numpy as np
from layers import (
    BATCH_NORM_EPSILON,
    BATCH_NORM_MOMENTUM,
    Activate,
    Add,
    BatchNorm,
    Conv,
    DepthwiseConv,
    Dropout,
    GlobalAveragePool,
    Layer,
    Model,
    Pool,
    Shape,
    padding_of,
)


def _convolution(nn: Any, layer: Conv | DepthwiseConv, x: Shape) -> list[Any]:
    """A convolution, after a padding layer if the sides have different paddings, which Conv2d does not support."""
    (top, bottom), (left, right) = padding_of(layer, x)
    symmetric = top == bottom and left == right
    depthwise = isinstance(layer, DepthwiseConv)
    conv = nn.Conv2d(
        x[-1],
        x[-1] if depthwise else layer.filters,
        layer.kernel,
        stride=layer.stride,
        padding=(top, left) if symmetric else 0,
        groups=x[-1] if depthwise else 1,
        bias=depthwise or layer.use_bias,
    )
    return [conv] if symmetric else [nn.ZeroPad2d((left, right, top, bottom)), conv]


def _modules(nn: Any, layer: Layer, x: Shape) -> list[Any]:
    """The modules for a layer. A softmax becomes nothing, because the loss contains it."""
    activations = {"relu": [nn.ReLU()], "tanh": [nn.Tanh()], "softmax": [], "linear": []}
    if isinstance(layer, Conv):
        return _convolution(nn, layer, x) + activations[layer.activation]
    if isinstance(layer, DepthwiseConv):
        return _convolution(nn, layer, x)
    if isinstance(layer, BatchNorm):
        kind = nn.BatchNorm2d if len(x) == 3 else nn.BatchNorm1d
        return [kind(x[-1], eps=BATCH_NORM_EPSILON, momentum=1 - BATCH_NORM_MOMENTUM)]
    if isinstance(layer, Activate):  # in place, as torchvision's networks have it
        return [nn.ReLU(inplace=True)] if layer.activation == "relu" else activations[layer.activation]
    if isinstance(layer, Pool):
        return [(nn.MaxPool2d if layer.kind == "max" else nn.AvgPool2d)(layer.size)]
    if isinstance(layer, GlobalAveragePool):
        return [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    if isinstance(layer, Dropout):
        return [nn.Dropout(layer.rate)]
    linear = nn.Linear(int(np.prod(x)), layer.units)
    return [nn.Flatten()] * (len(x) == 3) + [linear] + activations[layer.activation]


def build(torch: Any, model: Model) -> Any:
    """Make the module, whose ``layers`` are those of the model in the same order."""
    nn = torch.nn
    released = model.read_last_by()

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(
                nn.Identity() if isinstance(layer, Add) else nn.Sequential(*_modules(nn, layer, x))
                for layer, x in model.with_inputs()
            )

        def forward(self, x: Any) -> Any:
            values = {0: x}
            for i, (node, module) in enumerate(zip(model.nodes, self.layers, strict=True)):
                if isinstance(node.layer, Add):
                    values[i + 1] = values[node.inputs[0]] + values[node.inputs[1]]
                else:
                    values[i + 1] = module(values[node.inputs[0]])
                for value in released[i]:  # so that their memory can be used again
                    del values[value]
            return values[model.last]

    return Network()


def set_weights(torch: Any, network: Any, weights: list[list[np.ndarray]]) -> None:
    """Copy weights with channels first into the module."""
    with torch.no_grad():
        for module, own in zip(network.layers, weights, strict=True):
            buffers = [buffer for name, buffer in module.named_buffers() if "num_batches" not in name]
            for to, value in zip([*module.parameters(), *buffers], own, strict=True):
                to.copy_(torch.from_numpy(value))
