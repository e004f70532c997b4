"""The precision of models and layers: who decides it, what keeps it, that it is used, and that models still learn."""

import copy

import numpy as np
import pytest

import reference as ref
from checking import assert_close
from cnncore import Sequential, applications, layers, ops, utils
from cnncore.datasets import mnist5k
from cnncore.layers import Conv2D, Dense, Flatten
from cnncore.saving import load_model
from cnncore.saving.format import read_file, write_file
from precision import BFLOAT16, BFLOAT16_3X, BOUND, PRODUCTS, REDUCED
from reference_network import AvgPool2d, Chain
from reference_network import Conv2d as ChainConv2d
from reference_network import Dense as ChainDense
from reference_network import Flatten as ChainFlatten

pytestmark = pytest.mark.names_precision

X = np.random.default_rng(0).standard_normal((5, 8, 8, 16), dtype=np.float32)
Y = np.arange(5) % 3
UNKNOWN = r'expected `precision` to be one of "float32", "bfloat16_3x", "bfloat16"\. Received: precision='


def make_model(conv=None, dense=None, **options):
    """A model whose first and third layer are large enough for a reduced precision."""
    return Sequential(
        [
            Conv2D(32, 3, activation="relu", precision=conv, **options),
            Flatten(),
            Dense(24, activation="relu", precision=dense),
            Dense(3, activation="softmax"),
        ],
        seed=1,
    )


def compiled(**options):
    model = make_model(input_shape=(8, 8, 16))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], **options)
    return model


def bits(model):
    return model.predict(X).tobytes()


# --- of a model ------------------------------------------------------------------------------------------------------


