"""Sequential: building, naming, summary, weights, configs, prediction and evaluation."""

import gc
import json

import numpy as np
import pytest

import cnncore
from cnncore import Model, Sequential, losses
from cnncore.layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D

SUMMARY = """\
Model: "sequential"
_________________________________________________________________
 Layer (type)                Output Shape              Param #
=================================================================
 conv2d (Conv2D)             (None, 26, 26, 32)        320
 max_pooling2d (MaxPooling2D)  (None, 13, 13, 32)      0
 conv2d_1 (Conv2D)           (None, 11, 11, 64)        18496
 max_pooling2d_1 (MaxPooling2D)  (None, 5, 5, 64)      0
 flatten (Flatten)           (None, 1600)              0
 dense (Dense)               (None, 128)               204928
 dense_1 (Dense)             (None, 10)                1290
=================================================================
Total params: 225,034
Trainable params: 225,034
Non-trainable params: 0
_________________________________________________________________"""


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


def test_summary_prints_the_table_of_keras():
    model = Sequential([Input((28, 28, 1)), *document_layers()])
    lines = []
    model.summary(print_fn=lines.append)
    assert [line.rstrip() for line in lines] == SUMMARY.splitlines()
    assert max(map(len, lines)) == 65


def test_summary_goes_to_stdout(capsys):
    Sequential([Dense(2, input_shape=(3,))]).summary()
    assert " dense (Dense)               (None, 2)                 8" in capsys.readouterr().out


class TestShapesAndNames:
    @pytest.mark.parametrize("how", ["Input", "input_shape", "build", "data"])
    def test_ways_to_give_the_input_shape(self, how):
        layers = document_layers()
        if how == "input_shape":
            layers[0] = Conv2D(32, 3, activation="relu", input_shape=(28, 28, 1))
        model = Sequential(([Input((28, 28, 1))] if how == "Input" else []) + layers)
        assert model.built == (how in ("Input", "input_shape"))
        if how == "build":
            model.build((None, 28, 28, 1))
        if how == "data":
            model.predict(np.zeros((1, 28, 28, 1)))
        assert model.built
        assert model.input_shape == (None, 28, 28, 1)
        assert model.output_shape == (None, 10)
        assert model.count_params() == 225_034

    def test_names_are_counted_in_each_model(self):
        for _ in range(2):
            model = Sequential(document_layers())
            assert [layer.name for layer in model.layers] == [
                "conv2d",
                "max_pooling2d",
                "conv2d_1",
                "max_pooling2d_1",
                "flatten",
                "dense",
                "dense_1",
            ]
        assert model.get_layer("conv2d_1") is model.layers[2]
        assert model.get_layer(index=-1) is model.layers[-1]
        with pytest.raises(ValueError, match=r"Known: conv2d, max_pooling2d, .* Received: name='conv3d'"):
            model.get_layer("conv3d")

    def test_given_names(self):
        model = Sequential([Dense(2, name="dense_1"), Dense(2), Dense(2)])
        assert [layer.name for layer in model.layers] == ["dense_1", "dense", "dense_2"]
        with pytest.raises(ValueError, match=r"layers with different names. Received: 'dense' twice"):
            model.add(Dense(2, name="dense"))
        assert len(model.layers) == 3

    def test_a_layer_that_does_not_fit_leaves_the_model_as_it_was(self):
        model = Sequential([Conv2D(2, 3, input_shape=(5, 5, 1))])
        weights = model.get_weights()
        for layer, message in [
            (Dense(3), r'Input 0 of layer "dense" .* Add a Flatten layer .* Received: shape=\(None, 3, 3, 2\)'),
            (Conv2D(2, 4), r'Layer "conv2d_1": its window is larger than its input'),
            (Conv2D(6, 1, groups=3), r'layer "conv2d_1" .* channels divisible by groups=3'),
        ]:
            with pytest.raises(ValueError, match=message):
                model.add(layer)
            assert len(model.layers) == 1
            assert layer.model is None
        assert all(np.array_equal(a, b) for a, b in zip(weights, model.get_weights(), strict=True))
        with pytest.raises(TypeError, match=r"expected a layer. Received: 'dense'"):
            model.add("dense")
        with pytest.raises(ValueError, match="Input only as the first element"):
            model.add(Input((3,)))

    def test_build_that_does_not_fit_leaves_the_model_as_it_was(self):
        model = Sequential(document_layers())
        with pytest.raises(ValueError, match='Layer "conv2d_1": its window is larger than its input'):
            model.build((None, 5, 5, 1))
        assert not model.built
        model.build((None, 28, 28, 1))
        with pytest.raises(ValueError, match=r"has the input shape \(None, 28, 28, 1\). Received: \(None, 32, 32, 3\)"):
            model.build((None, 32, 32, 3))

    @pytest.mark.parametrize("shape", [(28, 28), (2, 28, 28, 1)])
    def test_samples_are_images_or_vectors(self, shape):
        for make in (
            lambda: Sequential([Flatten(input_shape=shape)]),
            lambda: Sequential([Input(shape), Flatten()]),
            lambda: Sequential([Flatten()]).predict(np.zeros((1, *shape))),
        ):
            with pytest.raises(ValueError, match=r"expected \(batch, height, width, channels\) or \(batch, features\)"):
                make()

    def test_a_model_that_is_not_built_says_so(self):
        model = Sequential([Dense(3)])
        for use in (model.summary, model.get_weights, model.count_params, lambda: model.output_shape):
            with pytest.raises(ValueError, match='Model "sequential" is not built: give input_shape='):
                use()
        with pytest.raises(ValueError, match="it has no layers"):
            Sequential().predict([[1.0]])

    def test_pop(self):
        model = Sequential([Dense(2, input_shape=(3,)), Dense(4)])
        kernel = model.layers[0].kernel.copy()
        last = model.pop()
        assert model.output_shape == (None, 2)
        assert np.array_equal(model.layers[0].kernel, kernel)
        other = Sequential([Input((2,)), last])
        assert other.layers[0].name == "dense"
        model.pop()
        with pytest.raises(ValueError, match="Received: an empty one"):
            model.pop()

    def test_weights_survive_adding_layers(self):
        model = Sequential([Dense(2, input_shape=(3,))])
        kernel = model.layers[0].kernel.copy()
        model.add(Dense(4))
        assert np.array_equal(model.layers[0].kernel, kernel)
        assert model.predict(np.ones((1, 3))).shape == (1, 4)

    def test_a_layer_belongs_to_one_model(self):
        layer = Dense(2, input_shape=(3,))
        model = Sequential([layer])
        with pytest.raises(ValueError, match='Layer "dense" is part of a model already'):
            Sequential([layer])
        kernel = layer.kernel.copy()
        del model
        gc.collect()
        assert np.array_equal(Sequential([layer]).layers[0].kernel, kernel)  # free again, with its weights

    def test_a_layer_with_weights_that_do_not_fit(self):
        model = Sequential([Dense(2, input_shape=(3,))])
        model.get_weights()
        layer = model.pop()
        with pytest.raises(ValueError, match=r"has a kernel of shape \(3, 2\), but .* needs \(4, 2\)"):
            Sequential([Input((4,)), layer])


