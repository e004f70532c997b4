"""Whole networks in reduced precision, on each ISA: on small integers every figure of a training step is exact.

Rounding an integer to 8 or 16 bits gives an integer, so sums have no rounding error: what a network computes has to
agree bit by bit with the float64 network whose operands are rounded. That covers fusion, pools, strides and padding.
"""

import copy

import numpy as np
import pytest

import checking
from precision import REDUCED
from reference_network import AvgPool2d, Chain, Conv2d, Dense, Flatten, MaxPool2d
from reference_network import Product as ReferenceProduct

pytestmark = pytest.mark.names_precision

SAME = ((1, 1), (1, 1))


@pytest.fixture(scope="module", params=checking.KNOWN_ISAS, autouse=True)
def isa(request):
    with checking.forced_isa(request.param):
        yield request.param


def relu_conv(filters, *window, **params):
    return Conv2d(filters, *window, activation="relu", **params)


# name: input shape, layers before the last Dense. Units for bfloat16 take channels in multiples of 32.
NETWORKS = {
    "conv, relu, pool": ((8, 8, 32), [relu_conv(32), MaxPool2d()]),
    "conv, relu, pool, direct": ((9, 11, 32), [relu_conv(64, (5, 4)), MaxPool2d()]),
    "odd size": ((9, 7, 32), [relu_conv(32), MaxPool2d()]),
    "two blocks": ((12, 13, 16), [relu_conv(32), MaxPool2d(), relu_conv(32), MaxPool2d()]),
    "same padding": ((7, 7, 32), [relu_conv(32, padding=SAME), MaxPool2d(), relu_conv(32, padding=SAME)]),
    "asymmetric padding": ((7, 6, 32), [relu_conv(32, (2, 3), padding=((2, 0), (0, 1))), relu_conv(32, (2, 2))]),
    "strides": ((11, 10, 32), [relu_conv(32, (3, 3), (2, 2)), relu_conv(64, (2, 2), (1, 3))]),
    "strides and pool": ((13, 12, 32), [relu_conv(32, (3, 3), (2, 1)), MaxPool2d()]),
    "dilation": ((10, 11, 32), [relu_conv(32, dilation_rate=(2, 3)), MaxPool2d()]),
    "1x1": ((5, 6, 64), [relu_conv(32, (1, 1)), relu_conv(96, (1, 1), (2, 2))]),
    "no activation": ((6, 6, 32), [Conv2d(32, (2, 2)), MaxPool2d()]),
    "no bias": ((6, 6, 32), [relu_conv(32, (2, 2), use_bias=False), MaxPool2d()]),
    "average pool": ((6, 6, 32), [relu_conv(32, (2, 3)), AvgPool2d(), relu_conv(32, (2, 2))]),
    "overlapping pool": ((9, 9, 32), [relu_conv(32), MaxPool2d((3, 3), (2, 2))]),
    "other channels": ((7, 8, 17), [relu_conv(33), MaxPool2d(), relu_conv(20, (2, 2))]),
    "small layers between": ((8, 8, 32), [relu_conv(8, (2, 2)), relu_conv(32, (1, 1), groups=2), MaxPool2d()]),
    "dense": ((3, 4, 5), [Flatten(), Dense(64, activation="relu"), Dense(40, activation="relu")]),
    "only dense": ((1000,), [Dense(32), Dense(96)]),
}


def make_chain(name, precision):
    input_shape, layers = NETWORKS[name]
    flat = [] if len(input_shape) == 1 or any(isinstance(layer, Flatten) for layer in layers) else [Flatten()]
    layers = [*map(copy.copy, layers), *flat, Dense(16)]
    for layer in layers:
        if isinstance(layer, ReferenceProduct):
            layer.precision = precision
    return Chain(input_shape, layers)


def check(chain, rng, n, largest_x=1, largest_error=1):
    """One step on integers: images up to ``largest_x``, predictions off by ``largest_error`` at most.

    Returns whether all sums are exact in float32, so that the step could be compared. ``n`` is a power of two, and so
    everything is a multiple of one unit; where Winograd may serve, its tiles hold quarters of 16 times a sum.
    """
    x = rng.integers(0, largest_x + 1, (n, *chain.network.input_shape)).astype(np.float32)
    y_pred = chain.forward(x)
    error = rng.integers(-largest_error, largest_error + 1, y_pred.shape)
    y = (y_pred - error).astype(np.float32)
    gradients = chain.backward(2 * error / y.size)
    pools = sum(isinstance(layer, AvgPool2d) for layer in chain.layers)
    plain = ((1, 1), (1, 1), (3, 3))
    winograd = any(
        isinstance(layer, Conv2d) and (layer.strides, layer.dilation_rate, layer.kernel_size) == plain
        for layer in chain.layers
    )
    unit = 2 / y.size / 16**pools
    if max(layer.peak for layer in chain.layers) >= (2**18 if winograd else 2**24) * unit:
        return False
    outputs = np.empty((n, 16), np.float32)
    chain.network.train_step(x, y, None, "mean_squared_error", False, None, None, outputs)
    np.testing.assert_array_equal(outputs, y_pred)
    np.testing.assert_array_equal(chain.network.forward(x), y_pred)
    for name, expected in gradients.items():
        layer, weight = name.removeprefix("layer_").split("/")
        actual = chain.view(chain.network.gradients, name)
        if not np.array_equal(actual, expected):
            alternatives = chain.layers[int(layer)].alternatives
            np.testing.assert_array_equal(actual, alternatives.get(weight, expected), err_msg=name)
    return True


@pytest.mark.parametrize("precision", REDUCED)
@pytest.mark.parametrize("name", NETWORKS)
def test_exact_steps(name, precision):
    chain = make_chain(name, precision)
    rng = np.random.default_rng(0)
    chain.initialize(rng, exact=True)
    for n in (4, 1, 32):
        assert check(chain, rng, n)


@pytest.mark.parametrize("precision", REDUCED)
@pytest.mark.parametrize("name", ["conv, relu, pool, direct", "asymmetric padding", "strides", "1x1", "only dense"])
def test_exact_steps_that_round(name, precision):
    """First images and then gradients have more than 8 bits; in deeper layers they have more than 16."""
    chain, exact = make_chain(name, precision), make_chain(name, "float32")
    rng = np.random.default_rng(0)
    chain.initialize(rng, exact=True)
    exact.network.parameters[...] = chain.network.parameters
    for n in (1, 4):
        for sizes in ({"largest_x": 999}, {"largest_error": 999}, {"largest_x": 20, "largest_error": 49}):
            assert check(chain, rng, n, **sizes)
    x = rng.integers(0, 100_000, (2, *chain.network.input_shape)).astype(np.float32)
    assert not np.array_equal(exact.network.forward(x), chain.network.forward(x)), "the network should have rounded"
