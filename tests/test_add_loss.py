"""Losses that layers and models add: their values, their gradients, and what is refused."""

import numpy as np
import pytest

from cnncore import Input, Model, Sequential, losses, ops
from cnncore import backend as K  # noqa: N812 (as scripts call it)
from cnncore.layers import ActivityRegularization, Conv2D, Dense, Flatten, Lambda, Layer
from cnncore.models import clone_model
from cnncore.optimizers import SGD
from cnncore.regularizers import L1L2
from cnncore.testing import check_gradients

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 6)).astype(np.float32)
Y = RNG.normal(size=(48, 2)).astype(np.float32)


def network():
    x = Input((6,))
    z = Dense(4, activation="tanh", name="z")(x)
    return x, z, Dense(2, name="y")(z)


def same_weights(model, other):
    other.set_weights(model.get_weights())
    return other


@pytest.mark.parametrize(
    ("added", "rows"),
    [
        (lambda z: K.mean(K.sum(K.square(z), axis=-1)), lambda z: (z**2).sum(axis=-1)),
        (lambda z: 0.5 * ops.mean(ops.square(z)) / 3.0, lambda z: (z**2).mean(axis=-1) / 6),
        (lambda z: -K.sum(1 + z - K.exp(z)) / 48, lambda z: -(1 + z - np.exp(z)).sum(axis=-1)),
        (lambda z: z * z - 2 * z, lambda z: (z * z - 2 * z).mean(axis=-1)),
        (
            lambda z: K.mean(K.sqrt(K.sum(K.square(z), axis=-1) + 1.0) * K.mean(z, axis=1)),
            lambda z: np.sqrt((z**2).sum(axis=-1) + 1) * z.mean(axis=1),
        ),
    ],
)
def test_trains_like_a_second_output(added, rows):
    x, z, y = network()
    model = Model(x, y)
    model.add_loss(added(z))

    class Rows(losses.Loss):
        def call(self, y_true, y_pred):
            return rows(y_pred)

    two = same_weights(model, clone_model(Model(x, [y, z])))
    model.compile(SGD(0.1), "mse")
    two.compile(SGD(0.1), ["mse", Rows()])
    zeros = np.zeros((48, 4), np.float32)
    before = model.evaluate(X, Y, batch_size=48, verbose=0)
    assert before == pytest.approx(two.evaluate(X, [Y, zeros], batch_size=48, verbose=0)[0], rel=1e-5)
    options = {"epochs": 3, "batch_size": 48, "shuffle": False, "verbose": 0}
    history, expected = model.fit(X, Y, **options), two.fit(X, [Y, zeros], **options)
    assert history.history["loss"][0] == pytest.approx(before, rel=1e-5)
    np.testing.assert_allclose(history.history["loss"], expected.history["loss"], rtol=1e-5)
    for mine, theirs in zip(model.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)
    np.testing.assert_array_equal(model.predict(X), Model(x, y).predict(X))


def variational_autoencoder():
    class Sampling(Layer):
        def call(self, inputs):
            mean, log_var = inputs
            return mean + K.exp(0.5 * log_var) * K.random_normal(K.shape(mean))

    class Divergence(Layer):
        def call(self, inputs):
            mean, log_var = inputs
            rows = -0.5 * K.sum(1 + log_var - K.square(mean) - K.exp(log_var), axis=-1)
            self.add_loss(0.01 * K.mean(rows), inputs=inputs)
            return inputs

    x = Input((6,))
    mean, log_var = Divergence()([Dense(2)(x), Dense(2)(x)])
    return Model(x, Dense(6)(Sampling()([mean, log_var])))


def test_a_layer_adds_a_loss_in_call():
    model = variational_autoencoder()
    mean, log_var = (X @ layer.get_weights()[0] for layer in model.layers[1:3])
    model.compile(SGD(0.05), loss=None)
    expected = 0.01 * (-0.5 * (1 + log_var - mean**2 - np.exp(log_var)).sum(axis=-1)).mean()
    assert model.evaluate(X, verbose=0) == pytest.approx(expected, rel=1e-4)
    assert model.test_on_batch(X) == pytest.approx(expected, rel=1e-4)
    model.compile("adam", "mse")
    history = model.fit(X, X, epochs=60, validation_data=(X, X), verbose=0).history
    assert np.mean(history["loss"][-10:]) < np.mean(history["loss"][:10])  # single losses depend on random numbers


def test_loss_of_symbolic_tensors_alone():
    x, z, _ = network()
    decoded = Dense(6, activation="sigmoid")(z)
    model = Model(x, decoded)
    model.add_loss(K.mean(6 * losses.binary_crossentropy(x, decoded)))
    model.compile(SGD(0.5))
    data = (X > 0).astype(np.float32)
    reference = same_weights(model, clone_model(model))
    reference.compile(SGD(0.5), "binary_crossentropy", loss_weights=6.0)
    options = {"epochs": 4, "batch_size": 48, "shuffle": False, "verbose": 0}
    mine = model.fit(data, validation_data=(data, None), **options).history
    theirs = reference.fit(data, data, validation_data=(data, data), **options).history
    np.testing.assert_allclose(mine["loss"], theirs["loss"], rtol=1e-4)
    np.testing.assert_allclose(mine["val_loss"], theirs["val_loss"], rtol=1e-4)