class TestWeights:
    def test_named_weights_are_views(self):
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
        with pytest.raises(ValueError, match=r"expected dense_1/bias of shape \(1,\). Received: shape \(7,\)"):
            model.set_weights(wrong)
        with pytest.raises(ValueError, match=r"expected 4 arrays: dense/kernel, .* Received: 3 arrays"):
            model.set_weights(wrong[:3])
        with pytest.raises(ValueError, match=r"missing=\['dense_1/bias'\], unknown=\['bias'\]"):
            model.set_named_weights({"dense/kernel": 0, "dense/bias": 0, "dense_1/kernel": 0, "bias": 0})
        assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
        model.set_weights([np.ones_like(array, dtype=np.float64, order="F") for array in before])
        assert all(np.all(array == 1) for array in model.get_weights())

    def test_seeds(self):
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
    def test_nonsense(self, config):
        with pytest.raises(ValueError, match="Received: "):
            Sequential.from_config(config)

    def test_compile_config_round_trip(self, make_model):
        model = make_model(optimizer=cnncore.optimizers.SGD(0.1, momentum=0.5), metrics=["accuracy", "mae"])
        config = json.loads(json.dumps(model.get_compile_config()))
        copy = Sequential.from_config(model.get_config())
        copy.compile_from_config(config)
        assert copy.get_compile_config() == model.get_compile_config()
        assert copy.metrics_names == ["loss", "accuracy", "mae"]
        assert copy.optimizer.momentum == 0.5

    def test_what_cannot_be_described(self, make_model):
        model = make_model(metrics=[lambda y_true, y_pred: y_pred[:, 0]])
        with pytest.raises(ValueError, match="metric '<lambda>' is a function"):
            model.get_compile_config()
        model = make_model(optimizer=cnncore.optimizers.SGD(lambda step: 0.1))
        with pytest.raises(ValueError, match="learning rate given as a plain function"):
            model.get_compile_config()


def unaligned(x):
    """``x`` as floats that begin one byte behind where floats should."""
    floats = np.zeros(x.size * 4 + 1, np.uint8)[1:].view(np.float32).reshape(x.shape)
    floats[...] = x
    assert not floats.flags.aligned
    return floats


