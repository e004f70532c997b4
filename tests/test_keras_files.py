"""Files that are exchanged with Keras 3 in both directions, and files in its format that were made to do harm."""

import io
import json
import os
import zipfile

import numpy as np
import pytest

import cnncore
import layer_cases
from cnncore import Input, Model, Sequential, optimizers, saving
from cnncore.layers import Add, BatchNormalization, Conv2D, Dense, Dropout, Flatten, Lambda, SeparableConv2D
from cnncore.models import model_from_json

os.environ.setdefault("KERAS_BACKEND", "torch")
h5py = pytest.importorskip("h5py")
pytest.importorskip("torch")
keras = pytest.importorskip("keras")

pytestmark = pytest.mark.filterwarnings("ignore")  # Keras' own


def graph():
    x = Input((8, 8, 3), name="img")
    a = Conv2D(4, 3, padding="same", activation="relu", kernel_regularizer="l2")(x)
    b = BatchNormalization()(SeparableConv2D(4, 1)(x))
    inner = Sequential([Flatten(), Dense(5), Dropout(0.5)])
    model = Model(x, Dense(3, activation="softmax")(inner(Add()([a, b]))))
    rng = np.random.default_rng(0)
    for variable in model.weights:
        variable.assign(rng.uniform(0.1, 0.2, variable.shape))
    return model


def keras_graph():
    layers = keras.layers
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    shared = layers.Dense(3, activation="tanh")
    inner = keras.Model(a, {"y": layers.Dense(4)(a) * 2 - 1})
    out = layers.Add()([shared(inner(a)["y"]), shared(b)]) / 2
    return keras.Model([a, b], {"y": out, "z": 1 - layers.Dense(1)(b)})


X = np.random.default_rng(1).random((2, 8, 8, 3), np.float32)


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

    def test_weights(self, tmp_path):
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

    def test_json(self):
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


@saving.register_keras_serializable("strangers")
class Block(cnncore.layers.Layer):
    """A layer with layers inside and without get_config."""

    def __init__(self, units, activation="relu", **kwargs):
        super().__init__(**kwargs)
        self.inner = [Dense(units, activation=activation), BatchNormalization()]
        self.skip = Dense(units)

    def call(self, x):
        y = x
        for layer in self.inner:
            y = layer(y)
        return y + self.skip(x)


class Mlp(Model):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.first, self.rest = Dense(units), [Dense(units), Dense(2)]

    def call(self, x):
        x = self.first(x)
        for layer in self.rest:
            x = layer(x)
        return x


def doubled(x):
    return x * 2


def own_parts():
    ops = cnncore.ops
    x = Input((4, 4, 3))
    y = Lambda(doubled, name="twice")(Block(5, name="a_block")(x))
    y = ops.relu(ops.mean(y, axis=[1, 2]) - 0.01)
    y = ops.concatenate([y, y / (1 + y), 2 / (1 + y)], axis=-1)[:, 1:]
    y = ops.clip(ops.reshape(ops.transpose(ops.expand_dims(y, 1), (0, 2, 1)), (-1, 14)), 0, 3)
    return Model(x, Dense(2)(ops.where(y > 0.1, y, 0.0) + ops.max(x, axis=(1, 2, 3), keepdims=True)[:, 0, 0]))


