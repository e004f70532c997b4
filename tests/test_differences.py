"""Each row of docs/differences_from_keras.md names a test. Here are the tests that belong to no other file."""

import ast
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import cnncore

pytest.importorskip("torch")
keras = pytest.importorskip("keras")

pytestmark = pytest.mark.filterwarnings("ignore")  # Keras' own

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "differences_from_keras.md").read_text(encoding="utf-8")


def test_the_tests_that_the_page_names_exist():
    named = re.findall(r"`(test_\w+\.py)::([\w:]+)`", PAGE)
    assert len(named) > 40
    for file, path in named:
        body = ast.parse((TESTS / file).read_text(encoding="utf-8")).body
        for part in path.split("::"):
            found = [n for n in body if isinstance(n, (ast.ClassDef, ast.FunctionDef)) and n.name == part]
            assert found, f"{file}::{path}"
            body = found[0].body


def test_each_row_of_the_page_names_its_test():
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "| test |" not in line]
    assert len(rows) > 40
    assert [row for row in rows if "test_" not in row.rsplit("|", 2)[-2]] == []


# --- behaviour --------------------------------------------------------------------------------------------------------
def both(make):
    """`make(library)` for cnncore and for Keras."""
    return make(cnncore), make(keras)


def predictions(layer, x, **arguments):
    """The output of a layer without weights in each library."""
    models = both(lambda lib: lib.Sequential([lib.layers.Input(x.shape[1:]), getattr(lib.layers, layer)(**arguments)]))
    return models[0].predict(x), models[1].predict(x, verbose=0)


def dense(library, **arguments):
    return library.Sequential([library.layers.Input((3,)), library.layers.Dense(2, **arguments)])


