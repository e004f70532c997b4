"""Layers: arguments, shapes, weights, configs, and that each one computes what the op of its name computes."""

import itertools
import json

import numpy as np
import pytest

from cnncore import Sequential, initializers, layers, ops
from cnncore.layers import (
    Activation,
    AveragePooling2D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Input,
    MaxPooling2D,
    ReLU,
    Rescaling,
    Softmax,
)

# layer, input shape, output shape, what it computes from x and its weights
CASES = [
    (Conv2D(4, 3), (7, 6, 2), (5, 4, 4), lambda x, w: ops.conv2d(x, *w)),
    (
        Conv2D(6, (2, 3), strides=(2, 1), padding="same", groups=2, activation="relu"),
        (7, 6, 4),
        (4, 6, 6),
        lambda x, w: ops.relu(ops.conv2d(x, *w, strides=(2, 1), padding="same", groups=2)),
    ),
    (
        Conv2D(3, 3, dilation_rate=2, padding=1, use_bias=False),
        (7, 6, 2),
        (5, 4, 3),
        lambda x, w: ops.conv2d(x, *w, dilation_rate=2, padding=1),
    ),
    (
        Conv2D(3, 3, padding=((2, 0), (0, 1)), activation="tanh"),
        (7, 6, 2),
        (7, 5, 3),
        lambda x, w: ops.tanh(ops.conv2d(x, *w, padding=((2, 0), (0, 1)))),
    ),
    (MaxPooling2D(), (7, 6, 2), (3, 3, 2), lambda x, w: ops.max_pool2d(x)),
    (
        MaxPooling2D(3, strides=2, padding="same"),
        (7, 6, 2),
        (4, 3, 2),
        lambda x, w: ops.max_pool2d(x, 3, strides=2, padding="same"),
    ),
    (
        AveragePooling2D((2, 3), padding="same"),
        (7, 6, 2),
        (4, 2, 2),
        lambda x, w: ops.avg_pool2d(x, (2, 3), padding="same"),
    ),
    (Flatten(), (7, 6, 2), (84,), lambda x, w: x.reshape(len(x), -1)),
    (Dense(5), (84,), (5,), lambda x, w: ops.dense(x, *w)),
    (Dense(5, activation="softmax", use_bias=False), (84,), (5,), lambda x, w: ops.softmax(ops.dense(x, *w))),
    (Activation("sigmoid"), (7, 6, 2), (7, 6, 2), lambda x, w: ops.sigmoid(x)),
    (ReLU(), (9,), (9,), lambda x, w: ops.relu(x)),
    (Softmax(), (9,), (9,), lambda x, w: ops.softmax(x)),
    (Dropout(0.5), (9,), (9,), lambda x, w: x),
    (Rescaling(0.5, -1.0), (7, 6, 2), (7, 6, 2), lambda x, w: 0.5 * x - 1.0),
]
IDS = [f"{type(case[0]).__name__}-{index}" for index, case in enumerate(CASES)]


@pytest.mark.parametrize(("layer", "input_shape", "output_shape", "function"), CASES, ids=IDS)
class TestEveryLayer:
    def test_computes_its_op(self, layer, input_shape, output_shape, function):
        model = Sequential([Input(input_shape), type(layer).from_config(layer.get_config())], seed=0)
        x = np.random.default_rng(0).standard_normal((3, *input_shape), dtype=np.float32)
        y = model.predict(x)
        assert y.shape == (3, *output_shape)
        assert y.dtype == np.float32
        # The same kernels in another order of summation at most.
        np.testing.assert_allclose(y, function(x, model.get_weights()), rtol=1e-5, atol=1e-5)

    def test_infers_its_shape(self, layer, input_shape, output_shape, function):
        assert layer.compute_output_shape((None, *input_shape)) == (None, *output_shape)
        model = Sequential([Input(input_shape), type(layer).from_config(layer.get_config())])
        assert model.layers[0].input_shape == (None, *input_shape)
        assert model.layers[0].output_shape == (None, *output_shape)

    def test_survives_json(self, layer, input_shape, output_shape, function):
        text = json.dumps(layers.serialize(layer))
        assert "cnncore" not in text  # class names only
        copy = layers.deserialize(json.loads(text))
        assert type(copy) is type(layer)
        assert copy.get_config() == layer.get_config()

    def test_counts_its_weights(self, layer, input_shape, output_shape, function):
        model = Sequential([Input(input_shape), type(layer).from_config(layer.get_config())])
        assert model.layers[0].count_params() == sum(array.size for array in model.layers[0].get_weights())