@pytest.mark.parametrize("name", ["MeanSquaredError", "MeanAbsoluteError", "Huber", "LogCosh"])
def test_gradient_passes_through_both_sides_of_a_difference(name):
    x, z, _ = network()
    other = Dense(4)(x)
    model = Model(x, [z, other])
    loss = getattr(losses, name)()
    model.add_loss(loss(z, other))
    model.compile(SGD(0.2))
    first, second = model.predict(X)
    assert model.evaluate(X, verbose=0) == pytest.approx(loss(first, second), rel=1e-5)
    before = model.get_weights()
    history = model.fit(X, epochs=5, batch_size=48, verbose=0).history["loss"]
    assert history[-1] < history[0]
    assert all((old != new).any() for old, new in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("name", ["BinaryCrossentropy", "CategoricalCrossentropy"])
@pytest.mark.parametrize("from_logits", [False, True])
def test_gradient_of_targets_of_a_cross_entropy(name, from_logits):
    from cnncore.layers.operations.loss_rows import LossRows

    class Both(Layer):
        rows = LossRows(getattr(losses, name)(from_logits=from_logits, label_smoothing=0.1, reduction=None))

        def call(self, inputs):
            return self.rows.call(inputs)

        def backward(self, inputs, dy):
            return self.rows.backward(inputs, dy)

    p = RNG.uniform(0.2, 0.8, size=(5, 3))
    check_gradients(Both(), inputs=[RNG.uniform(0.2, 0.8, size=(5, 3)), p / p.sum(axis=1, keepdims=True)])


def test_values_of_an_image_and_of_all_values_at_once():
    x = Input((4, 4, 1))
    decoded = Conv2D(1, 3, padding="same")(x)
    model = Model(x, decoded)
    model.add_loss(losses.mean_squared_error(K.flatten(x), K.flatten(decoded)) * 16)
    model.add_loss([K.sum(decoded) * 1e-3, losses.mean_squared_error(x, decoded)])
    model.compile(SGD(0.01))
    images = RNG.normal(size=(10, 4, 4, 1)).astype(np.float32)
    y = model.predict(images)
    expected = 17 * ((y - images) ** 2).mean() + 1e-3 * y.sum()
    assert model.evaluate(images, verbose=0) == pytest.approx(expected, rel=1e-4)
    assert model.train_on_batch(images) == pytest.approx(expected, rel=1e-4)


def test_inside_other_layers_and_models():
    class Penalty(Layer):
        def call(self, x):
            self.add_loss(1e-2 * ops.sum(ops.square(x)))
            return x

    class Net(Model):
        def __init__(self):
            super().__init__()
            self.body = Sequential([Dense(3), Penalty()])

        def call(self, x):
            y = self.body(x)
            self.add_loss(ops.mean(y))
            return y

    model = Net()
    model.compile(SGD(0.01))
    y = model.predict(X)
    assert model.evaluate(X, batch_size=48, verbose=0) == pytest.approx(1e-2 * (y**2).sum() + y.mean(), rel=1e-4)
    history = model.fit(X, epochs=3, batch_size=48, verbose=0).history["loss"]
    assert history[0] == pytest.approx(1e-2 * (y**2).sum() + y.mean(), rel=1e-4)
    assert history[-1] < history[0]


def test_what_is_refused():
    x, z, y = network()
    model = Model(x, y)
    model.compile("sgd")
    with pytest.raises(ValueError, match="compiled with a loss"):
        model.fit(X, Y)
    with pytest.raises(ValueError, match=r"\[Model.add_loss\] expected a loss that is computed from symbolic tensors"):
        model.add_loss(0.5)
    with pytest.raises(TypeError, match=r"numpy\.max cannot be computed from a loss"):
        np.max(np.mean(z))
    with pytest.raises(TypeError, match="can only be a loss here: choose axes so that the axis of the batch remains"):
        Dense(2)(np.sum(z))
    with pytest.raises(TypeError, match="one number for the batch"):
        np.exp(np.mean(z))
    with pytest.raises(TypeError, match=r"expand_dims adds an axis. Received: shapes \(None,\) and \(None, 4\)"):
        np.sum(z, axis=-1) * z
    with pytest.raises(TypeError, match=r"\[poisson\] cannot be computed from symbolic tensors"):
        losses.poisson(z, z)
    with pytest.raises(TypeError, match="expected two symbolic tensors"):
        losses.mean_squared_error(Y, y)
    late = Sequential([Flatten(), Dense(2)])
    late.compile("sgd")
    with pytest.raises(ValueError, match="compiled with a loss"):
        late.fit(X, Y)
    assert Lambda(lambda v: K.mean(v, axis=1, keepdims=True))(X).shape == (48, 1)


def test_evaluate_counts_penalties_of_activities():
    """As Keras does, for a layer's own regularizer and for the layer that is one: the mean over the samples."""
    x = np.float32([[1.0, 2.0], [3.0, -4.0]])
    model = Sequential(
        [
            Input((2,)),
            Dense(2, kernel_initializer="identity", activity_regularizer=L1L2(0.1, 0.01)),
            ActivityRegularization(l1=0.5),
        ]
    )
    model.compile(SGD(0.0), "mse")
    expected = (0.6 * np.abs(x).sum() + 0.01 * np.square(x).sum()) / 2
    assert model.evaluate(x, x, verbose=0) == pytest.approx(expected, rel=1e-6)
    assert model.evaluate(x, x, batch_size=1, verbose=0) == pytest.approx(expected, rel=1e-6)
    assert model.train_on_batch(x, x) == pytest.approx(expected, rel=1e-6)
    layer = model.layers[0]
    layer(x)
    assert layer.losses == [pytest.approx((0.1 * np.abs(x).sum() + 0.01 * np.square(x).sum()) / 2)]


def test_a_file_that_lacks_an_added_loss_warns(tmp_path):
    x, z, y = network()
    model = Model(x, y)
    model.save(tmp_path / "without.safetensors")
    model.add_loss(np.mean(np.square(z)))
    with pytest.warns(UserWarning, match=r"files have no losses that `model.add_loss` added: call it again"):
        model.save(tmp_path / "with.safetensors")
