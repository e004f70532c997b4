"""Whole networks, compiled and in float64: loss, predictions and every gradient, on each ISA.

Networks of convolutions, ReLU and pools on small integers are compared bit by bit: their arithmetic is exact in
float32, so fusion, needed regions, ties in a pool and the order of any sum have to agree with the definition. Images
that 4x4 squares fill are not among them, because Winograd's algorithm with such squares rounds integers, too.
"""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import checking
import reference as ref
import strategies
from cnncore import _core
from reference_network import Activation, AvgPool2d, Chain, Conv2d, Dense, Flatten, MaxPool2d, Rescaling

SAME = ((1, 1), (1, 1))


@pytest.fixture(scope="module", params=checking.FLOAT32_ISAS, autouse=True)
def isa(request):
    with checking.forced_isa(request.param):
        yield request.param


def relu_conv(filters, **params):
    return Conv2d(filters, activation="relu", **params)


# name: input shape, layers before Flatten and Dense(4)
PIECEWISE_LINEAR = {
    "fused conv, relu, pool": ((8, 8, 1), [relu_conv(4), MaxPool2d()]),
    "odd size drops a row and a column": ((9, 7, 2), [relu_conv(5), MaxPool2d()]),
    "odd width only": ((8, 9, 2), [relu_conv(3), MaxPool2d()]),
    "needed regions reach the first layer": ((15, 14, 1), [relu_conv(8), MaxPool2d(), relu_conv(6), MaxPool2d()]),
    "three fused blocks": (
        (22, 23, 1),
        [relu_conv(3), MaxPool2d(), relu_conv(4), MaxPool2d(), relu_conv(5), MaxPool2d()],
    ),
    "conv without pool": ((6, 5, 3), [relu_conv(7)]),
    "two convs, then a pool": ((9, 9, 2), [relu_conv(4), relu_conv(5), MaxPool2d()]),
    "pool over the sign": ((9, 8, 2), [Conv2d(5), MaxPool2d()]),
    "pool, then relu": ((8, 8, 2), [Conv2d(5), MaxPool2d(), Activation("relu")]),
    "separate relu": ((8, 8, 2), [Conv2d(5), Activation("relu"), MaxPool2d()]),
    "same padding": ((7, 7, 2), [relu_conv(4, padding=SAME), MaxPool2d(), relu_conv(3, padding=SAME)]),
    "asymmetric padding": ((7, 6, 2), [relu_conv(4, padding=((2, 0), (0, 1))), MaxPool2d()]),
    "strides": ((11, 10, 2), [relu_conv(4, strides=(2, 2)), relu_conv(3, kernel_size=(2, 2), strides=(1, 3))]),
    "strides and pool": ((13, 12, 3), [relu_conv(4, strides=(2, 1)), MaxPool2d()]),
    "dilation": ((10, 11, 2), [relu_conv(4, dilation_rate=(2, 3)), MaxPool2d()]),
    "groups": ((7, 7, 4), [relu_conv(6, groups=2), MaxPool2d()]),
    "depthwise, then 1x1": ((7, 7, 3), [relu_conv(6, groups=3), relu_conv(5, kernel_size=(1, 1)), MaxPool2d()]),
    "depthwise, then a pool": ((7, 6, 17), [relu_conv(17, groups=17), MaxPool2d()]),
    "one channel, one filter": ((6, 6, 1), [relu_conv(1), MaxPool2d(), relu_conv(1, kernel_size=(1, 1))]),
    "groups of one filter": ((6, 6, 4), [relu_conv(8, groups=4), MaxPool2d()]),
    "kernel is the input": ((5, 4, 2), [relu_conv(9, kernel_size=(5, 4))]),
    "5x5": ((12, 12, 1), [relu_conv(6, kernel_size=(5, 5)), MaxPool2d()]),
    "many channels": ((6, 6, 3), [relu_conv(33), MaxPool2d(), relu_conv(17, kernel_size=(2, 2))]),
    "64 channels": ((6, 6, 8), [relu_conv(64), MaxPool2d()]),
    "first layer of 16 filters": ((10, 9, 1), [relu_conv(16), MaxPool2d()]),
    "first layer of 33 filters": ((8, 10, 1), [relu_conv(33), MaxPool2d()]),
    "first layer of colour images": ((9, 8, 3), [relu_conv(32), MaxPool2d()]),
    "32 channels into 64": ((6, 7, 1), [relu_conv(32), relu_conv(64), MaxPool2d()]),
    "same padding, many channels": ((6, 6, 16), [relu_conv(20, padding=SAME), MaxPool2d()]),
    "whole vectors of channels": ((6, 7, 16), [relu_conv(32, padding=SAME), MaxPool2d(), relu_conv(32)]),
    "whole vectors, twice": ((8, 8, 8), [relu_conv(16), relu_conv(32, padding=SAME), MaxPool2d()]),
    "no bias": ((7, 7, 2), [relu_conv(4, use_bias=False), MaxPool2d()]),
    "pool first": ((9, 8, 3), [MaxPool2d(), relu_conv(4)]),
    "pools in a row": ((13, 13, 2), [relu_conv(4), MaxPool2d(), MaxPool2d()]),
    "overlapping pool": ((9, 9, 2), [relu_conv(4), MaxPool2d((3, 3), (2, 2))]),
    "pool of stride 1": ((6, 6, 2), [relu_conv(4), MaxPool2d((2, 2), (1, 1))]),
    "padded pool": ((7, 7, 2), [relu_conv(4), MaxPool2d((3, 3), (2, 2), ((1, 1), (1, 0)))]),
    "pool with gaps": ((11, 11, 2), [relu_conv(4), MaxPool2d((2, 2), (3, 3))]),
    "3x3 pool": ((12, 11, 2), [relu_conv(4), MaxPool2d((3, 3), (3, 3))]),
    "2x1 pool": ((9, 9, 2), [relu_conv(4), MaxPool2d((2, 1), (2, 1))]),
    "average pool": ((9, 8, 2), [relu_conv(4), AvgPool2d(), relu_conv(3, kernel_size=(2, 2))]),
    "average over the sign": ((8, 8, 2), [Conv2d(4), AvgPool2d()]),
    "flatten only": ((3, 2, 2), []),
}


