"""Losses that compute with layers and weights, and gradients of losses with respect to their targets."""

import numpy as np
import pytest

import cnncore
from cnncore import GradientTape, Input, Model, layers, losses, ops, optimizers
from cnncore.models.own.layers_of_loss import layers_of_loss

RNG = np.random.default_rng(0)
X = RNG.random((12, 3), np.float32)
Y = RNG.random((12, 2), np.float32)


def moved(layer, train):
    """By how much ``train`` changes the first weight of a layer."""
    before = layer.get_weights()[0].copy()
    train()
    return float(np.abs(layer.get_weights()[0] - before).max())


def by_hand(model, loss_of, rate, variables):
    """One step of gradient descent with a tape. Returns the new values of the variables."""
    with GradientTape() as tape:
        loss = loss_of(model(X, training=True))
    return [v.numpy() - rate * g for v, g in zip(variables, tape.gradient(loss, variables), strict=True)]


def test_a_network_that_is_no_part_of_the_model_passes_gradients_on():
    features = cnncore.Sequential([Input((2,)), layers.Dense(4, activation="tanh")])
    model = cnncore.Sequential([Input((3,)), layers.Dense(2)])

    def perceptual(y_true, y_pred):
        return ops.mean(ops.square(features(y_true) - features(y_pred)), axis=-1)

    model.compile(optimizers.SGD(0.5), perceptual)
    variables = model.trainable_variables
    expected = by_hand(model, lambda y: ops.mean(perceptual(Y, y)), 0.5, variables)
    frozen = features.get_weights()[0].copy()
    model.fit(X, Y, batch_size=12, verbose=0)
    for variable, value in zip(variables, expected, strict=True):
        np.testing.assert_allclose(variable.numpy(), value, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(features.get_weights()[0], frozen)


def test_a_lambda_that_calls_a_network_passes_gradients_on():
    inner = cnncore.Sequential([Input((2,)), layers.Dense(2)])
    first = layers.Dense(2)
    model = cnncore.Sequential([Input((3,)), first, layers.Lambda(lambda x: inner(x) * 2)])
    model.compile("sgd", "mse")
    assert moved(first, lambda: model.fit(X, Y, verbose=0)) > 1e-4


def test_a_loss_that_calls_a_part_of_the_model():
    x = Input((3,))
    hidden = layers.Dense(4, activation="tanh")
    code = hidden(x)
    model, encoder = Model(x, layers.Dense(3)(code)), Model(x, code)

    def latent(y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred), axis=-1) + ops.mean(encoder(y_pred), axis=-1)

    model.compile(optimizers.SGD(0.5), latent, metrics=["mae"])
    variables = model.trainable_variables
    expected = by_hand(model, lambda y: ops.mean(latent(X, y)), 0.5, variables)
    history = model.fit(
        X,
        X,
        batch_size=12,
        verbose=0,
    ).history
    assert set(history) == {"loss", "mae"}
    for variable, value in zip(variables, expected, strict=True):
        np.testing.assert_allclose(variable.numpy(), value, rtol=1e-5, atol=1e-6)
    assert model.evaluate(X, X, verbose=0)[0] == pytest.approx(float(np.mean(latent(X, model.predict(X)))), rel=1e-5)


class WithTeacher(Model):
    def __init__(self):
        super().__init__()
        self.student, self.teacher = layers.Dense(2), layers.Dense(2)

    def call(self, x):
        return self.student(x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
        return ops.mean(ops.square(self.teacher(x) - y_pred)) + ops.sum(ops.square(self.teacher.kernel))


def test_compute_loss_trains_the_layers_that_it_uses_unless_they_are_frozen():
    model = WithTeacher()
    model.compile("sgd")
    model.teacher.build((None, 3))
    assert moved(model.teacher, lambda: model.fit(X, Y, verbose=0)) > 1e-4
    assert moved(model.teacher, lambda: model.train_on_batch(X, Y)) > 1e-4
    model.teacher.trainable = False
    model.compile("sgd")
    assert not model._trains_itself
    assert moved(model.teacher, lambda: model.fit(X, Y, verbose=0)) == 0
    assert moved(model.student, lambda: model.fit(X, Y, verbose=0)) > 1e-4


class TwoHeads(Model):
    def __init__(self):
        super().__init__()
        self.mean, self.decoder = layers.Dense(2), layers.Dense(3)

    def call(self, x):
        mean = self.mean(x)
        return mean, self.decoder(mean)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        mean, decoded = y_pred
        return ops.mean(ops.square(x - decoded)) + 0.1 * ops.mean(ops.square(mean))


def test_compute_loss_of_several_outputs():
    model = TwoHeads()
    model.compile(optimizers.Adam(0.05))
    history = model.fit(X, epochs=4, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert [y.shape for y in model.predict(X)] == [(12, 2), (12, 3)]
    assert model.evaluate(X, verbose=0) < history["loss"][0]


def test_what_is_found_in_the_code_of_a_loss():
    one, two = layers.Dense(1), layers.Dense(1)

    class Own(losses.Loss):
        def __init__(self, part):
            super().__init__()
            self.part = part

        def call(self, y_true, y_pred):
            return self.helped(y_pred)

        def helped(self, y):
            return self.part["a"](y)

    class Calls(Model):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
            return self(x)

    class Inherits(Model):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
            return super().compute_loss(x, y, y_pred, sample_weight)

    def outer(y_true, y_pred):
        return [two(y) for y in y_pred]

    x = Input((1,))
    assert layers_of_loss(Own({"a": one})) == [one]
    assert layers_of_loss(lambda a, b: outer(a, b)) == [two]
    assert layers_of_loss(lambda a, b, layer=one: layer(b)) == [one]
    assert layers_of_loss(lambda a, b: np.square(a - b)) == []
    model = Calls(x, x)
    assert layers_of_loss(model.compute_loss) == [model]
    assert layers_of_loss(Inherits(x, x).compute_loss) == []


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "none"])
@pytest.mark.parametrize("weights", [None, [0.5, 2.0, 1.0]])
@pytest.mark.parametrize(
    "loss",
    [
        losses.KLDivergence,
        losses.Poisson,
        losses.MeanSquaredError,
        losses.CategoricalCrossentropy,
        lambda **k: losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1, axis=1, **k),
        losses.BinaryCrossentropy,
        lambda **k: losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1, **k),
    ],
)
def test_gradients_of_targets_are_those_of_differences(loss, weights, reduction):
    loss = loss(reduction=reduction)
    t, y = RNG.dirichlet(np.ones(4), 3).astype(np.float32), RNG.dirichlet(np.ones(4), 3).astype(np.float32)
    targets = ops.convert_to_tensor(t)
    with GradientTape() as tape:
        tape.watch(targets)
        value = np.sum(loss(targets, y, weights)) if reduction == "none" else loss(targets, y, weights)
    found = tape.gradient(value, targets)
    step = 1e-3
    for place in np.ndindex(t.shape):
        up, down = t.copy(), t.copy()
        up[place] += step
        down[place] -= step
        difference = (np.sum(loss(up, y, weights)) - np.sum(loss(down, y, weights))) / (2 * step)
        assert found[place] == pytest.approx(float(difference), rel=2e-2, abs=2e-3)