class TestModels:
    def test_channels_come_last(self):
        keras.layers.Conv2D(2, 3, data_format="channels_first")
        with pytest.raises(ValueError, match=r"numpy.moveaxis\(x, 1, -1\)"):
            cnncore.layers.Conv2D(2, 3, data_format="channels_first")

    def test_operators_are_layers(self):
        names = []
        for library in (cnncore, keras):
            x = library.Input((4,))
            y = library.layers.Dense(4, name="dense")(x)
            names.append([layer.name for layer in library.Model(x, library.layers.Dense(2, name="last")(x + y)).layers])
        here, there = names
        assert [name for name in here if not name.startswith("add")][1:] == there[1:] == ["dense", "last"]
        assert len(here) == 4

    def test_averages_at_the_edges(self):
        """A window of 3 that moves by 2 needs a border of one column, on the right only."""
        image = np.float32([[2, 4, 8, 16]]).reshape(1, 1, 4, 1)
        pool = {"pool_size": (1, 3), "strides": (1, 2), "padding": "same"}
        here = cnncore.layers.AveragePooling2D(**pool)(image).ravel()
        there = np.asarray(keras.layers.AveragePooling2D(**pool)(image)).ravel()
        np.testing.assert_allclose(here, [(2 + 4 + 8) / 3, (8 + 16) / 2])
        np.testing.assert_allclose(there, [(2 + 4 + 8) / 3, (8 + 16 + 16) / 3])

    def test_rescaling_of_channels(self):
        scale, offset = np.array([1 / 255, 1 / 127.5, 0.5]), np.array([0.0, -1.0, 2.0])
        x = np.random.default_rng(0).uniform(0, 255, (2, 4, 4, 3)).astype(np.float32)
        expected = np.asarray(keras.layers.Rescaling(scale.tolist(), offset.tolist())(x))
        with pytest.raises(TypeError, match=r"Normalization\(mean=-offset / scale, variance=1 / scale\*\*2\)"):
            cnncore.layers.Rescaling(scale.tolist(), offset.tolist())
        layer = cnncore.layers.Normalization(mean=-offset / scale, variance=1 / scale**2)
        np.testing.assert_allclose(layer(x), expected, rtol=1e-5, atol=1e-4)

    def test_types(self):
        assert keras.layers.Dense(2, dtype="float64").dtype == "float64"
        with pytest.raises(ValueError, match='"float32"'):
            cnncore.layers.Dense(2, dtype="float64")
        assert dense(cnncore).predict(np.ones((1, 3), np.float64)).dtype == np.float32

    def test_a_fuzz_factor_that_is_set_changes_no_layer(self):
        try:
            cnncore.backend.set_epsilon(0.5)
            assert cnncore.backend.epsilon() == 0.5
            loss = cnncore.losses.BinaryCrossentropy()([[1.0]], [[0.75]])
            assert loss == pytest.approx(-np.log(0.75))
        finally:
            cnncore.backend.set_epsilon(1e-7)

    def test_penalties_of_every_step(self):
        losses = []
        for library in (cnncore, keras):
            layer = library.layers.Dense(2, activity_regularizer="l2", kernel_initializer="ones")
            model = library.Sequential([library.Input((3, 2)), library.layers.TimeDistributed(layer)])
            model.compile("sgd", "mse")
            x = np.ones((4, 3, 2), np.float32)
            losses.append(model.evaluate(x, 2 * x, verbose=0))
        np.testing.assert_allclose(losses, [0.01 * 3 * 2 * 2**2, 0.0], atol=1e-6)

    def test_freezing_takes_effect_at_once(self):
        model = dense(cnncore, kernel_initializer="ones")
        model.compile("sgd", "mse")
        model.layers[0].trainable = False
        model.fit(np.ones((4, 3)), np.zeros((4, 2)), verbose=0)
        np.testing.assert_array_equal(model.layers[0].kernel, 1)

    def test_a_seed_gives_other_numbers(self):
        ours, theirs = both(lambda lib: np.asarray(lib.initializers.GlorotUniform(seed=1)((3, 4))))
        assert abs(ours - theirs).max() > 1e-3

    def test_weights_of_normalization(self, tmp_path):
        x = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
        models = []
        for library in (cnncore, keras):
            layer = library.layers.Normalization()
            layer.adapt(x)
            models.append(library.Sequential([library.Input((3,)), layer]))
        ours, theirs = models
        assert [weight.name for weight in ours.weights] == ["scale", "offset"]
        assert [weight.name for weight in theirs.weights] == ["mean", "variance", "count"]
        theirs.save(tmp_path / "theirs.keras")
        loaded = cnncore.models.load_model(tmp_path / "theirs.keras")
        np.testing.assert_allclose(loaded.predict(x, verbose=0), ours.predict(x, verbose=0), rtol=1e-4, atol=1e-5)

    def test_call_is_followed_once(self):
        calls = []

        class Own(cnncore.Model):
            def __init__(self):
                super().__init__()
                self.dense = cnncore.layers.Dense(2)

            def call(self, x, training=None):
                calls.append(training)
                return self.dense(x)

        model = Own()
        for _ in range(3):
            model.predict(np.ones((2, 3)))
        assert calls == [True]

    def test_augmentation_behind_layers_with_weights_is_refused(self):
        layers = [cnncore.layers.Input((4, 4, 1)), cnncore.layers.Conv2D(2, 1), cnncore.layers.RandomFlip()]
        model = cnncore.Sequential([*layers, cnncore.layers.Flatten(), cnncore.layers.Dense(1)])
        model.compile("sgd", "mse")
        with pytest.raises(ValueError, match=r'layer "random_flip.*": it has no backward pass'):
            model.fit(np.ones((4, 4, 4, 1)), np.full((4, 1), 5.0), verbose=0)


