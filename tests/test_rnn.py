"""RNN with the cells of this package and with cells of one's own, beside Keras: training, states, masks and files."""

import numpy as np
import pytest

import cnncore
from cnncore import layers, saving

keras = pytest.importorskip("keras")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
RNG = np.random.default_rng(0)
X, Y = RNG.random((6, 5, 3), np.float32), RNG.random((6, 2), np.float32)
MASK = np.array(RNG.random((6, 5)) < 0.6)


def minimal_cell(k):
    class MinimalCell(k.layers.Layer):
        """The cell of Keras' documentation."""

        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = self.state_size = units

        def build(self, input_shape):
            self.kernel = self.add_weight(shape=(input_shape[-1], self.units), initializer="uniform", name="kernel")
            self.recurrent_kernel = self.add_weight(
                shape=(self.units, self.units), initializer="uniform", name="recurrent_kernel"
            )
            self.built = True

        def call(self, inputs, states):
            h = k.ops.matmul(inputs, self.kernel)
            output = h + k.ops.matmul(states[0], self.recurrent_kernel)
            return output, [output]

    return MinimalCell


CASES = {
    "lstm": lambda k: k.layers.RNN(k.layers.LSTMCell(4)),
    "gru": lambda k: k.layers.RNN(k.layers.GRUCell(4, reset_after=False), go_backwards=True),
    "simple": lambda k: k.layers.RNN(k.layers.SimpleRNNCell(4, use_bias=False)),
    "stacked": lambda k: k.layers.RNN([k.layers.LSTMCell(4), k.layers.GRUCell(3)]),
    "own": lambda k: k.layers.RNN(minimal_cell(k)(4)),
    "own stacked": lambda k: k.layers.RNN([minimal_cell(k)(4), minimal_cell(k)(3)]),
    "sequences": lambda k: k.layers.RNN(k.layers.LSTMCell(4), return_sequences=True),
}


def model_of(k, name):
    inputs = k.Input((5, 3))
    y = CASES[name](k)(inputs)
    y = k.layers.Flatten()(y) if name == "sequences" else y
    model = k.Model(inputs, k.layers.Dense(2)(y))
    values = np.random.default_rng(1)
    model.set_weights([values.random(w.shape).astype(np.float32) - 0.4 for w in model.get_weights()])
    model.compile(k.optimizers.SGD(0.5), "mse")
    return model


@pytest.mark.parametrize("name", CASES)
def test_training_as_in_keras(name, tmp_path):
    ours, theirs = model_of(cnncore, name), model_of(keras, name)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
    for model in (ours, theirs):
        model.train_on_batch(X, Y)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-6)
    if not name.startswith("own"):
        ours.save(tmp_path / "ours.keras")
        theirs.save(tmp_path / "theirs.keras")
        for model in (
            keras.saving.load_model(tmp_path / "ours.keras"),
            saving.load_model(tmp_path / "theirs.keras"),
            saving.load_model(tmp_path / "ours.keras"),
        ):
            np.testing.assert_allclose(model.predict(X, verbose=0), ours.predict(X), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["LSTM", "GRU", "SimpleRNN"])
def test_a_cell_is_a_step_of_the_layer(name):
    layer = getattr(layers, name)(4, return_sequences=True, return_state=True)
    cell = getattr(layers, f"{name}Cell")(4)
    rnn = layers.RNN(cell, return_sequences=True, return_state=True)
    for item in (layer, rnn):
        item.build((None, 5, 3))
    cell.set_weights(layer.get_weights())
    for options in ({}, {"mask": MASK}):
        for mine, other in zip(rnn(X, **options), layer(X, **options), strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)
    states = [np.zeros((6, 4), np.float32)] * (2 if name == "LSTM" else 1)
    output, new = cell(X[:, 0], states)
    np.testing.assert_allclose(output, layer(X[:, :1])[0][:, 0], rtol=1e-5, atol=1e-6)
    assert len(new) == len(states)


def test_states_of_stacked_cells_are_returned_for_each_cell():
    rnn = layers.RNN([layers.LSTMCell(4), layers.GRUCell(3)], return_state=True)
    output, of_lstm, of_gru = rnn(X)
    assert [output.shape, [item.shape for item in of_lstm], [item.shape for item in of_gru]] == [
        (6, 3),
        [(6, 4), (6, 4)],
        [(6, 3)],
    ]
    stateful = layers.RNN(layers.GRUCell(4), stateful=True)
    whole = stateful(X).numpy()
    stateful.reset_state()
    stateful(X[:, :2])
    np.testing.assert_allclose(stateful(X[:, 2:]), whole, rtol=1e-5, atol=1e-6)


def test_dropout_is_the_same_in_all_steps():
    cell = layers.SimpleRNNCell(3, dropout=0.5, kernel_initializer="identity", recurrent_initializer="zeros")
    rnn = layers.RNN(cell, return_sequences=True)
    y = rnn(np.ones((20, 5, 3), np.float32), training=True).numpy()
    assert 0.2 < np.mean(y == 0) < 0.8
    assert (y == y[:, :1]).all()
    assert not (rnn(np.ones((20, 5, 3), np.float32)).numpy() == 0).any()


def test_what_is_refused():
    with pytest.raises(ValueError, match="expected a cell with a method `call` and a `state_size`"):
        layers.RNN(layers.Dense(3))
    with pytest.raises(ValueError, match="expected cells with"):
        layers.StackedRNNCells([layers.Dense(3)])
    with pytest.raises(ValueError, match="expected sequences"):
        layers.RNN(layers.GRUCell(3))(Y)


ONE_STEP = np.ones((2, 3), np.float32)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: layers.RNN([]), ValueError, r"expected a list of at least one cell. Received: \[\]"),
        (lambda: layers.StackedRNNCells(5), ValueError, "expected a list of at least one cell. Received: 5"),
        (
            lambda: layers.LSTMCell(4)(ONE_STEP, [np.ones((2, 4), np.float32)]),
            ValueError,
            r"\[LSTMCell\] expected states of shapes \[\(., 4\), \(., 4\)\]. Received: \[\(., 4\)\]",
        ),
        (
            lambda: layers.GRUCell(4)(ONE_STEP, [np.ones((2, 5), np.float32)]),
            ValueError,
            r"\[GRUCell\] expected states of shapes \[\(., 4\)\]. Received: \[\(., 5\)\]",
        ),
        (
            lambda: layers.RNN(layers.GRUCell(4))(np.ones((2, 0, 3), np.float32)),
            ValueError,
            "expected at least one step",
        ),
        (lambda: layers.LSTM(4)(np.ones((2, 5, 3)), mask="all"), TypeError, "expected a mask of True and False"),
    ],
)
def test_bad_cells_states_and_masks(make, error, message):
    with pytest.raises(error, match=message):
        make()
