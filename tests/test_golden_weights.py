"""Bits that must not change by accident: hashes of the weights after twenty steps, for each instruction set.

A change of the order in which sums are added changes every hash here. Where that is meant, the commit says so, and
``python tests/test_golden_weights.py`` writes ``golden_weights.json`` anew for the instruction sets of the machine.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from checking import FLOAT32_ISAS, forced_isa, num_threads
from cnncore import Model, Sequential, _core, layers, utils

GOLDEN = Path(__file__).with_name("golden_weights.json")
STEPS, BATCH = 20, 128


def document_cnn() -> Model:
    """The CNN of the document, but for its dropout."""
    return Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def lenet5() -> Model:
    """Convolutions of 5x5, mean pools and tanh."""
    return Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(6, 5, padding="same", activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Conv2D(16, 5, activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(84, activation="tanh"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def small_cifar() -> Model:
    """Padded convolutions, wide enough for Winograd's algorithm."""
    blocks = []
    for filters in (32, 64):
        blocks += [layers.Conv2D(filters, 3, padding="same", activation="relu") for _ in range(2)]
        blocks.append(layers.MaxPooling2D(2))
    return Sequential([layers.Input((16, 16, 3)), *blocks, layers.Flatten(), layers.Dense(10, activation="softmax")])


def residual() -> Model:
    """Batch normalization, depthwise and strided convolutions, and a tensor that two layers read."""
    x = inputs = layers.Input((16, 16, 3))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(16, 3, padding="same", use_bias=False)(x)))
    y = layers.ReLU()(layers.BatchNormalization()(layers.DepthwiseConv2D(3, padding="same")(x)))
    x = layers.Add()([x, layers.BatchNormalization()(layers.Conv2D(16, 1)(y))])
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(32, 3, strides=2, activation="gelu")(x))
    return Model(inputs, layers.Dense(10, activation="softmax")(x))


NETWORKS: dict[str, Callable[[], Model]] = {f.__name__: f for f in (document_cnn, lenet5, small_cifar, residual)}


def hash_after_training(name: str) -> str:
    """SHA-256 of a network's weights after twenty steps of Adam on noise."""
    utils.set_random_seed(7)
    model = NETWORKS[name]()
    model.compile("adam", "sparse_categorical_crossentropy")
    rng = np.random.default_rng(7)
    x = rng.integers(0, 256, (BATCH, *model.input_shape[1:])).astype(np.float32) / np.float32(256)
    y = rng.integers(0, 10, BATCH)
    for _ in range(STEPS):
        model.train_on_batch(x, y)
    return hashlib.sha256(b"".join(weight.tobytes() for weight in model.get_weights())).hexdigest()


@pytest.mark.parametrize("isa", FLOAT32_ISAS)
@pytest.mark.parametrize("name", NETWORKS)
def test_weights_after_twenty_steps(name: str, isa: str) -> None:
    golden = json.loads(GOLDEN.read_text())[name]
    with forced_isa(isa):
        if isa not in golden:
            pytest.skip(f"no hash is recorded for {isa}: no such machine was at hand")
        with num_threads(2):
            assert hash_after_training(name) == golden[isa]


if __name__ == "__main__":
    hashes = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    for each in NETWORKS:
        for available in set(FLOAT32_ISAS) & set(_core.available_isas()):
            with forced_isa(available):
                hashes.setdefault(each, {})[available] = hash_after_training(each)
    GOLDEN.write_text(json.dumps(hashes, indent=1, sort_keys=True) + "\n")