class TestPartsOfUsers:
    """Layers, functions and operations that are not Keras' layers."""

    @pytest.mark.parametrize("name", ["m.keras", "m.h5"])
    def test_ours_again_and_in_keras(self, name, tmp_path):
        x = np.random.default_rng(0).random((3, 4, 4, 3), np.float32)
        model = own_parts()
        model.save(tmp_path / name)
        other = saving.load_model(tmp_path / name, custom_objects={"doubled": doubled})
        np.testing.assert_array_equal(other(x), model(x))

        @keras.saving.register_keras_serializable("strangers", "Block")
        class Block(keras.layers.Layer):
            def __init__(self, units, activation="relu", **kwargs):
                super().__init__(**kwargs)
                self.inner = [keras.layers.Dense(units, activation=activation), keras.layers.BatchNormalization()]
                self.skip = keras.layers.Dense(units)

            def call(self, x):
                return self.inner[1](self.inner[0](x)) + self.skip(x)

        theirs = keras.saving.load_model(tmp_path / name, custom_objects={"doubled": doubled})
        np.testing.assert_allclose(theirs.predict(x, verbose=0), model(x), rtol=1e-4, atol=1e-5)
        if name.endswith(".keras"):
            theirs.save(tmp_path / name)
            back = saving.load_model(tmp_path / name, custom_objects={"doubled": doubled})
            np.testing.assert_allclose(back(x), model(x), rtol=1e-6, atol=1e-6)

    def test_model_of_a_class_of_its_own(self, tmp_path):
        model = Mlp(3)
        x = np.ones((2, 4), np.float32)
        model.compile("adam", "mse")
        model.fit(x, np.ones((2, 2)), verbose=0)
        model.save(tmp_path / "m.keras")
        other = saving.load_model(tmp_path / "m.keras", custom_objects={"Mlp": Mlp})
        np.testing.assert_array_equal(other(x), model(x))
        assert other.optimizer.iterations == 1
        with pytest.raises(ValueError, match="HDF5 files describe Sequential models"):
            model.save(tmp_path / "m.h5")
        with pytest.raises(ValueError, match="Unknown layer 'Mlp'"):
            saving.load_model(tmp_path / "m.keras")

    @pytest.mark.parametrize("name", ["m.keras", "m.h5"])
    def test_lambda_without_a_name(self, name, tmp_path):
        x = np.ones((1, 2), np.float32)
        model = Sequential([Input((2,)), Lambda(lambda x: x * 3, name="thrice"), Dense(1)])
        model.save(tmp_path / name)
        other = saving.load_model(tmp_path / name, custom_objects={"thrice": lambda x: x * 3})
        np.testing.assert_array_equal(other(x), model(x))
        with pytest.raises(ValueError, match=r"pass custom_objects=\{'thrice': the function\}"):
            saving.load_model(tmp_path / name)
        theirs = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x * 3, name="f")])
        theirs.save(tmp_path / name)
        assert saving.load_model(tmp_path / name, custom_objects={"f": lambda x: x * 3})(x).tolist() == [[3.0, 3.0]]

    def test_operations_of_keras(self, tmp_path):
        ops, a = keras.ops, keras.Input((4, 4, 2))
        b = ops.max_pool(ops.leaky_relu(a - 0.5, 0.1), 2) + ops.average_pool(ops.gelu(a), 2)
        b = ops.pad(b, [[0, 0], [1, 1], [1, 1], [0, 0]]) * np.float32([1, 2])
        b = ops.matmul(b, np.ones((2, 3), "float32")) ** 2
        b = ops.softmax(ops.stack([ops.sum(b, axis=(1, 2)), ops.sqrt(ops.var(b, axis=(1, 2)))], axis=1))
        b = ops.squeeze(ops.minimum(1.5, ops.repeat(b, 2, axis=1))[..., None, 1:], 2)
        model = keras.Model(a, ops.maximum(ops.tile(b, (1, 1, 2)), ops.swapaxes(-ops.flip(b, axis=1), 1, 2)[:, :1]))
        x = np.random.default_rng(0).random((3, 4, 4, 2), np.float32)
        for name in ("m.keras", "m.h5"):
            model.save(tmp_path / name)
            np.testing.assert_allclose(saving.load_model(tmp_path / name)(x), model.predict(x, verbose=0), atol=1e-5)

    def test_a_division_by_zero_gives_infinity(self, tmp_path):
        x = keras.Input((2,))
        keras.Model(x, keras.ops.divide(x, 0.0)).save(tmp_path / "m.keras")
        with np.errstate(divide="ignore"):
            y = saving.load_model(tmp_path / "m.keras")(np.float32([[1, -2]]))
        assert np.asarray(y).tolist() == [[np.inf, -np.inf]]

    def test_divisions_by_arrays_go_both_ways(self, tmp_path):
        a, b, numbers = keras.Input((2,)), Input((2,)), np.float32([2, 4])
        x = np.float32([[1, -2]])
        keras.Model(a, a / numbers).save(tmp_path / "k.keras")
        assert np.asarray(saving.load_model(tmp_path / "k.keras")(x)).tolist() == [[0.5, -0.5]]
        Model(b, cnncore.ops.divide(b, numbers)).save(tmp_path / "m.keras")
        assert keras.models.load_model(tmp_path / "m.keras").predict(x, verbose=0).tolist() == [[0.5, -0.5]]