def labels_or_targets(rng, loss, n, units):
    if loss == "sparse_categorical_crossentropy":
        return rng.integers(0, units, n)
    if loss == "categorical_crossentropy":
        return ref.one_hot(rng.integers(0, units, n), units).astype(np.float32)
    return rng.integers(-3, 4, (n, units)).astype(np.float32)


def step(chain, x, y, loss="mean_squared_error", from_logits=False, indices=None, optimizer=None, weights=None):
    """One train_step: (loss, predictions)."""
    outputs = np.full((len(x if indices is None else indices), *chain.network.output_shape), np.nan, np.float32)
    value = chain.network.train_step(x, y, indices, loss, from_logits, optimizer, weights, outputs)
    return value, outputs


def gap_mask(chain):
    """An array that is true at the places of the flat vectors that belong to no slot."""
    mask = np.ones(chain.network.parameters.size, bool)
    for slot in chain.slots.values():
        mask[slot.offset : slot.offset + int(np.prod(slot.shape))] = False
    return mask


def check_exact(chain, rng, n):
    """Every figure of a step equals the reference bit by bit; n and the units are powers of two.

    Returns whether the comparison could be made: whether all sums stay below 2**24 units. Winograd's tiles hold
    sums of up to 16 pixels in quarters of a unit, so where it may serve they must stay below 2**18.
    """
    x = rng.integers(0, 2, (n, *chain.network.input_shape)).astype(np.float32)
    units = chain.network.output_shape[0]
    y = rng.integers(-3, 4, (n, units)).astype(np.float32)
    y_pred = chain.forward(x)
    loss, dy = ref.mean_squared_error(y_pred, y)
    gradients = chain.backward(dy)
    pools = sum(isinstance(layer, AvgPool2d) for layer in chain.layers)
    unit = min(2 / y.size, 1.0) / 16**pools  # everything is a multiple of it
    winograd = any(isinstance(layer, Conv2d) and layer.kernel_size == (3, 3) for layer in chain.layers)
    if max(layer.peak for layer in chain.layers) >= (2**18 if winograd else 2**24) * unit:
        return False

    value, outputs = step(chain, x, y)
    np.testing.assert_array_equal(outputs, y_pred)
    assert value == pytest.approx(loss, rel=1e-6)
    for name, expected in gradients.items():
        actual = chain.view(chain.network.gradients, name)
        np.testing.assert_array_equal(actual, expected, err_msg=name)
    assert not chain.network.gradients[gap_mask(chain)].any()
    np.testing.assert_array_equal(chain.network.forward(x), y_pred)
    return True


