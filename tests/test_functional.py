"""Models of any graph: several inputs and outputs, shared layers, models inside models, parts of models, operators."""

import numpy as np
import pytest

from cnncore import Input, Model, Sequential
from cnncore.graph.tensor import NotTraceableError
from cnncore.layers import (
    Activation,
    Add,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    Multiply,
    ReLU,
    add,
)
from cnncore.optimizers import SGD


def keras_module():
    pytest.importorskip("torch")
    return pytest.importorskip("keras")


def residual():
    x = Input((6, 6, 3), name="image")
    y = Conv2D(4, 3, padding="same", activation="relu")(x)
    y = Add()([y, Conv2D(4, 1)(x)])
    return Model(x, Dense(2)(Flatten()(y)))


class TestGraph:
    def test_branches_compute_what_their_layers_do(self):
        model = residual()
        assert model.input_shape == (None, 6, 6, 3)
        assert model.output_shape == (None, 2)
        assert [layer.name for layer in model.layers] == ["image", "conv2d", "conv2d_1", "add", "flatten", "dense"]
        x = np.random.default_rng(0).random((3, 6, 6, 3), np.float32)
        layers = {layer.name: layer for layer in model.layers}
        expected = layers["dense"](layers["flatten"](layers["add"]([layers["conv2d"](x), layers["conv2d_1"](x)])))
        np.testing.assert_allclose(model(x), expected, rtol=1e-5)

    @pytest.mark.filterwarnings("ignore")  # Keras' own
    def test_all_terms_of_a_large_sum_before_a_relu_have_its_gradient(self):
        rng = np.random.default_rng(3)
        x = rng.normal(size=(2, 37, 41, 2)).astype(np.float32)
        start = Input(x.shape[1:])
        terms = [Conv2D(3, 1, use_bias=False) for _ in range(3)]
        model = Model(start, ReLU()(Add()([term(start) for term in terms])))
        model.compile(SGD(1.0), "mse")
        kernels = [np.array(term.kernel)[0, 0] for term in terms]
        y = np.maximum(x @ sum(kernels), 0)
        gradient = np.tensordot(x, 2 * np.sign(y) * (y - 1) / y.size, ([0, 1, 2], [0, 1, 2]))
        model.train_on_batch(x, np.ones_like(y))
        for term, kernel in zip(terms, kernels, strict=True):
            np.testing.assert_allclose(kernel - np.array(term.kernel)[0, 0], gradient, rtol=1e-4, atol=1e-6)

    def test_layers_are_listed_as_keras_lists_them(self):
        keras = keras_module()

        def names(module, Input, Model):
            a, b = Input((4,), name="a"), Input((3,), name="b")
            left = module.Dense(5, name="left")(a)
            right = module.Dense(5, name="right")(module.Dense(2, name="early")(b))
            shared = module.Dense(5, name="shared")
            out = module.Add(name="sum")([shared(left), right, shared(right)])
            return [layer.name for layer in Model([b, a], [out, left]).layers]

        import cnncore

        assert names(cnncore.layers, Input, Model) == names(keras.layers, keras.Input, keras.Model)

    @pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own
    def test_layers_behind_dicts_are_listed_in_the_order_of_sorted_keys(self, tmp_path):
        # Files of weights depend on the order of layers of one class. These files exchanged the layers of a and b.
        keras = keras_module()

        def made(module, Input, Model):
            start = Input((4,), name="start")
            pair = module.Dot(axes=1, name="dot")([module.Dense(3, name=f"to_{name}")(start) for name in "xy"])
            outputs = {name: module.Dense(2, name=name)(pair) for name in "bca"}
            return Model(start, outputs)

        import cnncore

        ours = made(cnncore.layers, Input, Model)
        theirs = made(keras.layers, keras.Input, keras.Model)
        assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]
        x = np.random.default_rng(0).random((5, 4), np.float32)
        expected = theirs.predict(x, verbose=0)
        theirs.save_weights(tmp_path / "model.weights.h5")
        ours.load_weights(tmp_path / "model.weights.h5")
        for name in "abc":
            np.testing.assert_allclose(ours.predict(x, verbose=0)[name], expected[name], rtol=1e-5)
        theirs.set_weights([np.zeros_like(weight) for weight in theirs.get_weights()])
        ours.save_weights(tmp_path / "back.weights.h5")
        theirs.load_weights(tmp_path / "back.weights.h5")
        for name in "abc":
            np.testing.assert_allclose(theirs.predict(x, verbose=0)[name], expected[name], rtol=1e-5)

    def test_several_inputs_and_outputs(self):
        a, b = Input((3,), name="a"), Input((2,), name="b")
        both = Concatenate()([a, b])
        model = Model([a, b], [Dense(4, name="first")(both), Dense(1, name="second")(b)])
        assert model.input_names == ["a", "b"]
        assert model.output_names == ["first", "second"]
        x = [np.ones((2, 3), np.float32), np.zeros((2, 2), np.float32)]
        first, second = model(x)
        assert first.shape == (2, 4)
        assert second.shape == (2, 1)
        by_name = model({"b": x[1], "a": x[0]})
        assert np.array_equal(by_name[0], first)
        with pytest.raises(ValueError, match=r"expected 2 inputs: a, b. Received: 3 of them"):
            model([*x, x[0]])
        with pytest.raises(ValueError, match=r"Missing: b. Received: a, c"):
            model({"a": x[0], "c": x[1]})

    @pytest.mark.parametrize("others", [[lambda h: h], [Flatten()], [Activation("linear"), Flatten()]])
    def test_outputs_that_are_one_tensor_each_give_a_gradient(self, others):
        """The same values under several names have one memory, but the losses' gradients add up."""
        a = Input((4, 4, 1))
        h = Conv2D(2, 3, activation="sigmoid")(a)
        outputs = [h, *(other(h) for other in others)]
        rng = np.random.default_rng(0)
        x, y = rng.standard_normal((6, 4, 4, 1)), rng.standard_normal((6, 2, 2, 2))
        alone, together = Model(a, h), Model(a, outputs)
        alone.compile(loss="mse")
        together.compile(loss=["mse"] * len(outputs))
        expected = alone.gradients(x, y)
        actual = together.gradients(x, [y, *(y.reshape(6, *output.shape[1:]) for output in outputs[1:])])
        for one, several in zip(expected, actual, strict=True):
            np.testing.assert_allclose(several, len(outputs) * one, rtol=1e-5)

    def test_dicts_of_inputs_and_outputs_go_by_name(self):
        a, b = Input((3,), name="a"), Input((2,), name="b")
        model = Model({"left": a, "right": b}, {"sum": Dense(2)(a) + Dense(2)(b), "half": Dense(1)(b) / 2})
        assert model.output_names == ["sum", "half"]
        result = model({"right": np.ones((4, 2)), "left": np.ones((4, 3))})
        assert set(result) == {"sum", "half"}
        assert result["sum"].shape == (4, 2)
        assert set(model.output_shape) == {"sum", "half"}

    def test_an_input_that_is_missing(self):
        a, b = Input((3,), name="a"), Input((3,), name="b")
        with pytest.raises(ValueError, match=r"also computed from the tensor 'b' .* Add it to `inputs`"):
            Model(a, Add()([a, b]))

    def test_what_is_no_tensor(self):
        a = Input((3,))
        with pytest.raises(TypeError, match="expected `outputs` to be tensors that Input or layers returned"):
            Model(a, Dense(3))
        with pytest.raises(ValueError, match="expected both inputs and outputs"):
            Model(a)
        with pytest.raises(ValueError, match="Received: neither inputs nor outputs"):
            Model()
        with pytest.raises(ValueError, match="expected every input once"):
            Model([a, a], Dense(2)(a))

    def test_equal_names(self):
        a = Input((3,))
        with pytest.raises(ValueError, match=r"layers with different names. Received: 'x' twice"):
            Model(a, Dense(2, name="x")(Dense(2, name="x")(a)))

    def test_a_deep_chain_is_no_recursion(self):
        x = y = Input((2,))
        for _ in range(3000):
            y = Dense(2)(y)
        model = Model(x, y)
        assert len(model.layers) == 3001

    def test_an_output_may_be_an_input_or_be_there_twice(self):
        x = Input((3,))
        y = Dense(2)(x)
        a, b, c = Model(x, [x, y, y])(np.ones((2, 3)))
        assert np.array_equal(a, np.ones((2, 3)))
        assert np.array_equal(b, c)