class TestRefused:
    @pytest.mark.parametrize(
        ("layer", "message"),
        [
            (lambda: Conv2D(1, 2, padding=((1, 0), (0, 0)), input_shape=(4, 4, 1)), "no explicit padding"),
            (lambda: Dense(2, precision="bfloat16"), "Keras has no argument 'precision'"),
        ],
    )
    def test_what_keras_has_not(self, layer, message, tmp_path):
        made = layer()
        shape = (4, 4, 1) if isinstance(made, Conv2D) else (4,)
        with pytest.raises(ValueError, match=message):
            Sequential([Input(shape), made]).save(tmp_path / "m.keras")
        assert not (tmp_path / "m.keras").exists()
        x = Input((2,))
        with pytest.raises(ValueError, match=r"the function rint of tensors has no counterpart"):
            Model(x, np.rint(x)).save(tmp_path / "m.keras")

    def test_what_we_have_not(self, tmp_path):
        keras.Sequential([keras.layers.Input((4, 4, 4, 1)), keras.layers.Conv3D(2, 2)]).save(tmp_path / "k.keras")
        with pytest.raises(ValueError, match="Unknown layer 'Conv3D'"):
            saving.load_model(tmp_path / "k.keras")
        x = keras.Input((4,))
        keras.Model(x, keras.ops.polar(x, x)).save(tmp_path / "k.keras")
        with pytest.raises(ValueError, match="Received: the operation Polar"):
            saving.load_model(tmp_path / "k.keras")

    def test_names_that_promise_another_format(self, tmp_path):
        model = Sequential([Dense(2, input_shape=(3,))])
        for name in ("m.keras", "weights.KERAS"):
            with pytest.raises(ValueError, match=r"ends in \.safetensors, or in \.weights\.h5"):
                model.save_weights(tmp_path / name)
        for use in (model.save, saving.load_model):
            with pytest.raises(ValueError, match=r"files that end in \.weights\.h5 hold weights alone"):
                use(tmp_path / "m.weights.h5")


