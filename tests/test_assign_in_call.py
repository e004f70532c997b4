"""Layers of one's own whose ``call`` assigns to weights, or computes losses with weights alone, beside Keras."""

import threading

import numpy as np
import pytest

import cnncore

keras = pytest.importorskip("keras")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
RNG = np.random.default_rng(3)
X, Y = RNG.random((24, 4), np.float32), RNG.random((24, 4), np.float32)
IMAGES = RNG.random((8, 6, 6, 1), np.float32)


def running_mean(k):
    class RunningMean(k.layers.Layer):
        def build(self, input_shape):
            self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False, name="calls")
            self.mean = self.add_weight(shape=(input_shape[-1],), initializer="zeros", trainable=False, name="mean")
            self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")

        def call(self, x, training=False):
            if training:
                self.calls.assign_add(1.0)
                self.mean.assign(0.9 * self.mean + 0.1 * k.ops.mean(x, axis=0))
            return (x - self.mean) * self.factor

    return [RunningMean()]


def codebook(k, moving):
    class Codebook(k.layers.Layer):
        def __init__(self):
            super().__init__()
            options = {"initializer": "zeros", "trainable": False}
            self.vectors = self.add_weight(shape=(4, 5), initializer="uniform", trainable=not moving, name="vectors")
            self.sizes = self.add_weight(shape=(5,), name="sizes", **options)
            self.sums = self.add_weight(shape=(4, 5), name="sums", **options)

        def call(self, x, training=None):
            ops = k.ops
            flat = ops.reshape(x, (-1, 4))
            distances = (
                ops.sum(flat**2, axis=1, keepdims=True)
                + ops.sum(self.vectors**2, axis=0)
                - 2 * ops.matmul(flat, self.vectors)
            )
            chosen = ops.one_hot(ops.argmin(distances, axis=1), 5)
            found = ops.reshape(ops.matmul(chosen, ops.transpose(self.vectors)), ops.shape(x))
            if training and moving:
                self.update(flat, chosen)
            elif not moving:
                self.add_loss(ops.mean((found - ops.stop_gradient(x)) ** 2))
            self.add_loss(0.25 * ops.mean((ops.stop_gradient(found) - x) ** 2))
            return x + ops.stop_gradient(found - x)

        def update(self, flat, chosen):
            ops = k.ops
            self.sizes.assign(0.9 * self.sizes + 0.1 * ops.sum(chosen, axis=0))
            self.sums.assign(0.9 * self.sums + 0.1 * ops.matmul(ops.transpose(flat), chosen))
            self.vectors.assign(self.sums / (self.sizes + 1e-3))

    return [k.layers.Dense(4), Codebook(), k.layers.Dense(4)]


def scaled_twice(k):
    class ScaledTwice(k.layers.Layer):
        """Uses a weight before and after it is assigned to."""

        def build(self, input_shape):
            self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")
            self.dense = k.layers.Dense(4)
            self.dense.build(input_shape)

        def call(self, x):
            y = x * self.factor
            self.factor.assign(self.factor * 0.5)
            return self.dense(y * self.factor)

    return [ScaledTwice()]


def fitted(k, make, x, y, steps):
    model = k.Sequential([k.Input(x.shape[1:]), *make])
    values = np.random.default_rng(1)
    model.set_weights([values.random(w.shape).astype(np.float32) - 0.3 for w in model.get_weights()])
    model.compile(k.optimizers.SGD(0.1), "mse")
    history = model.fit(x, y, batch_size=6, epochs=steps, shuffle=False, verbose=0)
    return history.history["loss"], model.get_weights(), model.predict(x, verbose=0), model.evaluate(x, y, verbose=0)


@pytest.mark.parametrize(
    "make",
    [running_mean, lambda k: codebook(k, moving=False), lambda k: codebook(k, moving=True)],
    ids=["running mean", "codebook", "moving codebook"],
)
def test_training_equals_that_of_keras(make):
    ours, theirs = (fitted(k, make(k), X, Y, 2) for k in (cnncore, keras))
    for mine, other in zip([ours[0], *ours[1], *ours[2:]], [theirs[0], *theirs[1], *theirs[2:]], strict=True):
        np.testing.assert_allclose(mine, other, rtol=2e-4, atol=2e-5)


def masked(k):
    class Masked(k.layers.Layer):
        def __init__(self):
            super().__init__()
            self.conv = k.layers.Conv2D(3, 3, padding="same")
            self.drop = k.layers.Dropout(0.5)

        def build(self, input_shape):
            self.conv.build(input_shape)
            self.mask = np.zeros(self.conv.kernel.shape, np.float32)
            self.mask[:1] = self.mask[1, :1] = 1

        def call(self, x):
            self.conv.kernel.assign(self.conv.kernel * self.mask)
            return self.conv(x)

    return [Masked(), k.layers.Conv2D(1, 1)]


def test_a_masked_convolution():
    ours, theirs = (fitted(k, masked(k), IMAGES, IMAGES, 2) for k in (cnncore, keras))
    for mine, other in zip([ours[0], *ours[1], *ours[2:]], [theirs[0], *theirs[1], *theirs[2:]], strict=True):
        np.testing.assert_allclose(mine, other, rtol=2e-4, atol=2e-5)


def test_a_weight_may_be_used_before_and_after_an_assignment():
    (layer,) = scaled_twice(cnncore)
    model = cnncore.Sequential([cnncore.Input((4,)), layer])
    model.compile(cnncore.optimizers.SGD(1.0), "mse")
    factor, kernel = layer.factor.numpy(), layer.dense.kernel.numpy()
    model.train_on_batch(X, Y)
    residual = 2 * ((X * factor * factor * 0.5) @ kernel - Y) / Y.size
    back = (residual @ kernel.T) * X
    np.testing.assert_allclose(layer.factor.numpy(), 0.5 * factor - np.sum(back * (factor * 1.5), axis=0), rtol=1e-5)


def test_layers_inside_behave_as_in_training():
    class Counted(cnncore.layers.Layer):
        def __init__(self):
            super().__init__()
            self.drop = cnncore.layers.Dropout(0.5)
            self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False, name="calls")

        def call(self, x):
            self.calls.assign_add(1)
            return self.drop(x)

    layer = Counted()
    ones = np.ones((50, 4), np.float32)
    assert layer(ones).numpy().tolist() == ones.tolist()
    assert 0.3 < np.mean(layer(ones, training=True).numpy() == 0) < 0.7
    assert layer.calls.numpy() == 2


def test_several_threads_predict():
    model = cnncore.Sequential([cnncore.Input((6, 6, 1)), *masked(cnncore)])
    expected = model.predict(IMAGES, verbose=0)
    found = [None] * 4

    def run(place):
        for _ in range(5):
            found[place] = model.predict(IMAGES, verbose=0)

    threads = [threading.Thread(target=run, args=(place,), daemon=True) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert all(np.array_equal(item, expected) for item in found)