@pytest.mark.parametrize("name", PIECEWISE_LINEAR)
def test_exact_gradients(name):
    input_shape, layers = PIECEWISE_LINEAR[name]
    chain = Chain(input_shape, [*layers, Flatten(), Dense(4)])
    rng = np.random.default_rng(0)
    chain.initialize(rng, exact=True)
    for n in (4, 1, 32, 2):
        assert check_exact(chain, rng, n)


def test_exact_gradients_of_large_batches():
    """More samples than one slice, and more than eight pieces, whose partial sums are added up."""
    chain = Chain((6, 5, 1), [relu_conv(4), MaxPool2d(), relu_conv(2, kernel_size=(1, 1)), Flatten(), Dense(2)])
    rng = np.random.default_rng(7)
    chain.initialize(rng, exact=True)
    for n in (64, 128, 512, 1024):
        assert check_exact(chain, rng, n)


def check_close(chain, rng, n, loss="mean_squared_error", from_logits=False, weighted=False, x=None):
    """Each gradient within the rounding of a chain of float32 sums, relative to its largest element.

    A sum of K products of random terms is off by about sqrt(K) u of its own size; 8 of that for each of the
    2 * depth sums between the images and a gradient, K the longest.
    """
    x = rng.standard_normal((n, *chain.network.input_shape)).astype(np.float32) if x is None else x
    y = labels_or_targets(rng, loss, n, chain.network.output_shape[0])
    weights = rng.uniform(0, 2, n).astype(np.float32) if weighted else None
    y_pred = chain.forward(x)
    expected_loss, dy = chain.loss(y_pred, y, loss, from_logits, weights)
    gradients = chain.backward(dy)
    value, outputs = step(chain, x, y, loss, from_logits, weights=weights)
    pixels = n * int(np.prod(chain.network.input_shape[:2]))
    longest = max([pixels, *(int(np.prod(slot.shape[:-1])) for slot in chain.slots.values())])
    relative = 2 * len(chain.layers) * 8 * np.sqrt(longest) * ref.UNIT_ROUNDOFF
    checking.assert_close(outputs, y_pred, relative * abs(y_pred).max(), "outputs")
    assert abs(value - expected_loss) <= relative * max(1.0, abs(expected_loss))
    for name, expected in gradients.items():
        actual = chain.view(chain.network.gradients, name)
        checking.assert_close(actual, expected, relative * abs(expected).max(), name)
    return value


def test_winograd_with_4x4_squares():
    """Images of whole squares, with and without a pool, and such whose last squares reach beyond them."""
    rng = np.random.default_rng(3)
    for size in ((8, 8), (7, 11)):
        convolutions = [relu_conv(16, padding=SAME), relu_conv(32, padding=SAME)]
        chain = Chain((*size, 16), [*convolutions, MaxPool2d(), Conv2d(32, padding=SAME), Flatten(), Dense(4)])
        chain.initialize(rng, exact=False)
        for n in (1, 9, 33):
            check_close(chain, rng, n)


@pytest.mark.names_precision
@pytest.mark.parametrize("name", PIECEWISE_LINEAR)
def test_gradients_of_any_batch(name):
    input_shape, layers = PIECEWISE_LINEAR[name]
    chain = Chain(input_shape, [*layers, Flatten(), Dense(10, activation="softmax")])
    rng = np.random.default_rng(1)
    chain.initialize(rng, exact=False)
    for n in (5, 1, 19, 7):
        check_close(chain, rng, n, "sparse_categorical_crossentropy")


