"""The named models: the layers and sizes their sources give, and that each one learns."""

from __future__ import annotations

import math

import numpy as np
import pytest

import test_document
from cnncore import Sequential, applications
from cnncore.layers import Conv2D, Dense, DepthwiseConv2D, Input, Rescaling

CHAINS = [applications.mnist_cnn, applications.lenet5, applications.oshea_nash, applications.cifar10_cnn]
CHAINS.append(applications.cifar10_cnn_bn)
GRAPHS = [applications.resnet8, applications.resnet20, applications.mobilenet_025]
IMAGES = CHAINS + GRAPHS  # their arguments are rescale, input_shape and classes


def shapes(model):
    return [(type(layer).__name__, layer.output_shape, layer.count_params()) for layer in model.layers]


def test_mnist_cnn_is_the_documents_network():
    assert shapes(applications.mnist_cnn(rescale=False)) == shapes(test_document.sample_model())


def test_lenet5_has_the_papers_sizes():
    assert [shape for _, shape, _ in shapes(applications.lenet5(rescale=False))] == [
        (None, 28, 28, 6),
        (None, 14, 14, 6),
        (None, 10, 10, 16),
        (None, 5, 5, 16),
        (None, 400),
        (None, 120),
        (None, 84),
        (None, 10),
    ]


def test_oshea_nash_has_five_layers():
    model = applications.oshea_nash(rescale=False)
    # Input, convolution, pooling and two fully-connected ones; Flatten only lays the data out anew.
    kinds = [type(layer).__name__ for layer in model.layers if type(layer).__name__ != "Flatten"]
    assert kinds == ["Conv2D", "MaxPooling2D", "Dense", "Dense"]
    assert all(layer.get_config()["activation"] == "relu" for layer in (model.layers[0], model.layers[-2]))


def test_cifar10_cnn_halves_sizes_and_doubles_filters():
    convolutions = [shape for kind, shape, _ in shapes(applications.cifar10_cnn()) if kind == "Conv2D"]
    assert convolutions == [(None, size, size, c) for size, c in ((32, 32), (16, 64), (8, 128)) for _ in range(2)]