class TestOfAModel:
    @pytest.mark.parametrize("precision", REDUCED)
    def test_compile_sets_it_and_keeps_the_weights(self, precision):
        model = compiled()
        before, weights = bits(model), model.get_weights()
        assert model.precision == model.network.precision == "float32"
        model.compile("adam", "sparse_categorical_crossentropy", precision=precision)
        assert model.precision == model.network.precision == precision
        assert model.get_compile_config()["precision"] == precision
        assert bits(model) != before
        model.compile("adam", "sparse_categorical_crossentropy")
        assert model.precision == "float32"
        assert bits(model) == before
        for new, old in zip(model.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(new, old)

    def test_it_can_be_set_without_compile(self):
        model = make_model(input_shape=(8, 8, 16))
        assert model.precision == "float32"
        different = {bits(model)}
        for precision in REDUCED:
            model.precision = precision
            assert not model.compiled
            different.add(bits(model))
        assert len(different) == 3

    def test_it_is_kept_while_the_model_is_built_and_changed(self):
        model = make_model()
        model.precision = BFLOAT16
        model.predict(X)  # builds it
        assert model.network.precision == BFLOAT16
        model.add(Dense(2))
        assert model.network.precision == BFLOAT16
        model.pop()
        assert model.network.precision == BFLOAT16
        model.compile("sgd", "mse", precision=BFLOAT16_3X)
        model.add(Dense(2))
        assert model.precision == model.network.precision == BFLOAT16_3X

    def test_it_is_that_of_the_layers(self):
        """What the model computes is what its ops compute in the same precision."""
        model = Sequential([Conv2D(32, 2, input_shape=(8, 8, 16))], seed=0)
        kernel, bias = model.get_weights()
        length, total = kernel[..., 0].size, ref.conv2d(abs(X), abs(kernel))
        for precision in REDUCED:
            model.precision = precision
            bound = 2 * ref.tolerance(PRODUCTS[precision] * length, total)  # two orders of summation
            assert_close(model.predict(X), ops.conv2d(X, kernel, bias, precision=precision), bound)

    @pytest.mark.parametrize("bad", ["float16", "FLOAT32", None, 8, ["bfloat16"]])
    def test_an_unknown_one_leaves_it_as_it_was(self, bad):
        model = compiled(precision=BFLOAT16)
        config, before = model.get_compile_config(), bits(model)
        with pytest.raises(ValueError, match=r"\[precision\] " + UNKNOWN):
            model.precision = bad
        with pytest.raises(ValueError, match=r"\[compile\] " + UNKNOWN):
            model.compile("sgd", "mse", precision=bad)
        for options in ({"optimizer": "magic"}, {"loss": "magic"}, {"metrics": ["magic"]}):
            with pytest.raises(ValueError, match="Unknown"):
                model.compile(**{"optimizer": "sgd", "loss": "mse", **options}, precision="float32")
        assert model.get_compile_config() == config
        assert model.precision == model.network.precision == BFLOAT16
        assert bits(model) == before

    def test_changing_it_between_two_fits_keeps_the_optimizer(self):
        model = compiled()
        model.fit(X, Y, epochs=2, verbose=0)
        model.precision = BFLOAT16
        model.fit(X, Y, epochs=2, verbose=0)
        assert model.optimizer.iterations == 4

    def test_first_non_finite_layer_is_found_in_it(self):
        """Beyond bfloat16's largest number only the layer that rounds has no finite output."""
        model = make_model(input_shape=(8, 8, 16))
        x = np.zeros((1, 8, 8, 16), np.float32)
        x[0, 0, 0, 0] = np.finfo(np.float32).max
        assert model.first_non_finite_layer(1e-3 * x) is None
        model.precision = BFLOAT16
        assert model.first_non_finite_layer(x) == "conv2d"


# --- of a layer ------------------------------------------------------------------------------------------------------


class TestOfALayer:
    @pytest.mark.parametrize("precision", REDUCED)
    def test_its_own_comes_before_the_models(self, precision):
        plain, own = make_model(input_shape=(8, 8, 16)), make_model(precision, precision, input_shape=(8, 8, 16))
        before = bits(plain)
        plain.precision = precision
        assert bits(own) == bits(plain) != before
        own = make_model("float32", "float32", input_shape=(8, 8, 16))
        own.precision = precision
        assert bits(own) == before

    def test_layers_may_differ(self):
        results = set()
        for conv in ("float32", *REDUCED):
            for dense in ("float32", *REDUCED):
                results.add(bits(make_model(conv, dense, input_shape=(8, 8, 16))))
        assert len(results) == 9

    @pytest.mark.parametrize("precision", [None, "float32", *REDUCED])
    @pytest.mark.parametrize("make", [lambda **options: Conv2D(2, 3, **options), lambda **options: Dense(2, **options)])
    def test_config_round_trip(self, make, precision):
        layer = make(precision=precision)
        assert layer.precision == layer.get_config()["precision"] == precision
        assert type(layer).from_config(layer.get_config()).precision == precision
        assert layers.deserialize(layers.serialize(layer)).precision == precision

    def test_configs_without_it(self):
        for layer in (Conv2D(2, 3), Dense(2)):
            config = layer.get_config()
            del config["precision"]
            assert type(layer).from_config(config).precision is None

    @pytest.mark.parametrize("bad", ["float16", "", 8, ["bfloat16"]])
    def test_an_unknown_one(self, bad):
        with pytest.raises(ValueError, match=r"\[Conv2D\] " + UNKNOWN):
            Conv2D(2, 3, precision=bad)
        with pytest.raises(ValueError, match=r"\[Dense\] " + UNKNOWN):
            Dense(2, precision=bad)


# --- saved and described ---------------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.mark.parametrize("precision", ["float32", *REDUCED])
class TestSaved:
    def test_a_compiled_model(self, path, precision):
        model = compiled(precision=precision)
        model.fit(X, Y, epochs=2, verbose=0)
        model.save(path)
        loaded = load_model(path)
        assert loaded.precision == loaded.network.precision == precision
        assert loaded.get_compile_config() == model.get_compile_config()
        assert bits(loaded) == bits(model)
        for one in (model, loaded):
            one.fit(X, Y, epochs=2, verbose=0)
        assert bits(loaded) == bits(model)

    def test_without_compile(self, path, precision):
        compiled(precision=precision).save(path)
        loaded = load_model(path, compile=False)
        assert not loaded.compiled
        assert loaded.precision == loaded.network.precision == precision
        assert bits(loaded) == bits(compiled(precision=precision))

    def test_a_model_that_was_never_compiled(self, path, precision):
        model = make_model(input_shape=(8, 8, 16))
        model.precision = precision
        model.save(path)
        loaded = load_model(path)
        assert not loaded.compiled
        assert loaded.precision == precision
        assert bits(loaded) == bits(model)

    def test_set_after_compile(self, path, precision):
        model = compiled(precision=BFLOAT16)
        model.precision = precision
        model.save(path)
        assert load_model(path).precision == precision

    def test_layers_of_their_own(self, path, precision):
        model = make_model(precision, BFLOAT16, input_shape=(8, 8, 16))
        model.save(path)
        loaded = load_model(path)
        assert [loaded.layers[i].precision for i in (0, 2, 3)] == [precision, BFLOAT16, None]
        assert bits(loaded) == bits(model)

    def test_a_copy_from_the_config(self, precision):
        model = make_model(BFLOAT16, input_shape=(8, 8, 16))
        model.precision = precision
        twin = Sequential.from_config(model.get_config())
        assert twin.get_config() == model.get_config()
        assert bits(twin) == bits(model)  # the same seed, so the same weights


@pytest.mark.parametrize("was_compiled", [True, False])
def test_files_from_before_there_was_a_choice_are_float32(path, was_compiled):
    model = compiled() if was_compiled else make_model(input_shape=(8, 8, 16))
    model.save(path)
    file = read_file(path)
    config = copy.deepcopy(file.config)
    del config["config"]["precision"]
    for layer in config["config"]["layers"]:
        layer["config"].pop("precision", None)
    if was_compiled:
        del config["training"]["compile"]["precision"]
    write_file(path, config, file.tensors)
    loaded = load_model(path)
    assert loaded.precision == "float32"
    assert loaded.get_config() == model.get_config()
    assert bits(loaded) == bits(model)


@pytest.mark.parametrize("where", ["model", "layer", "compile"])
def test_files_with_an_unknown_one_are_refused(path, where):
    compiled().save(path)
    file = read_file(path)
    config = copy.deepcopy(file.config)
    parts = {
        "model": config["config"],
        "layer": config["config"]["layers"][0]["config"],
        "compile": config["training"]["compile"],
    }
    parts[where]["precision"] = "float8"
    write_file(path, config, file.tensors)
    with pytest.raises(ValueError, match=rf"model\.safetensors: .*{UNKNOWN}'float8'"):
        load_model(path)


# --- gradients and training ------------------------------------------------------------------------------------------


def gradients(precision):
    """A network without kinks. At a kink, such as that of a ReLU, a small difference can become a large one."""
    chain = Chain(
        (14, 14, 16),
        [
            ChainConv2d(32, activation="tanh"),
            AvgPool2d(),
            ChainConv2d(64, activation="tanh"),
            AvgPool2d(),
            ChainFlatten(),
            ChainDense(64, activation="tanh"),
            ChainDense(16, activation="softmax"),
        ],
    )
    rng = np.random.default_rng(0)
    chain.initialize(rng, exact=False)
    network = chain.network
    network.precision = precision
    x, y = rng.standard_normal((33, 14, 14, 16), dtype=np.float32), rng.integers(0, 16, 33)
    outputs = np.empty((33, 16), np.float32)
    network.train_step(x, y, None, "sparse_categorical_crossentropy", False, None, None, outputs)
    return {name: chain.view(network.gradients, name).astype(np.float64) for name in chain.slots}


def test_gradients_stay_close_to_those_of_float32():
    """Relative to its norm, a gradient is off by the promised share of each of the products on its way.

    There are 4 forward and 7 backward. The signs of terms and of their errors are as good as random, so that sums of
    both grow alike, with the root of their number.
    """
    products = 11
    exact = gradients("float32")
    for precision in REDUCED:
        for name, gradient in gradients(precision).items():
            error = np.linalg.norm(gradient - exact[name]) / np.linalg.norm(exact[name])
            assert 0 < error <= products * BOUND[precision], (precision, name)


EPOCHS, SEEDS = 3, 5


def mnist5k_accuracy(precision, seed):
    (x, y), (x_test, y_test) = mnist5k.load_data()
    utils.set_random_seed(seed)
    model = applications.mnist_cnn()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], precision=precision)
    model.fit(x[..., None], y, batch_size=64, epochs=EPOCHS, verbose=0)
    return model.evaluate(x_test[..., None], y_test, verbose=0, return_dict=True)["accuracy"]


def test_reduced_precision_learns_as_float32_does():
    """The means over the seeds differ by no more than three standard errors of a difference of two means."""
    accuracies = {
        precision: np.array([mnist5k_accuracy(precision, seed) for seed in range(SEEDS)])
        for precision in ("float32", *REDUCED)
    }
    expected = accuracies.pop("float32")
    assert expected.mean() > 0.9, "nothing was learnt, so there is nothing to compare"
    for precision, reached in accuracies.items():
        margin = 3 * np.sqrt((expected.var(ddof=1) + reached.var(ddof=1)) / SEEDS)
        assert abs(reached.mean() - expected.mean()) <= margin, (precision, accuracies, expected)