def test_weights_are_written_in_place():
    model = Sequential([Dense(2, input_shape=(3,)), Dense(1)])
    first, second = model.layers
    first.kernel[...] = 1.0
    first.bias[...] = [0.5, -0.5]
    second.kernel[...] = [[1.0], [2.0]]
    assert model.predict([[1.0, 2.0, 3.0]]).item() == pytest.approx(6.5 + 2 * 5.5)
    assert -0.5 in model.network.get_parameters()
    assert first.kernel.shape == (3, 2)
    assert second.get_weights()[0] is not second.kernel


def test_predictions_follow_a_view_as_long_as_it_lives_and_after():
    """The network keeps repacked kernels, and looks for changes only while somebody holds a view."""
    rng = np.random.default_rng(0)
    x = rng.random((3, 12, 12, 16), dtype=np.float32)
    model = Sequential([Conv2D(16, 3, activation="relu", input_shape=(12, 12, 16)), Flatten(), Dense(3)], seed=1)

    def check():
        fresh = Sequential.from_config(model.get_config())
        fresh.set_weights(model.get_weights())
        np.testing.assert_array_equal(model.predict(x), fresh.predict(x))
        np.testing.assert_array_equal(model.predict(x[:1]), fresh.predict(x[:1]))
        return model.predict(x[:1])

    first = check()
    kernel = model.layers[0].kernel
    part = kernel[1]  # a view of a view counts as well
    kernel[...] *= 2
    second = check()
    del kernel
    part[...] = 0.5
    third = check()
    part[...] = 0.25
    del part
    fourth = check()
    model.set_weights([weight + 1 for weight in model.get_weights()])
    fifth = check()
    for before, after in itertools.pairwise([first, second, third, fourth, fifth]):
        assert not np.array_equal(before, after)


@pytest.mark.parametrize("lent", [False, True])
def test_a_zero_hides_no_nan(lent):
    """With a single sample, products with zero are left out. But zero times infinity must be NaN, as in a batch."""
    model = Sequential([Dense(4, activation="relu", input_shape=(8,))], seed=1)
    view = model.layers[0].kernel
    view[3, 1], view[4, 2] = np.inf, np.nan
    if not lent:
        del view
    x = np.ones((2, 8), np.float32)
    x[:, 3:5] = 0
    whole = model.predict(x)
    assert np.array_equal(np.isnan(whole[0]), [False, True, True, False])
    np.testing.assert_array_equal(model.predict(x[:1]), whole[:1])


def test_a_layer_without_bias_has_none():
    model = Sequential([Conv2D(2, 3, use_bias=False, input_shape=(5, 5, 1)), Flatten(), Dense(1, use_bias=False)])
    assert model.layers[0].bias is None
    assert model.layers[2].bias is None
    assert [weight.shape for weight in model.weights] == [(3, 3, 1, 2), (18, 1)]


def test_set_weights_is_all_or_nothing():
    layer = Dense(2, input_shape=(3,))
    model = Sequential([layer])
    before = layer.get_weights()
    for wrong, message in [
        ([np.ones((3, 2))], r"expected 2 arrays \(dense/kernel, dense/bias\)\. Received: 1 arrays"),
        ([np.ones((3, 2)), np.ones(3)], r"shape \(2,\) for dense/bias. Received: \(3,\)"),
        ([np.ones((3, 2)), ["a", "b"]], "expected weights to hold real numbers"),
    ]:
        with pytest.raises((ValueError, TypeError), match=message):
            layer.set_weights(wrong)
        assert all(np.array_equal(a, b) for a, b in zip(before, layer.get_weights(), strict=True))
    layer.set_weights([np.arange(6).reshape(3, 2), np.float64([1, 2])])
    assert np.array_equal(layer.kernel, [[0, 1], [2, 3], [4, 5]])
    assert np.array_equal(model.get_weights()[1], [1, 2])


