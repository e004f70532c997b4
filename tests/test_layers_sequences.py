"""Recurrent layers, attention and layers that apply other layers: against Keras, in training, and in files."""

import importlib
import warnings

import numpy as np
import pytest

import cnncore
from cnncore import Input, Model, layers, optimizers, saving, utils

RNG = np.random.default_rng(0)
STEPS = (6, 5)


def small_model(m):
    return importlib.import_module(m.__name__.partition(".")[0]).Sequential([m.Conv2D(2, 2), m.Flatten(), m.Dense(3)])


# A name, a function that makes the layer from a module of layers, and the shapes of its inputs.
CASES = {
    "lstm": (lambda m: m.LSTM(3), [STEPS]),
    "lstm-sequences": (lambda m: m.LSTM(3, return_sequences=True, go_backwards=True, use_bias=False), [STEPS]),
    "lstm-relu": (lambda m: m.LSTM(3, activation="relu", recurrent_activation="hard_sigmoid"), [STEPS]),
    "gru": (lambda m: m.GRU(3, return_sequences=True), [STEPS]),
    "gru-before": (lambda m: m.GRU(3, reset_after=False), [STEPS]),
    "simple": (lambda m: m.SimpleRNN(3, kernel_regularizer="l2"), [STEPS]),
    "bidirectional": (lambda m: m.Bidirectional(m.LSTM(3, return_sequences=True)), [STEPS]),
    "bidirectional-sum": (lambda m: m.Bidirectional(m.GRU(3), merge_mode="sum"), [STEPS]),
    "bidirectional-cells": (lambda m: m.Bidirectional(m.RNN([m.LSTMCell(3), m.GRUCell(2)])), [STEPS]),
    "time-model": (lambda m: m.TimeDistributed(small_model(m)), [(3, 4, 4, 2)]),
    "time": (lambda m: m.TimeDistributed(m.Conv2D(2, 2, activation="relu")), [(3, 4, 4, 2)]),
    "einsum": (lambda m: m.EinsumDense("abc,cd->abd", (6, 4), bias_axes="d", activation="relu"), [STEPS]),
    "einsum-dots": (lambda m: m.EinsumDense("...x,xy->...y", output_shape=4, bias_axes="y"), [STEPS]),
    "einsum-steps": (lambda m: m.EinsumDense("abc,bcd->abd", (6, 4), bias_axes="bd"), [STEPS]),
    "rms": (lambda m: m.RMSNormalization(), [STEPS]),
    "rms-steps": (lambda m: m.RMSNormalization(axis=1, epsilon=0.1), [STEPS]),
    "heads": (lambda m: m.MultiHeadAttention(2, 4), [STEPS, (7, 5)]),
    "heads-output": (lambda m: m.MultiHeadAttention(2, 4, value_dim=3, output_shape=6, use_bias=False), [STEPS, STEPS]),
    "heads-images": (lambda m: m.MultiHeadAttention(2, 3), [(3, 4, 5), (3, 4, 5)]),
    "glu": (lambda m: m.Activation("glu"), [(6, 4)]),
}
LISTED = {
    "attention": (lambda m: m.Attention(use_scale=True), [STEPS, (7, 5)]),
    "attention-concat": (lambda m: m.Attention(score_mode="concat"), [STEPS, (7, 5)]),
    "additive": (lambda m: m.AdditiveAttention(), [STEPS, (7, 5)]),
}
ALL = CASES | LISTED


