"""Fixtures shared by the tests of the Python layer: a data set that a tiny network can learn, and such a network.

``pytest --precision bfloat16`` (or bfloat16_3x) runs the suite with networks that compute in that precision wherever
they are asked for float32. Tests marked ``names_precision`` are skipped then.
"""

import os
import signal
import warnings

import numpy as np
import pytest

from cnncore import Sequential, _core, _unique_names, utils
from cnncore.layers import Conv2D, Dense, Flatten, MaxPooling2D, Rescaling
from precision import FLOAT32, REDUCED

os.environ.setdefault("KERAS_BACKEND", "torch")  # what Keras computes with, where tests compare with it
CLASSES = 3
collect_ignore = ["scripts"]  # programs, which test_scripts.py runs in a folder of their own


def pytest_addoption(parser):
    parser.addoption("--precision", choices=[FLOAT32, *REDUCED], default=FLOAT32, help="what float32 is taken for")


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "names_precision: says itself what it computes in, or holds float32 to its own accuracy"
    )
    # Background jobs of a shell ignore Ctrl-C (SIGINT), and the programs that tests start and interrupt would inherit
    # this.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.option.precision != FLOAT32:
        _core.Network = network_in(config.option.precision)


def pytest_collection_modifyitems(config, items):
    if config.option.precision == FLOAT32:
        return
    for item in items:
        if item.get_closest_marker("names_precision") or item.name.endswith(
            ".Networked.precision"
        ):  # the docstring of the property
            item.add_marker(pytest.mark.skip(reason="names its precision or holds float32 to its accuracy"))


def network_in(precision):
    """Return a class of networks that compute in ``precision`` where they are asked for float32."""

    class Network(_core.Network):
        def __init__(self, graph, outputs, parameters=None):
            super().__init__(graph, outputs, parameters or {})
            self.precision = FLOAT32

        @property
        def precision(self):
            return self._asked_for

        @precision.setter
        def precision(self, value):
            self._asked_for = value
            plain.fset(self, precision if value == FLOAT32 else value)

    plain = _core.Network.precision
    return Network


@pytest.fixture(autouse=True)
def _seeded():
    """Give every test the same random numbers and the same automatic names, whatever tests ran before it."""
    _unique_names.reset_names()
    utils.set_random_seed(20)


@pytest.fixture
def stripes():
    """(x, y): 120 noisy uint8 images of 8x8 and their labels 0 to 2, which the place of a bright band of rows tells."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, CLASSES, 120)
    x = rng.integers(0, 120, (120, 8, 8, 1))
    for image, label in zip(x, y, strict=True):
        image[2 * label + 1 : 2 * label + 3] += 110
    return x.astype(np.uint8), y


@pytest.fixture
def make_model():
    """A function that makes a small compiled network for ``stripes``; equal seeds give equal networks."""

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


@pytest.fixture(scope="session")
def keras_image():
    """Keras' own module for changing images."""
    pytest.importorskip("scipy")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("keras.src.legacy.preprocessing.image")


@pytest.fixture
def pictures(tmp_path):
    """A data set of ten pictures in folders of two classes, in batches of four."""
    pillow = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for number in range(5):
            picture = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
            pillow.fromarray(picture).save(tmp_path / label / f"{number}.png")
    return utils.image_dataset_from_directory(tmp_path, image_size=(8, 8), batch_size=4, seed=3, verbose=False)
