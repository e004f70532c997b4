"""Models whose inputs have sizes that are None: their graph, networks for the sizes of data, training, files."""

import copy
import json
import os
import pickle
import threading

import numpy as np
import pytest

import cnncore
from cnncore import Input, Model, Sequential, layers
from cnncore.models import clone_model, load_model, model_from_json, sized_networks

os.environ.setdefault("KERAS_BACKEND", "torch")

ANY = (None, None, None)


def images(count, height, width, channels=2, seed=0):
    return np.random.default_rng(seed).standard_normal((count, height, width, channels)).astype(np.float32)


def two_headed(k, shape=(None, None, 2)):
    """Images of one shape and classes from images of any size, with a connection that skips a pooling."""
    x = k.layers.Input(shape)
    y = k.layers.Conv2D(4, 3, padding="same", use_bias=False)(x)
    y = k.layers.ReLU()(k.layers.BatchNormalization()(y))
    z = k.layers.MaxPooling2D()(y)
    z = k.layers.Conv2D(6, 3, padding="same", activation="tanh")(z)
    y = k.layers.Concatenate()([y, k.layers.UpSampling2D()(z)])
    y = k.layers.Conv2DTranspose(3, 3, padding="same")(y)
    pixels = k.layers.Conv2D(1, 1, name="pixels")(y)
    classes = k.layers.Dense(3, activation="softmax", name="classes")(k.layers.GlobalAveragePooling2D()(y))
    return k.Model(x, [pixels, classes])


def with_weights_of(model, shape):
    """The same model for images of one size."""
    fixed = two_headed(cnncore, shape)
    fixed.set_weights(model.get_weights())
    return fixed


def batches(sizes=((3, 8, 10), (2, 12, 8), (4, 8, 10), (1, 6, 6), (2, 12, 8))):
    rng = np.random.default_rng(1)
    for count, height, width in sizes:
        x = rng.standard_normal((count, height, width, 2)).astype(np.float32)
        y = rng.standard_normal((count, height, width, 1)).astype(np.float32), rng.integers(0, 3, count)
        yield x, y


def compiled(k, model):
    losses, metrics = ["mse", "sparse_categorical_crossentropy"], [["mae"], ["accuracy"]]
    model.compile(k.optimizers.SGD(0.1, momentum=0.9), losses, metrics=metrics)
    return model


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
    def test_shapes(self, name):
        keras = pytest.importorskip("keras")
        shapes = [tuple(SHAPES[name](k, k.layers.Input((None, None, 2))).shape) for k in (cnncore, keras)]
        assert shapes[0] == shapes[1]

    def test_sequences(self):
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

    def test_threads(self):
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


def clone_with_weights(model):
    clone = clone_model(model)
    clone.set_weights(model.get_weights())
    return clone


