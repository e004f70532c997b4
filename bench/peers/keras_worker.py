"""Keras on TensorFlow: ``fit`` and ``predict_on_batch``."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from common import Peer, Weights, run

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


class KerasPeer(Peer):
    """The document's own model."""

    def __init__(self, weights: Weights, threads: int, variant: str) -> None:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        import keras
        from keras.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D

        self.version = f"{keras.__version__} (TensorFlow {tf.__version__})"
        self.model = keras.Sequential(
            [
                Input((28, 28, 1)),
                Conv2D(32, kernel_size=(3, 3), activation="relu"),
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
    run(KerasPeer)
