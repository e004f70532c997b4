"""Functions of ``keras.ops`` on arrays and on symbolic tensors, and where older versions of Keras had things."""

import importlib

import numpy as np
import pytest

import cnncore
from cnncore import Input, Model, layers, models, ops, random, saving

X = np.random.default_rng(0).random((2, 8, 8, 4), np.float32)


def test_tensors_and_arrays_give_the_same():
    def compute(x):
        a, b = ops.split(x, 2, axis=-1)
        y = ops.max_pool(a + b, 2) + ops.average_pool(a, 2)
        y = ops.image.extract_patches(ops.image.resize(y, (4, 6)), 2)
        y = ops.nn.relu(y - 0.5) + ops.image.rgb_to_grayscale(y[..., :3])
        first, second = ops.unstack(ops.logsumexp(y, axis=[1, 2], keepdims=True)[:, 0, :, :2], axis=2)
        return ops.concatenate([first, second, ops.logsumexp(y, axis=[1, 2])], axis=-1)

    x = Input((8, 8, 4))
    model = Model(x, compute(x))
    np.testing.assert_allclose(model(X), compute(X), rtol=1e-5)
    other = models.model_from_json(model.to_json())
    np.testing.assert_allclose(other(X), model(X))


def test_logsumexp_of_infinities():
    x = np.float32([[-np.inf, -np.inf], [np.inf, 1], [-np.inf, 2], [np.nan, 1]])
    for function in (ops.logsumexp, cnncore.backend.logsumexp):
        np.testing.assert_array_equal(function(x, axis=1), np.float32([-np.inf, np.inf, 2, np.nan]))
    tensor = Input((2,))
    np.testing.assert_array_equal(
        Model(tensor, ops.logsumexp(tensor, axis=1, keepdims=True))(x), ops.logsumexp(x, axis=1, keepdims=True)
    )
    with cnncore.GradientTape() as tape:
        z = ops.convert_to_tensor(x)
        tape.watch(z)
        y = ops.logsumexp(z[2:3], axis=1)
    np.testing.assert_array_equal(tape.gradient(y, z)[2], [0, 1])


def test_parts_and_largest():
    values, places = ops.top_k(np.float32([[1, 3, 2]]), 2)
    assert values.tolist() == [[3, 2]]
    assert places.tolist() == [[1, 2]]
    assert [part.shape for part in ops.split(X, [1, 5], axis=1)] == [(2, 1, 8, 4), (2, 4, 8, 4), (2, 3, 8, 4)]
    assert ops.is_tensor(X)
    assert not ops.is_tensor([1])
    with pytest.raises(ValueError, match=r"divisible by 3. Received: length 8"):
        ops.split(X, 3, axis=1)
    with pytest.raises(ValueError, match="bicubic"):
        ops.image.resize(X, (2, 2), "cubic")


@pytest.mark.parametrize(
    ("module", "name", "today"),
    [
        ("engine.topology", "Layer", layers.Layer),
        ("engine.training", "Model", Model),
        ("engine", "Input", Input),
        ("objectives", "mean_squared_error", cnncore.losses.mean_squared_error),
        ("utils.vis_utils", "plot_model", cnncore.utils.plot_model),
        ("utils.data_utils", "Sequence", cnncore.utils.Sequence),
    ],
)
def test_modules_of_older_versions(module, name, today):
    with pytest.warns(DeprecationWarning, match=f"cnncore.{module}.{name} is called"):
        assert getattr(importlib.import_module(f"cnncore.{module}"), name) is today


def test_lists_that_grow_after_a_call():
    """As in scripts of DenseNet, where the result of concatenate joins the list that it was computed from."""
    x = start = Input((4, 4, 2))
    features = [x]
    for _ in range(3):
        features.append(layers.Conv2D(2, 1)(x))
        x = layers.concatenate(features)
        features.append(x)
    model = Model(start, x)
    assert model.output_shape == (None, 4, 4, 22)
    assert Model.from_config(model.get_config()).count_params() == model.count_params()


def test_arguments_of_keras_2():
    with pytest.warns(DeprecationWarning, match="is called `min_delta=` today"):
        assert cnncore.callbacks.ReduceLROnPlateau(epsilon=0.5).min_delta == 0.5
    cnncore.callbacks.ModelCheckpoint("m.keras", period=1)
    with pytest.raises(ValueError, match=r"write save_freq=period \* steps_per_epoch"):
        cnncore.callbacks.ModelCheckpoint("m.keras", period=2)
    np.testing.assert_allclose(layers.Lambda(np.exp)([-1.0, 0.0]), np.exp([-1.0, 0.0]), rtol=1e-6)


