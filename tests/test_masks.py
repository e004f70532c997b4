"""Masks, which say what steps of sequences are used, beside Keras: values, training and files."""

import numpy as np
import pytest

import cnncore
from cnncore import layers, saving

keras = pytest.importorskip("keras")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning:keras")
RNG = np.random.default_rng(0)
X, Y = RNG.random((6, 7, 3), np.float32), RNG.random((6, 2), np.float32)
X[0, 4:] = X[1, :3] = X[2, 2:4] = X[3] = 0
NUMBERS = RNG.integers(1, 9, (6, 7)).astype(np.float32)
NUMBERS[0, 4:] = NUMBERS[1, :3] = NUMBERS[3] = 0


def last_step_of(k):
    class LastStep(k.layers.Layer):
        """A layer of one's own with a mask."""

        def call(self, x, mask=None):
            return k.ops.sum(x * k.ops.cast(k.ops.expand_dims(mask, -1), "float32"), axis=1)

    return LastStep()


def nonzero_of(k):
    class Nonzero(k.layers.Layer):
        """A layer of one's own that makes a mask."""

        def call(self, x):
            return x * 2.0

        def compute_mask(self, inputs, mask=None):
            return k.ops.any(k.ops.greater(inputs, 0.1), axis=-1)

    return Nonzero()


CASES = {
    "lstm": (lambda k: [k.layers.Masking(), k.layers.LSTM(4)], X),
    "value": (lambda k: [k.layers.Masking(X[0, 0, 0]), k.layers.SimpleRNN(4)], X * 0 + X[0, 0, 0]),
    "two": (
        lambda k: [k.layers.Masking(), k.layers.Dropout(0.0), k.layers.GRU(4, return_sequences=True), k.layers.GRU(3)],
        X,
    ),
    "zeros": (
        lambda k: [
            k.layers.Masking(),
            k.layers.GRU(4, return_sequences=True, zero_output_for_mask=True, go_backwards=True),
            k.layers.Flatten(),
        ],
        X,
    ),
    "held": (lambda k: [k.layers.Masking(), k.layers.LSTM(4, return_sequences=True), k.layers.Flatten()], X),
    "bidirectional": (lambda k: [k.layers.Masking(), k.layers.Bidirectional(k.layers.LSTM(4))], X),
    "embedding": (lambda k: [k.layers.Embedding(9, 3, mask_zero=True), k.layers.Dense(4), k.layers.LSTM(4)], NUMBERS),
    "mean": (lambda k: [k.layers.Masking(), k.layers.Dense(4), k.layers.GlobalAveragePooling1D()], X[[0, 1, 2, 4]]),
    "own": (lambda k: [k.layers.Masking(), last_step_of(k)], X),
    "own mask": (lambda k: [nonzero_of(k), k.layers.SimpleRNN(3)], X),
}


def model_of(k, name):
    body, x = CASES[name]
    model = k.Sequential([k.Input(x.shape[1:]), *body(k), k.layers.Dense(2)])
    values = np.random.default_rng(1)
    model.set_weights([values.random(w.shape).astype(np.float32) - 0.4 for w in model.get_weights()])
    model.compile(k.optimizers.SGD(0.5), "mse")
    return model, x, Y[: len(x)]


@pytest.mark.parametrize("name", CASES)
def test_training_as_in_keras(name):
    (ours, x, y), (theirs, _, _) = model_of(cnncore, name), model_of(keras, name)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x, verbose=0), rtol=1e-5, atol=1e-6)
    for model in (ours, theirs):
        model.train_on_batch(x, y)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["lstm", "embedding", "mean", "bidirectional"])
