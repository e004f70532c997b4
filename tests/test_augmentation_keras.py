"""Augmentation beside Keras: geometry, values, sizes, colours, and arguments."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from cnncore.layers import augmentation as layers


def images(samples=6, height=8, width=10, channels=3, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (samples, height, width, channels)).astype(dtype)


@pytest.fixture(scope="module")
def keras_layers():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras = pytest.importorskip("keras")
        if keras.backend.backend() == "tensorflow":
            pytest.skip("compared with the PyTorch and JAX backends")
    return keras.layers


FIXED = [
    ("RandomTranslation", {"height_factor": (0.13, 0.13), "width_factor": (-0.22, -0.22)}),
    ("RandomTranslation", {"height_factor": (1.0, 1.0), "width_factor": (-0.5, -0.5)}),
    ("RandomRotation", {"factor": (0.07, 0.07)}),
    ("RandomRotation", {"factor": (-0.25, -0.25)}),
    ("RandomZoom", {"height_factor": (0.3, 0.3)}),
    ("RandomZoom", {"height_factor": (-0.3, -0.3), "width_factor": (0.5, 0.5)}),
]


@pytest.mark.parametrize(("name", "arguments"), FIXED)
@pytest.mark.parametrize("fill_mode", ["reflect", "wrap", "constant", "nearest"])
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_geometry_is_keras(keras_layers, name, arguments, fill_mode, interpolation):
    x = images(dtype=np.float32)
    options = {**arguments, "fill_mode": fill_mode, "interpolation": interpolation, "fill_value": 9.0}
    expected = np.asarray(getattr(keras_layers, name)(**options)(x, training=True).cpu())
    y = getattr(layers, name)(**options)(x)
    if interpolation == "nearest":  # where a coordinate is a half, rounding decides
        assert (y == expected).mean() > 0.95
    else:
        np.testing.assert_allclose(y, expected, atol=2e-3)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("RandomBrightness", {"factor": (0.3, 0.3)}),
        ("RandomBrightness", {"factor": (-0.4, -0.4), "value_range": (0, 200)}),
        ("Resizing", {"height": 13, "width": 5}),
        ("Resizing", {"height": 16, "width": 20, "interpolation": "nearest"}),
        ("Resizing", {"height": 6, "width": 6, "crop_to_aspect_ratio": True}),
        ("Resizing", {"height": 6, "width": 6, "pad_to_aspect_ratio": True, "fill_value": 3.0}),
        ("Resizing", {"height": 7, "width": 10, "pad_to_aspect_ratio": True, "fill_value": 3.0}),
        ("CenterCrop", {"height": 5, "width": 4}),
        ("CenterCrop", {"height": 12, "width": 4}),
    ],
)
def test_values_and_sizes_are_keras(keras_layers, name, arguments):
    x = images(dtype=np.float32)
    expected = np.asarray(getattr(keras_layers, name)(**arguments)(x.copy(), training=True).cpu())
    y = getattr(layers, name)(**arguments)(x, training=True)
    np.testing.assert_allclose(y, expected, atol=2e-3)


@pytest.mark.filterwarnings("ignore:.*Tensor.T is deprecated:UserWarning")
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("RandomHue", {"factor": (1.0, 1.0), "value_range": (0, 1)}),
        ("RandomHue", {"factor": (0.0, 0.0), "value_range": (0, 1)}),
        ("RandomSaturation", {"factor": (0.3, 0.3), "value_range": (0, 1)}),
        ("RandomSaturation", {"factor": (0.0, 0.0), "value_range": (0, 1)}),
        ("RandomInvert", {"factor": (1.0, 1.0), "value_range": (0, 1)}),
        ("RandomPosterization", {"factor": (3, 3), "value_range": (0, 255)}),
        ("Solarization", {"addition_factor": 0.0, "threshold_factor": (0.0, 0.0), "value_range": (0, 255)}),
        ("RandomGrayscale", {"factor": 1.0}),
        ("RandomSharpness", {"factor": (0.9, 0.9)}),
        ("RandomSharpness", {"factor": (0.0, 0.0), "value_range": (0, 1)}),
        ("RandomColorDegeneration", {"factor": (0.7, 0.7)}),
        ("RandomGaussianBlur", {"factor": (1.0, 1.0), "kernel_size": 3, "sigma": (0.8, 0.8)}),
        ("RandomGaussianBlur", {"factor": (1.0, 1.0), "kernel_size": (5, 5), "sigma": (0.5, 0.5)}),
        ("AutoContrast", {}),
        ("AutoContrast", {"value_range": (0, 1)}),
        ("Equalization", {}),
        ("Equalization", {"bins": 16}),
        ("Equalization", {"value_range": (0, 1)}),
    ],
)
def test_colours_are_keras(keras_layers, name, arguments):
    x = images(samples=3, dtype=np.float32)
    x = x / 255 if arguments.get("value_range") == (0, 1) else x
    expected = np.asarray(getattr(keras_layers, name)(**arguments)(x.copy(), training=True).cpu())
    np.testing.assert_allclose(getattr(layers, name)(**arguments)(x), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
@pytest.mark.parametrize("fill_mode", ["reflect", "constant", "nearest", "wrap"])
def test_shear_is_keras(keras_layers, interpolation, fill_mode):
    x = images(samples=2, dtype=np.float32)
    theirs = keras_layers.RandomShear(0.3, 0.2, interpolation, fill_mode, fill_value=7.0)
    layer = layers.RandomShear(0.3, 0.2, interpolation, fill_mode, fill_value=7.0)
    u = np.float32([[0.2, 0.9, 0.4], [0.7, 0.1, 0.3]])
    factors = np.float32([[0.24, -0.04], [0.24, 0.08]])
    change = {"shear_factor": factors, "input_shape": x.shape}
    expected = np.asarray(theirs.transform_images(theirs.backend.convert_to_tensor(x), change).cpu())
    np.testing.assert_allclose(layer.transform(x, u, (0, 0)), expected, atol=2e-2)


def test_contrast_is_keras_formula(keras_layers):
    import keras.ops as keras_ops

    x = images(dtype=np.float32)
    mean = x.mean(axis=(1, 2), keepdims=True)
    expected = np.clip((x - mean) * 0.4 + mean, 0, 255)
    np.testing.assert_allclose(layers.RandomContrast((0.6, 0.6)).transform(
        x, np.zeros((6, 1), np.float32), (0, 0)), expected, atol=1e-3)  # fmt: skip
    theirs = np.asarray(
        keras_layers.RandomContrast((0.6, 0.6))._adjust_contrast(keras_ops.convert_to_tensor(x), 0.4).cpu()
    )
    np.testing.assert_allclose(np.clip(theirs, 0, 255), expected, atol=1e-3)


@pytest.mark.parametrize("name", ["CenterCrop", "CutMix", "MixUp", "RandomBrightness", "RandomContrast", "RandomCrop",
                                  "RandomErasing", "RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom",
                                  "Resizing"])  # fmt: skip
def test_arguments_and_defaults_are_keras(keras_layers, name):
    import inspect

    theirs = inspect.signature(getattr(keras_layers, name).__init__).parameters
    ours = inspect.signature(getattr(layers, name).__init__).parameters
    names = [key for key in theirs if key not in ("self", "kwargs", "data_format", "name")]
    assert [key for key in ours if key not in ("self", "kwargs")] == names
    for key in names:
        assert ours[key].default == theirs[key].default, key