def test_initializers_are_used_and_seeded():
    kernel = initializers.RandomNormal(stddev=0.1, seed=3)
    model = Sequential([Dense(4, kernel_initializer=kernel, bias_initializer="ones", input_shape=(3,))])
    assert np.array_equal(model.layers[0].kernel, kernel((3, 4)))
    assert np.array_equal(model.layers[0].bias, np.ones(4))


def test_dropout_drops_in_training_only():
    model = Sequential([Dropout(0.5, input_shape=(50,))], seed=1)
    x = np.ones((20, 50), np.float32)
    assert np.array_equal(model.predict(x), x)
    first = model(x, training=True)
    assert set(np.unique(first)) == {0, 2}
    model.steps_done = 1
    assert not np.array_equal(model(x, training=True), first)  # every step draws a new mask


def test_dropout_seed_decides_the_masks(make_model, stripes):
    def losses(seed, dropout_seed):
        return make_model(seed=seed, extra=[Dropout(0.5, seed=dropout_seed)]).fit(*stripes, epochs=2).history["loss"]

    assert losses(1, 5) == losses(1, 5)
    assert losses(1, 5) != losses(1, 6)
    assert losses(1, None) == losses(1, None)


def test_rescaling_scales_uint8_images_on_the_fly():
    x = np.arange(2 * 4 * 4, dtype=np.uint8).reshape(2, 4, 4, 1)
    model = Sequential([Rescaling(1 / 255, input_shape=(4, 4, 1)), Conv2D(2, 3), Flatten(), Dense(3)], seed=0)
    plain = Sequential([Conv2D(2, 3, input_shape=(4, 4, 1)), Flatten(), Dense(3)], seed=1)
    plain.set_weights(model.get_weights())
    np.testing.assert_allclose(model.predict(x), plain.predict(x / 255), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Conv2D(0, 3), ValueError, r"\[Conv2D\] expected `filters` >= 1 .* Received: filters=0"),
        (lambda: Conv2D(2.5, 3), TypeError, r"\[Conv2D\] expected `filters` to be an integer. Received: filters=2.5"),
        (lambda: Conv2D(True, 3), TypeError, "`filters` to be an integer"),
        (lambda: Conv2D(4, -3), ValueError, "`kernel_size` >= 1"),
        (lambda: Conv2D(4, (3, 3, 3)), ValueError, "`kernel_size` to be an integer or two of them"),
        (lambda: Conv2D(4, 3, strides=0), ValueError, "`strides` >= 1"),
        (lambda: Conv2D(4, 3, dilation_rate=0), ValueError, "`dilation_rate` >= 1"),
        (lambda: Conv2D(4, 3, padding="full"), ValueError, '`padding` to be "valid" or "same"'),
        (lambda: Conv2D(4, 3, padding=(1, 1)), ValueError, r"\(\(top, bottom\), \(left, right\)\)"),
        (lambda: Conv2D(4, 3, padding=-1), ValueError, "`padding` >= 0"),
        (lambda: Conv2D(4, 3, groups=3), ValueError, "divisible by `groups`. Received: filters=4, groups=3"),
        (
            lambda: Conv2D(4, 3, activation="swosh"),
            ValueError,
            r"\[Conv2D\] Unknown activation 'swosh'. Did you mean .swish",
        ),
        (lambda: Conv2D(4, 3, activation=3), TypeError, "`activation` to be a name, a function"),
        (lambda: Conv2D(4, 3, use_bias="no"), TypeError, "`use_bias` to be True or False"),
        (lambda: Conv2D(4, 3, kernel_initializer="glorot"), ValueError, "Unknown initializer 'glorot'."),
        (lambda: Conv2D(4, 3, input_shape=(28, 28, 0)), ValueError, "`input_shape` >= 1"),
        (lambda: Conv2D(4, 3, input_shape=28), ValueError, "non-empty tuple without the batch axis"),
        (lambda: Conv2D(4, 3, name="a/b"), ValueError, "`name` to be a non-empty string"),
        (lambda: MaxPooling2D(0), ValueError, r"\[MaxPooling2D\] expected `pool_size` >= 1"),
        (lambda: AveragePooling2D(2, strides=-1), ValueError, r"\[AveragePooling2D\] expected `strides` >= 1"),
        (lambda: Dense(-1), ValueError, r"\[Dense\] expected `units` >= 1"),
        (lambda: Dense(2**40), ValueError, r"\[Dense\] expected `units` >= 1 and < 2\*\*31"),
        (lambda: Dropout(1.5), ValueError, r"`rate` to be a finite number in \[0, 1\]. Received: rate=1.5"),
        (lambda: layers.AlphaDropout(1.0), ValueError, r"\[AlphaDropout\] .* in \[0, 1\). Received: rate=1.0"),
        (lambda: Dropout(-0.1), ValueError, "`rate`"),
        (lambda: Dropout(0.5, seed=-1), ValueError, "`seed` >= 0"),
        (lambda: Rescaling(float("nan")), ValueError, "`scale` to be a finite number"),
        (lambda: Rescaling("1/255"), TypeError, "`scale` to be a number"),
    ],
)
def test_arguments_that_make_no_sense(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_unknown_classes_in_a_config():
    with pytest.raises(ValueError, match=r"Unknown layer 'Lamda'. Did you mean .Lambda.\? Known: Activation, "):
        layers.deserialize({"class_name": "Lamda", "config": {}})
    with pytest.raises(ValueError, match=r"expected a config that 'Dense' takes .*'units'"):
        layers.deserialize({"class_name": "Dense", "config": {"unit": 3}})
    with pytest.raises(ValueError, match=r'\[layer\] expected {"class_name", "config"}'):
        layers.deserialize("Dense")


def test_a_layer_that_is_not_built_says_so():
    assert Dense(3).get_weights() == []  # as in Keras
    with pytest.raises(ValueError, match='Layer "dense_1" is not built'):
        Dense(3).count_params()
    with pytest.raises(ValueError, match='Layer "conv2d" is not built'):
        _ = Conv2D(3, 3).kernel


class TestCallsOnArrays:
    """Networks are kept for calls on arrays: a call must get the one that was made for arguments like its own."""

    A, B = np.float32([[5.0]]), np.float32([[1.0]])

    def test_order_of_the_keys_of_a_dict(self):
        class Difference(layers.Layer):
            def call(self, inputs):
                return inputs["a"] - inputs["b"]

        layer = Difference()
        assert layer({"a": self.A, "b": self.B}).numpy() == 4.0
        assert layer({"b": self.B, "a": self.A}).numpy() == 4.0

    def test_order_of_keyword_arguments(self):
        class Difference(layers.Layer):
            def call(self, a, b):
                return a - b

        layer = Difference()
        assert layer(a=self.A, b=self.B).numpy() == 4.0
        assert layer(b=self.B, a=self.A).numpy() == 4.0
        assert layer(self.A, b=self.B).numpy() == 4.0

    def test_a_list_and_a_dict(self):
        class Either(layers.Layer):
            def call(self, inputs):
                return inputs[0] - inputs[1] if isinstance(inputs, list) else inputs["a"] + inputs["b"]

        layer = Either()
        assert layer([self.A, self.B]).numpy() == 4.0
        assert layer({"a": self.A, "b": self.B}).numpy() == 6.0


def test_divide_aligns_samples_of_different_rank():
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    y = np.arange(1, 49, dtype=np.float32).reshape(4, 4, 3)  # as many samples as steps
    layer = layers.Divide()
    np.testing.assert_allclose(layer([x, y]), x[:, None] / y, rtol=1e-6)
    dy = np.ones((4, 4, 3), np.float32)
    dx, _ = layer.backward([x, y], dy)
    np.testing.assert_allclose(dx, (1 / y).sum(axis=1), rtol=1e-6)
