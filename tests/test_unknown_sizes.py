"""Models whose inputs have sizes that are None: their graph, networks for the sizes of data, files."""

import copy
import json
import pickle
import threading

import numpy as np
import pytest

import cnncore
from cnncore import Input, Model, Sequential, layers
from cnncore.models import load_model, model_from_json
from cnncore.models.structure import sized_networks
from images_of_sizes import ANY, batches, clone_with_weights, compiled, images, two_headed, with_weights_of

SHAPES = {
    "same": lambda k, x: k.layers.Conv2D(4, 3, padding="same")(x),
    "strides": lambda k, x: k.layers.Conv2D(4, 3, strides=2)(x),
    "pool": lambda k, x: k.layers.MaxPooling2D()(x),
    "transpose": lambda k, x: k.layers.Conv2DTranspose(4, 3, strides=2)(x),
    "separable": lambda k, x: k.layers.SeparableConv2D(4, 3)(x),
    "global": lambda k, x: k.layers.GlobalMaxPooling2D()(x),
    "up": lambda k, x: k.layers.UpSampling2D()(x),
    "pad": lambda k, x: k.layers.ZeroPadding2D(2)(x),
    "crop": lambda k, x: k.layers.Cropping2D(2)(x),
    "center": lambda k, x: k.layers.CenterCrop(4, 4)(x),
    "resize": lambda k, x: k.layers.Resizing(4, 5)(x),
    "flatten": lambda k, x: k.layers.Flatten()(x),
    "rows": lambda k, x: k.layers.Reshape((-1, 2))(x),
    "given": lambda k, x: k.layers.Reshape((16, 2))(x),
    "permute": lambda k, x: k.layers.Permute((3, 1, 2))(x),
    "dense": lambda k, x: k.layers.Dense(5)(x),
    "add": lambda k, x: k.layers.Add()([x, k.layers.Conv2D(1, 1)(x)]),
    "add known": lambda k, x: k.layers.Add()([x, k.layers.Input((8, 8, 2))]),
    "concatenate": lambda k, x: k.layers.Concatenate()([x, k.layers.Input((8, 8, 3))]),
    "rows joined": lambda k, x: k.layers.Concatenate(1)([x, k.layers.Input((8, 8, 2))]),
    "dot": lambda k, x: k.layers.Dot((1, 1))([x, x]),
    "operators": lambda k, x: (2 * x - 1) ** 2,
    "slice": lambda k, x: x[:, 1:-1, ::2],
    "mean": lambda k, x: k.ops.mean(x, axis=(1, 2)),
    "image": lambda k, x: k.ops.image.resize(x, (4, 4)),
    "lambda": lambda k, x: k.layers.Lambda(lambda t: t[:, ::2] * 2)(x),
}


class TestGraph:
    """Shapes of symbolic tensors, compared with those of Keras."""

    @pytest.mark.parametrize("name", SHAPES)
    def test_shapes_are_those_of_keras(self, name):
        keras = pytest.importorskip("keras")
        shapes = [tuple(SHAPES[name](k, k.layers.Input((None, None, 2))).shape) for k in (cnncore, keras)]
        assert shapes[0] == shapes[1]

    def test_sequences_of_any_length(self):
        x = Input((None, 3))
        y = layers.MaxPooling1D()(layers.Conv1D(4, 3, padding="causal")(x))
        assert y.shape == (None, None, 4)
        model = Model(x, layers.Dense(2)(layers.GlobalAveragePooling1D()(y)))
        assert model.predict(np.ones((2, 9, 3))).shape == model.predict(np.ones((2, 20, 3))).shape == (2, 2)

    def test_summary_and_shapes(self, capsys):
        model = Sequential([layers.Conv2D(16, 3, input_shape=(None, None, 1)), layers.GlobalAveragePooling2D()])
        model.summary()
        printed = capsys.readouterr().out
        assert "(None, None, None, 16)" in printed
        assert "Total params: 160" in printed
        assert model.input_shape == (*ANY, 1)
        assert model.output_shape == (None, 16)
        assert model.layers[0].output.shape == (*ANY, 16)

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda x: layers.Dense(3)(layers.Flatten()(x)), "axis -1 is known.*kernel.*GlobalAveragePooling2D"),
            (lambda x: layers.PReLU()(x), "axis -3 and -2 is known.*alpha"),
            (lambda x: layers.BatchNormalization(axis=1)(x), "axis -3 is known.*gamma"),
            (lambda x: layers.Add()([x, Input((8, 8, 3))]), "of one shape"),
        ],
    )
    def test_what_needs_a_size_is_refused(self, make, message):
        with pytest.raises(ValueError, match=message):
            make(Input((None, None, 2)))

    def test_a_layer_whose_weight_needs_a_size(self):
        class Positions(layers.Layer):
            def build(self, input_shape):
                self.table = self.add_weight(input_shape[1:], name="table")

            def call(self, x):
                return x + self.table

        with pytest.raises(ValueError, match=r"sizes are all known.*\(None, None, 2\)"):
            Positions()(Input((None, None, 2)))