class TestTraining:
    x, y = np.arange(12.0).reshape(4, 3) / 12, np.ones((4, 2))

    def test_nothing_is_printed_unless_asked_for(self, capsys):
        model = dense(cnncore)
        model.compile("sgd", "mse")
        model.evaluate(self.x, self.y)
        model.predict(self.x)
        printed = capsys.readouterr()
        assert printed.out == printed.err == ""

    def test_arguments_without_effect(self):
        model = dense(cnncore)
        model.compile("sgd", "mse", run_eagerly=True, steps_per_execution=8, jit_compile=True, auto_scale_loss=False)
        assert len(model.fit(self.x, self.y, verbose=0).history["loss"]) == 1

    def test_labels_that_make_no_sense(self):
        model = cnncore.Sequential([cnncore.layers.Input((3,)), cnncore.layers.Dense(2, activation="softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        for labels in ([0, 1, 2, 0], [0.5, 1, 0, 0]):
            with pytest.raises(ValueError, match="label"):
                model.fit(self.x, labels, verbose=0)


class TestLosses:
    def test_targets_without_a_last_axis_of_one(self):
        """For images of one channel, every value is a distribution of its own here, and every row is one in Keras."""
        y, p = np.float32([[[0, 1], [1, 0]]]), np.float32([[[0.1, 0.9], [0.6, 0.4]]])[..., None]

        def loss(library):
            model = library.Sequential([library.Input((2, 2, 1)), library.layers.Activation("linear")])
            model.compile("sgd", "cosine_similarity")
            return float(np.ravel(model.evaluate(p, y, verbose=0))[0])

        ours, theirs = both(loss)
        assert ours == pytest.approx(-0.5)
        assert theirs == pytest.approx(-(0.9 / np.hypot(0.1, 0.9) + 0.6 / np.hypot(0.6, 0.4)) / 2, rel=1e-5)

    def test_an_ignored_class_has_no_part_in_the_metric(self):
        y, p = np.array([0, 1]), np.array([[0.5, 0.5], [0.1, 0.9]])
        ours, theirs = both(lambda lib: float(lib.metrics.SparseCategoricalCrossentropy(ignore_class=1)(y, p)))
        assert ours == pytest.approx(-np.log(0.5), rel=1e-5)
        assert theirs == pytest.approx(-np.log(0.5) / 2, rel=1e-5)

    def test_label_smoothing_of_integer_labels(self):
        loss = cnncore.losses.SparseCategoricalCrossentropy(label_smoothing=0.2)
        expected = keras.losses.CategoricalCrossentropy(label_smoothing=0.2)([[0.0, 1.0]], [[0.3, 0.7]])
        assert loss([1], [[0.3, 0.7]]) == pytest.approx(float(expected), rel=1e-5)

    def test_the_name_l1_l2(self):
        """In Keras 2 the name existed, and meant these factors."""
        regularizer = cnncore.regularizers.get("l1_l2")
        assert (regularizer.l1, regularizer.l2) == (0.01, 0.01)
        with pytest.raises(ValueError, match="l1_l2"):
            keras.regularizers.get("l1_l2")

    def test_one_hot_of_negative_labels(self):
        assert keras.utils.to_categorical([-1], 3).tolist() == [[0, 0, 1]]
        with pytest.raises(ValueError, match="-1"):
            cnncore.utils.to_categorical([-1], 3)
        assert cnncore.utils.to_categorical([1], 3).dtype == np.float32


class TestOptimizers:
    def test_a_rate_replaces_a_schedule(self):
        schedule = cnncore.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
        optimizer = cnncore.optimizers.SGD(schedule)
        optimizer.learning_rate = 0.5
        assert float(optimizer.learning_rate) == 0.5
        theirs = keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5))
        with pytest.raises(TypeError):
            theirs.learning_rate = 0.5

    def test_muon_moves_the_kernels_of_convolutions(self):
        def moved(**options):
            layer = cnncore.layers.Conv2D(2, 1, input_shape=(2, 2, 2), use_bias=False, kernel_initializer="dirac")
            model = cnncore.Sequential([layer])
            model.compile(cnncore.optimizers.Muon(0.1, **options), "mse")
            x = np.random.default_rng(0).normal(size=(4, 2, 2, 2))
            model.train_on_batch(x, np.zeros((4, 2, 2, 2)))
            return model.get_weights()[0]

        assert abs(moved() - moved(flatten_convolutions=False)).max() > 1e-3

    def test_exclusions_are_saved(self):
        optimizer = cnncore.optimizers.AdamW()
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        assert "bias" in str(cnncore.optimizers.serialize(optimizer))
        theirs = keras.optimizers.AdamW()
        theirs.exclude_from_weight_decay(var_names=["bias"])
        assert "bias" not in str(keras.optimizers.serialize(theirs))

    def test_decay_has_an_effect(self):
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            with pytest.warns(DeprecationWarning, match="decay"):
                optimizer = cnncore.optimizers.SGD(1.0, decay=1.0)
        assert isinstance(optimizer.schedule, cnncore.optimizers.schedules.InverseTimeDecay)


class TestFiles:
    def test_the_state_of_muon_stays_out_of_files_of_keras(self, tmp_path):
        model = dense(cnncore)
        model.compile("muon", "mse")
        model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
        model.save(tmp_path / "model.safetensors")
        assert cnncore.saving.load_model(tmp_path / "model.safetensors").optimizer.iterations == 1
        for ending in (".keras", ".h5"):
            with pytest.warns(UserWarning, match="files have no state of Muon: .* ends in .safetensors keeps it"):
                model.save(tmp_path / f"model{ending}")
            assert cnncore.saving.load_model(tmp_path / f"model{ending}").optimizer.iterations == 0

    def test_layers_of_other_types_compute_in_float32(self, tmp_path):
        keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, dtype="float16")]).save(tmp_path / "model.keras")
        with pytest.warns(UserWarning, match="float16"):
            model = cnncore.saving.load_model(tmp_path / "model.keras")
        assert model.predict(np.ones((1, 3))).dtype == np.float32

    def test_a_layer_of_two_models_stays_one_layer(self, tmp_path):
        shared = cnncore.layers.Dense(2)

        def inner(name):
            x = cnncore.Input((2,))
            return cnncore.Model(x, cnncore.layers.ReLU()(shared(x)), name=name)

        x = cnncore.Input((2,))
        model = cnncore.Model(x, inner("b")(inner("a")(x)))
        for ending in (".safetensors", ".keras"):
            model.save(tmp_path / f"model{ending}")
            assert cnncore.saving.load_model(tmp_path / f"model{ending}").count_params() == 6
        assert keras.saving.load_model(tmp_path / "model.keras").count_params() == 6


