"""Products with zeros of the input are left out: the outputs are the same as with them."""

from __future__ import annotations

import numpy as np
import pytest

import cnncore
from cnncore import layers


def pointwise_model(seed: int) -> cnncore.Sequential:
    """Layers that may leave products out: 1x1 convolutions and dense layers behind relu."""
    return cnncore.Sequential(
        [
            layers.Input((7, 5, 6)),
            layers.Conv2D(40, 3, padding="same", activation="relu"),
            layers.Conv2D(64, 1, activation="relu"),
            layers.Conv2D(128, 1, strides=2, activation="relu"),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(64),
        ],
        seed=seed,
    )


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((37, 7, 5, 6)).astype(np.float32)


def test_the_same_bits_while_nothing_may_be_left_out(x):
    model = pointwise_model(1)
    expected = model.predict(x)
    view = model.layers[1].kernel  # whoever holds it may write infinity at any time: nothing is left out
    np.testing.assert_array_equal(model.predict(x), expected)
    del view


def test_the_same_bits_alone_and_among_others(x):
    model = pointwise_model(2)
    expected = model.predict(x)
    for n in (1, 2, 17):
        alone = np.concatenate([model.predict_on_batch(x[i : i + n]) for i in range(0, len(x), n)])
        np.testing.assert_array_equal(alone, expected)


@pytest.mark.parametrize("index", [1, 4])
def test_zero_times_infinity_is_no_number(x, index):
    model = pointwise_model(3)
    weights = model.get_weights()
    weights[2 * index][:] = np.inf
    model.set_weights(weights)
    for n in (1, 37):
        assert np.isnan(model.predict_on_batch(x[:n])).any()


@pytest.mark.parametrize("batch", [5, 67])
def test_training_leaves_products_out_as_inference_does(batch):
    x = np.random.default_rng(1).standard_normal((batch, 7, 5, 6)).astype(np.float32)
    model = pointwise_model(4)
    np.testing.assert_array_equal(model(x, training=True), model.predict(x))


@pytest.mark.parametrize("index", [1, 4])
def test_zero_times_infinity_is_no_number_in_training(index):
    x = np.random.default_rng(2).standard_normal((67, 7, 5, 6)).astype(np.float32)
    model = pointwise_model(5)
    weights = model.get_weights()
    weights[2 * index][:] = np.inf
    model.set_weights(weights)
    assert np.isnan(model(x, training=True)).any()
