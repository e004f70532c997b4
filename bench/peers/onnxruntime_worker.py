"""ONNX Runtime, inference only."""

from __future__ import annotations

import numpy as np
from common import Peer, Weights, run


class OnnxRuntimePeer(Peer):
    """A session with the CPU provider."""

    def __init__(self, weights: Weights, threads: int, variant: str) -> None:
        import onnxruntime
        from onnx_model import onnx_bytes

        self.version = onnxruntime.__version__
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(
            onnx_bytes(weights), sess_options=options, providers=["CPUExecutionProvider"]
        )

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.session.run(None, {"x": x.reshape(-1, 1, 28, 28)})[0])


if __name__ == "__main__":
    run(OnnxRuntimePeer)