# name: input shape, all layers
SMOOTH = {
    "tanh": ((7, 7, 2), [Conv2d(4, activation="tanh"), AvgPool2d(), Flatten(), Dense(6, activation="tanh")]),
    "sigmoid": ((7, 7, 2), [Conv2d(4, activation="sigmoid"), MaxPool2d(), Flatten(), Dense(5, activation="sigmoid")]),
    "tanh before a max pool": ((8, 7, 1), [Conv2d(6, activation="tanh"), MaxPool2d(), Flatten(), Dense(3)]),
    "separate activations": (
        (6, 6, 1),
        [Conv2d(3), Activation("tanh"), Flatten(), Dense(5), Activation("sigmoid"), Dense(2)],
    ),
    "softmax inside": ((4, 4, 2), [Flatten(), Dense(7, activation="softmax"), Dense(3)]),
    "softmax over channels": ((4, 4, 2), [Conv2d(5), Activation("softmax"), Flatten(), Dense(3)]),
    "average pool at a border": ((7, 7, 2), [AvgPool2d((3, 3), (2, 2), SAME), Conv2d(3), Flatten(), Dense(2)]),
    "rescaling": ((6, 6, 1), [Rescaling(0.25, -0.5), Conv2d(3, activation="tanh"), Flatten(), Dense(2)]),
    "vectors": ((13,), [Dense(17, activation="relu"), Dense(8, activation="tanh"), Dense(1)]),
    "images out": ((6, 6, 2), [Conv2d(3, activation="tanh"), Flatten()]),
    "lenet5": (
        (28, 28, 1),
        [
            Conv2d(6, (5, 5), padding=((2, 2), (2, 2)), activation="tanh"),
            AvgPool2d(),
            Conv2d(16, (5, 5), activation="tanh"),
            AvgPool2d(),
            Flatten(),
            *(Dense(units, activation="tanh") for units in (120, 84)),
            Dense(10),
        ],
    ),
}


@pytest.mark.names_precision
@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_networks(name):
    chain = Chain(*SMOOTH[name])
    rng = np.random.default_rng(2)
    chain.initialize(rng, exact=False)
    for n in (3, 1, 10, *([65, 513, 777] if name == "tanh" else [])):
        check_close(chain, rng, n)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("output", ["logits", "softmax", "separate softmax", "sigmoid"])
@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "categorical_crossentropy", "mean_squared_error"])
def test_losses_and_sample_weights(loss, output, weighted):
    last = {
        "logits": [Dense(5)],
        "softmax": [Dense(5, activation="softmax")],
        "separate softmax": [Dense(5), Activation("softmax")],
        "sigmoid": [Dense(5, activation="sigmoid")],
    }[output]
    from_logits = output == "logits"
    chain = Chain((6, 6, 1), [relu_conv(4), Flatten(), *last])
    rng = np.random.default_rng(3)
    chain.initialize(rng, exact=False)
    for n in (6, 1, 9):
        value = check_close(chain, rng, n, loss, from_logits, weighted)
        assert np.isfinite(value)


@pytest.mark.names_precision
def test_uint8_images_are_rescaled():
    seed_model = [relu_conv(32), MaxPool2d(), relu_conv(64), MaxPool2d(), Flatten(), Dense(128, activation="relu")]
    chain = Chain((28, 28, 1), [Rescaling(1 / 255), *seed_model, Dense(10, activation="softmax")])
    rng = np.random.default_rng(4)
    chain.initialize(rng, exact=False)
    x = rng.integers(0, 256, (6, 28, 28, 1), dtype=np.uint8)
    check_close(chain, rng, 6, "sparse_categorical_crossentropy", x=x)
    as_bytes, as_floats = chain.network.forward(x), chain.network.forward(x.astype(np.float32))
    np.testing.assert_array_equal(as_bytes, as_floats)


def test_uint8_images_without_rescaling_are_their_values():
    chain = Chain((5, 5, 2), [relu_conv(4), Flatten(), Dense(2)])
    rng = np.random.default_rng(5)
    chain.initialize(rng, exact=True)
    x = rng.integers(0, 256, (4, 5, 5, 2), dtype=np.uint8)
    np.testing.assert_array_equal(chain.network.forward(x), chain.forward(x))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_gather_by_indices(dtype):
    """Training on indices equals training on the gathered arrays: images, labels and weights."""
    chain = Chain((7, 7, 1), [Rescaling(0.5), relu_conv(4), MaxPool2d(), Flatten(), Dense(3, activation="softmax")])
    rng = np.random.default_rng(6)
    chain.initialize(rng, exact=False)
    x, y = rng.integers(0, 9, (20, 7, 7, 1)).astype(dtype), rng.integers(0, 3, 20)
    weights = rng.uniform(0, 2, 20).astype(np.float32)
    loss = "sparse_categorical_crossentropy"
    for indices in ([3, 19, 0, 3, 7], [5], list(range(20)), [0] * 33):
        chosen = np.array(indices, np.int64)
        value, outputs = step(chain, x, y, loss, indices=chosen, weights=weights)
        gradients = chain.network.gradients.copy()
        expected, expected_outputs = step(chain, x[chosen], y[chosen], loss, weights=weights[chosen])
        assert value == expected
        np.testing.assert_array_equal(outputs, expected_outputs)
        np.testing.assert_array_equal(gradients, chain.network.gradients)


