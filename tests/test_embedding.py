"""Embedding, AlphaDropout, and a progress bar of one's own."""

import numpy as np
import pytest

from cnncore import Input, Model, Sequential
from cnncore.layers import AlphaDropout, Dense, Embedding, Flatten, Layer, Multiply, Reshape
from cnncore.saving import load_model
from cnncore.utils import Progbar


def test_embedding_learns_and_is_saved(tmp_path):
    label, noise = Input((1,), dtype="int32"), Input((6,))
    vector = Flatten()(Embedding(10, 6)(label))
    model = Model([label, noise], Dense(1)(Multiply()([vector, noise])))
    model.compile("sgd", "mse")
    labels = np.array([[1], [3], [3], [7]])
    before = model.layers[1].get_weights()[0]
    model.fit([labels, np.ones((4, 6))], np.ones(4), verbose=0)
    changed = (model.layers[1].get_weights()[0] != before).any(axis=1)
    assert np.flatnonzero(changed).tolist() == [1, 3, 7]
    model.save(tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict([labels, np.ones((4, 6))]), model.predict([labels, np.ones((4, 6))]))


def test_embedding_of_a_sequence_and_wrong_numbers():
    model = Sequential([Embedding(5, 3, input_length=4), Reshape((12,))])
    assert model.output_shape == (None, 12)
    rows = model.layers[0].embeddings.numpy()
    np.testing.assert_array_equal(model.predict(np.array([[0, 4, 2, 2]])), rows[[0, 4, 2, 2]].reshape(1, 12))
    with pytest.raises(ValueError, match="expected whole numbers from 0 to 4"):
        model.predict(np.array([[0, 5, 2, 2]]))
    with pytest.raises(ValueError, match="expected whole numbers from 0 to 4"):
        model.predict(np.array([[0, np.nan, 2, 2]], np.float32))


def test_frozen_embedding():
    layer = Embedding(5, 2, trainable=False, input_shape=(1,))
    model = Sequential([layer, Flatten(), Dense(1)])
    model.compile("sgd", "mse")
    before = layer.get_weights()[0]
    model.fit(np.array([[1], [2]]), np.ones(2), verbose=0)
    np.testing.assert_array_equal(layer.get_weights()[0], before)


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_alpha_dropout_keeps_mean_and_variance(rate):
    x = np.random.default_rng(1).standard_normal((400, 500)).astype(np.float32)
    y = AlphaDropout(rate, seed=1)(x, training=True)
    assert abs(y.mean()) < 0.02
    assert abs(y.std() - 1) < 0.02
    values = np.sort(np.unique(y.round(4), return_counts=True)[1])
    assert abs(values[-1] / y.size - rate) < 0.01 or rate == 0  # the dropped ones have one value
    np.testing.assert_allclose(AlphaDropout(rate)(x), x, atol=1e-5)


def test_models_without_input_shape_inside_a_call():
    class Block(Layer):
        def __init__(self):
            super().__init__()
            self.inner = Sequential([Dense(3), Dense(2)])

        def call(self, x):
            return self.inner(x)

    class Net(Model):
        def __init__(self):
            super().__init__()
            self.body, self.block = Sequential([Dense(4, activation="relu")]), Block()

        def call(self, x):
            return self.block(self.body(x))

    x = np.ones((8, 5), np.float32)
    called = Net()
    assert called(x).shape == (8, 2)
    net = Net()
    net.compile("sgd", "mse")
    net.fit(x, np.ones((8, 2)), verbose=0)
    assert net.body.output_shape == (None, 4)
    assert net.count_params() == 5 * 4 + 4 + 4 * 3 + 3 + 3 * 2 + 2


def test_in_place_operators_in_a_layer_are_followed():
    class Centred(Layer):
        def call(self, x):
            x -= np.mean(x, axis=1, keepdims=True)
            x *= 2.0
            return x

    model = Sequential([Dense(3, input_shape=(4,)), Centred()])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(8, 4))
    before = model.get_weights()[0]
    model.fit(x, np.ones((8, 3)), verbose=0)
    assert (model.get_weights()[0] != before).any()


def test_progbar_shows_means_and_last_values(capsys):
    bar = Progbar(3, stateful_metrics=["lr"])
    bar.update(1, [("loss", 1.0), ("lr", 0.5)])
    bar.add(2, [("loss", 0.25), ("lr", 0.25)])
    assert bar.values() == {"loss": 0.5, "lr": 0.25}
    assert "3/3" in (error := capsys.readouterr().err)
    assert "loss=0.5000" in error
    line = Progbar(1, verbose=2)
    line.update(1, [("loss", 1.0)])
    assert "loss: 1.0000" in capsys.readouterr().out
    with pytest.raises(ValueError, match="`verbose` to be 0, 1 or 2"):
        Progbar(1, verbose=3)
