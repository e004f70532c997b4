"""Configurations of functional models and of subclasses: JSON, clones, and what makes no sense in them."""

import json

import numpy as np
import pytest

from cnncore import Input, Model, Sequential
from cnncore.layers import (
    Add,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Lambda,
    Layer,
)
from cnncore.models import clone_model, load_model, model_from_json


def keras_module():
    pytest.importorskip("torch")
    return pytest.importorskip("keras")


def residual():
    x = Input((6, 6, 3), name="image")
    y = Conv2D(4, 3, padding="same", activation="relu")(x)
    y = Add()([y, Conv2D(4, 1)(x)])
    return Model(x, Dense(2)(Flatten()(y)))


class TestConfigs:
    @pytest.mark.parametrize("how", ["config", "json", "clone"])
    def test_round_trip(self, how):
        model = residual()
        if how == "config":
            other = Model.from_config(json.loads(json.dumps(model.get_config())))
            assert other.get_config() == model.get_config()
        else:
            other = model_from_json(model.to_json()) if how == "json" else clone_model(model)
        assert [layer.name for layer in other.layers] == [layer.name for layer in model.layers]
        assert not any(a is b for a, b in zip(other.layers, model.layers, strict=True))
        other.set_weights(model.get_weights())
        x = np.random.default_rng(0).random((2, 6, 6, 3), np.float32)
        assert np.array_equal(other(x), model(x))

    def test_inputs_keep_their_order_and_names(self, tmp_path):
        # more calls are between b and the output than between a and it, so that layers lists b before a
        a, b = Input((3,), name="a"), Input((3, 2), name="b")
        model = Model([a, b], Concatenate()([a, Dense(2)(Flatten()(b))]))
        assert [layer.name for layer in model.layers[:2]] != ["a", "b"]
        x = {"a": np.ones((1, 3)), "b": np.full((1, 3, 2), 2.0)}
        model.save(tmp_path / "model.safetensors")
        saved = load_model(tmp_path / "model.safetensors")
        other = Model.from_config(json.loads(json.dumps(model.get_config())))
        other.set_weights(model.get_weights())
        for copied in (saved, other):
            assert copied.input_names == ["a", "b"]
            np.testing.assert_array_equal(copied.predict(x, verbose=0), model.predict(x, verbose=0))

    def test_a_config_without_the_order_of_inputs_has_that_of_the_layers(self):
        a, b = Input((3,), name="a"), Input((3,), name="b")
        config = Model([a, b], Concatenate()([a, b])).get_config()
        del config["input_layers"]  # files of earlier versions
        assert Model.from_config(config).input_names == ["a", "b"]

    def test_structures_shared_layers_and_models_inside(self):
        tower = Sequential([Dense(4), BatchNormalization()])
        a, b = Input((3,), name="a"), Input((3,), name="b")
        model = Model({"a": a, "b": b}, {"y": tower(a) + tower(b, training=False), "z": [Dense(1)(a)]})
        other = Model.from_config(json.loads(json.dumps(model.get_config())))
        assert other.count_params() == model.count_params()
        other.set_weights(model.get_weights())
        x = {"a": np.ones((2, 3)), "b": np.zeros((2, 3))}
        assert np.array_equal(other(x)["y"], model(x)["y"])
        assert other(x)["z"][0].shape == (2, 1)

    def test_clone_function(self):
        model = Sequential([Dense(3, input_shape=(2,)), Dropout(0.5), Dense(1)])
        other = clone_model(
            model,
            clone_function=lambda layer: (
                Dropout(0.1) if isinstance(layer, Dropout) else layer.from_config(layer.get_config())
            ),
        )
        assert other.layers[1].rate == 0.1
        assert not np.array_equal(other.layers[0].kernel, model.layers[0].kernel)

    def test_clone_on_other_tensors(self):
        model = residual()
        x = Input((6, 6, 3))
        assert clone_model(model, input_tensors=x).input is x

    def test_what_cannot_be_cloned(self):
        class Net(Model):
            def call(self, x):
                return x

        with pytest.raises(ValueError, match="has a method call"):
            clone_model(Net())
        with pytest.raises(TypeError, match="expected a model"):
            clone_model(Dense(2))

    def test_custom_layers_need_custom_objects(self):
        class Twice(Layer):
            def call(self, x):
                return x * 2

        text = Sequential([Input((2,)), Twice()]).to_json()
        with pytest.raises(ValueError, match="Unknown layer 'Twice'"):
            model_from_json(text)
        assert model_from_json(text, custom_objects={"Twice": Twice}).output_shape == (None, 2)

    def test_a_lambda_needs_its_function(self):
        def double(x):
            return x * 2

        text = Sequential([Input((2,)), Lambda(double)]).to_json()
        with pytest.raises(ValueError, match=r"pass custom_objects={'double': the function}"):
            model_from_json(text)
        assert np.array_equal(model_from_json(text, custom_objects={"double": double})(np.ones((1, 2))), [[2, 2]])

    @pytest.mark.parametrize(
        ("edit", "message"),
        [
            (lambda c: c.update(calls=[{}]), "each call in a config to have a layer and its arguments"),
            (lambda c: c["calls"][0].update(layer="nobody"), "calls of the model's own layers. Received: 'nobody'"),
            (lambda c: c["calls"][0].update(layer=["conv2d"]), "calls of the model's own layers. Received: .'conv2d'"),
            (lambda c: c["calls"][0].update(args=[{"tensor": 99}]), "computed before its use. Received: number 99"),
            (lambda c: c["calls"][0].update(training=3), "`training` of a call to be true or false"),
            (lambda c: c.update(outputs={"tensor": -1}), "computed before its use. Received: number -1"),
            (lambda c: c.update(input_layers=["nobody"]), "`input_layers` to name the model's inputs"),
            (lambda c: c.update(layers=7), "a config with a list of layers. Received: int"),
            (lambda c: c["layers"].append(c["layers"][0]), "layers with different names"),
            (lambda c: c["layers"][1].update(class_name="Conv2E"), "Unknown layer 'Conv2E'. Did you mean \"Conv2D\""),
            (lambda c: c.update(seed="x"), "`seed` to be an integer. Received: seed='x'"),
        ],
    )
    def test_configs_that_make_no_sense_are_refused(self, edit, message):
        config = json.loads(json.dumps(residual().get_config()))
        edit(config)
        with pytest.raises((ValueError, TypeError), match=message):
            Model.from_config(config)