class TestSharing:
    def test_a_layer_called_twice_has_one_set_of_weights(self):
        a, b = Input((3,)), Input((3,))
        tower = Dense(4)
        model = Model([a, b], tower(a) - tower(b))
        assert model.count_params() == 16
        x = np.random.default_rng(0).random((2, 3), np.float32)
        np.testing.assert_allclose(model([x, x]), np.zeros((2, 4)), atol=1e-6)

    def test_siamese_networks_of_a_model(self):
        tower = Sequential([Conv2D(4, 3, activation="relu"), Flatten(), Dense(5)])
        a, b = Input((6, 6, 1)), Input((6, 6, 1))
        model = Model([a, b], Multiply()([tower(a), tower(b)]))
        assert model.count_params() == tower.count_params()
        x = np.random.default_rng(0).random((2, 6, 6, 1), np.float32)
        np.testing.assert_allclose(model([x, x]), np.square(tower(x)), rtol=1e-5)

    def test_parts_of_a_model_share_its_weights(self):
        model = Sequential([Conv2D(4, 3, input_shape=(6, 6, 1)), Flatten(), Dense(5)])
        features = Model(model.input, model.layers[0].output)
        x = np.random.default_rng(0).random((2, 6, 6, 1), np.float32)
        assert features(x).shape == (2, 4, 4, 4)
        model.layers[0].kernel[...] = 0
        model.layers[0].bias[...] = 1
        assert np.array_equal(features(x), np.ones((2, 4, 4, 4)))

    def test_parts_from_the_middle(self):
        model = residual()
        head = Model(model.get_layer("add").output, model.output)
        assert head.input_shape == (None, 6, 6, 4)
        x = np.random.default_rng(0).random((2, 6, 6, 4), np.float32)
        np.testing.assert_allclose(head(x), model.get_layer("dense")(model.get_layer("flatten")(x)), rtol=1e-6)

    def test_layers_of_equal_names_in_two_models_inside(self):
        def branch():
            return Sequential([Dense(2, name="same")])

        x = Input((3,))
        model = Model(x, branch()(x) + branch()(x))
        assert list(model.named_weights()) == ["same/kernel", "same/bias", "same_1/kernel", "same_1/bias"]
        first, second = model.named_weights()["same/kernel"], model.named_weights()["same_1/kernel"]
        first[...], second[...] = 1, 2
        assert np.array_equal(model(np.ones((1, 3))), [[9, 9]])

    def test_a_frozen_inner_model_freezes_its_weights(self):
        base = Sequential([Dense(4, input_shape=(3,)), Dense(4)])
        model = Sequential([base, Dense(2)])
        assert [slot.trainable for slot in model.network.slots] == [True] * 6
        base.trainable = False
        assert [slot.trainable for slot in model.network.slots] == [False] * 4 + [True] * 2
        assert len(model.trainable_weights) == 2
        base.layers[1].trainable = True
        base.trainable = True
        assert len(model.trainable_weights) == 6
        model.trainable = False
        assert not model.trainable_weights
        assert len(model.non_trainable_weights) == 6

    def test_state_is_not_trained(self):
        model = Sequential([Dense(4, input_shape=(3,)), BatchNormalization()])
        assert [variable.path.split("/")[1] for variable in model.weights[2:]] == [
            "gamma",
            "beta",
            "moving_mean",
            "moving_variance",
        ]
        assert len(model.trainable_weights) == 4
        assert len(model.non_trainable_weights) == 2

    def test_training_false_fixes_inference(self):
        x = Input((3,))
        model = Model(x, Dropout(0.9)(x, training=False))
        ones = np.ones((4, 3), np.float32)
        assert np.array_equal(model(ones, training=True), ones)
        assert not np.array_equal(Model(x, Dropout(0.9)(x))(ones, training=True), ones)