class TestTraining:
    @pytest.mark.filterwarnings("ignore")
    def test_equals_keras(self):
        keras = pytest.importorskip("keras")
        model, oracle = two_headed(cnncore), two_headed(keras)
        oracle.set_weights(model.get_weights())
        histories = [
            compiled(k, m).fit(batches(), steps_per_epoch=5, verbose=0).history
            for k, m in ((cnncore, model), (keras, oracle))
        ]
        for name, values in histories[1].items():
            np.testing.assert_allclose(histories[0][name], values, rtol=1e-4, err_msg=name)
        for ours, theirs in zip(model.get_weights(), oracle.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=2e-5)
        x = images(2, 10, 14)
        for ours, theirs in zip(model.predict(x), oracle.predict(x, verbose=0), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)

    @pytest.mark.parametrize("optimizer", ["adam", "soap", "lion", "kfac"])
    def test_equals_models_of_each_size(self, optimizer):
        """The weights and the optimizer's state are carried from size to size by hand in the other model."""
        model, state = two_headed(cnncore), None
        weights = model.get_weights()
        model.compile(optimizer, ["mse", "sparse_categorical_crossentropy"])
        for step, (x, y) in enumerate(batches()):
            loss = model.train_on_batch(x, list(y))
            fixed = two_headed(cnncore, x.shape[1:])
            fixed.seed, fixed.steps_done = model.seed, step  # which decide what KFAC draws
            fixed.compile(optimizer, ["mse", "sparse_categorical_crossentropy"])
            fixed.set_weights(weights)
            fixed.build_optimizer()
            if state is not None:
                fixed.optimizer.load_state_dict(state)
            assert fixed.train_on_batch(x, list(y)) == loss
            weights, state = fixed.get_weights(), fixed.optimizer.state_dict()
            for ours, theirs in zip(model.get_weights(), weights, strict=True):
                np.testing.assert_array_equal(ours, theirs)

    def test_the_same_bits_at_any_number_of_threads(self):
        start, before, found = two_headed(cnncore).get_weights(), cnncore.get_num_threads(), []
        try:
            for threads in (1, 2, 5):
                cnncore.set_num_threads(threads)
                model = compiled(cnncore, two_headed(cnncore))
                model.set_weights(start)
                logs = model.fit(batches(), verbose=0).history
                found.append([*model.get_weights(), *logs.values(), *model.predict(images(3, 14, 6))])
        finally:
            cnncore.set_num_threads(before)
        for other in found[1:]:
            for a, b in zip(found[0], other, strict=True):
                np.testing.assert_array_equal(a, b)

    def test_own_steps_on_a_tape(self):
        """A subclass whose call is followed, whose train_step is its own, and whose batches have several sizes."""

        class Net(Model):
            def __init__(self):
                super().__init__()
                self.conv = layers.Conv2D(1, 3, padding="same")

            def call(self, x):
                return self.conv(x)

            def train_step(self, data):
                x, y = data
                with cnncore.GradientTape() as tape:
                    loss = self.compute_loss(y=y, y_pred=self(x, training=True))
                gradients = tape.gradient(loss, self.trainable_variables)
                self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
                return {"loss": loss}

        own, plain = Net(), Sequential([layers.Conv2D(1, 3, padding="same")])
        for model in (own, plain):
            model.build((None, 5, 5, 1))
            model.compile("adam", "mse")
        own.set_weights(plain.get_weights())
        for model in (own, plain):
            model.fit(squares(5, 7, 6), verbose=0)
        np.testing.assert_allclose(own.conv.kernel, plain.layers[0].kernel, rtol=1e-4, atol=1e-6)

    def test_dropout_counts_the_steps_of_all_sizes(self):
        model = Sequential([Input((None, None, 1)), layers.Dropout(0.5), layers.Conv2D(1, 1)], seed=3)
        model.compile("sgd", "mse")
        for x, _ in batches():
            model.train_on_batch(x[..., :1], x[..., 1:])
        assert model.network.step == model.steps_done == 5

    def test_validation_and_evaluation(self):
        model = compiled(cnncore, two_headed(cnncore))
        x, (pixels, classes) = next(batches())
        held_out = images(2, 20, 6), [images(2, 20, 6, 1), np.array([0, 2])]
        history = model.fit(x, [pixels, classes], epochs=2, validation_data=held_out, verbose=0).history
        fixed = compiled(cnncore, with_weights_of(model, (20, 6, 2)))
        expected = fixed.evaluate(*held_out, return_dict=True)
        assert {name: values[-1] for name, values in history.items() if name.startswith("val_")} == {
            f"val_{name}": value for name, value in expected.items()
        }

    def test_frozen_layers(self):
        model = compiled(cnncore, two_headed(cnncore))
        data = list(batches())
        model.train_on_batch(data[0][0], list(data[0][1]))
        model.layers[1].trainable = False
        before = model.layers[1].get_weights()
        for x, y in data:
            model.train_on_batch(x, list(y))
        np.testing.assert_array_equal(model.layers[1].get_weights(), before)

    def test_products_with_curvature(self):
        model = Sequential([Input((None, None, 2)), layers.Conv2D(2, 3), layers.GlobalAveragePooling2D()])
        fixed = Sequential([Input((9, 7, 2)), layers.Conv2D(2, 3), layers.GlobalAveragePooling2D()])
        fixed.set_weights(model.get_weights())
        x, y, v = images(4, 9, 7), np.ones((4, 2)), np.ones(38, np.float32)
        products = []
        for m in (model, fixed):
            m.compile("sgd", "mse")
            products.append(cnncore.curvature.HessianOperator(m, x, y) @ v)
        np.testing.assert_array_equal(*products)

    def test_gradients(self):
        model = compiled(cnncore, two_headed(cnncore))
        for x, y in batches():
            expected = compiled(cnncore, with_weights_of(model, x.shape[1:])).gradients(x, list(y))
            for ours, theirs in zip(model.gradients(x, list(y)), expected, strict=True):
                np.testing.assert_array_equal(ours, theirs)


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

    def test_sequential(self, tmp_path):
        model = Sequential([Input((None, None, 1)), layers.Conv2D(2, 3), layers.GlobalAveragePooling2D()])
        for path in (tmp_path / "m.safetensors", tmp_path / "m.keras"):
            model.save(path)
            assert load_model(path).input_shape == (*ANY, 1)
        assert Sequential.from_config(model.get_config()).input_shape == (*ANY, 1)

    def test_copies(self):
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


def chain(k, *first):
    return k.Sequential([*first, k.layers.Conv2D(4, 3, padding="same"), k.layers.Conv2D(1, 3, padding="same")])


def squares(*sizes):
    for size in sizes:
        x = images(2, size, size, 1, seed=size)
        yield x, x


