"""Models in Keras' files that combine what single layers do not: states, scores, classes of users, low rank."""

import numpy as np
import pytest

import cnncore
from cnncore import Input, Model, layers, saving

keras = pytest.importorskip("keras", reason="Keras is not installed")
pytest.importorskip("h5py", reason="h5py is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")  # Keras' own

RNG = np.random.default_rng(0)
SEQUENCES = RNG.random((3, 4, 8), np.float32)


def test_results_of_a_layer_that_nobody_uses(tmp_path):
    x = keras.Input((4, 8))
    values, state, _ = keras.layers.LSTM(5, return_sequences=True, return_state=True)(x)
    _, scores = keras.layers.MultiHeadAttention(2, 4)(values, values, return_attention_scores=True)
    after = keras.layers.LSTM(5)(values, initial_state=[state, state])
    model = keras.Model(x, [keras.layers.Dense(2)(state), scores, after])
    for name in ("k.keras", "k.h5"):
        model.save(tmp_path / name)
        ours = saving.load_model(tmp_path / name)
        for mine, theirs in zip(ours.predict(SEQUENCES), model.predict(SEQUENCES, verbose=0), strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-5)


def subclass(package):
    class Net(package.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.first = package.layers.Dense(5, activation="relu")
            self.out = package.layers.Dense(2)  # after "layers" in the alphabet, where Keras visits all layers
            self.middle = [package.layers.Dense(4), package.layers.BatchNormalization()]
            self._private = package.layers.Dense(4)

        def call(self, x):
            x = self.first(x)
            for layer in self.middle:
                x = layer(x)
            return self.out(self._private(x))

    return Net


def test_attributes_of_a_model_after_the_word_layers(tmp_path):
    x = RNG.random((3, 6), np.float32)
    theirs, ours, again = subclass(keras)(), subclass(cnncore)(), subclass(keras)()
    for model in (theirs, ours, again):
        model(x)
    theirs.save_weights(tmp_path / "k.weights.h5")
    ours.load_weights(tmp_path / "k.weights.h5")
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x, verbose=0), atol=1e-6)
    ours.save_weights(tmp_path / "o.weights.h5")
    again.load_weights(tmp_path / "o.weights.h5")
    np.testing.assert_allclose(again.predict(x, verbose=0), ours.predict(x), atol=1e-6)


def test_weights_that_cannot_be_read_are_not_left_out_in_silence(tmp_path):
    net = subclass(keras)()
    net(np.zeros((1, 6), np.float32))
    net.save(tmp_path / "k.h5")
    with pytest.raises(ValueError, match="call it on an array, and read them by load_weights"):
        saving.load_model(tmp_path / "k.h5", custom_objects={"Net": subclass(cnncore)})


def doubled(package):
    class Results(package.layers.Layer):
        def call(self, x):
            return {"twice": x * 2, "less": x - 1}

    return Results


@pytest.mark.parametrize("ending", ["keras", "h5"])
@pytest.mark.parametrize("kind", ["model", "layer"])
def test_results_in_dicts_are_counted_by_key(kind, ending, tmp_path):
    """Keras counts the results of a call by their sorted keys, in whatever order the dict has them."""

    def model_of(package):
        x, y = package.Input((4, 8)), package.Input((4, 8))
        results = {"twice": package.layers.Dense(8)(x), "less": package.layers.Dense(8)(x)}
        found = (package.Model(x, results) if kind == "model" else doubled(package)())(y)
        return package.Model(y, found["twice"] / (2 + found["less"]))

    known = {"Results": doubled(cnncore)}
    theirs, path = model_of(keras), tmp_path / f"k.{ending}"
    theirs.save(path)
    ours = saving.load_model(path, custom_objects=known)
    np.testing.assert_allclose(ours.predict(SEQUENCES), theirs.predict(SEQUENCES, verbose=0), rtol=1e-4, atol=1e-5)
    ours = model_of(cnncore)
    for name in (path, tmp_path / "own.safetensors"):
        ours.save(name)
        again = saving.load_model(name, custom_objects=known)
        np.testing.assert_allclose(again.predict(SEQUENCES), ours.predict(SEQUENCES), rtol=1e-5, atol=1e-6)
    again = keras.saving.load_model(path, custom_objects={"Results": doubled(keras)})
    np.testing.assert_allclose(again.predict(SEQUENCES, verbose=0), ours.predict(SEQUENCES), rtol=1e-4, atol=1e-5)


def dropping(package):
    class Dropping(package.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dropout = package.layers.Dropout(0.5)

        def call(self, x, training=False):
            return self.dropout(x, training=training)

    return Dropping


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.layers.Dropout(0.5),
        lambda: keras.layers.GaussianNoise(0.5),
        lambda: keras.layers.LSTM(8, dropout=0.5),
        lambda: keras.layers.RNN(keras.layers.GRUCell(8, dropout=0.5)),
        lambda: dropping(keras)(),
    ],
)
@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_layers_that_work_in_training_only_do_so_after_loading(make, ending, tmp_path):
    """Keras writes ``training=False``, the default of their ``call``, into the calls of these layers."""
    x = keras.Input((4, 8))
    keras.Model(x, make()(x)).save(tmp_path / f"k.{ending}")
    ours = saving.load_model(tmp_path / f"k.{ending}", custom_objects={"Dropping": dropping(cnncore)})
    np.testing.assert_array_equal(ours(SEQUENCES), ours.predict(SEQUENCES))
    assert not np.allclose(ours(SEQUENCES, training=True), ours(SEQUENCES), atol=1e-3)


def test_a_model_that_is_called_as_in_inference_stays_so(tmp_path):
    inner = keras.Sequential([keras.Input((4, 8)), keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)])
    x = keras.Input((4, 8))
    keras.Model(x, inner(x, training=False)).save(tmp_path / "k.keras")
    ours = saving.load_model(tmp_path / "k.keras")
    np.testing.assert_array_equal(ours(SEQUENCES, training=True), ours.predict(SEQUENCES))


@pytest.mark.parametrize("layer", [lambda: keras.layers.Dense(4, lora_rank=2), lambda: keras.layers.Conv2D(4, 3)])
def test_matrices_of_low_rank_are_in_the_kernel(layer, tmp_path):
    made = layer()
    model = keras.Sequential([keras.Input((5, 5, 3)), made])
    if not made.lora_enabled:
        made.enable_lora(2)
    model.set_weights([RNG.random(weight.shape) for weight in model.get_weights()])
    model.save(tmp_path / "k.keras")
    x = RNG.random((3, 5, 5, 3), np.float32)
    ours = saving.load_model(tmp_path / "k.keras")
    np.testing.assert_allclose(ours.predict(x), model.predict(x, verbose=0), rtol=1e-5)


def test_quantized_layers_are_refused(tmp_path):
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4)])
    model.quantize("int8")
    model.save(tmp_path / "k.keras")
    with pytest.raises(ValueError, match="save the model before it is quantized"):
        saving.load_model(tmp_path / "k.keras")


def test_a_wrong_number_of_results_is_refused():
    x = Input((3,))
    config = Model(x, layers.Dense(2)(x)).get_config()
    config["calls"][0]["results"] = 0
    with pytest.raises(ValueError, match="number of `results`"):
        Model.from_config(config)
