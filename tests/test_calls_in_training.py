"""Calls with ``training=True`` outside ``fit``, with a tape and without one: what is random is drawn anew, and moving
statistics follow the batch.
"""

import numpy as np
import pytest

import cnncore
from cnncore import Input, Model, layers

X = np.random.default_rng(0).normal(3.0, 2.0, (6, 40)).astype(np.float32)


def whole(layer, shape=(40,)):
    x = Input(shape)
    return Model(x, layer(x))


@pytest.mark.parametrize("layer", [layers.Dropout(0.5), layers.AlphaDropout(0.5), layers.GaussianNoise(1.0)])
@pytest.mark.parametrize("make", [lambda layer: layer, whole, lambda layer: whole(layer, (None,))])
def test_each_call_draws_other_values(layer, make):
    called = make(layer)
    results = [np.asarray(called(X, training=True)) for _ in range(3)]
    assert not np.array_equal(results[0], results[1])
    assert not np.array_equal(results[1], results[2])
    np.testing.assert_allclose(called(X), X, rtol=1e-6)


def test_the_seed_of_the_process_repeats_them():
    results = []
    for _ in range(2):
        cnncore.utils.set_random_seed(5)
        model = whole(layers.Dropout(0.5))
        results.append([np.asarray(model(X, training=True)) for _ in range(2)])
    np.testing.assert_array_equal(results[0], results[1])


@pytest.mark.parametrize("make", [lambda layer: layer, whole])
@pytest.mark.parametrize("with_tape", [False, True])
def test_moving_statistics_follow_each_call(make, with_tape):
    layer = layers.BatchNormalization(momentum=0.9)
    called = make(layer)
    expected = np.zeros(40, np.float32)
    for _ in range(3):
        if with_tape:
            with cnncore.GradientTape() as tape:
                y = called(X, training=True)
                loss = (y * y).mean()
            for _ in range(2):  # a gradient is no further step
                tape.gradient(loss, layer.trainable_variables)
        else:
            called(X, training=True)
        expected = 0.9 * expected + 0.1 * X.mean(axis=0)
        np.testing.assert_allclose(layer.moving_mean.numpy(), expected, rtol=1e-5)
    called(X)
    np.testing.assert_allclose(layer.moving_mean.numpy(), expected, rtol=1e-5)


def test_a_frozen_layer_keeps_its_statistics():
    layer = layers.BatchNormalization()
    layer(X, training=True)
    before = layer.moving_mean.numpy().copy()
    layer.trainable = False
    layer(X + 1, training=True)
    np.testing.assert_array_equal(layer.moving_mean.numpy(), before)