class TestPrediction:
    def test_equals_a_model_of_that_size(self):
        model = two_headed(cnncore)
        for height, width in ((8, 8), (12, 6), (30, 16)):
            x = images(3, height, width)
            expected = with_weights_of(model, (height, width, 2)).predict(x)
            for result in (model.predict(x), model.predict(x, batch_size=2), model(x)):
                for y, wanted in zip(result, expected, strict=True):
                    np.testing.assert_array_equal(y, wanted)

    def test_wrong_data(self):
        model = compiled(cnncore, two_headed(cnncore))
        for x in (images(2, 8, 8, 3), np.ones((2, 8)), images(2, 8, 8)[0]):
            with pytest.raises(ValueError, match="incompatible"):
                model.predict(x)
            with pytest.raises(ValueError, match="incompatible"):
                model.evaluate(x, [np.ones((2, 8, 8, 1)), [0, 1]])
        with pytest.raises(ValueError, match="concat"):  # 9 rows become 4, and then 8
            model.predict(images(2, 9, 8))
        with pytest.raises(ValueError, match=r"expected y of shape \(samples, 8, 8, 1\)"):
            model.evaluate(images(2, 8, 8), [np.ones((2, 8, 9, 1)), [0, 1]])
        with pytest.raises(ValueError, match="not larger than the input"):
            Sequential([Input((None, None, 1)), layers.Conv2D(1, 5)]).predict(images(1, 4, 9, 1))

    def test_an_axis_for_channels_may_be_left_out(self):
        model = Sequential([Input((None, None, 1)), layers.Conv2D(2, 3)])
        assert model.predict(np.ones((2, 6, 7))).shape == (2, 4, 5, 2)

    def test_batches_of_several_sizes(self):
        model = two_headed(cnncore)
        source = [x for x, _ in batches()]
        with pytest.raises(ValueError, match="predict_on_batch for each"):
            model.predict(iter(source))
        classes = Model(model.input, model.outputs[1])
        expected = np.concatenate([classes.predict_on_batch(x) for x in source])
        np.testing.assert_array_equal(classes.predict(iter(source)), expected)

    def test_predictions_of_new_sizes_during_training_are_of_one_moment(self):
        """With a learning rate of 0 the weights do not change in training, so all answers must be the same."""
        model = two_headed(cnncore)
        data = {size: images(2, size, 6) for size in range(6, 50, 2)}
        expected = {size: model.predict(x) for size, x in data.items()}
        model = compiled(cnncore, clone_with_weights(model))  # whose networks are all made below
        model.optimizer.learning_rate = 0.0
        model.layers[2].trainable = False  # its moving averages would move
        done, wrong = threading.Event(), []

        def predict(sizes):
            while not done.is_set():
                for size in sizes:
                    for y, wanted in zip(model.predict(data[size]), expected[size], strict=True):
                        if not np.array_equal(y, wanted):
                            wrong.append(size)

        orders = list(data), list(data)[::-1]
        threads = [threading.Thread(target=predict, args=(order,)) for order in orders]
        for thread in threads:
            thread.start()
        try:
            for _ in range(5):
                model.fit(batches(), verbose=0)
        finally:
            done.set()
            for thread in threads:
                thread.join()
        assert not wrong

    def test_many_sizes_are_not_all_kept(self):
        model = Sequential([Input((None, None, 1)), layers.Conv2D(2, 3)])
        first = model.predict(images(1, 5, 5, 1))
        for size in range(6, 40):
            model.predict(images(1, size, 5, 1))
        assert len(model.network) <= 16
        np.testing.assert_array_equal(model.predict(images(1, 5, 5, 1)), first)

    def test_large_samples_are_not_all_kept(self, monkeypatch):
        monkeypatch.setattr(sized_networks, "_MOST_BYTES", 4 * 3 * 50 * 50)
        model = Sequential([Input((None, None, 1)), layers.UpSampling2D(1)])
        for size, kept in ((30, 1), (31, 2), (50, 1), (30, 1), (31, 2), (60, 1)):
            model.predict(images(3, size, size, 1))
            assert len(model.network) == kept

    def test_threads_predict_images_of_different_sizes(self):
        model = compiled(cnncore, two_headed(cnncore))
        sizes = [(8, 8), (10, 12), (16, 6), (6, 20)]
        expected = [model.predict(images(2, *size)) for size in sizes]
        model = clone_with_weights(model)
        wrong = []

        def work(place):
            for turn in range(12):
                at = (place + turn) % len(sizes)
                for y, wanted in zip(model.predict(images(2, *sizes[at])), expected[at], strict=True):
                    if not np.array_equal(y, wanted):
                        wrong.append(sizes[at])

        threads = [threading.Thread(target=work, args=(place,)) for place in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong


class TestFiles:
    @pytest.mark.filterwarnings("ignore:.*HDF5 files have no state of")
    @pytest.mark.parametrize("ending", ["safetensors", "keras", "h5"])
    def test_saved_and_loaded(self, tmp_path, ending):
        model = compiled(cnncore, two_headed(cnncore))
        data = list(batches())
        for x, y in data[:3]:
            model.train_on_batch(x, list(y))
        path = tmp_path / f"model.{ending}"
        model.save(path)
        loaded = load_model(path)
        assert loaded.input_shape == (*ANY, 2)
        assert loaded.output_shape == [(*ANY, 1), (None, 3)]
        for x, y in data[3:] if ending != "h5" else []:  # without the optimizer's state
            assert loaded.train_on_batch(x, list(y)) == model.train_on_batch(x, list(y))
        for ours, theirs in zip(loaded.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)

    @pytest.mark.filterwarnings("ignore")
    def test_what_keras_reads_and_writes(self, tmp_path):
        keras = pytest.importorskip("keras")
        oracle = two_headed(keras)
        x = images(2, 10, 14)
        expected = oracle.predict(x, verbose=0)
        oracle.save(tmp_path / "theirs.keras")
        oracle.save(tmp_path / "theirs.h5")
        model = load_model(tmp_path / "theirs.keras")
        model.save(tmp_path / "ours.keras")
        results = [
            model.predict(x),
            load_model(tmp_path / "theirs.h5").predict(x),
            keras.models.load_model(tmp_path / "ours.keras").predict(x, verbose=0),
        ]
        for result in results:
            for y, wanted in zip(result, expected, strict=True):
                np.testing.assert_allclose(y, wanted, rtol=1e-4, atol=1e-5)
        for described in (model, oracle):
            assert model_from_json(described.to_json()).output_shape == [(*ANY, 1), (None, 3)]

    def test_two_inputs_of_related_sizes(self, tmp_path):
        large, small = Input((None, None, 1)), Input((None, None, 1))
        y = layers.Concatenate()([layers.MaxPooling2D(4)(large), small])
        model = Model([large, small], layers.Conv2D(1, 1)(y))
        model.compile("adam", "mse")
        data = [images(2, 8, 12, 1), images(2, 2, 3, 1)], images(2, 2, 3, 1)
        model.train_on_batch(*data)
        model.save(tmp_path / "model.safetensors")
        loaded = load_model(tmp_path / "model.safetensors")
        assert loaded.train_on_batch(*data) == model.train_on_batch(*data)
        np.testing.assert_array_equal(loaded.predict(data[0]), model.predict(data[0]))

    def test_an_older_description(self):
        """As Keras 2 wrote it."""
        conv = {"name": "c", "filters": 2, "kernel_size": [3, 3], "batch_input_shape": [None, None, None, 1]}
        layer = {"class_name": "Conv2D", "config": conv}
        config = {"class_name": "Sequential", "config": {"name": "s", "layers": [layer]}, "keras_version": "2.3.1"}
        model = model_from_json(json.dumps(config))
        assert model.output_shape == (*ANY, 2)

    def test_files_keep_sizes_that_are_none(self, tmp_path):
        model = Sequential([Input((None, None, 1)), layers.Conv2D(2, 3), layers.GlobalAveragePooling2D()])
        for path in (tmp_path / "m.safetensors", tmp_path / "m.keras"):
            model.save(path)
            assert load_model(path).input_shape == (*ANY, 1)
        assert Sequential.from_config(model.get_config()).input_shape == (*ANY, 1)

    def test_copies_keep_sizes_that_are_none(self):
        model = compiled(cnncore, two_headed(cnncore))
        x = images(2, 8, 6)
        model.predict(x)
        for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), clone_with_weights(model)):
            assert other.input_shape == model.input_shape
            for y, wanted in zip(other.predict(x), model.predict(x), strict=True):
                np.testing.assert_array_equal(y, wanted)


