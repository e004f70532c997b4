"""OpenVINO, inference only, with float32 arithmetic asked for."""

from __future__ import annotations

import numpy as np
from common import Peer, run
from models import Model, Weights


class OpenvinoPeer(Peer):
    """A compiled model and one inference request, called synchronously."""

    def __init__(self, model: Model, weights: Weights, threads: int, variant: str) -> None:
        import openvino
        from onnx_model import onnx_bytes

        self.version = openvino.__version__.split("-")[0]
        core = openvino.Core()
        graph = core.read_model(onnx_bytes(model, weights), b"")
        settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
        self.request = core.compile_model(graph, "CPU", settings).create_infer_request()

    def predict(self, x: np.ndarray) -> np.ndarray:
        nchw = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
        return np.asarray(self.request.infer({"x": nchw})["p"])


if __name__ == "__main__":
    run(OpenvinoPeer)
