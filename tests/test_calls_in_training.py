"""Calls with ``training=True`` outside ``fit``, with a tape and without one: what is random is drawn anew, and moving
statistics follow the batch.
"""

import numpy as np
import pytest

import cnncore
from cnncore import Input, Model, layers, ops

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


class Quantizer(layers.Layer):
    """It adds to the loss, as a layer of a vector-quantized autoencoder does."""

    def call(self, x):
        self.add_loss(0.5 * ops.mean(ops.square(x)))
        return x * 2.0


def test_losses_of_a_call_are_part_of_what_a_tape_records():
    x = Input((4,))
    dense = layers.Dense(3, activity_regularizer=cnncore.regularizers.L1L2(0.1, 0.2), kernel_regularizer="l2")
    model = Model(x, Quantizer()(dense(x)))
    x = X[:, :4]
    model(x)
    y, kernel = np.asarray(dense(x)), np.asarray(dense.kernel)
    activity = (0.1 * np.abs(y).sum() + 0.2 * (y * y).sum()) / len(y)
    expected = [0.01 * (kernel**2).sum(), activity, 0.5 * (y * y).mean()]
    np.testing.assert_allclose(model.losses, expected, rtol=1e-5)
    for _ in range(2):
        with cnncore.GradientTape() as tape:
            model(x, training=True)
            loss = sum(model.losses)
        np.testing.assert_allclose(float(loss), sum(expected), rtol=1e-5)
        of_y = (0.1 * np.sign(y) + 0.4 * y) / len(y) + y / y.size
        gradient = tape.gradient(loss, dense.kernel)
        np.testing.assert_allclose(gradient, x.T @ of_y + 0.02 * kernel, rtol=1e-4, atol=1e-5)


def test_penalties_of_weights_that_are_functions_are_counted_once_on_a_tape():
    layer = layers.Dense(1, kernel_regularizer=lambda w: 0.5 * ops.sum(ops.abs(w)), kernel_initializer="ones")
    model = whole(layer)
    with cnncore.GradientTape() as tape:
        model(X, training=True)
        (loss,) = model.losses
    np.testing.assert_allclose(tape.gradient(loss, layer.kernel), 0.5)
    assert float(loss) == 20


