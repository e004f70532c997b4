"""The data sets that the workers of ``compare.py`` read."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent / "peers"))  # the workers' modules import each other by name

from layers import Model
from models import MODELS, initial_weights
from numpy_training import losses_of_two_steps

TEST_IMAGES = 1000
DEFAULT_IMAGES = {"mnist_cnn": 8192, "lenet5": 8192, "mobilenet": 1024}  # others: 2048


def _synthetic(model: Model, images: int) -> dict[str, np.ndarray]:
    """Synthetic uint8 images: each class has a pattern, to which noise is added, so that a network can learn it.

    For an autoencoder, images are sums of a few patterns.
    """
    rng = np.random.default_rng(0)
    classes = model.shapes[-1][0] if model.loss == "crossentropy" else 8
    patterns = rng.uniform(-1, 1, (classes, *model.input_shape))
    for axis in range(len(model.input_shape) - 1):  # smooth, as images are
        patterns = sum(np.roll(patterns, shift, axis + 1) for shift in range(-2, 3)) / 3
    y = rng.integers(classes, size=images + TEST_IMAGES)
    x = rng.uniform(-1, 1, (len(y), classes)) @ patterns if model.loss == "mse" else patterns[y]
    x = np.clip(128 + 50 * x + rng.normal(0, 25, x.shape), 0, 255).astype(np.uint8)
    return {"x_train": x[:images], "y_train": y[:images], "x_test": x[images:], "y_test": y[images:]}


def _data_set(name: str, images: int) -> dict[str, np.ndarray]:
    """The first images of a data set; those of a small one are repeated."""
    from cnncore.datasets import cifar10, mnist, mnist5k

    source = {"cifar10": cifar10, "mnist": mnist, "mnist5k": mnist5k}[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a part of the data set is enough
        (x_train, y_train), (x_test, y_test) = source.load_data()
    order = np.resize(np.arange(len(x_train)), images)
    train = {"x_train": x_train[order], "y_train": y_train[order].astype(np.int64).ravel()}
    return train | {"x_test": x_test[:TEST_IMAGES], "y_test": y_test[:TEST_IMAGES].astype(np.int64).ravel()}


def write_data(folder: Path, name: str, images: int | None) -> str:
    """Write the data set that all workers of a model read, and return a description of it.

    MNIST is read from CNNCORE_DATA_DIR if that is set; otherwise the 5,000 images of the package are used. CIFAR-10 is
    found by its loader. Images of other shapes are synthetic.
    """
    model = MODELS[name]
    size = images or DEFAULT_IMAGES.get(name, 2048)
    if model.input_shape == (28, 28, 1):
        source = "mnist" if os.environ.get("CNNCORE_DATA_DIR") else "mnist5k"
    else:
        source = "cifar10" if model.input_shape == (32, 32, 3) else ""
    np.savez(folder / f"{name}.npz", **(_data_set(source, size) if source else _synthetic(model, size)))
    return f"{size} images of {source}" if source else f"{size} synthetic samples"


def first_losses(folder: Path, name: str, batch: int) -> list[float]:
    """Return the losses of the first images before and after a training step on them, without dropout."""
    model = MODELS[name]
    with np.load(folder / f"{name}.npz") as file:
        x, y = file["x_train"][:batch].reshape(-1, *model.input_shape), file["y_train"][:batch]
    x = x / np.float32(255)
    return losses_of_two_steps(model, initial_weights(model), x, x if model.loss == "mse" else y)
