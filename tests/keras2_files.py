"""HDF5 files as TensorFlow's Keras 2 writes them, made by hand, and what their model computes."""

import json

import numpy as np
import pytest

h5py = pytest.importorskip("h5py")

RNG = np.random.default_rng(0)
GLOROT = {"class_name": "GlorotUniform", "config": {"seed": None, "dtype": "float32"}}
ZEROS, ONES = {"class_name": "Zeros", "config": {}}, {"class_name": "Ones", "config": {}}
X = RNG.normal(size=(4, 8, 8, 2)).astype(np.float32)


def weighted(name, **config):
    return {
        "name": name,
        "trainable": True,
        "dtype": "float32",
        "use_bias": True,
        "kernel_initializer": GLOROT,
        "bias_initializer": ZEROS,
        "kernel_regularizer": {"class_name": "L2", "config": {"l2": 0.0}},
        "bias_regularizer": None,
        "activity_regularizer": None,
        "kernel_constraint": None,
        "bias_constraint": None,
        "activation": "linear",
        **config,
    }


def conv(name, filters, **config):
    window = {"kernel_size": [3, 3], "strides": [1, 1], "padding": "valid", "data_format": "channels_last"}
    return weighted(name, filters=filters, **window, dilation_rate=[1, 1], groups=1, **config)


def batch_normalization(name):
    return {
        "name": name,
        "trainable": True,
        "dtype": "float32",
        "axis": [3],
        "momentum": 0.99,
        "epsilon": 0.001,
        "center": True,
        "scale": True,
        "beta_initializer": ZEROS,
        "gamma_initializer": ONES,
        "moving_mean_initializer": ZEROS,
        "moving_variance_initializer": ONES,
        "beta_regularizer": None,
        "gamma_regularizer": None,
        "beta_constraint": None,
        "gamma_constraint": None,
    }


def plain(name, **config):
    return {"name": name, "trainable": True, "dtype": "float32", **config}


def arrays(*shapes):
    return [RNG.uniform(0.1, 0.4, shape).astype(np.float32) for shape in shapes]


WEIGHTS = {
    "conv2d": {
        "conv2d/kernel:0": arrays((3, 3, 2, 4))[0],
        "conv2d/bias:0": arrays((4,))[0],
    },
    "batch_normalization": {
        f"batch_normalization/{part}:0": arrays((4,))[0] for part in ("gamma", "beta", "moving_mean", "moving_variance")
    },
    "flatten": {},
    "dense": {"dense/kernel:0": arrays((144, 3))[0], "dense/bias:0": arrays((3,))[0]},
}


def entry(kind, config, **more):
    return {"class_name": kind, "config": config, **more}


def chain(first=None):
    """The layers of a Sequential model in the spelling of TensorFlow 2."""
    start = {"batch_input_shape": [None, 8, 8, 2], "dtype": "float32", "sparse": False, "ragged": False}
    head = [entry("InputLayer", {**start, "name": "conv2d_input"})] if first is None else []
    return [
        *head,
        entry("Conv2D", {**conv("conv2d", 4), **(first or {"batch_input_shape": [None, 8, 8, 2]})}),
        entry("BatchNormalization", batch_normalization("batch_normalization")),
        entry("LeakyReLU", plain("leaky_re_lu", alpha=0.25)),
        entry("Flatten", plain("flatten", data_format="channels_last")),
        entry("Dropout", plain("dropout", rate=0.5, noise_shape=None, seed=None)),
        entry("Dense", weighted("dense", units=3, activation="softmax")),
    ]


def write(path, config, training=None, state=None, weights=WEIGHTS, version="2.9.0"):
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = version, "tensorflow"
        file.attrs["model_config"] = json.dumps(config)
        if training is not None:
            file.attrs["training_config"] = json.dumps(training)
        fill(file.create_group("model_weights"), weights)
        if state is not None:
            group = file.create_group("optimizer_weights")
            group.attrs["weight_names"] = [name.encode() for name in state]
            for name, array in state.items():
                group.create_dataset(name, data=array)
    return path


def fill(group, weights):
    group.attrs["layer_names"] = [name.encode() for name in weights]
    group.attrs["backend"], group.attrs["keras_version"] = b"tensorflow", b"2.9.0"
    for layer, arrays_of in weights.items():
        inner = group.create_group(layer)
        inner.attrs["weight_names"] = [name.encode() for name in arrays_of]
        for name, array in arrays_of.items():
            inner.create_dataset(name, data=array)


def expected(x=X):
    """What the chain computes, in NumPy."""
    kernel, bias = WEIGHTS["conv2d"].values()
    gamma, beta, mean, variance = WEIGHTS["batch_normalization"].values()
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
    y = np.einsum("nyxchw,hwco->nyxo", windows.astype(np.float64), kernel) + bias
    y = (y - mean) / np.sqrt(variance + 0.001) * gamma + beta
    y = np.where(y > 0, y, 0.25 * y).reshape(len(x), -1)
    kernel, bias = WEIGHTS["dense"].values()
    y = np.exp(y @ kernel + bias - (y @ kernel + bias).max(1, keepdims=True))
    return y / y.sum(1, keepdims=True)
