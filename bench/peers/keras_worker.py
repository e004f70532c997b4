"""Keras on TensorFlow: ``fit`` and ``predict_on_batch``.

bfloat16 is the policy "mixed_bfloat16" with a softmax in float32, as Keras' guide advises.
"""

from __future__ import annotations

import os

from common import run
from keras_like import KerasLikePeer
from models import Model, Weights

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


class KerasPeer(KerasLikePeer):
    """Keras' own layers of the same names."""

    def __init__(self, model: Model, weights: Weights, threads: int, variant: str, precision: str) -> None:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        import keras

        self.version = f"{keras.__version__} (TensorFlow {tf.__version__})"
        if precision == "bfloat16":
            keras.mixed_precision.set_global_policy("mixed_bfloat16")
        softmax = keras.layers.Activation("softmax", dtype="float32")
        self.build(keras.Sequential, keras.layers, model, weights, softmax)


if __name__ == "__main__":
    run(KerasPeer)