def array(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def model_of(module, name):
    """The layer between layers that have weights, so that its gradient is needed."""
    make, shapes = ALL[name]
    package = importlib.import_module(module)
    inputs = [package.Input(shape) for shape in shapes]
    given = [package.layers.Dense(shape[-1])(x) for shape, x in zip(shapes, inputs, strict=True)]
    layer = make(package.layers)
    output = layer(given) if name in LISTED else layer(*given)
    output = package.layers.Dense(1)(package.layers.Flatten()(output))
    return package.Model(inputs if len(inputs) > 1 else inputs[0], output)


def data_of(name):
    arrays = [array(4, *shape) for shape in ALL[name][1]]
    return arrays if len(arrays) > 1 else arrays[0]


@pytest.fixture(scope="module")
def keras():
    pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("keras")


# Keras does not know the shapes of the results of these before it computes them, or computes them only with JAX.
NOT_IN_KERAS = ("glu", "einsum-dots", "rms-steps")


@pytest.mark.filterwarnings("ignore:.*__array__:DeprecationWarning")
@pytest.mark.parametrize("name", [name for name in ALL if name not in NOT_IN_KERAS])
def test_a_step_of_training_as_in_keras(name, keras, tmp_path):
    """Values, gradients (by the weights after a step), and files in both directions."""
    ours, theirs, x = model_of("cnncore", name), model_of("keras", name), data_of(name)
    weights = [0.5 * array(*weight.shape) for weight in theirs.weights]
    theirs.set_weights(weights)
    ours.save(tmp_path / "ours.keras")
    keras.saving.load_model(tmp_path / "ours.keras")
    theirs.save(tmp_path / "theirs.keras")
    ours = saving.load_model(tmp_path / "theirs.keras")
    np.testing.assert_allclose(ours.predict(x, verbose=0), theirs.predict(x, verbose=0), rtol=1e-4, atol=1e-5)
    y = array(4, 1)
    for model, package in ((ours, cnncore), (theirs, keras)):
        model.compile(package.optimizers.SGD(0.1), "mse")
        model.train_on_batch(x, y)
    np.testing.assert_allclose(ours.predict(x, verbose=0), theirs.predict(x, verbose=0), rtol=1e-3, atol=1e-4)
    ours.save(tmp_path / "ours.keras")
    again = keras.saving.load_model(tmp_path / "ours.keras")
    np.testing.assert_allclose(again.predict(x, verbose=0), ours.predict(x, verbose=0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ALL)
def test_learns_and_is_saved(name, tmp_path):
    model, x, y = model_of("cnncore", name), data_of(name), array(4, 1)
    model.compile(optimizers.Adam(0.01), "mse")
    losses = [float(model.train_on_batch(x, y)) for _ in range(12)]
    assert losses[-1] < losses[0]
    model.save(tmp_path / "m.safetensors")
    copy = saving.load_model(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(copy.predict(x, verbose=0), model.predict(x, verbose=0))
    assert copy.train_on_batch(x, y) == model.train_on_batch(x, y)


def test_states_begin_another_layer():
    x, sequences = Input(STEPS), array(4, *STEPS)
    outputs, h, c = layers.LSTM(3, return_sequences=True, return_state=True)(x)
    decoded = layers.LSTM(3)(x, initial_state=[h, c])
    model = Model(x, [outputs, h, c, decoded])
    found = model.predict(sequences, verbose=0)
    assert [part.shape for part in found] == [(4, 6, 3), (4, 3), (4, 3), (4, 3)]
    np.testing.assert_array_equal(found[0][:, -1], found[1])
    trained = Model(x, decoded)
    trained.compile("sgd", "mse")
    assert np.isfinite(trained.train_on_batch(sequences, array(4, 3)))


@pytest.mark.filterwarnings("ignore:.*__array__:DeprecationWarning")
@pytest.mark.parametrize("mode", ["concat", "sum", None])
def test_states_of_both_directions(mode, keras, tmp_path):
    def model_of_states(package):
        made, x = package.layers, package.Input(STEPS)
        layer = made.Bidirectional(made.LSTM(3, return_sequences=True, return_state=True), merge_mode=mode)
        *outputs, h, c, other_h, other_c = layer(x)
        after = made.Bidirectional(made.LSTM(3), name="after")(x, initial_state=[h, c, other_h, other_c])
        return package.Model(x, [*outputs, h, c, other_h, other_c, after])

    theirs, x = model_of_states(keras), array(4, *STEPS)
    theirs.set_weights([0.5 * array(*weight.shape) for weight in theirs.weights])
    theirs.save(tmp_path / "k.keras")
    ours = saving.load_model(tmp_path / "k.keras")
    assert ours.output_shape == model_of_states(cnncore).output_shape
    for mine, other in zip(ours.predict(x), theirs.predict(x, verbose=0), strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*__array__:DeprecationWarning")
@pytest.mark.parametrize("name", LISTED)
@pytest.mark.parametrize("causal", [False, True])
def test_scores_of_attention(name, causal, keras, tmp_path):
    x, y = keras.Input(STEPS), keras.Input((7, 5))
    options = {"return_attention_scores": True, "use_causal_mask": causal}
    theirs = keras.Model([x, y], LISTED[name][0](keras.layers)([x, y], **options))
    theirs.save(tmp_path / "k.keras")
    ours, data = saving.load_model(tmp_path / "k.keras"), [array(4, *STEPS), array(4, 7, 5)]
    expected = theirs.predict(data, verbose=0)
    for results in (ours.predict(data), ours.layers[-1](data, **options)):
        for mine, other in zip(results, expected, strict=True):
            np.testing.assert_allclose(mine, other, atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*__array__:DeprecationWarning")
def test_each_projection_of_heads_is_penalized(keras, tmp_path):
    x = keras.Input(STEPS)
    theirs = keras.Model(x, keras.layers.MultiHeadAttention(2, 3, activity_regularizer="l2", use_gate=True)(x, x))
    theirs.compile("sgd", "mse")
    theirs.save(tmp_path / "k.keras")
    ours, data = saving.load_model(tmp_path / "k.keras"), array(4, *STEPS)
    expected = theirs.evaluate(data, data, verbose=0)
    np.testing.assert_allclose(ours.evaluate(data, data), expected, rtol=1e-5)
    np.testing.assert_allclose(ours.train_on_batch(data, data), expected, rtol=1e-5)
    ours.save(tmp_path / "ours.keras")
    again = keras.saving.load_model(tmp_path / "ours.keras")
    np.testing.assert_allclose(again.evaluate(data, data, verbose=0), ours.evaluate(data, data), rtol=1e-5)


def test_a_layer_that_does_not_say_its_output_shape_in_every_step():
    class Halves(layers.Layer):
        def call(self, x):
            return x[:, ::2] * 2

    x = array(4, *STEPS)
    model = Model(given := Input(STEPS), layers.TimeDistributed(Halves())(given))
    np.testing.assert_array_equal(model.predict(x), x[:, :, ::2] * 2)


def test_dropout_is_for_training():
    layer = layers.LSTM(8, dropout=0.5, recurrent_dropout=0.5, seed=1)
    x = array(2, *STEPS)
    np.testing.assert_array_equal(layer(x), layer(x))
    assert not np.array_equal(layer(x, training=True), layer(x))


@pytest.mark.parametrize(
    "make",
    [
        lambda x: layers.LSTM(3, dropout=0.5)(x),
        lambda x: layers.RNN(layers.GRUCell(3, recurrent_dropout=0.5))(x),
        lambda x: layers.Attention(dropout=0.5)([x, x]),
        lambda x: layers.MultiHeadAttention(2, 3, dropout=0.5)(x, x),
    ],
)
def test_the_seed_of_the_process_decides_what_is_dropped(make):
    def losses():
        utils.set_random_seed(3)
        x = Input(STEPS)
        model = Model(x, layers.Dense(1)(layers.Flatten()(make(x))))
        model.compile("sgd", "mse")
        data = np.random.default_rng(0).normal(size=(8, *STEPS)), np.ones((8, 1))
        return model.fit(*data, epochs=2, verbose=0).history["loss"]

    assert losses() == losses()


def test_masks_of_attention():
    x, layer = array(2, *STEPS), layers.MultiHeadAttention(2, 4)
    causal, scores = layer(x, x, use_causal_mask=True, return_attention_scores=True)
    changed = x.copy()
    changed[:, -1] += 1.0
    np.testing.assert_allclose(layer(changed, changed, use_causal_mask=True)[:, :-1], causal[:, :-1], rtol=1e-6)
    assert scores.shape == (2, 2, 6, 6)
    assert np.triu(np.asarray(scores), 1).max() < 1e-30
    mask = np.ones((2, 6, 6), bool)
    mask[:, :, 2:] = False
    changed = x.copy()
    changed[:, 2:] += 1.0
    np.testing.assert_allclose(layer(x, x, attention_mask=mask), layer(x, changed, attention_mask=mask), rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.LSTM(3)(array(2, 5)), r"expected rank 3 \(batch, steps, features\)"),
        (lambda: layers.EinsumDense("abc", 3), "expected `equation`"),
        (lambda: layers.EinsumDense("ab,bc->ac", (3, 3))(array(2, 5)), "expected 1 sizes in `output_shape`"),
        (lambda: layers.Bidirectional(layers.Dense(2)), "expected a SimpleRNN, LSTM, GRU or RNN"),
        (lambda: layers.Attention()(array(2, 5, 3)), "expected a list"),
        (lambda: layers.Attention()([array(2, 5, 3), array(2, 5, 4)]), "as many features, and a key for each value"),
        (lambda: layers.AdditiveAttention()([array(2, 5, 3), array(2, 5, 4)]), "as many features"),
        (lambda: layers.Dense(4, activation="glu")(array(2, 5)), r"Add Activation\(\"glu\"\)"),
        (lambda: layers.Activation("glu")(array(2, 5)), "expected an even size"),
        (lambda: layers.MultiHeadAttention(2, 3, sliding_window=2), "expected sliding_window=None"),
        (lambda: layers.Activation("threshold")(array(2, 5)), r"\[threshold\] expected functools\.partial"),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()
