"""Resizing: nearest pixels, cubic and Lanczos kernels, and smoothing, beside that of Keras."""

import os

import numpy as np
import pytest

import cnncore
from cnncore import layers, ops

os.environ.setdefault("KERAS_BACKEND", "torch")
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # of PyTorch
RNG = np.random.default_rng(2)
IMAGES = RNG.random((2, 8, 11, 3), np.float32)
SIZES = [(16, 22), (5, 4), (7, 19), (1, 1), (8, 3)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos3", "lanczos5"])
@pytest.mark.parametrize("antialias", [False, True])
def test_equals_scale_and_translate_of_keras(size, interpolation, antialias):
    """TensorFlow and JAX resize by this function. Keras on PyTorch has it, but does not resize by it."""
    keras = pytest.importorskip("keras")
    scale = np.divide(size, IMAGES.shape[1:3]).astype(np.float32)
    expected = keras.ops.image.scale_and_translate(
        IMAGES, (2, *size, 3), scale, np.zeros(2, np.float32), (1, 2), interpolation, antialias=antialias
    )
    found = ops.image.resize(IMAGES, size, interpolation, antialias=antialias)
    np.testing.assert_allclose(found, keras.ops.convert_to_numpy(expected), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_smoothed_bilinear_equals_that_of_keras(size):
    keras = pytest.importorskip("keras")
    expected = keras.ops.image.resize(IMAGES, size, "bilinear", antialias=True, data_format="channels_last")
    found = ops.image.resize(IMAGES, size, "bilinear", antialias=True)
    np.testing.assert_allclose(found, keras.ops.convert_to_numpy(expected), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"])
def test_an_image_of_the_same_size_stays(interpolation):
    for dtype in (np.float32, np.uint8):
        images = (IMAGES * 255).astype(dtype)
        np.testing.assert_array_equal(ops.image.resize(images, (8, 11), interpolation, antialias=True), images)


def test_bytes_are_rounded_and_clipped():
    edge = np.zeros((1, 4, 4, 1), np.uint8)
    edge[:, :, 2:] = 255
    found = ops.image.resize(edge, (4, 8), "bicubic")
    exact = ops.image.resize(edge.astype(np.float32), (4, 8), "bicubic")
    assert exact.min() < 0
    assert exact.max() > 255
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, np.clip(np.rint(exact), 0, 255))


@pytest.mark.parametrize(
    "layer",
    [
        layers.Resizing(5, 14, "bicubic"),
        layers.Resizing(5, 14, "lanczos3", antialias=True),
        layers.Resizing(5, 6, antialias=True),
        layers.UpSampling2D((2, 3), interpolation="bicubic"),
    ],
)
def test_layers_compute_the_function_and_its_gradient(layer):
    config = layer.get_config()
    size = layer.compute_output_shape(IMAGES.shape)[1:3]
    expected = ops.image.resize(IMAGES, size, config["interpolation"], config.get("antialias", False))
    np.testing.assert_allclose(layer(IMAGES), expected, rtol=1e-6, atol=1e-6)
    with cnncore.GradientTape() as tape:
        x = cnncore.ops.convert_to_tensor(IMAGES)
        tape.watch(x)
        y = ops.sum(layer(x) * np.arange(expected.size, dtype=np.float32).reshape(expected.shape))
    options = (config["interpolation"], config.get("antialias", False))
    rows, columns = (
        ops.image.resize(np.eye(n, dtype=np.float32)[None, :, :, None], (m, n), *options)[0, :, :, 0]
        for n, m in zip(IMAGES.shape[1:3], size, strict=True)
    )
    dy = np.arange(expected.size, dtype=np.float32).reshape(expected.shape)
    np.testing.assert_allclose(tape.gradient(y, x), np.einsum("yi,xj,nyxc->nijc", rows, columns, dy), rtol=1e-4)
    again = type(layer).from_config(config)
    np.testing.assert_array_equal(again(IMAGES), layer(IMAGES))


def test_a_model_trains_through_them():
    model = cnncore.Sequential(
        [
            cnncore.Input((8, 8, 3)),
            layers.Conv2D(4, 3, padding="same"),
            layers.UpSampling2D(2, interpolation="bicubic"),
            layers.Conv2D(3, 3, padding="same"),
            layers.Resizing(6, 6, "lanczos5", antialias=True),
        ]
    )
    model.compile("adam", "mse")
    x, y = IMAGES[:, :, :8], ops.image.resize(IMAGES, (6, 6))
    losses = model.fit(x, y, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos3"])
@pytest.mark.parametrize("shape", [(2, 0, 8, 3), (2, 8, 0, 3)])
def test_images_without_pixels_are_refused(interpolation, shape):
    with pytest.raises(ValueError, match="expected images of at least one pixel"):
        ops.image.resize(np.zeros(shape, np.float32), (4, 4), interpolation=interpolation)


def test_the_nearest_pixel_of_a_centre_on_a_border():
    """Of 12 pixels that become 7, pixel 3 has its centre at 3.5 * 12 / 7 = 6, between pixels 5 and 6."""
    row = np.arange(12, dtype=np.float32).reshape(1, 1, 12, 1)
    assert layers.Resizing(1, 7, interpolation="nearest")(row).ravel().tolist() == [0, 2, 4, 6, 7, 9, 11]


def test_the_nearest_pixels_are_those_of_keras():
    pytest.importorskip("torch")
    keras = pytest.importorskip("keras")
    for before in (1, 2, 4, 6, 12, 14, 28, 224):  # float32 rounds the centres of some of them
        row = np.arange(before, dtype=np.float32).reshape(1, 1, before, 1)
        for after in (1, 7, 9, 21, 37, 41, 55, 100):
            expected = keras.ops.convert_to_numpy(keras.ops.image.resize(row, (1, after), interpolation="nearest"))
            assert np.array_equal(layers.Resizing(1, after, interpolation="nearest")(row), expected), (before, after)
