"""Keras on TensorFlow: ``fit`` and ``predict_on_batch``."""

from __future__ import annotations

import os

from common import run
from keras_like import KerasLikePeer
from models import Model, Weights

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


class KerasPeer(KerasLikePeer):
    """Keras' own layers of the same names."""

    def __init__(self, model: Model, weights: Weights, threads: int, variant: str) -> None:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        import keras

        self.version = f"{keras.__version__} (TensorFlow {tf.__version__})"
        self.build(keras.Sequential, keras.layers, model, weights)


if __name__ == "__main__":
    run(KerasPeer)