def rewritten(path, edit=None, weights=None):
    """The file with another config, or other bytes as its weights."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    if edit is not None:
        config = json.loads(members["config.json"])
        edit(config)
        members["config.json"] = json.dumps(config)
    if weights is not None:
        members["model.weights.h5"] = weights
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


class TestHostile:
    @pytest.fixture
    def path(self, tmp_path):
        graph().save(tmp_path / "m.keras")
        return tmp_path / "m.keras"

    @pytest.mark.parametrize(
        "edit",
        [
            lambda c: c.update(class_name="os.system"),
            lambda c: c.update(config=None),
            lambda c: c["config"].update(layers=None),
            lambda c: c["config"]["layers"][1].update(class_name="x" * 10**7),
            lambda c: c["config"]["layers"][1].update(inbound_nodes=[{"args": [{"class_name": "__keras_tensor__"}]}]),
            lambda c: c["config"]["layers"][1]["config"].update(filters=10**400),
            lambda c: c["config"]["layers"][1]["config"].update(dtype="string"),
            lambda c: c["config"]["layers"][-1]["inbound_nodes"][0]["args"][0]["config"].update(
                keras_history=[c["config"]["layers"][-1]["name"], 0, 0]
            ),
            lambda c: c["config"].update(output_layers=[["nobody", 0, 0]]),
            lambda c: c["config"].update(input_layers=3),
        ],
    )
    def test_configs(self, path, edit):
        rewritten(path, edit)
        with pytest.raises(ValueError, match=r"m.keras: ") as caught:
            saving.load_model(path)
        assert len(str(caught.value)) < 2000

    def test_no_zip(self, path):
        path.write_bytes(path.read_bytes()[:100])
        with pytest.raises(ValueError, match="expected an intact file of Keras 3"):
            saving.load_model(path)

    def test_weights_that_are_elsewhere_or_not_stored(self, path, tmp_path):
        with zipfile.ZipFile(path) as archive:
            good = archive.read("model.weights.h5")
        (tmp_path / "secret.h5").write_bytes(good)
        key = "layers/dense/vars/1"

        def soft(file):
            file[key] = h5py.SoftLink("/layers/conv2d/vars/1")

        def external(file):
            file[key] = h5py.ExternalLink(str(tmp_path / "secret.h5"), key)

        def empty(file):
            file.create_dataset(key, (3,), np.float32, chunks=(3,))

        def wrong(file):
            file.create_dataset(key, (4,), np.float32, data=np.ones(4))

        def infinite(file):
            file.create_dataset(key, data=np.full(3, np.inf, np.float32))

        for change in (soft, external, empty, wrong, infinite):
            content = io.BytesIO(good)
            with h5py.File(content, "a") as file:
                del file[key]
                change(file)
            rewritten(path, weights=content.getvalue())
            with pytest.raises(ValueError, match="layers/dense/vars/1"):
                saving.load_model(path)

    def test_a_zip_that_expands(self, path):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("config.json", b" " * 10**8)
        with pytest.raises(ValueError, match="of a size that the file can hold"):
            saving.load_model(path)


def small_weights(w):
    return abs(w).sum() * 0.01


def not_negative(w):
    return w * (w > 0)


def all_ones(shape, dtype=None):
    return np.ones(shape, np.float32)


class Squares(cnncore.regularizers.Regularizer):
    def __init__(self, factor=0.1):
        self.factor = factor

    def __call__(self, x):
        return self.factor * np.square(x).sum()

    def get_config(self):
        return {"factor": self.factor}


class KerasSquares(keras.regularizers.Regularizer):
    def __init__(self, factor=0.1):
        self.factor = factor

    def __call__(self, x):
        return self.factor * keras.ops.sum(keras.ops.square(x))

    def get_config(self):
        return {"factor": self.factor}


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_functions_and_classes_of_users_beside_weights(tmp_path, suffix):
    """Regularizers, constraints and initializers of users: Keras reads them by the names that it would write."""
    functions = {"small_weights": small_weights, "not_negative": not_negative, "all_ones": all_ones}
    model = Sequential(
        [
            Input((4,)),
            Dense(3, kernel_regularizer=small_weights, kernel_constraint=not_negative, bias_initializer=all_ones),
            Dense(2, kernel_regularizer=Squares(0.5)),
        ]
    )
    path = tmp_path / f"model.{suffix}"
    model.save(path)
    first, second = keras.models.load_model(path, custom_objects={**functions, "Squares": KerasSquares}).layers
    assert first.kernel_regularizer is small_weights
    assert first.kernel_constraint is not_negative
    assert second.kernel_regularizer.factor == 0.5
    again = saving.load_model(path, custom_objects={**functions, "Squares": Squares})
    assert again.layers[0].kernel_regularizer.function is small_weights
    assert again.layers[1].kernel_regularizer.factor == 0.5
    x = np.ones((2, 4), np.float32)
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
