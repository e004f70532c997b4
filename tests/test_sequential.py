"""Sequential: building, naming, weights, configs."""

import json

import numpy as np
import pytest

import cnncore
from cnncore import Sequential
from cnncore.layers import Conv2D, Dense, Dropout, Flatten, Input, InputLayer, MaxPooling2D


def document_layers():
    return [
        Conv2D(32, kernel_size=(3, 3), activation="relu"),
        MaxPooling2D(pool_size=(2, 2)),
        Conv2D(64, kernel_size=(3, 3), activation="relu"),
        MaxPooling2D(pool_size=(2, 2)),
        Flatten(),
        Dense(128, activation="relu"),
        Dense(10, activation="softmax"),
    ]


class TestShapes:
    @pytest.mark.parametrize("how", ["Input", "InputLayer", "input_shape", "build", "data", "call"])
    def test_ways_to_give_the_input_shape(self, how):
        layers = document_layers()
        if how == "input_shape":
            layers[0] = Conv2D(32, 3, activation="relu", input_shape=(28, 28, 1))
        first = {"Input": [Input((28, 28, 1))], "InputLayer": [InputLayer((28, 28, 1))]}.get(how, [])
        model = Sequential(first + layers)
        assert model.built == (how in ("Input", "InputLayer", "input_shape"))
        if how == "build":
            model.build((None, 28, 28, 1))
        if how == "data":
            model(np.zeros((1, 28, 28, 1)))
        if how == "call":
            assert model(Input((28, 28, 1))).shape == (None, 10)
        assert model.built
        assert model.input_shape == (None, 28, 28, 1)
        assert model.output_shape == (None, 10)
        assert model.count_params() == 225_034
        assert model.layers[2].input_shape == (None, 13, 13, 32)

    def test_input_dim_and_its_like(self):
        for arguments in ({"input_dim": 4}, {"batch_input_shape": (None, 4)}, {"input_shape": (4,)}):
            assert Sequential([Dense(2, **arguments)]).input_shape == (None, 4)

    @pytest.mark.parametrize("shape", [(28, 28), (2, 7, 7, 1), (5,)])
    def test_samples_of_any_rank(self, shape):
        model = Sequential([Input(shape), Flatten(), Dense(2)])
        assert model.output_shape == (None, 2)
        assert model(np.ones((3, *shape))).shape == (3, 2)

    def test_a_layer_that_does_not_fit_leaves_the_model_as_it_was(self):
        model = Sequential([Conv2D(2, 3, input_shape=(5, 5, 1))])
        weights = model.get_weights()
        for layer in (Conv2D(2, 4), Conv2D(6, 1, groups=3)):
            with pytest.raises(ValueError, match=f'"{layer.name}"'):
                model.add(layer)
            assert len(model.layers) == 1
            assert not layer.nodes
        assert all(np.array_equal(a, b) for a, b in zip(weights, model.get_weights(), strict=True))
        with pytest.raises(TypeError, match=r"expected a layer. Received: 'dense'"):
            model.add("dense")
        with pytest.raises(ValueError, match="Input only as the first element"):
            model.add(Input((3,)))

    def test_build_that_does_not_fit_leaves_the_model_as_it_was(self):
        model = Sequential(document_layers())
        with pytest.raises(ValueError, match='"conv2d_1"'):
            model.build((None, 5, 5, 1))
        assert not model.built
        assert not model.layers[0].nodes
        model.build((None, 28, 28, 1))
        with pytest.raises(ValueError, match=r"has the input shape \(None, 28, 28, 1\). Received: \(None, 32, 32, 3\)"):
            model.build((None, 32, 32, 3))

    def test_a_model_that_is_not_built_says_so(self):
        model = Sequential([Dense(3)])
        for use in (
            model.summary,
            model.get_weights,
            model.count_params,
            lambda: model.output_shape,
            model.save_weights,
        ):
            arguments = ("x.safetensors",) if use == model.save_weights else ()
            with pytest.raises(ValueError, match='Model "sequential" is not built: give input_shape='):
                use(*arguments)
        with pytest.raises(ValueError, match="it has no layers"):
            Sequential()(np.ones((1, 1)))

    def test_data_that_does_not_fit(self):
        model = Sequential([Dense(3, input_shape=(4,))])
        with pytest.raises(ValueError, match=r"expected shape \(None, 4\). Received: shape=\(2, 5\)"):
            model(np.ones((2, 5)))
        with pytest.raises(ValueError, match=r"For a single sample pass x\[None\]"):
            model(np.ones(4))


