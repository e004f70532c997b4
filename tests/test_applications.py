"""The named models: the layers and sizes their sources give, and that each one learns."""

from __future__ import annotations

import numpy as np
import pytest

from cnncore import applications
from cnncore.layers import Rescaling

ALL = [applications.mnist_cnn, applications.lenet5, applications.oshea_nash, applications.cifar10_cnn]


def shapes(model):
    return [(type(layer).__name__, layer.output_shape, layer.count_params()) for layer in model.layers]


def test_mnist_cnn_is_the_documents_network():
    assert shapes(applications.mnist_cnn(rescale=False)) == [
        ("Conv2D", (None, 26, 26, 32), 320),
        ("MaxPooling2D", (None, 13, 13, 32), 0),
        ("Conv2D", (None, 11, 11, 64), 18496),
        ("MaxPooling2D", (None, 5, 5, 64), 0),
        ("Flatten", (None, 1600), 0),
        ("Dense", (None, 128), 204928),
        ("Dense", (None, 10), 1290),
    ]
    assert applications.mnist_cnn(rescale=False).count_params() == 225034


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


@pytest.mark.parametrize("build", ALL)
def test_rescaling_is_one_layer_in_front_without_parameters(build):
    with_rescaling, without = build(), build(rescale=False)
    assert with_rescaling.count_params() == without.count_params()
    first = with_rescaling.layers[0]
    assert isinstance(first, Rescaling)
    assert first.scale == pytest.approx(1 / 255)
    assert [type(layer) for layer in with_rescaling.layers[1:]] == [type(layer) for layer in without.layers]
    without.set_weights(with_rescaling.get_weights())
    x = np.random.default_rng(0).integers(0, 256, (3, *without.input_shape[1:]), dtype=np.uint8)
    expected = without.predict(x.astype(np.float32) / 255)
    np.testing.assert_allclose(with_rescaling.predict(x), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("build", ALL)
def test_each_model_is_named_uncompiled_and_can_learn(build):
    model = build()
    assert model.name == build.__name__
    assert not model.compiled
    rng = np.random.default_rng(1)
    x = rng.integers(0, 256, (20, *model.input_shape[1:]), dtype=np.uint8)
    y = np.arange(20) % 10
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, batch_size=10, epochs=8, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    np.testing.assert_allclose(model.predict(x).sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("build", ALL)
def test_other_sizes_and_numbers_of_classes(build):
    model = build(input_shape=(24, 20, 2), classes=7)
    assert model.input_shape == (None, 24, 20, 2)
    assert model.predict(np.zeros((2, 24, 20, 2), np.uint8), verbose=0).shape == (2, 7)
