"""Layers that are called with ``training=True`` draw random numbers in inference, too."""

import numpy as np
import pytest

import cnncore
from cnncore import Input, Model, layers

X = np.ones((6, 50), np.float32)


class MCDropout(layers.Dropout):
    def call(self, inputs, training=None):
        return super().call(inputs, training=True)


class MCDropoutByPosition(layers.Dropout):
    def call(self, inputs):
        return super().call(inputs, True)


class Always(layers.Layer):
    def __init__(self):
        super().__init__()
        self.noise = layers.GaussianNoise(0.5)

    def call(self, inputs):
        return self.noise(inputs, training=True)


class InPython(layers.Layer):
    def call(self, inputs, training=False):
        return inputs * cnncore.random.uniform(inputs.shape) if training else inputs


class PassesOn(layers.Layer):
    """It says nothing itself: its dropout acts in training only."""

    def __init__(self):
        super().__init__()
        self.dropout = layers.Dropout(0.5)

    def call(self, inputs, training=None):
        return self.dropout(inputs, training=training)


def of(layer, **options):
    x = Input((50,))
    return Model(x, layer(x, **options))


@pytest.mark.parametrize(
    "make",
    [
        lambda: of(layers.Dropout(0.5), training=True),
        lambda: of(layers.GaussianDropout(0.5), training=True),
        lambda: of(layers.AlphaDropout(0.5), training=True),
        lambda: of(MCDropout(0.5)),
        lambda: of(MCDropoutByPosition(0.5)),
        lambda: of(Always()),
        lambda: of(InPython(), training=True),
        lambda: of(PassesOn(), training=True),
        lambda: of(cnncore.Sequential([layers.Dropout(0.5)]), training=True),
    ],
)
def test_predictions_differ(make):
    model = make()
    first, second = model.predict(X), model.predict(X)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(model.predict(X[:1]), model.predict(X[:1]))
    assert not np.array_equal(model(X), model(X))


@pytest.mark.parametrize("make", [lambda: of(layers.Dropout(0.5)), lambda: of(PassesOn()), lambda: of(InPython())])
def test_without_being_told_nothing_is_drawn(make):
    np.testing.assert_array_equal(make().predict(X), X)


def test_about_half_is_dropped_and_two_models_of_one_seed_draw_the_same():
    models = [Model(x, layers.Dropout(0.5)(x, training=True), seed=3) for x in (Input((50,)), Input((50,)))]
    many = np.ones((400, 50), np.float32)
    first, second = (model.predict(many, batch_size=64) for model in models)
    np.testing.assert_array_equal(first, second)
    assert set(np.unique(first)) == {0.0, 2.0}
    assert 0.9 < first.mean() < 1.1
    assert not np.array_equal(first[:64], first[64:128])  # batches draw other numbers


def test_weights_have_their_regularizer_and_constraint():
    layer = layers.Dense(2, kernel_regularizer="l2", kernel_constraint="non_neg")
    layer.build((None, 3))
    assert type(layer.kernel.regularizer).__name__ == "L2"
    assert type(layer.kernel.constraint).__name__ == "NonNeg"
    assert layer.bias.constraint is None
    for weight in layer.weights:
        if weight.constraint is not None:
            weight.assign(weight.constraint(weight))
    assert (layer.kernel.numpy() >= 0).all()


def test_batch_normalization_as_in_inference_is_trained():
    """Gamma and beta have gradients with ``training=False``, and the moving statistics do not change, as in Keras."""
    x = np.random.default_rng(1).normal(2.0, 3.0, (8, 4)).astype(np.float32)
    layer = layers.BatchNormalization(epsilon=0.5)
    layer.build((None, 4))
    layer.set_weights([[1.0, 2.0, 3.0, 4.0], [0.5] * 4, [1.0] * 4, [2.0] * 4])
    normal = (x - 1) / np.sqrt(2.5)
    y = normal * layer.gamma.numpy() + 0.5
    with cnncore.GradientTape() as tape:
        loss = cnncore.ops.sum(cnncore.ops.square(layer(x, training=False)))
    of_gamma, of_beta = tape.gradient(loss, layer.trainable_variables)
    np.testing.assert_allclose(of_gamma, np.sum(2 * y * normal, axis=0), rtol=1e-5)
    np.testing.assert_allclose(of_beta, np.sum(2 * y, axis=0), rtol=1e-5)
    inputs = layers.Input((4,))
    model = cnncore.Model(inputs, layers.ReLU()(layer(inputs, training=False)))
    model.compile(cnncore.optimizers.SGD(1.0), "mse")
    target = np.zeros((8, 4), np.float32)
    loss = model.train_on_batch(x, target)
    np.testing.assert_allclose(loss, np.mean(np.maximum(y, 0) ** 2), rtol=1e-5)
    slope = 2 * np.maximum(y, 0) / y.size
    gamma, beta, mean, variance = layer.get_weights()
    np.testing.assert_allclose(gamma, [1.0, 2.0, 3.0, 4.0] - np.sum(slope * normal, axis=0), rtol=1e-5)
    np.testing.assert_allclose(beta, 0.5 - np.sum(slope, axis=0), rtol=1e-5, atol=1e-6)
    assert [mean.tolist(), variance.tolist()] == [[1.0] * 4, [2.0] * 4]


def test_penalties_are_added_in_calls_as_in_inference():
    """A penalty on activities belongs to the loss of training and of evaluations, whatever ``training`` is."""
    x = np.random.default_rng(1).normal(size=(8, 4)).astype(np.float32)
    inputs = layers.Input((4,))
    layer = layers.Dense(4, activity_regularizer="l2", kernel_initializer="identity")
    inner = cnncore.Sequential([layer, layers.Dropout(0.5), layers.ActivityRegularization(l1=0.1)])
    model = cnncore.Model(inputs, inner(inputs, training=False))
    model.compile(cnncore.optimizers.SGD(0.1), "mse")
    expected = np.sum(0.01 * x**2 + 0.1 * np.abs(x)) / 8
    np.testing.assert_allclose(model.evaluate(x, x), expected, rtol=1e-5)
    np.testing.assert_allclose(model.train_on_batch(x, x), expected, rtol=1e-5)
    slope = x.T @ (0.02 * x + 0.1 * np.sign(x)) / 8
    np.testing.assert_allclose(layer.kernel.numpy(), np.eye(4) - 0.1 * slope, rtol=1e-4, atol=1e-6)
