"""OpenVINO: inference only, in the precision that is asked for, because OpenVINO would choose bfloat16 by itself."""

from __future__ import annotations

import numpy as np
from common import Peer, run
from layers import Model, Weights


class OpenvinoPeer(Peer):
    """A compiled model and one inference request, called synchronously."""

    def __init__(self, model: Model, weights: Weights, threads: int, variant: str, precision: str) -> None:
        import openvino
        from onnx_model import onnx_bytes, to_onnx_layout

        self.to_layout = to_onnx_layout
        self.version = openvino.__version__.split("-")[0]
        core = openvino.Core()
        graph = core.read_model(onnx_bytes(model, weights), b"")
        hint = {"float32": "f32", "bfloat16": "bf16"}[precision]
        settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": hint}
        self.request = core.compile_model(graph, "CPU", settings).create_infer_request()

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.request.infer({"x": self.to_layout(x)})["p"])


if __name__ == "__main__":
    run(OpenvinoPeer)
