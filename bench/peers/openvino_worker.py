"""OpenVINO, inference only, with float32 arithmetic asked for."""

from __future__ import annotations

import numpy as np
from common import Peer, Weights, run


class OpenvinoPeer(Peer):
    """A compiled model and one inference request, called synchronously."""

    def __init__(self, weights: Weights, threads: int, variant: str) -> None:
        import openvino
        from onnx_model import onnx_bytes

        self.version = openvino.__version__.split("-")[0]
        core = openvino.Core()
        model = core.read_model(onnx_bytes(weights), b"")
        settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
        self.request = core.compile_model(model, "CPU", settings).create_infer_request()

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.request.infer({"x": x.reshape(-1, 1, 28, 28)})["p"])


if __name__ == "__main__":
    run(OpenvinoPeer)
