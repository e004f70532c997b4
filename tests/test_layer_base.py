"""What every layer has from its base class: names, weights, calls on tensors and on arrays, custom layers."""

import copy
import pickle

import numpy as np
import pytest

from cnncore import Model, _core, _unique_names, initializers, optimizers
from cnncore.graph.tensor import NotTraceableError
from cnncore.layers.base import Layer, WeightSpec
from cnncore.layers.input_layer import Input
from cnncore.layers.lambda_layer import Lambda


class Linear(Layer):
    """A dense layer, written as briefly as possible."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def compute_output_shape(self, input_shape):
        self._expect_rank(input_shape, "batch, features")
        return (None, self.units)

    def weight_specs(self, input_shape):
        return [
            WeightSpec("kernel", (input_shape[-1], self.units), initializers.get("glorot_uniform")),
            WeightSpec("bias", (self.units,), initializers.get("zeros")),
        ]

    def lower(self, graph, inputs):
        return graph.add("dense", inputs, self.name, units=self.units, use_bias=True, activation="linear")

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class Scale(Layer):
    """A custom layer in NumPy with a weight."""

    def build(self, input_shape):
        self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")

    def call(self, x):
        return np.tanh(x) * self.factor

    def backward(self, x, dy):
        return dy * self.factor * (1 - np.tanh(x) ** 2), [(dy * np.tanh(x)).sum(axis=0)]


class Block(Layer):
    """A custom layer over other layers."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = [Linear(4), Linear(3)]

    def call(self, x, training=None):
        for layer in self.inner:
            x = layer(x)
        return x


class TestNames:
    def test_names_are_counted_in_the_process(self):
        assert [Linear(1).name for _ in range(3)] == ["linear", "linear_1", "linear_2"]
        assert Linear(1, name="mine").name == "mine"
        assert Linear(1).name == "linear_3"
        _unique_names.reset_names()
        assert Linear(1).name == "linear"

    @pytest.mark.parametrize("name", [" \n", "a/b", 3, "a\x1b[31m"])
    def test_names_that_are_no_text_are_refused(self, name):
        with pytest.raises(ValueError, match=r"\[Linear\] expected `name` to be a non-empty string"):
            Linear(1, name=name)


class TestArguments:
    def test_unknown_arguments_offer_the_nearest(self):
        with pytest.raises(TypeError, match=r'\[Linear\] unknown argument \'unit\'. Did you mean "units"'):
            Linear(3, unit=3)
        with pytest.raises(TypeError, match='Did you mean "trainable"'):
            Linear(3, trainble=False)

    def test_only_float32_is_accepted(self):
        assert Linear(3, dtype="float32").dtype == "float32"
        with pytest.raises(ValueError, match='expected `dtype` to be "float32"'):
            Linear(3, dtype="float16")

    @pytest.mark.parametrize("arguments", [{"input_shape": (5,)}, {"input_dim": 5}, {"batch_input_shape": (None, 5)}])
    def test_ways_to_say_the_shape_of_a_sample(self, arguments):
        assert Linear(3, **arguments).declared_input_shape == (5,)

    def test_shapes_with_the_batch_axis_say_what_to_write(self):
        with pytest.raises(ValueError, match=r"Write input_shape=\(28, 28, 1\)"):
            Linear(3, input_shape=(None, 28, 28, 1))


