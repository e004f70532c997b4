"""The networks that ``bench/compare.py`` runs, described once for all libraries, and their initial weights.

Those of MLPerf Tiny follow https://github.com/mlcommons/tiny (benchmark/training), without its weight decay.
"""

from __future__ import annotations

import numpy as np
from layers import (
    Activate,
    Add,
    BatchNorm,
    Conv,
    Dense,
    DepthwiseConv,
    Dropout,
    GlobalAveragePool,
    Layer,
    Model,
    Pool,
    Weights,
)
from numpy_network import set_moving_statistics


def _mnist_cnn() -> Model:
    """The README's model."""
    model = Model((28, 28, 1))
    for filters in (32, 64):
        model.add(Conv(filters, activation="relu"), Pool("max"))
    model.add(Dense(128, "relu"), Dense(10, "softmax"))
    return model


def _lenet5() -> Model:
    model = Model((28, 28, 1))
    model.add(Conv(6, (5, 5), "same", "tanh"), Pool("average"), Conv(16, (5, 5), "valid", "tanh"), Pool("average"))
    model.add(Dense(120, "tanh"), Dense(84, "tanh"), Dense(10, "softmax"))
    return model


def _cifar10_cnn() -> Model:
    model = Model((32, 32, 3))
    for filters in (32, 64, 128):
        model.add(*[Conv(filters, padding="same", activation="relu")] * 2, Pool("max"))
    model.add(Dense(128, "relu"), Dense(10, "softmax"))
    return model


def _cifar10_cnn_bn() -> Model:
    """``_cifar10_cnn`` with a batch normalization before each activation."""
    model = Model((32, 32, 3))
    for filters in (32, 64, 128):
        model.add(*[Conv(filters, padding="same"), BatchNorm(), Activate()] * 2, Pool("max"))
    model.add(Dense(128), BatchNorm(), Activate(), Dense(10, "softmax"))
    return model


def _add_residual_stack(model: Model, filters: int, stride: int, use_bias: bool) -> None:
    """Add two convolutions, and to their output the input, after a 1x1 convolution if its shape differs."""
    conv = Conv(filters, padding="same", use_bias=use_bias)
    x = model.last
    body = model.add(conv._replace(stride=stride), BatchNorm(), Activate(), conv, BatchNorm())
    if stride > 1:
        x = model.add(Conv(filters, (1, 1), "same", stride=stride, use_bias=use_bias), to=x)
    model.add(Add(), Activate(), to=(x, body))


def _resnet8() -> Model:
    """MLPerf Tiny's image classification: 78,666 parameters."""
    model = Model((32, 32, 3))
    model.add(Conv(16, padding="same"), BatchNorm(), Activate())
    for filters, stride in ((16, 1), (32, 2), (64, 2)):
        _add_residual_stack(model, filters, stride, use_bias=True)
    model.add(Pool("average", (8, 8)), Dense(10, "softmax"))
    return model


def _resnet20() -> Model:
    """He et al., 2016, "Deep Residual Learning for Image Recognition", section 4.2, with projections."""
    model = Model((32, 32, 3))
    model.add(Conv(16, padding="same", use_bias=False), BatchNorm(), Activate())
    for filters, stride in ((16, 1), (32, 2), (64, 2)):
        for block in range(3):
            _add_residual_stack(model, filters, stride if block == 0 else 1, use_bias=False)
    model.add(GlobalAveragePool(), Dense(10, "softmax"))
    return model


def _separable(filters: int, stride: int = 1) -> list[Layer]:
    """A depthwise and a pointwise convolution."""
    pointwise = [Conv(filters, (1, 1), "same"), BatchNorm(), Activate()]
    return [DepthwiseConv(stride=stride), BatchNorm(), Activate(), *pointwise]


def _ds_cnn() -> Model:
    """MLPerf Tiny's keyword spotting: 24,908 parameters."""
    model = Model((49, 10, 1))
    model.add(Conv(64, (10, 4), "same", stride=2), BatchNorm(), Activate(), Dropout(0.2))
    model.add(*_separable(64) * 4, Dropout(0.4))
    model.add(Pool("average", (24, 5)), Dense(12, "softmax"))
    return model


def _mobilenet() -> Model:
    """MLPerf Tiny's person detection, MobileNetV1 of width 0.25: 221,794 parameters."""
    model = Model((96, 96, 3))
    model.add(Conv(8, padding="same", stride=2), BatchNorm(), Activate())
    model.add(*_separable(16), *_separable(32, 2), *_separable(32), *_separable(64, 2), *_separable(64))
    model.add(*_separable(128, 2), *_separable(128) * 5, *_separable(256, 2), *_separable(256))
    model.add(Pool("average", (3, 3)), Dense(2, "softmax"))
    return model


def _autoencoder() -> Model:
    """MLPerf Tiny's anomaly detection: 269,992 parameters."""
    model = Model((640,), loss="mse")
    for units in (*[128] * 4, 8, *[128] * 4):
        model.add(Dense(units), BatchNorm(), Activate())
    model.add(Dense(640))
    return model


MODELS = {
    "mnist_cnn": _mnist_cnn(),
    "lenet5": _lenet5(),
    "cifar10_cnn": _cifar10_cnn(),
    "cifar10_cnn_bn": _cifar10_cnn_bn(),
    "resnet8": _resnet8(),
    "resnet20": _resnet20(),
    "ds_cnn": _ds_cnn(),
    "mobilenet": _mobilenet(),
    "autoencoder": _autoencoder(),
}


def initial_weights(model: Model) -> Weights:
    """Glorot-uniform kernels and zero biases from a fixed seed, and batch normalizations as if they had been trained.

    With these, outputs depend on the inputs, and a library that confuses scales and statistics gives wrong outputs.
    """
    rng = np.random.default_rng(0)
    weights = []
    for layer, shapes in zip((node.layer for node in model.nodes), model.weight_shapes(), strict=True):
        if isinstance(layer, BatchNorm):
            ranges = [(0.8, 1.2), (-0.1, 0.1), (0, 0), (1, 1)]  # of gamma, beta, moving mean, moving variance
            weights.append([rng.uniform(*r, s).astype(np.float32) for r, s in zip(ranges, shapes, strict=True)])
            continue
        own = []
        for shape in shapes:
            field = int(np.prod(shape[:-2]))
            limit = np.sqrt(6.0 / (field * (shape[-2] + shape[-1]))) if len(shape) > 1 else 0.0
            own.append(rng.uniform(-limit, limit, shape).astype(np.float32))
        weights.append(own)
    set_moving_statistics(model, weights, rng.uniform(0, 1, (8, *model.input_shape)))
    return weights


def to_channels_first(model: Model, weights: Weights) -> Weights:
    """Weights for libraries with channels first: kernels OIHW and (out, in), with images flattened as c, y, x."""
    result = []
    for (layer, x), own in zip(model.with_inputs(), weights, strict=True):
        rearranged = list(own)
        if isinstance(layer, Conv):
            rearranged[0] = own[0].transpose(3, 2, 0, 1)
        elif isinstance(layer, DepthwiseConv):
            rearranged[0] = own[0].transpose(2, 3, 0, 1)
        elif isinstance(layer, Dense) and len(x) == 3:
            rearranged[0] = own[0].reshape(*x, layer.units).transpose(3, 2, 0, 1).reshape(layer.units, -1)
        elif isinstance(layer, Dense):
            rearranged[0] = own[0].T
        result.append([np.ascontiguousarray(array) for array in rearranged])
    return result
