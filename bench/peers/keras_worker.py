"""Keras: ``fit`` and ``predict_on_batch``, with the backend that KERAS_BACKEND names, or the first that is installed.

In bfloat16, the policy is "mixed_bfloat16" with a softmax in float32, as Keras' guide advises.
"""

from __future__ import annotations

import importlib.util
import os

from common import run
from keras_like import KerasLikePeer
from layers import Model, Weights

BACKENDS = ["tensorflow", "jax", "torch"]
BACKEND = os.environ.setdefault("KERAS_BACKEND", next(filter(importlib.util.find_spec, BACKENDS), BACKENDS[0]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def _limit_threads(threads: int) -> str:
    """Prepare the backend, and return its name and version. The threads of JAX follow the affinity of the process."""
    if BACKEND == "jax":
        import jax

        return f"JAX {jax.__version__}"
    if BACKEND == "torch":
        import torch

        torch.set_num_threads(threads)
        return f"PyTorch {torch.__version__}"
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    return f"TensorFlow {tf.__version__}"


class KerasPeer(KerasLikePeer):
    """Keras' own layers of the same names."""

    def __init__(self, model: Model, weights: Weights, threads: int, variant: str, precision: str) -> None:
        backend = _limit_threads(threads)
        import keras

        self.version = f"{keras.__version__} ({backend})"
        if precision == "bfloat16":
            keras.mixed_precision.set_global_policy("mixed_bfloat16")
        softmax = keras.layers.Activation("softmax", dtype="float32")
        self.build(keras, model, weights, softmax)


if __name__ == "__main__":
    run(KerasPeer)