def test_files(name, tmp_path):
    ours, x, _ = model_of(cnncore, name)
    ours.save(tmp_path / "m.keras")
    ours.save(tmp_path / "m.safetensors")
    for again in (
        keras.saving.load_model(tmp_path / "m.keras"),
        saving.load_model(tmp_path / "m.keras"),
        saving.load_model(tmp_path / "m.safetensors"),
    ):
        np.testing.assert_allclose(again.predict(x, verbose=0), ours.predict(x), rtol=1e-5, atol=1e-6)


def test_sequences_of_any_length():
    inputs = layers.Input((None, 3))
    model = cnncore.Model(inputs, layers.LSTM(4)(layers.Masking()(inputs)))
    longer = np.concatenate([X, np.zeros((6, 3, 3), np.float32)], axis=1)
    np.testing.assert_allclose(model.predict(longer), model.predict(X), rtol=1e-6)


def test_calls_on_arrays():
    masked = layers.Masking()(X)
    lstm = layers.LSTM(4)
    inputs = layers.Input((7, 3))
    model = cnncore.Model(inputs, lstm(layers.Masking()(inputs)))
    np.testing.assert_allclose(lstm(masked), model.predict(X), rtol=1e-6)
    np.testing.assert_allclose(lstm(X, mask=np.any(X != 0, axis=-1)), model.predict(X), rtol=1e-6)


@pytest.mark.parametrize("make", ["SimpleRNN", "LSTM", "GRU"])
def test_states_with_a_mask(make):
    kept = X[:3, 2:]
    results = []
    for k in (cnncore, keras):
        layer = getattr(k.layers, make)(4, return_state=True, return_sequences=True)
        layer.build(kept.shape)
        values = np.random.default_rng(1)
        layer.set_weights([values.random(w.shape).astype(np.float32) - 0.4 for w in layer.get_weights()])
        results.append(layer(kept, mask=np.any(kept != 0, axis=-1)))
    for mine, other in zip(*results, strict=True):
        np.testing.assert_allclose(mine, keras.ops.convert_to_numpy(other), rtol=1e-5, atol=1e-6)


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="expected a mask of shape"):
        layers.LSTM(4)(X, mask=np.ones((6, 3), bool))
    with pytest.raises(ValueError, match="expected sequences"):
        layers.Masking()(Y)


def test_a_loss_of_masked_steps_is_told():
    model = cnncore.Sequential([cnncore.Input((7, 3)), layers.Masking(), layers.LSTM(2, return_sequences=True)])
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="its loss counts all steps"):
        model.fit(X, X[..., :2], verbose=0)


def test_states_from_batch_to_batch():
    """With ``stateful``, two halves of sequences give the same states as whole sequences."""
    inputs = cnncore.Input((None, 3))
    layer = layers.LSTM(4, stateful=True)
    model = cnncore.Model(inputs, layer(inputs))
    whole = model.predict(X)
    layer.reset_state()
    model.predict(X[:, :3])
    np.testing.assert_allclose(model.predict(X[:, 3:]), whole, rtol=1e-5, atol=1e-7)
    with pytest.raises(ValueError, match="expected 6 samples, as in the batch before"):
        model.predict(X[:2])


def graph_of(k, kind):
    made, x = k.layers, k.Input((7, 3))
    masked = made.Masking()(x)
    if kind == "normalization":
        y = made.GlobalAveragePooling1D()(made.BatchNormalization()(masked))
    elif kind == "inner":
        inner, other = k.Input((7, 3)), k.Input((7, 3))
        model = k.Model([inner, other], made.LSTM(4)(made.Add()([made.Dense(3)(inner), other])))
        y = made.Concatenate()([model([masked, masked]), model([masked, x])])
    elif kind == "chain":
        y = k.Sequential([k.Input((7, 3)), made.Dense(3), made.GRU(4)])(masked)
    elif kind == "merged":
        y = made.Concatenate()([made.LSTM(3)(made.Multiply()([masked, x])), made.LSTM(3)(made.Add()([masked, masked]))])
    elif kind == "two masks":
        both = [masked, made.Masking(0.5)(x)]
        merged = [made.Add()(both), made.Multiply()(both), made.Concatenate()(both), made.Concatenate(axis=1)(both)]
        y = made.Concatenate()([made.LSTM(3)(tensor) for tensor in merged])
    elif kind == "product":
        y = made.Flatten()(made.Multiply()([made.Masking(0.5)(x), made.Dense(3)(x)]))
    elif kind == "operators":
        y = made.LSTM(3)(masked * 2.0 + 1.0)
    else:
        y = made.GlobalMaxPooling1D()(made.Bidirectional(made.GRU(3, return_sequences=True))(masked) - 2.0)
    return k.Model(x, made.Dense(2)(y))


