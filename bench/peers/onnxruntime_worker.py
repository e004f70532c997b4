"""ONNX Runtime: inference in float32 only, since it has no bfloat16 kernels for CPUs."""

from __future__ import annotations

import numpy as np
from common import Peer, run
from layers import Model, Weights


class OnnxRuntimePeer(Peer):
    """A session with the CPU provider."""

    def __init__(self, model: Model, weights: Weights, threads: int, variant: str, precision: str) -> None:
        import onnxruntime
        from onnx_model import onnx_bytes, to_onnx_layout

        self.to_layout = to_onnx_layout
        self.version = onnxruntime.__version__
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(
            onnx_bytes(model, weights), sess_options=options, providers=["CPUExecutionProvider"]
        )

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.session.run(None, {"x": self.to_layout(x)})[0])


if __name__ == "__main__":
    run(OnnxRuntimePeer)
