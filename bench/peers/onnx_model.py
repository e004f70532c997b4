"""The README's model as ONNX bytes, for the runtimes that only infer."""

from __future__ import annotations

import numpy as np
from common import Weights


def onnx_bytes(weights: Weights) -> bytes:
    """Build the graph: input "x" (n, 1, 28, 28), output "p" (n, 10), probabilities."""
    from onnx import TensorProto, helper, numpy_helper

    k1, b1, k2, b2, k3, b3, k4, b4 = weights
    k3 = k3.reshape(5, 5, 64, 128).transpose(2, 0, 1, 3).reshape(1600, 128)  # its Flatten runs over c, y, x
    values = {"k1": k1.transpose(3, 2, 0, 1), "b1": b1, "k2": k2.transpose(3, 2, 0, 1), "b2": b2}
    values |= {"k3": k3, "b3": b3, "k4": k4, "b4": b4}
    node = helper.make_node
    nodes = [
        node("Conv", ["x", "k1", "b1"], ["c1"], kernel_shape=[3, 3]),
        node("Relu", ["c1"], ["r1"]),
        node("MaxPool", ["r1"], ["p1"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", ["p1", "k2", "b2"], ["c2"], kernel_shape=[3, 3]),
        node("Relu", ["c2"], ["r2"]),
        node("MaxPool", ["r2"], ["p2"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", ["p2"], ["f"]),
        node("Gemm", ["f", "k3", "b3"], ["g1"]),
        node("Relu", ["g1"], ["r3"]),
        node("Gemm", ["r3", "k4", "b4"], ["g2"]),
        node("Softmax", ["g2"], ["p"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "mnist_cnn",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, 28, 28])],
        [helper.make_tensor_value_info("p", TensorProto.FLOAT, ["n", 10])],
        [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in values.items()],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 18)])
    return bytes(model.SerializeToString())