def multiply_adds(model):
    """How many multiplications the convolutions and dense layers of a model take for one sample."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, (Conv2D, DepthwiseConv2D)):
            height, width = layer.output_shape[1:3]
            total += height * width * math.prod(layer.get_weights()[0].shape)
        elif isinstance(layer, Dense):
            total += math.prod(layer.get_weights()[0].shape)
    return total


@pytest.mark.parametrize(
    ("build", "parameters", "products"),
    [  # the benchmark's figures, in millions of products
        (applications.resnet8, 78_666, 12.50),
        (applications.mobilenet_025, 221_794, 7.49),
        (applications.ds_cnn, 24_908, 2.66),
        (applications.dense_autoencoder, 269_992, 0.264),
    ],
)
def test_mlperf_tiny(build, parameters, products):
    model = build()
    assert model.count_params() == parameters
    assert multiply_adds(model) / 1e6 == pytest.approx(products, rel=2e-3)


def test_resnet20_is_the_papers():
    model = applications.resnet20()
    # He and others, table 6: 0.27 million parameters. Option A of the shortcut has 269,722; option B adds two 1x1
    # convolutions (16 to 32 and 32 to 64 channels) and their normalization.
    assert sum(int(weight.size) for weight in model.trainable_weights) == 269_722 + 16 * 32 + 32 * 64 + 2 * (32 + 64)
    main_path = [layer for layer in model.layers if isinstance(layer, Conv2D) and layer.kernel_size == (3, 3)]
    sizes = [layer.output_shape[1:] for layer in main_path]
    assert sizes == [(32, 32, 16)] * 7 + [(16, 16, 32)] * 6 + [(8, 8, 64)] * 6


def test_cifar10_cnn_bn_adds_normalization_and_drops_biases():
    filters = 2 * (32 + 64 + 128)
    plain, normalized = applications.cifar10_cnn(), applications.cifar10_cnn_bn()
    assert normalized.count_params() == plain.count_params() - filters + 4 * filters


@pytest.mark.parametrize("alpha", [1.0, 0.75, 0.5, 0.25])
def test_mobilenet_has_the_published_number_of_parameters(alpha):
    published = {1.0: 4_253_864, 0.75: 2_601_976, 0.5: 1_342_536, 0.25: 475_544}  # Keras' documentation
    assert applications.MobileNet(alpha=alpha).count_params() == published[alpha]


@pytest.mark.filterwarnings("ignore")  # Keras' own
@pytest.mark.parametrize(
    "options",
    [
        {"classes": 7},
        {"depth_multiplier": 2, "include_top": False, "pooling": "max"},
        {"include_top": False},
    ],
)
def test_mobilenet_computes_what_keras_computes(options):
    pytest.importorskip("torch")
    keras = pytest.importorskip("keras")
    arguments = {"input_shape": (64, 64, 3), "alpha": 0.25, "weights": None, **options}
    theirs, ours = keras.applications.MobileNet(**arguments), applications.MobileNet(**arguments)
    assert [layer.name for layer in ours.layers if layer.weights] == [x.name for x in theirs.layers if x.weights]
    rng = np.random.default_rng(0)
    weights = [rng.uniform(0.5, 1.5, w.shape) if w.ndim == 1 else w for w in ours.get_weights()]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    x = rng.uniform(-1, 1, (2, 64, 64, 3)).astype(np.float32)
    expected = np.asarray(theirs.predict(x, verbose=0))
    np.testing.assert_allclose(ours.predict(x, verbose=0), expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_mobilenet_takes_keras_arguments_and_names_its_faults(tmp_path):
    image = Input((32, 32, 3))
    model = applications.MobileNet(input_tensor=image, alpha=0.25, classes=3, name="small")
    assert model.name == "small"
    assert model.output_shape == (None, 3)
    model.save_weights(tmp_path / "small.weights.h5")
    again = applications.MobileNet((32, 32, 3), alpha=0.25, classes=3, weights=tmp_path / "small.weights.h5")
    for before, after in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    with pytest.raises(ValueError, match="no trained weights come"):
        applications.MobileNet(weights="imagenet")
    with pytest.raises(ValueError, match='None, "avg" or "max"'):
        applications.MobileNet(pooling="mean")
    with pytest.raises(ValueError, match="at least 1/32"):
        applications.MobileNet(alpha=0.01)


@pytest.mark.parametrize("build", CHAINS)
def test_rescaling_is_one_layer_in_front_without_parameters(build):
    with_rescaling, without = build(), build(rescale=False)
    first = with_rescaling.layers[0]
    assert isinstance(first, Rescaling)
    assert first.scale == pytest.approx(1 / 255)
    assert [type(layer) for layer in with_rescaling.layers[1:]] == [type(layer) for layer in without.layers]


@pytest.mark.parametrize("build", IMAGES)
def test_rescaling_takes_bytes(build):
    with_rescaling, without = build(), build(rescale=False)
    assert with_rescaling.count_params() == without.count_params()
    without.set_weights(with_rescaling.get_weights())
    x = np.random.default_rng(0).integers(0, 256, (3, *without.input_shape[1:]), dtype=np.uint8)
    expected = without.predict(x.astype(np.float32) / 255)
    np.testing.assert_allclose(with_rescaling.predict(x), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("build", [*IMAGES, applications.ds_cnn])
def test_each_model_is_named_uncompiled_and_can_learn(build):
    model = build()
    assert model.name == build.__name__
    assert not model.compiled
    rng = np.random.default_rng(1)
    x = rng.integers(0, 256, (8, *model.input_shape[1:]), dtype=np.uint8)
    y = np.arange(8) % model.output_shape[-1]
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, batch_size=8, epochs=6, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    np.testing.assert_allclose(model.predict(x).sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("build", IMAGES)
def test_other_sizes_and_numbers_of_classes(build):
    size = (64, 48, 2) if build is applications.mobilenet_025 else (24, 20, 2)
    model = build(input_shape=size, classes=7)
    assert model.input_shape == (None, *size)
    assert model.predict(np.zeros((2, *size), np.uint8), verbose=0).shape == (2, 7)


def test_autoencoder_learns_to_give_back_its_input():
    model = applications.dense_autoencoder(20, hidden=16, code=2)
    x = np.outer(np.linspace(-1, 1, 256), np.sin(np.arange(20))).astype(np.float32)
    model.compile("adam", "mse")
    history = model.fit(x, x, batch_size=32, epochs=30, verbose=0).history
    assert history["loss"][-1] < 0.2 * history["loss"][0]


def test_siamese_is_symmetric_and_shares_its_weights():
    model = applications.siamese()
    a, b = np.random.default_rng(2).integers(0, 256, (2, 5, 28, 28, 1), dtype=np.uint8)
    np.testing.assert_array_equal(model.predict([a, b], verbose=0), model.predict([b, a], verbose=0))
    embedding = model.get_layer("embedding")
    assert model.count_params() == embedding.count_params() + 64 + 1
    own = Sequential([Input((6,)), Dense(3)], name="own")
    assert applications.siamese(embedding=own).input_shape == [(None, 6), (None, 6)]
