"""Networks as ONNX bytes, for the libraries that only run inference."""

from __future__ import annotations

from typing import Any

import numpy as np
from layers import (
    BATCH_NORM_EPSILON,
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
    Weights,
    padding_of,
)
from models import to_channels_first

_ACTIVATIONS = {"relu": ["Relu"], "tanh": ["Tanh"], "softmax": ["Softmax"], "linear": []}


class _Graph:
    """Nodes and constants of an ONNX graph that is being built."""

    def __init__(self) -> None:
        from onnx import helper, numpy_helper

        self.helper, self.from_array = helper, numpy_helper.from_array
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, kind: str, inputs: list[str], weights: list[np.ndarray] | None = None, **attributes: Any) -> str:
        names = [f"w{len(self.constants) + i}" for i in range(len(weights or []))]
        self.constants += [self.from_array(value, name) for name, value in zip(names, weights or [], strict=True)]
        output = f"t{len(self.nodes)}"
        self.nodes.append(self.helper.make_node(kind, [*inputs, *names], [output], **attributes))
        return output


def _add_layer(graph: _Graph, layer: Layer, x: Shape, inputs: list[str], weights: list[np.ndarray]) -> str:
    if isinstance(layer, BatchNorm):
        return graph.add("BatchNormalization", inputs, weights, epsilon=BATCH_NORM_EPSILON)
    if isinstance(layer, Pool):
        kind = "MaxPool" if layer.kind == "max" else "AveragePool"
        return graph.add(kind, inputs, kernel_shape=layer.size, strides=layer.size)
    if isinstance(layer, GlobalAveragePool):
        return graph.add("Flatten", [graph.add("GlobalAveragePool", inputs)])
    if isinstance(layer, Add):
        return graph.add("Add", inputs)
    if isinstance(layer, Dropout):
        return inputs[0]
    if isinstance(layer, Activate):
        value = inputs[0]
    elif isinstance(layer, Conv | DepthwiseConv):
        (top, bottom), (left, right) = padding_of(layer, x)
        value = graph.add(
            "Conv",
            inputs,
            weights,
            kernel_shape=layer.kernel,
            strides=[layer.stride] * 2,
            pads=[top, left, bottom, right],
            group=x[-1] if isinstance(layer, DepthwiseConv) else 1,
        )
    else:
        value = graph.add("Flatten", inputs) if len(x) == 3 else inputs[0]
        value = graph.add("Gemm", [value], weights, transB=1)
    for kind in [] if isinstance(layer, DepthwiseConv) else _ACTIVATIONS[layer.activation]:
        value = graph.add(kind, [value])
    return value


def onnx_bytes(model: Model, weights: Weights) -> bytes:
    """The graph with the input "x", (n, c, h, w) or (n, values), and the output "p", (n, classes or values)."""
    from onnx import TensorProto, helper

    graph = _Graph()
    values = ["x"]
    for node, (layer, x), own in zip(model.nodes, model.with_inputs(), to_channels_first(model, weights), strict=True):
        values.append(_add_layer(graph, layer, x, [values[i] for i in node.inputs], own))
    graph.nodes[-1].output[0] = "p"

    shape = [*model.input_shape[2:], *model.input_shape[:2]]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *shape])]
    outputs = [helper.make_tensor_value_info("p", TensorProto.FLOAT, ["n", *model.shapes[-1]])]
    onnx_graph = helper.make_graph(graph.nodes, "network", inputs, outputs, graph.constants)
    onnx_model = helper.make_model(onnx_graph, ir_version=8, opset_imports=[helper.make_opsetid("", 18)])
    return bytes(onnx_model.SerializeToString())


def to_onnx_layout(x: np.ndarray) -> np.ndarray:
    """Images with channels first; vectors as they are."""
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2) if x.ndim == 4 else x)