class TestNames:
    def test_they_are_counted_in_the_process(self):
        first = ["conv2d", "max_pooling2d", "conv2d_1", "max_pooling2d_1", "flatten", "dense", "dense_1"]
        assert [layer.name for layer in Sequential(document_layers()).layers] == first
        second = Sequential(document_layers())
        assert second.name == "sequential_1"
        assert [layer.name for layer in second.layers][:3] == ["conv2d_2", "max_pooling2d_2", "conv2d_3"]
        cnncore.backend.clear_session()
        assert [layer.name for layer in Sequential(document_layers()).layers] == first

    def test_get_layer(self):
        model = Sequential(document_layers())
        assert model.get_layer("conv2d_1") is model.layers[2]
        assert model.get_layer(index=-1) is model.layers[-1]
        with pytest.raises(ValueError, match=r'Did you mean "conv2d"\? Known: conv2d, .* Received: name=\'conv3d\''):
            model.get_layer("conv3d")
        with pytest.raises(ValueError, match=r"expected an index below 7. Received: index=7"):
            model.get_layer(index=7)

    def test_given_names(self):
        model = Sequential([Dense(2, name="dense_1"), Dense(2), Dense(2)])
        assert [layer.name for layer in model.layers] == ["dense_1", "dense", "dense_2"]
        with pytest.raises(ValueError, match=r"layers with different names. Received: 'dense' twice"):
            model.add(Dense(2, name="dense"))
        assert len(model.layers) == 3


class TestChanges:
    def test_pop_takes_the_last_layer_away(self):
        model = Sequential([Dense(2, input_shape=(3,)), Dense(4)])
        kernel = model.layers[0].kernel.numpy()
        last = model.pop()
        assert model.output_shape == (None, 2)
        assert np.array_equal(model.layers[0].kernel, kernel)
        weights = last.get_weights()
        other = Sequential([Input((2,)), last])
        assert all(np.array_equal(a, b) for a, b in zip(other.get_weights(), weights, strict=True))
        assert other.layers[0].input is other.input
        model.pop()
        with pytest.raises(ValueError, match="Received: an empty one"):
            model.pop()
        assert not model.built

    def test_weights_survive_adding_layers(self):
        model = Sequential([Dense(2, input_shape=(3,))])
        kernel = model.layers[0].kernel.numpy()
        before = model(np.ones((1, 3)))
        model.add(Dense(4))
        assert np.array_equal(model.layers[0].kernel, kernel)
        assert model(np.ones((1, 3))).shape == (1, 4)
        model.pop()
        assert np.array_equal(model(np.ones((1, 3))), before)

    def test_models_share_layers(self):
        layer = Dense(2, input_shape=(3,))
        first, second = Sequential([layer]), Sequential([layer])
        layer.kernel[...] = 1
        assert np.array_equal(first(np.ones((1, 3))), second(np.ones((1, 3))))
        assert first.layers[0] is second.layers[0]

    def test_a_layer_with_weights_that_do_not_fit(self):
        layer = Sequential([Dense(2, input_shape=(3,))]).pop()
        with pytest.raises(ValueError, match=r"has a kernel of shape \(3, 2\), but .* needs \(4, 2\)"):
            Sequential([Input((4,)), layer])

    def test_models_inside(self):
        inner = Sequential([Dense(4, activation="relu"), Dense(5)])
        model = Sequential([Input((3,)), inner, Dense(2)])
        assert inner.built
        assert [layer.name for layer in model.layers] == ["sequential", "dense_2"]
        assert model.count_params() == 3 * 4 + 4 + 4 * 5 + 5 + 5 * 2 + 2
        x = np.ones((2, 3), np.float32)
        np.testing.assert_allclose(model(x), model.layers[1](inner(x)), rtol=1e-6)
        assert Sequential([inner, Dense(2)]).input_shape == (None, 3)