def test_metrics_of_keras_2():
    class Count(cnncore.metrics.Metric):
        def __init__(self):
            super().__init__(name="count")
            self.count = self.add_weight(name="count", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.count.assign_add(len(y_pred))

        def result(self):
            return float(self.count)

        def reset_states(self):
            self.count.assign(0.0)

    model = cnncore.Sequential([Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=[Count()])
    history = model.fit(np.ones((6, 2)), np.ones((6, 1)), epochs=2, verbose=0)
    assert history.history["count"] == [6, 6]
    metric = cnncore.metrics.Mean()
    metric.update_state([4.0])
    with pytest.warns(DeprecationWarning, match="reset_state today"):
        metric.reset_states()
    assert metric.result() == 0
    x = Input((3, 4))
    assert ops.shape(x) == (None, 3, 4)
    assert ops.ndim(x) == 3


def test_names_of_older_versions_say_what_to_write():
    with pytest.raises(AttributeError, match="draws a model without it"):
        _ = importlib.import_module("cnncore.utils.vis_utils").model_to_dot
    with pytest.raises(AttributeError, match="write Add, Multiply"):
        _ = layers.Merge
    with pytest.raises(TypeError, match=r"is of Keras 1. Write layers.add"):
        importlib.import_module("cnncore.layers.merge")([1], mode="sum")
    model = cnncore.Sequential([Input((2,)), layers.Dense(1, kernel_constraint=abs)])
    model.compile("sgd", "mse")
    assert np.isfinite(model.train_on_batch(np.ones((2, 2)), np.ones((2, 1)), reset_metrics=True))
    with pytest.raises(ValueError, match="expected reset_metrics=True"):
        model.test_on_batch(np.ones((2, 2)), np.ones((2, 1)), reset_metrics=False)


def test_a_constraint_that_is_a_function_is_kept_by_its_name(tmp_path):
    def not_negative(weights):
        return ops.where(weights < 0, ops.zeros_like(weights), weights)

    model = cnncore.Sequential([Input((2,)), layers.Dense(1, kernel_constraint=not_negative)])
    for name in ("m.safetensors", "m.keras", "m.h5"):
        model.save(tmp_path / name)
        other = cnncore.saving.load_model(tmp_path / name, custom_objects={"not_negative": not_negative})
        assert other.layers[0].kernel_constraint is not_negative


def test_a_layer_whose_call_uses_other_tensors_says_so():
    outside = layers.Dense(2)(Input((2,)))

    class Uses(layers.Layer):
        def call(self, x):
            self.add_loss(ops.mean(ops.square(x - outside)))
            return x

    with pytest.raises(ValueError, match="must get every tensor that it computes with"):
        Uses()(Input((2,)))


def test_top_k_of_too_few():
    with pytest.raises(ValueError, match=r"\[top_k\] expected at least 4 values"):
        ops.top_k(np.ones((2, 3), np.float32), 4)


@pytest.mark.parametrize(
    "description",
    [
        {"class_name": "__numpy__", "config": {"value": [1], "dtype": "S2000000000"}},
        {"class_name": "__numpy__", "config": {"value": "x", "dtype": "float32"}},
        {"class_name": "__numpy__", "config": {"value": [1], "dtype": "nope"}},
        {"class_name": "__tuple__", "config": 5},
        {"class_name": "L1", "config": 5},
    ],
)
def test_descriptions_that_make_no_sense(description):
    with pytest.raises(ValueError, match=r"\[deserialize_keras_object\] expected"):
        saving.deserialize_keras_object(description)
    with pytest.raises(TypeError, match="expected an array of numbers"):
        saving.serialize_keras_object(np.array([object()]))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ops.one_hot([0.5], 2), ValueError, "labels to be whole numbers from 0 to 1"),
        (lambda: ops.one_hot([np.nan], 2), ValueError, "labels to be whole numbers from 0 to 1"),
        (lambda: ops.unstack(X, num=1), ValueError, "`num` to be the length of axis 0"),
        (lambda: ops.split(X, ["a"]), TypeError, "`indices_or_sections` to be an integer"),
        (lambda: ops.image.resize(X[0, 0], (4, 4)), ValueError, "images of rank 4"),
        (lambda: ops.image.extract_patches(X, 9), ValueError, "images of at least 9 x 9 pixels"),
        (lambda: ops.image.rgb_to_grayscale(X[..., :1]), ValueError, "images with 3 channels"),
        (lambda: ops.conv2d(X, np.ones((3, 3, 4, 2)), groups=1.5), TypeError, "`groups` to be an integer"),
        (lambda: ops.sgd_update(np.ones(2, "f"), np.ones(2, "f"), learning_rate="a"), TypeError, "to be a number"),
        (lambda: random.categorical([0.0, 1.0], 3), ValueError, "`logits` of shape"),
        (lambda: random.dropout(X, 0.5, noise_shape=(1,)), ValueError, "`noise_shape` with 4 sizes"),
        (lambda: random.normal((2.5,)), TypeError, "`shape` to be an integer"),
    ],
)
def test_arguments_that_make_no_sense(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_one_image_without_the_batch_axis():
    np.testing.assert_array_equal(ops.image.extract_patches(X[0], 2), ops.image.extract_patches(X, 2)[0])


def test_a_symbolic_tensor_is_a_tensor_already():
    x = Input((3,))
    assert ops.convert_to_tensor(x) is x
    assert ops.convert_to_tensor(x, dtype="float32") is x


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ops.multi_hot([0.5], 3), r"\[multi_hot\] expected arrays of labels below 3. Received: \[0.5\]"),
        (lambda: ops.cond(True, 1, 2), r"\[cond\] expected `true_fn` to be a function. Received: true_fn=1"),
        (lambda: ops.while_loop(1, 2, [3]), r"\[while_loop\] expected `cond` to be a function"),
        (lambda: ops.fori_loop("a", 3, max, 0), r"\[fori_loop\] expected `lower` to be an integer"),
        (lambda: ops.map(5, [1]), r"\[map\] expected `f` to be a function"),
        (lambda: ops.map(abs, []), r"\[map\] expected arrays with the same number of entries. Received: \[\]"),
        (lambda: ops.map(abs, 5), r"\[map\] expected arrays with the same number of entries. Received: 5"),
    ],
)
def test_functions_and_labels_that_make_no_sense(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_a_prediction_that_is_no_number_is_in_no_top_k():
    assert ops.in_top_k([0, 0], [[np.nan, 1], [3, 1]], 1).tolist() == [False, True]
    assert ops.slice([[1, 2]], (0, 1), (1, 1)).tolist() == [[2]]