@pytest.mark.parametrize(
    "kind", ["normalization", "inner", "chain", "merged", "two masks", "product", "operators", "directions"]
)
def test_graphs_in_files_of_keras(kind, tmp_path):
    """Keras writes the ops that compute masks, and their results as the argument ``mask`` of calls."""
    theirs, x = graph_of(keras, kind), X[[0, 1, 2, 4]]
    x[1:, 5] = 0.5
    theirs.set_weights([0.5 * np.abs(RNG.normal(size=w.shape)) for w in theirs.get_weights()])
    theirs.save(tmp_path / "k.keras")
    ours = saving.load_model(tmp_path / "k.keras")
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x, verbose=0), rtol=1e-4, atol=1e-5)
    ours.save(tmp_path / "m.safetensors")
    again = saving.load_model(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.predict(x), ours.predict(x))


def test_a_mask_belongs_to_the_call_to_which_it_is_given():
    x, mask = cnncore.Input((7, 3)), cnncore.Input((7,))
    mean = layers.GlobalAveragePooling1D()
    model = cnncore.Model([x, mask], [mean(x, mask=mask), mean(x)])
    used = np.float32([[1, 0, 1, 0, 0, 0, 0]])
    some, every = model.predict([X[4:5], used])
    np.testing.assert_allclose(some, X[4:5, [0, 2]].mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(every, X[4:5].mean(axis=1), rtol=1e-5)
    with pytest.raises(TypeError, match="expected one argument"):
        layers.Dense(2)(x, mask=mask)


@pytest.mark.parametrize(
    ("mask", "error"),
    [
        (np.ones((6, 5), bool), ValueError),
        (np.ones((6, 7, 3), bool), ValueError),
        ("steps", TypeError),
        (3, TypeError),
        ([[True] * 7] * 6, TypeError),
    ],
)
def test_a_mask_that_is_none_is_refused(mask, error):
    inner = cnncore.Sequential([cnncore.Input((7, 3)), layers.GlobalMaxPooling1D()])
    symbolic = cnncore.Input(mask.shape[1:]) if isinstance(mask, np.ndarray) else mask
    text = r"expected `mask` to be a tensor or an array of shape \(batch, steps\)"
    for layer in (layers.GlobalAveragePooling1D(), layers.BatchNormalization()):
        with pytest.raises(error, match=text):
            layer(X, mask=mask)
    with pytest.raises(error, match=text):
        inner(cnncore.Input((7, 3)), mask=symbolic)
    with pytest.raises(TypeError, match="expected one argument: its inputs"):
        inner(X, mask=mask)


def test_batch_normalization_counts_all_steps():
    means = []
    for k in (cnncore, keras):
        model = k.Sequential([k.Input((7, 3)), k.layers.Masking(), k.layers.BatchNormalization(momentum=0.0)])
        model.add(k.layers.GlobalMaxPooling1D())
        model.compile("sgd", "mse")
        model.fit(X, X[:, 0], batch_size=6, verbose=0)
        means.append(np.asarray(model.layers[1].moving_mean))
    steps = X.reshape(-1, 3)
    np.testing.assert_allclose(means[0], steps.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(means[1], steps[steps.any(axis=1)].mean(axis=0), rtol=1e-4)