class TestWeights:
    def test_named_weights_change_the_model(self):
        model = Sequential([Conv2D(2, 3, input_shape=(5, 5, 1)), Flatten(), Dense(3)])
        named = model.named_weights()
        assert list(named) == ["conv2d/kernel", "conv2d/bias", "dense/kernel", "dense/bias"]
        named["dense/bias"][...] = [1, 2, 3]
        assert np.array_equal(model.layers[2].bias, [1, 2, 3])
        assert np.array_equal(model.get_weights()[3], [1, 2, 3])
        assert len(model.trainable_variables) == len(model.weights) == 4

    def test_set_weights_is_all_or_nothing(self):
        model = Sequential([Dense(2, input_shape=(3,)), Dense(1)])
        before = model.get_weights()
        wrong = [np.zeros_like(array) for array in before]
        wrong[-1] = np.zeros(7)
        with pytest.raises(ValueError, match=r"shape \(1,\) for dense_1/bias. Received: \(7,\)"):
            model.set_weights(wrong)
        with pytest.raises(ValueError, match=r"expected 4 arrays \(dense/kernel, .*\)\. Received: 3 arrays"):
            model.set_weights(wrong[:3])
        with pytest.raises(ValueError, match=r"missing=\['dense_1/bias'\], unknown=\['bias'\]"):
            model.set_named_weights({"dense/kernel": 0, "dense/bias": 0, "dense_1/kernel": 0, "bias": 0})
        assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
        model.set_weights([np.ones_like(array, dtype=np.float64, order="F") for array in before])
        assert all(np.all(array == 1) for array in model.get_weights())

    def test_equal_seeds_give_equal_weights(self):
        def weights(seed):
            return Sequential([Dense(20, input_shape=(30,)), Dense(20)], seed=seed).get_weights()

        assert all(np.array_equal(a, b) for a, b in zip(weights(1), weights(1), strict=True))
        assert not np.array_equal(weights(1)[0], weights(2)[0])
        first, _, second, _ = Sequential([Dense(20, input_shape=(20,)), Dense(20)], seed=1).get_weights()
        assert not np.array_equal(first, second)  # every layer draws its own

    def test_set_random_seed_decides_everything(self):
        def weights():
            cnncore.utils.set_random_seed(7)
            return [Sequential([Dense(2, input_shape=(3,))]).get_weights()[0] for _ in range(2)]

        first, second = weights(), weights()
        assert np.array_equal(first, second)
        assert not np.array_equal(first[0], first[1])


class TestConfig:
    def test_round_trip_through_json(self):
        model = Sequential([Input((28, 28, 1)), *document_layers()[:-1], Dropout(0.5), Dense(10)], name="mine", seed=3)
        copy = Sequential.from_config(json.loads(json.dumps(model.get_config())))
        assert copy.name == "mine"
        assert copy.get_config() == model.get_config()
        assert all(np.array_equal(a, b) for a, b in zip(copy.get_weights(), model.get_weights(), strict=True))

    def test_without_input_shape(self):
        model = Sequential([Dense(3)])
        assert Sequential.from_config(model.get_config()).get_config() == model.get_config()

    @pytest.mark.parametrize("config", [None, [], {}, {"layers": {}}, {"layers": [1]}, {"layers": [], "seed": -1}])
    def test_configs_that_make_no_sense_are_refused(self, config):
        with pytest.raises(ValueError, match="Received: "):
            Sequential.from_config(config)


def test_repr_shows_layers_shapes_and_parameters():
    model = Sequential([Dense(2), Dense(3)])
    assert repr(model) == "<Sequential sequential: dense, dense_1, not built>"
    model.build((None, 4))
    assert repr(model) == "<Sequential sequential: 2 layers, (None, 4) -> (None, 3), 19 parameters>"