class TestPredict:
    def test_the_first_data_may_be_one_batch(self, stripes):
        model = Sequential([Flatten(), Dense(2)], seed=1)
        first = model.predict_on_batch(stripes[0][:1])
        assert np.array_equal(first, model.predict(stripes[0][:1]))

    def test_slices_do_not_change_results(self, make_model, stripes):
        model, x = make_model(), stripes[0]
        whole = model.predict(x)
        assert whole.shape == (len(x), 3)
        np.testing.assert_allclose(whole.sum(axis=1), 1.0, rtol=1e-5)
        one_by_one = np.concatenate([model.predict_on_batch(x[i : i + 1]) for i in range(5)])
        np.testing.assert_allclose(model.predict(x, batch_size=7), whole, rtol=1e-5)
        np.testing.assert_allclose(one_by_one, whole[:5], rtol=1e-5)
        assert np.array_equal(model.predict_on_batch(x), whole)

    @pytest.mark.parametrize(
        "convert",
        [
            lambda x: x,
            lambda x: x.astype(np.float32),
            lambda x: x.astype(np.float64),
            lambda x: x.astype(np.float16),
            lambda x: x.astype(np.int32),
            lambda x: x.astype(">f4"),
            lambda x: np.asfortranarray(x.astype(np.float32)),
            lambda x: np.repeat(x, 2, axis=2)[:, :, ::2],
            lambda x: x[..., 0],  # as in Keras, a channel axis of size one may be missing
            lambda x: x.tolist(),
            unaligned,
        ],
    )
    def test_arrays_of_all_kinds(self, make_model, stripes, convert):
        model, x = make_model(), stripes[0][:9]
        converted = convert(x)
        np.testing.assert_allclose(model.predict(converted), model.predict(x), rtol=1e-6, atol=1e-7)
        assert np.array_equal(model.predict_on_batch(converted), model.predict(converted))

    def test_read_only_arrays(self, make_model, stripes):
        x = stripes[0][:9].astype(np.float32)
        expected = make_model().predict(x)
        x.flags.writeable = False
        assert np.array_equal(make_model().predict(x), expected)
        assert np.array_equal(make_model().predict_on_batch(x), expected)


class TestEvaluate:
    def test_values(self, make_model, stripes):
        model, (x, y) = make_model(), stripes
        y_pred = model.predict(x)
        loss, accuracy = model.evaluate(x, y)
        assert accuracy == np.mean(y_pred.argmax(axis=1) == y)
        assert loss == pytest.approx(-np.log(y_pred[np.arange(len(y)), y]).mean(), rel=1e-5)
        assert model.evaluate(x, y, batch_size=7, return_dict=True) == pytest.approx(
            {"loss": loss, "accuracy": accuracy}, rel=1e-6
        )
        assert model.metrics_names == ["loss", "accuracy"]

    def test_loss_alone_is_a_number(self, make_model, stripes):
        assert isinstance(make_model(metrics=None).evaluate(*stripes), float)

    def test_sample_weight(self, make_model, stripes):
        model, (x, y) = make_model(), stripes
        weight = np.linspace(0, 2, len(x))
        y_pred = model.predict(x)
        expected = np.mean(weight * -np.log(y_pred[np.arange(len(y)), y]))
        assert model.evaluate(x, y, sample_weight=weight, return_dict=True)["loss"] == pytest.approx(expected, rel=1e-5)

    def test_output(self, make_model, stripes, capsys):
        model = make_model()
        model.evaluate(*stripes, verbose=0)
        model.evaluate(*stripes)
        assert capsys.readouterr().out == ""
        values = model.evaluate(*stripes, verbose=1)
        assert capsys.readouterr().out == f"loss: {values[0]:.4f} - accuracy: {values[1]:.4f}\n"

    @pytest.mark.parametrize("from_logits", [False, True])
    @pytest.mark.parametrize("one_hot", [False, True])
    def test_losses_agree_with_numpy(self, stripes, from_logits, one_hot):
        x, y = stripes
        model = Sequential([Flatten(input_shape=(8, 8, 1)), Dense(3, activation=None if from_logits else "softmax")])
        kind = losses.CategoricalCrossentropy if one_hot else losses.SparseCategoricalCrossentropy
        model.compile(loss=kind(from_logits=from_logits))
        targets = np.eye(3)[y] if one_hot else y
        x = x / 255
        assert model.evaluate(x, targets) == pytest.approx(model.loss(targets, model.predict(x)), rel=1e-5)


class TestTrainOnBatch:
    def test_it_is_one_step(self, make_model, stripes):
        x, y = stripes
        model, other = make_model(), make_model()
        before = model.evaluate(x, y, return_dict=True)
        result = model.train_on_batch(x, y, return_dict=True)
        assert result == pytest.approx(before, rel=1e-5)
        other.fit(x, y, batch_size=len(x), shuffle=False)
        assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights(), strict=True))
        assert model.optimizer.iterations == 1
        assert len(model.train_on_batch(x, y)) == 2


def test_model_is_the_base_class(make_model):
    assert isinstance(make_model(), Model)


def test_save_and_load(make_model, stripes, tmp_path):
    model = make_model()
    model.fit(*stripes)
    model.save(tmp_path / "model.safetensors")
    copy = cnncore.saving.load_model(tmp_path / "model.safetensors")
    assert np.array_equal(copy.predict(stripes[0]), model.predict(stripes[0]))
    model.save_weights(tmp_path / "weights.safetensors")
    other = make_model(seed=5)
    other.load_weights(tmp_path / "weights.safetensors")
    assert np.array_equal(other.predict(stripes[0]), model.predict(stripes[0]))


def test_the_network_is_reachable(make_model):
    network = make_model().network
    assert network.parameters.shape == network.gradients.shape
    assert [slot.name for slot in network.slots] == ["conv2d/kernel", "conv2d/bias", "dense/kernel", "dense/bias"]
