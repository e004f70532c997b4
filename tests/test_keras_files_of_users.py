"""Layers, functions and classes of users in files of Keras."""

import numpy as np
import pytest

import cnncore
from cnncore import Input, Model, Sequential, saving
from cnncore.layers import BatchNormalization, Dense, Lambda

h5py = pytest.importorskip("h5py")
pytest.importorskip("torch")
keras = pytest.importorskip("keras")
pytestmark = pytest.mark.filterwarnings("ignore")  # Keras' own


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