class HeadsByHand(layers.Layer):
    """Attention as many scripts write it: the batch is not the first axis of the queries, keys and values together."""

    def __init__(self, size, heads):
        super().__init__()
        self.heads, self.qkv, self.dropout = heads, layers.Dense(3 * size, use_bias=False), layers.Dropout(0.0)

    def call(self, x):
        _, steps, size = x.shape
        qkv = ops.reshape(self.qkv(x), (-1, steps, 3, self.heads, size // self.heads))
        qkv = ops.transpose(qkv, (2, 0, 3, 1, 4))
        q, k, v = qkv[0], qkv[1], qkv[2]
        weights = ops.softmax(q @ ops.transpose(k, (0, 1, 3, 2)), axis=-1)
        return ops.reshape(ops.transpose(self.dropout(weights) @ v, (0, 2, 1, 3)), (-1, steps, size))


def test_a_layer_may_move_the_axis_of_the_batch():
    layer = HeadsByHand(8, 2)
    model = whole(layer, (5, 8))
    model.compile("sgd", "mse")
    x, y = X[:, :40].reshape(6, 5, 8) / 4, X.reshape(6, 5, 8)[::-1] / 4
    q, k, v = np.moveaxis((x @ np.asarray(layer.qkv.kernel)).reshape(6, 5, 3, 2, 4), 2, 0).transpose(0, 1, 3, 2, 4)
    weights = ops.softmax(q @ k.transpose(0, 1, 3, 2), axis=-1)
    expected = (weights @ v).transpose(0, 2, 1, 3).reshape(6, 5, 8)
    np.testing.assert_allclose(model.predict(x), expected, rtol=1e-4, atol=1e-5)
    history = model.fit(x, y, epochs=3, verbose=0).history["loss"]
    assert history[2] < history[1] < history[0]


@pytest.mark.parametrize(
    "name", ["network", "graph", "lock", "input_shape", "output_shape", "optimizer", "loss", "seed"]
)
def test_a_subclass_may_have_attributes_of_any_name(name, tmp_path):
    class Own(Model):
        def __init__(self):
            super().__init__()
            setattr(self, name, "mine")
            self.dense = layers.Dense(2)
            assert getattr(self, name) == "mine"

        def call(self, x):
            return self.dense(x)

    model = Own()
    model.compile("adam", "mse")
    assert model.fit(X, X[:, :2], verbose=0).history["loss"]
    assert (getattr(model, name) == "mine") == (name not in ("optimizer", "loss"))
    model.save_weights(tmp_path / "w.safetensors")
    model.load_weights(tmp_path / "w.safetensors")
    model.summary(print_fn=lambda line: None)


def test_a_network_of_a_subclass_is_one_of_its_layers():
    class Own(Model):
        def __init__(self):
            super().__init__()
            self.network = cnncore.Sequential([layers.Dense(3), layers.Dense(2)])

        def call(self, x):
            return self.network(x)

    model = Own()
    model(X)
    assert len(model.trainable_weights) == 4
    assert model.network.layers[0].units == 3


class Endpoint(layers.Layer):
    """The last layer of a guide: it takes the labels as an input and adds the loss itself."""

    def __init__(self):
        super().__init__()
        self.loss_fn = cnncore.losses.SparseCategoricalCrossentropy(from_logits=True)

    def call(self, targets, logits, sample_weights=None):
        self.add_loss(self.loss_fn(targets, logits, sample_weights))
        return ops.softmax(logits)


def test_labels_may_be_an_input_of_a_layer_that_adds_the_loss():
    labels, x = Input((1,)), Input((40,))
    dense = layers.Dense(3)
    model = Model([x, labels], Endpoint()(labels, dense(x)))
    model.compile("sgd")
    y = np.arange(6)[:, np.newaxis] % 3
    expected = Endpoint().loss_fn(y, np.asarray(dense(X)))
    losses = model.fit([X, y], epochs=3, verbose=0).history["loss"]
    np.testing.assert_allclose(losses[0], expected, rtol=1e-5)
    assert losses[2] < losses[1] < losses[0]


class Scores(layers.Layer):
    """Attention over several inputs: they are stacked in front of the axis of the batch."""

    def call(self, inputs):
        alpha = ops.softmax(ops.stack([ops.sum(x, axis=1, keepdims=True) for x in inputs]), axis=0)
        return [alpha[i] for i in range(len(inputs))]


def test_a_layer_of_several_results_may_move_the_axis_of_the_batch():
    inputs = [Input((2,)) for _ in range(3)]
    model = Model(inputs, Scores()(inputs))
    parts = [X[:, 2 * i : 2 * i + 2] for i in range(3)]
    sums = np.stack([part.sum(axis=1) for part in parts], axis=1)
    np.testing.assert_allclose(np.concatenate(model.predict(parts), axis=1), ops.softmax(sums), rtol=1e-5)


@pytest.mark.parametrize("mode", ["edge", "reflect", "symmetric", "wrap"])
def test_borders_that_repeat_pixels_pass_gradients_on(mode):
    x = ops.convert_to_tensor(X[:, :12].reshape(6, 3, 4))
    widths = [[0, 0], [2, 1], [0, 3]]
    with cnncore.GradientTape() as tape:
        tape.watch(x)
        y = ops.pad(x, widths, mode=mode)
    np.testing.assert_array_equal(y, np.pad(x.numpy(), widths, mode))
    factors = np.random.default_rng(1).normal(size=y.shape).astype(np.float32)
    gradient = tape.gradient(y, x, output_gradients=factors)
    places = np.pad(np.arange(72).reshape(6, 3, 4), widths, mode)
    expected = np.bincount(places.ravel(), factors.ravel(), minlength=72).reshape(6, 3, 4)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)
