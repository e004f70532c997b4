"""A network as ONNX bytes, for the runtimes that only infer."""

from __future__ import annotations

from typing import Any

from models import Conv, Model, Pool, Weights, to_channels_first


def onnx_bytes(model: Model, weights: Weights) -> bytes:
    """Build the graph: input "x" (n, c, h, w), output "p" (n, classes), probabilities."""
    from onnx import TensorProto, helper, numpy_helper

    left = iter(to_channels_first(model, weights))
    nodes: list[Any] = []
    constants: list[Any] = []

    def append(kind: str, weights: int = 0, **attributes: Any) -> None:
        previous = nodes[-1].output[0] if nodes else "x"
        names = [f"w{len(constants) + i}" for i in range(weights)]
        constants.extend(numpy_helper.from_array(next(left), name) for name in names)
        nodes.append(helper.make_node(kind, [previous, *names], [f"t{len(nodes)}"], **attributes))

    for layer, x in model.with_inputs():
        if isinstance(layer, Pool):
            append("MaxPool" if layer.kind == "max" else "AveragePool", kernel_shape=[2, 2], strides=[2, 2])
            continue
        if isinstance(layer, Conv):
            around = layer.kernel // 2 if layer.padding == "same" else 0
            append("Conv", weights=2, kernel_shape=[layer.kernel] * 2, pads=[around] * 4)
        else:
            if len(x) == 3:
                append("Flatten")
            append("Gemm", weights=2, transB=1)
        append({"relu": "Relu", "tanh": "Tanh", "softmax": "Softmax"}[layer.activation])
    nodes[-1].output[0] = "p"

    height, width, channels = model.input_shape
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", channels, height, width])],
        [helper.make_tensor_value_info("p", TensorProto.FLOAT, ["n", model.layers[-1][0]])],
        constants,
    )
    onnx_model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 18)])
    return bytes(onnx_model.SerializeToString())
