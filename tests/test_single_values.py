"""Tensors with a single value for each sample, of shape (batch,): in models, losses and files, and where they fail."""

import numpy as np
import pytest

from cnncore import Input, Model, Sequential, losses, ops
from cnncore.layers import (
    Activation,
    Add,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Lambda,
    Layer,
    Reshape,
    Softmax,
)
from cnncore.models import load_model
from cnncore.optimizers import SGD

RNG = np.random.default_rng(7)
X = RNG.normal(size=(40, 6)).astype(np.float32)
OTHER = RNG.normal(size=(40, 6)).astype(np.float32)
Y = RNG.normal(size=40).astype(np.float32)


class Distances(Layer):
    """The layer of Keras' guide on siamese networks."""

    def call(self, anchor, positive, negative):
        near = ops.sum(ops.square(anchor - positive), -1)
        return near, ops.sum(ops.square(anchor - negative), -1)


def quadratic():
    x = Input((6,))
    return Model(x, ops.sum(ops.square(Dense(4)(x)), axis=-1))


def test_values_of_functions_layers_and_lambdas():
    a, b = Input((6,)), Input((6,))
    expected = np.abs(X - OTHER).sum(axis=1)
    for result in (
        ops.sum(ops.abs(a - b), axis=1),
        Lambda(lambda pair: ops.sum(ops.abs(pair[0] - pair[1]), axis=1))([a, b]),
        Lambda(lambda pair: ops.sum(ops.abs(pair[0] - pair[1]), axis=1), output_shape=())([a, b]),
        ops.squeeze(ops.sum(ops.abs(a - b), axis=1, keepdims=True), -1),
        Reshape(())(ops.sum(ops.abs(a - b), axis=1, keepdims=True)),
    ):
        assert result.shape == (None,)
        model = Model([a, b], result)
        assert model.output_shape == (None,)
        np.testing.assert_allclose(model.predict([X, OTHER], verbose=0), expected, rtol=1e-5)
        np.testing.assert_allclose(model([X, OTHER]), expected, rtol=1e-5)


def test_the_distances_of_a_siamese_network_train():
    inputs = [Input((6,)) for _ in range(3)]
    encoder = Sequential([Input((6,)), Dense(3)])
    near, far = Distances()(*(encoder(x) for x in inputs))
    model = Model(inputs, [near, far])
    arrays = [X, OTHER, X[::-1].copy()]
    embedded = [np.asarray(encoder(array)) for array in arrays]
    np.testing.assert_allclose(
        model.predict(arrays, verbose=0)[0], ((embedded[0] - embedded[1]) ** 2).sum(1), rtol=1e-4
    )
    model.compile(SGD(0.01), ["mae", None])
    history = model.fit(arrays, [np.zeros(40), np.zeros(40)], epochs=5, verbose=0).history["loss"]
    assert history[-1] < history[0]


def test_an_axis_of_length_one_changes_nothing_in_training():
    single = quadratic()
    column = Model(single.inputs, ops.expand_dims(single.output, -1))
    start = single.get_weights()
    results = []
    for model, y in ((single, Y), (column, Y), (single, Y[:, np.newaxis])):
        model.set_weights(start)
        model.compile(SGD(0.01), "mse", metrics=["mae"])
        weight = np.linspace(0, 1, 40)
        history = model.fit(X, y, epochs=2, shuffle=False, sample_weight=weight, verbose=0).history
        results.append([*history["loss"], *history["mae"], *model.evaluate(X, y, verbose=0)])
    np.testing.assert_allclose(results[1], results[0], rtol=1e-5)
    np.testing.assert_allclose(results[2], results[0], rtol=1e-5)


def test_binary_accuracy_and_class_weights():
    x = Input((6,))
    model = Model(x, Activation("sigmoid")(ops.squeeze(Dense(1)(x), -1)))
    labels = (X[:, 0] > 0).astype(np.int64)
    model.compile(SGD(0.5), "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(X, labels, epochs=30, class_weight={0: 1.0, 1: 2.0}, verbose=0).history
    right = float(((model.predict(X, verbose=0) > 0.5) == labels).mean())
    assert model.evaluate(X, labels, verbose=0)[1] == pytest.approx(right)
    assert history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "log_cosh", "hinge", "poisson"])
def test_losses_are_those_of_keras(loss):
    keras = pytest.importorskip("keras")
    y = np.abs(Y)
    model = quadratic()
    model.compile(SGD(0.01), loss)
    x = keras.Input((6,))
    other = keras.Model(x, keras.ops.sum(keras.ops.square(keras.layers.Dense(4)(x)), axis=-1))
    other.set_weights(model.get_weights())
    other.compile(keras.optimizers.SGD(0.01), loss)
    options = {"epochs": 2, "batch_size": 40, "shuffle": False, "verbose": 0}
    np.testing.assert_allclose(
        model.fit(X, y, **options).history["loss"], other.fit(X, y, **options).history["loss"], rtol=1e-4
    )


def test_files_keep_models_with_single_values(tmp_path):
    model = quadratic()
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    expected = model.predict(X, verbose=0)
    for name in ("model.keras", "model.safetensors"):
        model.save(tmp_path / name)
        np.testing.assert_array_equal(load_model(tmp_path / name).predict(X, verbose=0), expected)


def test_inputs_of_single_numbers():
    label = Input((), dtype="int32")
    model = Model(label, Dense(2)(Embedding(10, 4)(label)))
    assert model.input_shape == (None,)
    table, kernel, bias = model.get_weights()
    labels = np.array([3, 1, 9])
    np.testing.assert_allclose(model.predict(labels, verbose=0), table[labels] @ kernel + bias, rtol=1e-5, atol=1e-6)


def test_one_hot_vectors_of_single_numbers():
    label = Input((), dtype="int32")
    np.testing.assert_array_equal(Model(label, ops.one_hot(label, 4)).predict([2, 0], verbose=0), np.eye(4)[[2, 0]])


def test_layers_that_take_them():
    x = Input((1,))
    z = ops.squeeze(x, -1)
    model = Model(x, [Add()([z, z]), z * 2.0 - 1.0, Dropout(0.5)(z), Flatten()(z), Activation("relu")(z), 1.0 / z])
    values = X[:, :1]
    flat = values[:, 0]
    expected = [2 * flat, 2 * flat - 1, flat, values, np.maximum(flat, 0), 1 / flat]
    for result, wanted in zip(model.predict(values, verbose=0), expected, strict=True):
        np.testing.assert_allclose(result, wanted, rtol=1e-6)


@pytest.mark.parametrize(
    "layer", [Dense(2), Conv2D(2, 3), BatchNormalization(), Softmax(), Concatenate()], ids=lambda item: item.name
)
def test_layers_that_need_an_axis(layer):
    z = ops.sum(Input((6,)), axis=-1)
    with pytest.raises(ValueError, match=r"at least one axis besides that of the batch; Reshape\(\(1,\)\) adds one"):
        layer([z, z] if isinstance(layer, Concatenate) else z)


def test_what_is_refused():
    x = Input((6,))
    z = ops.sum(x, axis=-1)
    with pytest.raises(TypeError, match="expand_dims adds an axis"):
        z + x
    with pytest.raises(ValueError, match="expected samples with at least one axis, over which a softmax is taken"):
        Model(x, Activation("softmax")(z)).predict(X, verbose=0)
    with pytest.raises(TypeError, match="at least one axis besides that of the batch"):
        losses.mean_squared_error(z, z)