class TestNumbers:
    def test_an_infinite_input_becomes_nan_around_it(self):
        """Winograd's transforms subtract neighbours; the outputs that do not see the infinity are not touched."""
        x = np.random.default_rng(0).normal(size=(1, 12, 12, 32)).astype(np.float32)
        models = both(lambda lib: lib.Sequential([lib.layers.Input((12, 12, 32)), lib.layers.Conv2D(64, 3)]))
        models[0].set_weights(models[1].get_weights())
        x[0, 5, 5, 3] = np.inf
        ours, theirs = models[0].predict(x), models[1].predict(x, verbose=0)
        finite = np.isfinite(ours)
        assert not finite[0, 3:6, 3:6].any()
        assert np.isinf(theirs[0, 3:6, 3:6]).all()
        np.testing.assert_allclose(ours[finite], theirs[finite], rtol=1e-4, atol=1e-4)
        assert finite[0, [0, 1, 8, 9]].all()

    def test_nan_passes_on(self):
        x = np.full((1, 4, 4, 1), np.nan, np.float32)
        for layer, arguments in (("MaxPooling2D", {}), ("ReLU", {}), ("AveragePooling2D", {"pool_size": 2})):
            ours, theirs = predictions(layer, x, **arguments)
            assert np.isnan(ours).all()
            assert np.isnan(theirs).all()

    @pytest.mark.skipif(cnncore._core.isa() == "scalar", reason="plain C++ keeps denormals")
    def test_denormals_are_zero(self):
        x = np.full((1, 4), 1e-40, np.float32)
        ours, theirs = predictions("ReLU", x)
        assert (ours == 0).all()
        assert (theirs == x).all()
