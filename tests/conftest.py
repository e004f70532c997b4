"""Fixtures shared by the tests of the Python layer: a data set a tiny network learns, and such a network."""

import numpy as np
import pytest

from cnncore import Sequential, utils
from cnncore.layers import Conv2D, Dense, Flatten, MaxPooling2D, Rescaling

CLASSES = 3


@pytest.fixture(autouse=True)
def _seeded():
    """Every test draws the same numbers, whatever ran before it."""
    utils.set_random_seed(20)


@pytest.fixture
def stripes():
    """(x, y): 120 noisy uint8 images of 8x8 with a bright band of rows that tells one of three classes."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, CLASSES, 120)
    x = rng.integers(0, 120, (120, 8, 8, 1))
    for image, label in zip(x, y, strict=True):
        image[2 * label + 1 : 2 * label + 3] += 110
    return x.astype(np.uint8), y


@pytest.fixture
def make_model():
    """A function that makes a small compiled network for ``stripes``; equal seeds make equal networks."""

    def make(seed=1, optimizer="adam", extra=(), **options):
        layers = [
            Rescaling(1 / 255, input_shape=(8, 8, 1)),
            Conv2D(4, 3, activation="relu"),
            MaxPooling2D(),
            Flatten(),
            *extra,
            Dense(CLASSES, activation="softmax"),
        ]
        model = Sequential(layers, seed=seed)
        options = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]} | options
        model.compile(optimizer=optimizer, **options)
        return model

    return make