class TestOtherSizesThanBefore:
    """A model whose size was fixed by its first data or by its Input."""

    @pytest.mark.filterwarnings("ignore")
    def test_equals_keras(self):
        keras = pytest.importorskip("keras")
        x = images(2, 12, 10, 1)
        model = chain(cnncore)
        model.build((None, 8, 8, 1))
        oracle = chain(keras)
        oracle.build((None, 8, 8, 1))
        oracle.set_weights(model.get_weights())
        for k, m in ((cnncore, model), (keras, oracle)):
            m.compile(k.optimizers.SGD(0.1, momentum=0.9), "mse", metrics=["mae"])
        results = []
        for m in (model, oracle):
            history = m.fit(squares(8, 8, 12, 8, 10), verbose=0).history
            logs = m.evaluate(squares(8, 12), verbose=0, return_dict=True)
            results.append([m.input_shape, m.output_shape, m.predict(x, verbose=0), *history.values(), *logs.values()])
            m.fit(x, x, verbose=0)
            results[-1] += [m.evaluate(x, x, verbose=0)[0], *m.get_weights()]
        for ours, theirs in zip(*results, strict=True):
            if isinstance(ours, tuple):
                assert ours == theirs
            else:
                np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)

    def test_an_input_of_one_size(self):
        model = chain(cnncore, Input((8, 8, 1)))
        x = images(2, 12, 10, 1)
        assert model(x).shape == model.predict(x).shape == (2, 12, 10, 1)
        assert model.input_shape == (None, 8, 8, 1)
        wide = chain(cnncore, Input((None, None, 1)))
        wide.set_weights(model.get_weights())
        np.testing.assert_array_equal(model.predict(x), wide.predict(x))
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(x), model.predict(x))

    def test_steps_and_state_go_on(self):
        model, wide = chain(cnncore, layers.Dropout(0.3)), chain(cnncore, Input((None, None, 1)), layers.Dropout(0.3))
        for m in (model, wide):
            m.seed = 5
            m.compile("adam", "mse", metrics=["mae"])
            m.build((None, 8, 8, 1)) if m is model else None
        wide.set_weights(model.get_weights())
        logs = [m.fit(squares(8, 8, 12, 8, 10), verbose=0, shuffle=False).history for m in (model, wide)]
        assert logs[0] == logs[1]
        assert model.steps_done == model.optimizer.step == 5
        for ours, theirs in zip(model.get_weights(), wide.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)

    def test_the_state_of_the_optimizer_when_a_size_comes_late(self):
        """A batch of another size comes after steps that nobody prepared ahead."""
        data = [(x, x) for x, _ in squares(8, 8, 12, 8)]

        class Lazy(cnncore.utils.PyDataset):
            workers = 0

            def __len__(self):
                return len(data)

            def __getitem__(self, index):
                return data[index]

        model, wide = chain(cnncore, Input((8, 8, 1))), chain(cnncore, Input((None, None, 1)))
        wide.set_weights(model.get_weights())
        for m in (model, wide):
            m.compile("adam", "mse")
            m.fit(Lazy(), shuffle=False, verbose=0)
        assert model.optimizer.step == model.steps_done == 4
        for ours, theirs in zip(model.get_weights(), wide.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)

    def test_a_subclass(self):
        class Net(Model):
            def __init__(self):
                super().__init__()
                self.conv, self.pool, self.head = layers.Conv2D(4, 3), layers.GlobalMaxPooling2D(), layers.Dense(2)

            def call(self, x):
                return self.head(self.pool(self.conv(x)))

        model = Net()
        small, large = images(2, 8, 8, 1), images(2, 9, 12, 1)
        assert model(small).shape == model.predict(large).shape == (2, 2)
        np.testing.assert_allclose(model(large), model.head(model.pool(model.conv(large))), rtol=1e-5, atol=1e-6)

    def test_a_subclass_that_computes_with_sizes(self):
        class Net(Model):
            def __init__(self):
                super().__init__()
                self.conv = layers.Conv2D(2, 1)

            def call(self, inputs):
                x = inputs["image"]
                y = self.conv(x) / (x.shape[1] * x.shape[2])
                return layers.MaxPooling2D()(y) if x.shape[1] > 8 else y

        model = Net()
        model.compile("sgd", "mse")
        for height, width, rows, columns in ((8, 8, 8, 8), (9, 12, 4, 6), (7, 8, 7, 8), (8, 8, 8, 8)):
            x = {"image": images(2, height, width, 1)}
            y = model.conv(x["image"]) / (height * width)
            y = layers.MaxPooling2D()(y) if height > 8 else y
            assert y.shape == (2, rows, columns, 2)
            np.testing.assert_allclose(model(x), y, rtol=1e-5, atol=1e-6)
            model.fit(x, np.zeros(y.shape), verbose=0)
        assert model.steps_done == 4

    @pytest.mark.parametrize(
        ("make", "shape"),
        [
            (lambda: Sequential([Input((8, 8, 1)), layers.Flatten(), layers.Dense(2)]), (9, 9, 1)),
            (lambda: chain(cnncore, Input((8, 8, 1))), (9, 9, 2)),
            (lambda: Sequential([Input((8, 8, 1)), layers.Conv2D(1, 5)]), (4, 8, 1)),
            (lambda: Model(x := Input((8, 8, 1)), layers.Conv2D(2, 3)(x)), (9, 9, 1)),
        ],
    )
    def test_what_does_not_fit_is_refused(self, make, shape):
        model = make()
        with pytest.raises(ValueError, match=r"incompatible.*expected x of shape \(batch, 8, 8, 1\)"):
            model.predict(np.zeros((2, *shape)))
        with pytest.raises(ValueError, match=r"expected shape \(None, 8, 8, 1\)"):
            model(np.zeros((2, *shape)))
        assert model.predict(np.zeros((2, 8, 8, 1))).shape[0] == 2