@st.composite
def windows(draw, size):
    """A convolution or a pool that fits an image of ``size``, and whether it is a convolution."""
    window = tuple(draw(st.integers(1, min(3, n))) for n in size)
    kind = draw(st.sampled_from(["conv", "conv", "conv", "max", "max", "average"]))
    if kind == "average":
        return AvgPool2d((2, 2), (2, 2)) if min(size) >= 2 else AvgPool2d((1, 1), (1, 1))
    if kind == "max":
        window = draw(st.sampled_from([tuple(min(2, n) for n in size), window]))
        return MaxPool2d(window, draw(st.sampled_from([window, window, (1, 1), (2, 2)])))
    strides = draw(st.sampled_from([(1, 1), (1, 1), (2, 1), (2, 2)]))
    padding = tuple(draw(strategies.pairs(0, k - 1)) for k in window)
    activation = draw(st.sampled_from(["relu", "relu", "linear"]))
    fits = all((k - 1) * 2 + 1 <= n for k, n in zip(window, size, strict=True))
    dilation = (2, 2) if fits and draw(st.integers(0, 4)) == 0 else (1, 1)
    return Conv2d(0, window, strides, padding, dilation, activation=activation)


@st.composite
def piecewise_linear_chains(draw):
    """Any chain of small convolutions (dense, grouped, depthwise) and pools."""
    size = (draw(st.integers(1, 12)), draw(st.integers(1, 12)))
    channels = draw(st.sampled_from([1, 2, 3, 4, 8, 17]))
    input_shape, layers = (*size, channels), []
    for _ in range(draw(st.integers(0, 4))):
        layer = draw(windows(size))
        layers.append(layer)
        if isinstance(layer, Conv2d):
            groups = draw(st.sampled_from([1, 1, 1, 2, channels]))
            layer.groups = groups if channels % groups == 0 else 1
            layer.filters = layer.groups * draw(
                st.sampled_from([1, 2, 4, 5, 8, 16, 17, 32]) if layer.groups == 1 else st.integers(1, 3)
            )
            channels, window, dilation = layer.filters, layer.kernel_size, layer.dilation_rate
        else:
            window, dilation = layer.pool_size, (1, 1)
        axes = zip(size, window, layer.strides, layer.padding, dilation, strict=True)
        size = tuple(ref.output_size(n, k, s, p, d) for n, k, s, p, d in axes)
    return input_shape, [*layers, Flatten(), Dense(draw(st.sampled_from([1, 2, 8])))]


def squares_of_4x4_may_serve(input_shape, layers):
    """Whether a convolution may be computed by Winograd's algorithm with 4x4 squares, which rounds integers."""
    channels = input_shape[-1]
    for layer in layers:
        if isinstance(layer, Conv2d):
            pair = channels, layer.filters
            plain = layer.kernel_size == (3, 3) and layer.strides == layer.dilation_rate == (1, 1) and layer.groups == 1
            if plain and max(pair) >= 16 and any(count % 4 == 0 for count in pair):
                return True
            channels = layer.filters
    return False


@settings(max_examples=150)
@given(piecewise_linear_chains(), st.sampled_from([1, 2, 4, 16]), st.integers(0, 2**16))
def test_exact_gradients_of_any_chain(description, n, seed):
    assume(not squares_of_4x4_may_serve(*description))
    chain = Chain(*description)
    rng = np.random.default_rng(seed)
    chain.initialize(rng, exact=True)
    assume(check_exact(chain, rng, n))


def test_output_shapes_follow_the_formula():
    graph = _core.GraphBuilder()
    x = graph.input((28, 27, 3))
    conv = Conv2d(8, (3, 5), (2, 1), ((1, 0), (2, 2)), (1, 2), activation="relu").lower(graph, x, "conv")
    assert graph.output_shape(conv) == (14, 23, 8)
    pool = MaxPool2d((2, 3), (2, 3)).lower(graph, conv, "pool")
    assert graph.output_shape(pool) == (7, 7, 8)
    assert graph.output_shape(Flatten().lower(graph, pool, "flatten")) == (392,)