class DepthToSpace(layers.Layer):
    """As in tutorials on super-resolution: it computes with sizes."""

    def __init__(self, block_size, **kwargs):
        super().__init__(**kwargs)
        self.block_size = block_size

    def call(self, x):
        batch, height, width, depth = cnncore.ops.shape(x)
        depth, block = depth // self.block_size**2, self.block_size
        x = cnncore.ops.reshape(x, [batch, height, width, block, block, depth])
        x = cnncore.ops.transpose(x, [0, 1, 3, 2, 4, 5])
        return cnncore.ops.reshape(x, [batch, height * block, width * block, depth])


class TestInside:
    def test_a_layer_that_computes_with_sizes(self):
        x = Input((None, None, 4))
        model = Model(x, DepthToSpace(2)(layers.Conv2D(8, 1)(x)))
        assert model.output_shape == (*ANY, 2)
        model.compile("sgd", "mse")
        for height, width in ((3, 5), (4, 2)):
            data = images(2, height, width, 4)
            assert model.predict(data).shape == (2, 2 * height, 2 * width, 2)
            model.train_on_batch(data, images(2, 2 * height, 2 * width, 2))

    def test_layers_inside_a_layer(self):
        class Block(layers.Layer):
            def __init__(self, **kwargs):
                super().__init__(**kwargs)
                self.inner = layers.Conv2D(2, 3, padding="same")

            def call(self, x):
                return layers.add([x, self.inner(x)])

        model = Sequential([Input((None, None, 2)), Block(), layers.GlobalMaxPooling2D()])
        assert model.count_params() == 38
        x = images(2, 7, 5)
        y = x + model.layers[0].inner(x)
        np.testing.assert_allclose(model.predict(x), y.max(axis=(1, 2)), rtol=1e-6)

    def test_a_layer_inside_that_needs_a_size(self):
        class Wrong(layers.Layer):
            def __init__(self, **kwargs):
                super().__init__(**kwargs)
                self.inner = layers.Dense(2)

            def call(self, x):
                return self.inner(layers.Flatten()(x))

        layer = Wrong()
        with pytest.raises(ValueError, match="axis -1 is known"):
            layer(Input((None, None, 2)))
        assert not layer.inner.built
        assert layer(Input((3, 3, 2))).shape == (None, 2)

    def test_models_inside_models(self):
        inner = Sequential([layers.Conv2D(3, 3, padding="same"), layers.MaxPooling2D()])
        x = Input((None, None, 2))
        y = layers.Conv2D(2, 1)(x)
        model = Model(x, layers.GlobalAveragePooling2D()(inner(y)))
        assert inner.input_shape == (*ANY, 2)
        assert inner.output_shape == (*ANY, 3)
        for data in (images(2, 8, 6), images(2, 5, 9)):
            expected = inner.predict(Model(x, y).predict(data)).mean(axis=(1, 2))
            np.testing.assert_allclose(model.predict(data), expected, rtol=1e-5)

    def test_features_share_the_weights(self):
        model = compiled(cnncore, two_headed(cnncore))
        features = Model(model.input, model.layers[1].output)
        x, y = next(batches())
        before = features.predict(x)
        model.train_on_batch(x, list(y))
        assert not np.array_equal(features.predict(x), before)
        fixed = with_weights_of(model, x.shape[1:])
        np.testing.assert_array_equal(features.predict(x), Model(fixed.input, fixed.layers[1].output).predict(x))