class TestWeights:
    def test_a_layer_owns_them(self):
        layer = Linear(3)
        y = layer(Input((5,)))
        assert y.shape == (None, 3)
        assert [variable.path for variable in layer.weights] == ["linear/kernel", "linear/bias"]
        assert layer.count_params() == 18
        layer.set_weights([np.ones((5, 3)), [1, 2, 3]])
        assert np.array_equal(layer(np.ones((2, 5), np.float32)), [[6, 7, 8]] * 2)
        layer.weights[1].assign([0, 0, 0])
        layer.weights[0][...] = 2
        assert np.array_equal(layer(np.ones((1, 5), np.float32)), [[10, 10, 10]])

    def test_wrong_weights_change_nothing(self):
        layer = Linear(3)
        layer.build((None, 5))
        before = layer.get_weights()
        with pytest.raises(ValueError, match=r"shape \(3,\) for linear/bias. Received: \(4,\)"):
            layer.set_weights([np.zeros((5, 3)), np.zeros(4)])
        with pytest.raises(ValueError, match=r"expected 2 arrays \(linear/kernel, linear/bias\)\. Received: 1 arrays"):
            layer.set_weights([np.zeros((5, 3))])
        assert all(np.array_equal(a, b) for a, b in zip(before, layer.get_weights(), strict=True))

    def test_a_second_input_must_fit(self):
        layer = Linear(3)
        layer(Input((5,)))
        with pytest.raises(ValueError, match=r"already has a kernel of shape \(5, 3\), .* needs \(4, 3\)"):
            layer(Input((4,)))

    def test_variables_are_like_arrays(self):
        layer = Linear(2)
        layer.build((None, 2))
        kernel = layer.weights[0]
        kernel.assign([[1, 2], [3, 4]])
        assert np.array_equal(kernel + 1, [[2, 3], [4, 5]])
        assert np.array_equal(np.eye(2) @ kernel, kernel)
        assert kernel.sum() == 10
        assert np.array_equal(kernel.T, [[1, 3], [2, 4]])
        assert isinstance(kernel.numpy(), np.ndarray)
        copy_of_values = kernel.numpy()
        copy_of_values[...] = 0
        assert kernel[0, 0] == 1

    def test_trainable_holds_for_layers_inside(self):
        block = Block()
        block(Input((5,)))
        assert len(block.trainable_weights) == 4
        block.inner[0].trainable = False
        assert [variable.path for variable in block.non_trainable_weights] == ["linear/kernel", "linear/bias"]
        block.trainable = False
        assert not block.trainable_weights
        assert not block.inner[1].trainable

    def test_the_seed_decides(self):
        from cnncore import utils

        def kernel():
            utils.set_random_seed(3)
            layer = Linear(3)
            layer.build((None, 5))
            layer.ensure_built((None, 5))
            return layer.get_weights()[0]

        assert np.array_equal(kernel(), kernel())


