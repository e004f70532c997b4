"""Layers for volumes and videos beside Keras: results, training and files. Pools are in layer_cases.py."""

import numpy as np
import pytest

import cnncore
from cnncore import Model, Sequential, layers, saving

keras = pytest.importorskip("keras")
pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

X = np.random.default_rng(0).standard_normal((6, 5, 6, 7, 2)).astype("float32")
OPTIONS = [
    {"kernel_size": 3},
    {"kernel_size": (2, 3, 1), "padding": "same", "activation": "relu"},
    {"kernel_size": (3, 2, 2), "strides": (2, 1, 2), "padding": "same", "use_bias": False},
    {"kernel_size": (2, 2, 3), "strides": (3, 2, 1)},
    {"kernel_size": 2, "dilation_rate": (2, 1, 3), "kernel_regularizer": "l2"},
    {"kernel_size": 3, "dilation_rate": (2, 1, 1), "padding": "same", "activation": "tanh"},
]


def networks(options):
    """The same network here and in Keras, with the same weights."""
    made = []
    for k in (cnncore, keras):
        body = [k.layers.Conv3D(4, **options), k.layers.BatchNormalization(), k.layers.MaxPooling3D((1, 2, 2))]
        model = k.Sequential([k.Input(X.shape[1:]), *body, k.layers.GlobalAveragePooling3D(), k.layers.Dense(2)])
        model.compile(k.optimizers.SGD(0.1), "mse")
        made.append(model)
    ours, theirs = made
    weights = ours.get_weights()
    weights[1 if options.get("use_bias", True) else 0][:] += 0.1
    ours.set_weights(weights)
    theirs.set_weights(weights)
    return ours, theirs


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_results_and_training_are_those_of_keras(options):
    ours, theirs = networks(options)
    assert ours.layers[0].output_shape == tuple(theirs.layers[0].output.shape)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X, verbose=0), rtol=1e-4, atol=1e-5)
    y = np.random.default_rng(1).standard_normal((6, 2)).astype("float32")
    ours.fit(X, y, epochs=3, batch_size=3, shuffle=False, verbose=0)
    theirs.fit(X, y, epochs=3, batch_size=3, shuffle=False, verbose=0)
    for mine, other in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(
            mine.numpy(), keras.ops.convert_to_numpy(other), rtol=1e-3, atol=1e-4, err_msg=mine.path
        )


@pytest.mark.parametrize("name", ["model.safetensors", "model.keras", "model.weights.h5"])
def test_files(tmp_path, name):
    pytest.importorskip("h5py")
    ours, theirs = networks(OPTIONS[1])
    if "weights" in name:
        ours.save_weights(tmp_path / name)
        loaded = networks(OPTIONS[1])[0]
        loaded.load_weights(tmp_path / name)
    else:
        ours.save(tmp_path / name)
        loaded = saving.load_model(tmp_path / name)
    np.testing.assert_array_equal(loaded.predict(X), ours.predict(X))
    if name == "model.keras":
        again = keras.saving.load_model(tmp_path / name)
        np.testing.assert_allclose(again.predict(X, verbose=0), ours.predict(X), rtol=1e-4, atol=1e-5)
        theirs.save(tmp_path / "theirs.keras")
        np.testing.assert_allclose(saving.load_model(tmp_path / "theirs.keras").predict(X), ours.predict(X), rtol=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 3, "padding": "same", "return_sequences": True},
        {"kernel_size": (2, 3), "strides": (2, 1), "activation": "relu", "unit_forget_bias": False},
        {"kernel_size": 2, "padding": "same", "go_backwards": True, "recurrent_activation": "hard_sigmoid"},
        {"kernel_size": 2, "dilation_rate": 2, "use_bias": False, "return_sequences": True},
    ],
    ids=str,
)
def test_memories_of_images_are_those_of_keras(options, tmp_path):
    made = []
    for k in (cnncore, keras):
        body = [k.layers.ConvLSTM2D(3, **options), k.layers.Flatten(), k.layers.Dense(2)]
        model = k.Sequential([k.Input(X.shape[1:]), *body])
        model.compile(k.optimizers.SGD(0.1), "mse")
        made.append(model)
    ours, theirs = made
    first = [keras.ops.convert_to_numpy(weight) for weight in theirs.weights]
    if options.get("use_bias", True):
        np.testing.assert_array_equal(ours.layers[0].bias.numpy(), first[2])
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X, verbose=0), rtol=1e-4, atol=1e-5)
    y = np.random.default_rng(1).standard_normal((6, 2)).astype("float32")
    for model in made:
        model.fit(X, y, epochs=3, batch_size=3, shuffle=False, verbose=0)
    for mine, other in zip(ours.weights, theirs.weights, strict=True):
        expected = keras.ops.convert_to_numpy(other)
        np.testing.assert_allclose(mine.numpy(), expected, rtol=1e-3, atol=1e-4, err_msg=mine.path)
    pytest.importorskip("h5py")
    for name in ("model.safetensors", "model.keras"):
        ours.save(tmp_path / name)
        np.testing.assert_array_equal(saving.load_model(tmp_path / name).predict(X), ours.predict(X))
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.predict(X, verbose=0), ours.predict(X), rtol=1e-4, atol=1e-5)