class TestOperators:
    def test_numbers_and_tensors(self):
        a, b = Input((3,), name="a"), Input((3,), name="b")
        outputs = [a + b, a - b, a * b, a / b, 2 + a, 2 - a, 2 * a, 2 / a, a + 2, a - 2, a * 2, a / 2, -a]
        p, q = np.array([[1.0, 2.0, 4.0]], np.float32), np.array([[3.0, 5.0, 7.0]], np.float32)
        expected = [p + q, p - q, p * q, p / q, 2 + p, 2 - p, 2 * p, 2 / p, p + 2, p - 2, p * 2, p / 2, -p]
        for found, wanted in zip(Model([a, b], outputs)([p, q]), expected, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-6)

    def test_functional_forms(self):
        a, b = Input((3,)), Input((3,))
        assert add([a, b]).shape == (None, 3)


class TestSubclasses:
    class Net(Model):
        def __init__(self, units=4, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.hidden = [Dense(units, activation="relu"), Dropout(0.5)]
            self.head = Dense(2)

        def call(self, x, training=False):
            for layer in self.hidden:
                x = layer(x, training=training)
            if training:
                x = x * 1
            return self.head(x)

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    def test_followed_when_first_called(self):
        model = self.Net()
        assert not model.built
        x = np.ones((2, 3), np.float32)
        y = model(x)
        assert y.shape == (2, 2)
        assert model.built
        assert model.name == "net"
        assert model.count_params() == 3 * 4 + 4 + 4 * 2 + 2
        assert [layer.name for layer in model.layers] == ["dense", "dropout", "dense_1"]
        assert np.array_equal(model(x), y)

    def test_build_and_summary(self):
        model = self.Net()
        with pytest.raises(ValueError, match='Model "net" is not built: call it on an array'):
            model.summary()
        model.build((None, 3))
        lines = []
        model.summary(print_fn=lines.append)
        assert any("dense (Dense)" in line and "(None, 4)" in line for line in lines)

    def test_inside_another_model(self):
        inner = self.Net()
        x = Input((3,))
        model = Model(x, Dense(5)(inner(x)))
        ones = np.ones((2, 3), np.float32)
        np.testing.assert_allclose(model(ones), model.layers[-1](inner(ones)), rtol=1e-6)
        assert model.count_params() == inner.count_params() + 15

    def test_what_cannot_be_followed_is_refused(self):
        class Wrong(Model):
            def __init__(self):
                super().__init__()
                self.dense = Dense(3)

            def call(self, x):
                return self.dense(x) if bool(x) else x

        with pytest.raises(NotTraceableError, match=r'"wrong": expected a call that uses layers .* into a Lambda'):
            Wrong()(np.ones((1, 2)))

    def test_subclass_that_is_made_of_tensors(self):
        class Made(Model):
            def __init__(self, units):
                x = Input((3,))
                super().__init__(x, Dense(units)(x))

        assert Made(4).output_shape == (None, 4)

    def test_layers_of_layers(self):
        class Block(Layer):
            def __init__(self, units, **kwargs):
                super().__init__(**kwargs)
                self.first, self.second = Dense(units, activation="relu"), Dense(units)

            def call(self, x):
                return self.second(self.first(x)) + x

        x = Input((3,))
        model = Model(x, Dense(1)(Block(3)(x)))
        assert model.count_params() == 2 * 12 + 4
        assert len(model.network.slots) == 6
        assert model(np.ones((2, 3))).shape == (2, 1)


def test_shapes_of_a_list_of_one_tensor():
    """As in Keras, they are the shape, though ``inputs`` and ``outputs`` of a model are lists."""
    x = Input((4,))
    model = Model(inputs=[x], outputs=[Dense(3)(x)])
    assert (model.input_shape, model.output_shape) == ((None, 4), (None, 3))
    assert Model([x], [x, x]).output_shape == [(None, 4), (None, 4)]
