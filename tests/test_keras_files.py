"""Files that are exchanged with Keras 3 in both directions."""

import numpy as np
import pytest

import cnncore
import layer_cases
from cnncore import Input, Model, Sequential, optimizers, saving
from cnncore.layers import BatchNormalization, Dense
from cnncore.models import model_from_json
from keras_graphs import X, graph, keras_graph

h5py = pytest.importorskip("h5py")
pytest.importorskip("torch")
keras = pytest.importorskip("keras")

pytestmark = pytest.mark.filterwarnings("ignore")  # Keras' own


class TestModels:
    def test_ours_in_keras(self, tmp_path):
        model = graph()
        model.save(tmp_path / "m.keras")
        other = keras.saving.load_model(tmp_path / "m.keras")
        np.testing.assert_allclose(other.predict(X, verbose=0), model(X), rtol=1e-4, atol=1e-6)
        assert [layer.name for layer in other.layers] == [layer.name for layer in model.layers]

    def test_ours_again(self, tmp_path):
        model = graph()
        model.save(tmp_path / "m.keras")
        other = saving.load_model(tmp_path / "m.keras")
        assert np.array_equal(other(X), model(X))
        assert other.count_params() == model.count_params()

    def test_keras_in_ours(self, tmp_path):
        model = keras_graph()
        model.save(tmp_path / "k.keras")
        other = saving.load_model(tmp_path / "k.keras")
        x = [np.random.default_rng(i).random((2, 4), np.float32) for i in (0, 1)]
        expected, found = model.predict(x, verbose=0), other(x)
        assert set(found) == {"y", "z"}
        for name, array in expected.items():
            np.testing.assert_allclose(found[name], array, rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize("ending", ["keras", "h5"])
    def test_a_model_of_one_tensor_inside_a_sequential_one(self, tmp_path, ending):
        """Keras tells a tensor from a list of one tensor, which its Sequential does not take."""
        x = Input((4,))
        model = Sequential([Input((4,)), Model(x, Dense(3)(x)), Dense(2)])
        model.save(tmp_path / f"m.{ending}")
        other = keras.saving.load_model(tmp_path / f"m.{ending}")
        data = np.random.default_rng(0).random((2, 4), np.float32)
        np.testing.assert_allclose(other.predict(data, verbose=0), model(data), rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize("ending", ["keras", "h5"])
    @pytest.mark.parametrize("structure", [lambda a, b: {"a": a, "b": b}, lambda a, b: [a, b]], ids=["dict", "list"])
    def test_a_model_inside_a_model_that_takes_several_tensors(self, tmp_path, structure, ending):
        """Keras writes a mask for each of them into the file, although there is none."""
        layers = keras.layers
        a, b = layers.Input((4,)), layers.Input((4,))
        inner = keras.Model(structure(a, b), layers.Concatenate()([layers.Dense(3)(a), b]))
        c = layers.Input((4,))
        model = keras.Model(c, layers.Dense(2)(inner(structure(c, layers.Dense(4)(c)))))
        model.save(tmp_path / f"k.{ending}")
        other = saving.load_model(tmp_path / f"k.{ending}")
        data = np.random.default_rng(0).random((2, 4), np.float32)
        np.testing.assert_allclose(other(data), model.predict(data, verbose=0), rtol=1e-5, atol=1e-6)

    def test_files_of_weights_go_both_ways(self, tmp_path):
        layers = keras.layers
        theirs = keras.Sequential([layers.Input((4,)), layers.Dense(3), layers.BatchNormalization(), layers.Dense(2)])
        ours = Sequential([Input((4,)), Dense(3), BatchNormalization(), Dense(2)])
        x = np.random.default_rng(0).random((2, 4), np.float32)
        ours.save_weights(tmp_path / "ours.weights.h5")
        theirs.load_weights(tmp_path / "ours.weights.h5")
        np.testing.assert_allclose(theirs.predict(x, verbose=0), ours(x), rtol=1e-5, atol=1e-6)
        other = Sequential([Input((4,)), Dense(3), BatchNormalization(), Dense(2)])
        theirs.save_weights(tmp_path / "theirs.weights.h5")
        other.load_weights(tmp_path / "theirs.weights.h5")
        assert np.array_equal(other(x), ours(x))

    def test_what_compile_was_given(self, tmp_path):
        rng = np.random.default_rng(0)
        x, y = rng.random((32, 3), np.float32), rng.integers(0, 3, 32)
        model = Sequential([Dense(4, input_shape=(3,), activation="relu"), Dense(3, activation="softmax")])
        model.compile(optimizers.SGD(0.05, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x, y, verbose=0)
        model.save(tmp_path / "ours.keras")
        theirs = keras.saving.load_model(tmp_path / "ours.keras")
        assert theirs.optimizer.momentum == 0.9
        assert theirs.evaluate(x, y, verbose=0) == pytest.approx(model.evaluate(x, y, verbose=0), rel=1e-5)
        theirs.compile(
            keras.optimizers.Adam(1e-3),
            keras.losses.SparseCategoricalCrossentropy(),
            metrics=["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(2)],
        )
        theirs.fit(x, y, verbose=0)
        theirs.save(tmp_path / "theirs.keras")
        other = saving.load_model(tmp_path / "theirs.keras")
        assert isinstance(other.optimizer, optimizers.Adam)
        assert other.evaluate(x, y, verbose=0) == pytest.approx(theirs.evaluate(x, y, verbose=0), rel=1e-5)
        other.fit(x, y, verbose=0)

    @pytest.mark.parametrize("case", [case for case in layer_cases.CASES if hasattr(keras.layers, case.name)], ids=str)
    def test_every_layer(self, case, tmp_path):
        inputs = [Input(shape) for shape in case.shapes]
        x = case.inputs
        model = Model(
            inputs if len(inputs) > 1 else inputs[0], case.make()(inputs if isinstance(x, list) else inputs[0])
        )
        model.save(tmp_path / "ours.keras")
        theirs = keras.saving.load_model(tmp_path / "ours.keras")
        np.testing.assert_allclose(theirs.predict(x, verbose=0), model(x), rtol=1e-4, atol=1e-5)
        theirs.save(tmp_path / "theirs.keras")
        np.testing.assert_allclose(saving.load_model(tmp_path / "theirs.keras")(x), model(x), rtol=1e-6, atol=1e-6)

    def test_models_inside_that_give_the_outputs(self, tmp_path):
        x = Input((4,), name="x")
        inner = Model(x, {"a": Dense(3)(x), "b": Dense(2)(x)})
        y = inner(x)
        model = Model(x, [y["b"], y["a"]])
        model.save(tmp_path / "m.keras")
        array = np.random.default_rng(0).random((2, 4), np.float32)
        theirs = keras.saving.load_model(tmp_path / "m.keras")
        for found, expected in zip(theirs.predict(array, verbose=0), model(array), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        theirs.save(tmp_path / "k.keras")
        for found, expected in zip(saving.load_model(tmp_path / "k.keras")(array), model(array), strict=True):
            assert np.array_equal(found, expected)


class TestExchange:
    """Files of Keras with what real ones have."""

    def check(self, theirs, tmp_path, endings=("keras", "h5")):
        rng = np.random.default_rng(2)
        for variable in theirs.weights:
            variable.assign(rng.uniform(0.1, 0.4, variable.shape))
        x = [rng.normal(size=(3, *tensor.shape[1:])).astype(np.float32) for tensor in theirs.inputs]
        x = x if len(x) > 1 else x[0]
        expected = theirs.predict(x, verbose=0)
        for ending in endings:
            theirs.save(tmp_path / f"k.{ending}")
            ours = saving.load_model(tmp_path / f"k.{ending}")
            np.testing.assert_allclose(ours.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-5)
            ours.save(tmp_path / f"o.{ending}")
            again = keras.saving.load_model(tmp_path / f"o.{ending}")
            np.testing.assert_allclose(again.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-5)
        return ours

    def test_layers_that_two_models_share(self, tmp_path):
        dense, start, x = keras.layers.Dense(6), keras.Input((6,)), keras.Input((6,))
        inner = keras.Model(start, keras.layers.ReLU()(dense(start)))
        theirs = keras.Model(x, keras.layers.Add()([inner(x), dense(x)]))
        assert self.check(theirs, tmp_path, ["keras"]).count_params() == 42
        shared = saving.load_model(tmp_path / "o.keras")
        with pytest.raises(ValueError, match="several models have a layer in common"):
            shared.save(tmp_path / "o.h5")

    def test_a_chain_with_a_layer_twice_is_refused(self, tmp_path):
        dense = Dense(3)
        with pytest.raises(ValueError, match="contains a layer twice"):
            Sequential([Input((3,)), dense, dense]).save(tmp_path / "m.keras")

    def test_normalization_that_was_adapted(self, tmp_path):
        layer = keras.layers.Normalization()
        layer.adapt(np.random.default_rng(0).normal(3, 2, (50, 6)).astype(np.float32))
        self.check(keras.Sequential([keras.layers.Input((6,)), layer, keras.layers.Dense(2)]), tmp_path)

    def test_activations_that_are_layers(self, tmp_path):
        layers = keras.layers
        self.check(keras.Sequential([layers.Input((6,)), layers.Dense(3, activation=layers.LeakyReLU(0.2))]), tmp_path)

    @pytest.mark.parametrize("name", ["mixed_float16", "mixed_bfloat16", "float64", "float16"])
    def test_other_types(self, name, tmp_path):
        layers = keras.layers
        theirs = keras.Sequential([layers.Input((6,)), layers.Dense(4, dtype=name), layers.Dense(3, dtype="float32")])
        theirs.save(tmp_path / "k.keras")
        x = np.random.default_rng(0).normal(size=(3, 6)).astype(np.float32)
        with pytest.warns(UserWarning, match=f"layers of type {name} compute in float32 here"):
            ours = saving.load_model(tmp_path / "k.keras")
        np.testing.assert_allclose(ours.predict(x, verbose=0), theirs.predict(x, verbose=0), atol=2e-2)

    def test_json_of_keras_makes_a_model(self):
        inner = keras.Sequential([keras.layers.Input((6,)), keras.layers.Dense(3)])
        x = keras.Input((6,))
        for theirs in (inner, keras.Model(x, inner(x))):
            assert model_from_json(theirs.to_json()).count_params() == 21

    def test_weights_of_subclasses(self, tmp_path):
        def make(base, layers):
            class Network(base):
                def __init__(self):
                    super().__init__()
                    self.last, self.blocks, self.first = (
                        layers.Dense(2),
                        [layers.Dense(4), layers.Dense(4)],
                        layers.Dense(4),
                    )

                def call(self, x):
                    return self.last(self.blocks[1](self.blocks[0](self.first(x))))

            network = Network()
            network(np.zeros((1, 4), np.float32))
            return network

        theirs, ours = make(keras.Model, keras.layers), make(Model, cnncore.layers)
        theirs.save_weights(tmp_path / "w.weights.h5")
        ours.load_weights(tmp_path / "w.weights.h5")
        x = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
        np.testing.assert_allclose(ours.predict(x, verbose=0), theirs.predict(x, verbose=0), rtol=1e-5, atol=1e-6)
        other = make(keras.Model, keras.layers)
        ours.save_weights(tmp_path / "o.weights.h5")
        other.load_weights(tmp_path / "o.weights.h5")
        np.testing.assert_allclose(other.predict(x, verbose=0), theirs.predict(x, verbose=0), rtol=1e-5, atol=1e-6)

    def test_some_weights(self, tmp_path):
        layers = keras.layers
        theirs = keras.Sequential([layers.Input((6,)), layers.Dense(4, name="a"), layers.Dense(3, name="b")])
        theirs.save_weights(tmp_path / "k.weights.h5")
        theirs.save(tmp_path / "k.keras")
        ours = Sequential([Input((6,)), Dense(4), Dense(5)])
        with pytest.raises(ValueError, match="expected stored numbers of shape"):
            ours.load_weights(tmp_path / "k.weights.h5")
        with pytest.warns(UserWarning, match="no weights of the right shape for"):
            ours.load_weights(tmp_path / "k.weights.h5", skip_mismatch=True)
        assert np.array_equal(ours.get_weights()[0], theirs.get_weights()[0])
        for name in ("k.weights.h5", "k.keras"):
            other = Sequential([Input((4,)), Dense(3, name="b"), Dense(5, name="other")])
            other.load_weights(tmp_path / name, by_name=True)
            assert np.array_equal(other.get_weights()[0], theirs.get_weights()[2])