def test_initial_weights_have_the_size_of_those_of_keras():
    """Every place of the kernel counts as an input and an output, as in Keras."""
    layer = layers.Conv3D(64, (3, 4, 5), kernel_initializer="he_uniform")
    layer.build((None, 8, 8, 8, 16))
    limit = np.sqrt(6 / (3 * 4 * 5 * 16))
    assert np.abs(layer.kernel.numpy()).max() == pytest.approx(limit, rel=1e-3)


def test_a_network_for_volumes_learns():
    """Which half of the volume is brighter, as in scripts for 3D-MNIST."""
    rng = np.random.default_rng(0)
    x, y = rng.random((64, 8, 8, 8, 1)).astype("float32"), rng.integers(0, 2, 64)
    for volume, label in zip(x, y, strict=True):
        volume[4 * label : 4 * label + 4] += 1
    cnncore.utils.set_random_seed(0)
    model = Sequential([layers.Conv3D(4, 3, activation="relu", padding="same", input_shape=(8, 8, 8, 1))])
    for layer in (layers.MaxPool3D(), layers.Dropout(0.1), layers.Flatten(), layers.Dense(2, activation="softmax")):
        model.add(layer)
    model.compile(cnncore.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    assert model.fit(x, y, epochs=4, batch_size=8, verbose=0).history["accuracy"][-1] > 0.95
    assert Model(model.inputs, model.layers[0].output).predict(x).shape == (64, 8, 8, 8, 4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Conv3D(4, (3, 3)), r"\[Conv3D\] expected `kernel_size` to be an integer or three of them"),
        (lambda: layers.Conv3D(4, 3, groups=2), "groups=1. Received: groups=2"),
        (lambda: layers.Conv3D(4, 3, padding="causal"), '`padding` to be one of "valid", "same"'),
        (lambda: layers.ConvLSTM2D(4, 3, dropout=0.2), "a Dropout layer before this one does.* Received: dropout=0.2"),
        (lambda: layers.ConvLSTM2D(4, 3, stateful=True), "no states to return or to keep.* stateful=True"),
        (lambda: layers.ConvLSTM2D(4, 3)(X[0]), "expected rank 5"),
        (lambda: layers.Conv3D(4, 6)(X), "a window that is not larger than the input"),
        (lambda: layers.MaxPooling3D(2)(X[0]), r"expected rank 5 \(batch, depth, height, width, channels\)"),
    ],
)
def test_what_makes_no_sense(make, message):
    with pytest.raises(ValueError, match=message):
        make()
