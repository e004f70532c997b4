"""cnncore, as a user runs it: ``Sequential.fit`` and ``predict_on_batch``."""

from __future__ import annotations

from typing import Any

import numpy as np
from common import Peer, Weights, run


class CnncorePeer(Peer):
    """The public Python API; the thread count is the process' affinity, as by default."""

    def __init__(self, weights: Weights, threads: int, variant: str) -> None:
        import cnncore
        from cnncore import Sequential
        from cnncore.layers import Conv2D, Dense, Flatten, MaxPooling2D

        cnncore.set_num_threads(threads)
        self.version = cnncore.__version__
        self.model = Sequential(
            [
                Conv2D(32, kernel_size=(3, 3), activation="relu", input_shape=(28, 28, 1)),
                MaxPooling2D(pool_size=(2, 2)),
                Conv2D(64, kernel_size=(3, 3), activation="relu"),
                MaxPooling2D(pool_size=(2, 2)),
                Flatten(),
                Dense(128, activation="relu"),
                Dense(10, activation="softmax"),
            ]
        )
        self.model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
        self.model.set_weights(weights)

    def train_epoch(self, data: Any, batch: int) -> float:
        history = self.model.fit(*data, batch_size=batch, epochs=1, verbose=0)
        return float(history.history["loss"][-1])

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.model.predict_on_batch(x))


if __name__ == "__main__":
    run(CnncorePeer)