class TestCustom:
    def test_a_call_in_numpy_computes_and_is_trained(self):
        x = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)
        layer = Scale()
        assert layer(Input((3,))).shape == (None, 3)
        layer.factor.assign([1, 2, 3])
        np.testing.assert_allclose(layer(x).numpy(), np.tanh(x) * [1, 2, 3], rtol=1e-6)

    def test_over_other_layers(self):
        block = Block()
        assert block(Input((5,))).shape == (None, 3)
        assert [layer.name for layer in block.sublayers()] == ["linear", "linear_1"]
        x = np.ones((2, 5), np.float32)
        np.testing.assert_allclose(block(x), block.inner[1](block.inner[0](x)), rtol=1e-6)
        assert block.inner[0].nodes == []  # calls inside are not the user's

    def test_layers_and_numpy_mix(self):
        class Mixed(Block):
            def call(self, x):
                return np.exp(self.inner[0](x))

        layer = Mixed()
        x = np.ones((2, 5), np.float32)
        np.testing.assert_allclose(layer(x), np.exp(layer.inner[0](x)), rtol=1e-6)

    def test_several_results_computed_with_numpy(self):
        class Two(Layer):
            def build(self, input_shape):
                self.w = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="w")
                self.v = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="v")

            def call(self, x, y):
                return np.exp(x) * self.w, np.sum(np.square(y * self.w + self.v), -1, keepdims=True)

        x, y = Input((4,)), Input((4,))
        layer = Two()
        model = Model([x, y], layer(x, y))
        ones = np.ones((3, 4), np.float32)
        first, second = model.predict([ones, ones], verbose=0)
        np.testing.assert_allclose(first, np.full((3, 4), np.e), rtol=1e-6)
        np.testing.assert_array_equal(second, np.full((3, 1), 16))
        np.testing.assert_array_equal(layer(ones, ones)[1], second)

        # The loss is mean((e w - 1)^2) + (sum((w + v)^2) - 1)^2 with all w = v = 1.
        model.compile(optimizers.SGD(1e-3), "mse")
        model.fit([ones, ones], [ones, np.ones((3, 1))], verbose=0)
        np.testing.assert_allclose(layer.w.numpy(), 1 - 1e-3 * (2 * (np.e - 1) * np.e / 4 + 2 * 15 * 4), rtol=1e-5)
        np.testing.assert_allclose(layer.v.numpy(), 1 - 1e-3 * 2 * 15 * 4, rtol=1e-5)

    def test_what_has_no_gradient_on_results_of_layers_works_in_inference_only(self):
        class Mixed(Block):
            def call(self, x):
                return np.partition(self.inner[0](x), 2)

        x = Input((5,))
        model = Model(x, Mixed()(x))
        assert model.predict(np.ones((2, 5)), verbose=0).shape == (2, *model.output_shape[1:])
        model.compile("sgd", "mse")
        with pytest.raises(ValueError, match=r'"mixed" cannot be trained through: .* numpy.partition is not known'):
            model.fit(np.ones((2, 5)), np.ones((2, *model.output_shape[1:])), verbose=0)

    def test_super_call_reaches_the_ops_of_a_layer(self):
        class Twice(Linear):
            def call(self, x):
                return super().call(super().call(x))

        layer = Twice(3)
        layer(Input((3,)))
        layer.set_weights([2 * np.eye(3), np.zeros(3)])
        assert np.array_equal(layer(np.ones((1, 3))), [[4, 4, 4]])

    def test_a_lambda_computes_its_function(self):
        layer = Lambda(lambda x: np.maximum(x, 0).sum(axis=1, keepdims=True))
        assert layer(Input((4, 5))).shape == (None, 1, 5)
        assert np.array_equal(layer(-np.ones((2, 4, 5))), np.zeros((2, 1, 5)))
        assert Lambda(lambda x, factor: x[:, 0] * factor, arguments={"factor": 3})(Input((4, 5))).shape == (None, 5)


class TestCopies:
    @pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
    def test_copies_have_the_weights_and_their_own_life(self, duplicate):
        layer = Linear(3)
        layer(Input((5,)))
        kernel = layer.get_weights()[0]
        other = duplicate(layer)
        layer.weights[0][...] = 0
        assert np.array_equal(other.get_weights()[0], kernel)
        assert other.name == layer.name
        assert not other.nodes

    def test_custom_layers_too(self):
        layer = Scale()
        layer(Input((3,)))
        layer.factor.assign([1, 2, 3])
        other = copy.deepcopy(layer)
        layer.factor.assign([0, 0, 0])
        assert np.array_equal(other.factor, [1, 2, 3])


@pytest.mark.parametrize(
    "use", [lambda x: x[0], lambda x: np.partition(x, 1), bool, len, lambda x: x.sum(), lambda x: x.numpy()]
)
def test_what_needs_values_is_refused(use):
    with pytest.raises(NotTraceableError):
        use(Input((3,)))


def test_repr_shows_shapes_and_parameters():
    layer = Linear(3)
    assert repr(layer) == "<Linear linear, not built>"
    layer(Input((5,)))
    assert repr(layer) == "<Linear linear, (None, 5) -> (None, 3), 18 parameters>"


def test_weights_that_do_not_fit_memory_are_named(monkeypatch):
    def no_memory(shapes):
        raise MemoryError("std::bad_alloc")

    monkeypatch.setattr(_core, "Parameters", no_memory)
    layer = Linear(3, name="wide")
    message = r"\[wide\] expected weights that fit memory. Received: shapes \[\(5, 3\), \(3,\)\]"
    with pytest.raises(MemoryError, match=message):
        layer(np.zeros((1, 5), np.float32))
