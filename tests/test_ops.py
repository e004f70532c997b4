"""Each op, on each ISA, against the float64 reference, within the rounding that float32 sums of that length allow."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import checking
import reference as ref
import strategies
from checking import assert_close, samples
from cnncore import ops
from conv2d_bounds import conv2d_bounds

U = ref.UNIT_ROUNDOFF


@pytest.fixture(scope="module", params=checking.FLOAT32_ISAS, autouse=True)
def isa(request):
    # One thread, since most of these arrays are tiny; test_threads.py shows that the number changes no bit.
    with checking.forced_isa(request.param), checking.num_threads(1):
        yield request.param


def bound(length, magnitude, exact):
    return 0.0 if exact else ref.tolerance(length, magnitude)


def check_conv2d(case: strategies.Conv2dCase) -> None:
    rng = case.rng
    x = samples(rng, *case.x_shape, exact=case.exact)
    kernel = samples(rng, *case.kernel_shape, exact=case.exact)
    bias = samples(rng, case.kernel_shape[3], exact=case.exact)
    y = ref.conv2d(x, kernel, bias, **case.params)
    dy = samples(rng, *y.shape, exact=case.exact)
    bounds = conv2d_bounds(case, x, kernel, bias, dy)
    expected = y, *ref.conv2d_backward(x, kernel, dy, **case.params)
    actual = ops.conv2d(x, kernel, bias, **case.params), *ops.conv2d_backward(x, kernel, dy, **case.params)
    for name, *compared in zip(("y", "dx", "dkernel", "dbias"), actual, expected, bounds, strict=True):
        assert_close(*compared, name)


@settings(max_examples=300)
@given(strategies.conv2d_cases())
def test_conv2d(case):
    check_conv2d(case)


SAME_3X3, SAME_5X5 = ((1, 1), (1, 1)), ((2, 2), (2, 2))

# The layers of small CNNs on MNIST- and CIFAR-sized images: x, kernel, strides, padding, groups.
SMALL_CNN_LAYERS = [
    ((28, 28, 1), (3, 3, 1, 32), (1, 1), ref.NO_PADDING, 1),
    ((13, 13, 32), (3, 3, 32, 64), (1, 1), ref.NO_PADDING, 1),
    ((28, 28, 1), (5, 5, 1, 6), (1, 1), SAME_5X5, 1),
    ((14, 14, 6), (5, 5, 6, 16), (1, 1), ref.NO_PADDING, 1),
    ((32, 32, 3), (3, 3, 3, 32), (1, 1), SAME_3X3, 1),
    ((32, 32, 32), (3, 3, 32, 32), (1, 1), SAME_3X3, 1),
    ((16, 16, 64), (3, 3, 64, 64), (1, 1), SAME_3X3, 1),
    ((8, 8, 128), (3, 3, 128, 128), (1, 1), SAME_3X3, 1),
    ((16, 16, 64), (3, 3, 64, 128), (2, 2), ((0, 1), (0, 1)), 1),
    ((16, 16, 64), (1, 1, 64, 128), (1, 1), ref.NO_PADDING, 1),
    ((16, 16, 64), (3, 3, 1, 64), (1, 1), SAME_3X3, 64),
]


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "normal"])
@pytest.mark.parametrize("layer", SMALL_CNN_LAYERS, ids=lambda layer: "{}*{}/{}".format(*layer[:2], layer[2][0]))
def test_conv2d_of_small_cnns(layer, exact):
    image, kernel, strides, padding, groups = layer
    check_conv2d(strategies.Conv2dCase((3, *image), kernel, strides, padding, (1, 1), groups, exact, seed=0))


def test_conv2d_of_tiny_images():
    """Images and outputs of one or two pixels, where some pixels meet no tap and some windows only padding."""
    for size, width, kernel, stride, pad, channels in itertools.product(
        (1, 2), (1, 2, 5), (1, 2), (1, 2, 3), (0, 1, 2), (1, 2, 9)
    ):
        if size + pad < kernel or width + pad < kernel:
            continue
        x_shape, kernel_shape = (2, size, width, channels), (kernel, kernel, channels, 3)
        for strides in ((1, stride), (stride, 1)):
            padding = ((0, pad), (pad, 0))
            check_conv2d(strategies.Conv2dCase(x_shape, kernel_shape, strides, padding, (1, 1), 1, exact=True, seed=0))


@pytest.mark.parametrize(
    ("shape", "kernel_shape", "params"),
    [
        ((16, 16, 64), (3, 3, 64, 64), {"padding": "same"}),
        ((16, 16, 64), (3, 3, 64, 128), {"strides": 2}),
        ((28, 28, 24), (5, 5, 24, 48), {}),
        ((16, 16, 64), (1, 1, 64, 128), {}),
        ((28, 28, 1), (5, 5, 1, 6), {"padding": "same"}),
        ((16, 16, 64), (3, 3, 1, 64), {"padding": "same", "groups": 64}),
    ],
)
def test_large_conv2d(shape, kernel_shape, params):
    """Large results may be written past the caches. They have the same bits as if they are computed in pieces."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((128, *shape), dtype=np.float32)
    kernel = rng.standard_normal(kernel_shape, dtype=np.float32)
    y = ops.conv2d(x, kernel, **params)
    dy = rng.standard_normal(y.shape, dtype=np.float32)
    for _ in range(2):  # the second time where the first one's results lay
        y, dx = ops.conv2d(x, kernel, **params), ops.conv2d_backward(x, kernel, dy, **params)[0]
        for n in range(0, 128, 16):
            part = slice(n, n + 16)
            np.testing.assert_array_equal(y[part], ops.conv2d(x[part], kernel, **params))
            np.testing.assert_array_equal(dx[part], ops.conv2d_backward(x[part], kernel, dy[part], **params)[0])
        del y, dx


def test_conv2d_without_bias():
    rng = np.random.default_rng(0)
    x, kernel = samples(rng, 2, 5, 5, 3, exact=True), samples(rng, 3, 3, 3, 17, exact=True)
    assert_close(ops.conv2d(x, kernel), ref.conv2d(x, kernel), 0.0)


@pytest.mark.parametrize("size", [5, 6, 7, 9])
@pytest.mark.parametrize(("strides", "kernel_size"), [(1, 3), (2, 3), (3, 2), (2, 5), (1, 4)])
def test_padding_by_name(size, strides, kernel_size):
    """``same`` is Keras' rule, ``valid`` none, an int the same on all four sides; ints stand for pairs."""
    rng = np.random.default_rng(0)
    x = samples(rng, 2, size, size + 3, 4, exact=True)
    kernel = samples(rng, kernel_size, kernel_size, 4, 5, exact=True)
    pairs = tuple(ref.same_padding(n, kernel_size, strides) for n in x.shape[1:3])
    both = (strides, strides)
    for name, padding in {"same": pairs, "valid": ref.NO_PADDING, 1: SAME_3X3}.items():
        y = ops.conv2d(x, kernel, strides=strides, padding=name)
        assert_close(y, ref.conv2d(x, kernel, strides=both, padding=padding), 0.0, f"conv2d {name} ")
        pooling = {"pool_size": (kernel_size, kernel_size), "strides": both, "padding": padding}
        pooled = ops.max_pool2d(x, kernel_size, strides, padding=name)
        assert_close(pooled, ref.max_pool2d(x, **pooling), 0.0, f"max_pool2d {name} ")


@settings(max_examples=200)
@given(strategies.pool2d_cases())
def test_max_pool2d(case):
    x = samples(case.rng, *case.x_shape, exact=case.exact)  # integers: many equal maxima
    y = ops.max_pool2d(x, **case.params)
    assert_close(y, ref.max_pool2d(x, **case.params), 0.0, "y")  # a maximum is exact in any case
    dy = samples(case.rng, *y.shape, exact=case.exact)
    magnitude = ref.max_pool2d_backward(x, abs(dy), **case.params)
    expected = ref.max_pool2d_backward(x, dy, **case.params)
    dx = ops.max_pool2d_backward(x, dy, **case.params)
    assert_close(dx, expected, bound(int(np.prod(case.pool_size)), magnitude, case.exact), "dx")


@settings(max_examples=200)
@given(strategies.pool2d_cases())
def test_avg_pool2d(case):
    x = samples(case.rng, *case.x_shape)
    length = int(np.prod(case.pool_size))
    y = ops.avg_pool2d(x, **case.params)
    magnitude = ref.avg_pool2d(abs(x), **case.params)
    assert_close(y, ref.avg_pool2d(x, **case.params), ref.tolerance(length, magnitude), "y")
    dy = samples(case.rng, *y.shape)
    magnitude = ref.avg_pool2d_backward(x.shape, abs(dy), **case.params)
    expected = ref.avg_pool2d_backward(x.shape, dy, **case.params)
    dx = ops.avg_pool2d_backward(x.shape, dy, **case.params)
    assert_close(dx, expected, ref.tolerance(length, magnitude), "dx")


@settings(max_examples=200)
@given(strategies.LENGTHS, strategies.LENGTHS, strategies.LENGTHS, st.booleans(), st.booleans())
def test_dense(n, features, units, with_bias, exact):
    rng = np.random.default_rng([n, features, units])
    n = min(n, 129)
    x, kernel = samples(rng, n, features, exact=exact), samples(rng, features, units, exact=exact)
    bias = samples(rng, units, exact=exact) if with_bias else None
    magnitude = ref.dense(abs(x), abs(kernel), None if bias is None else abs(bias))
    assert_close(ops.dense(x, kernel, bias), ref.dense(x, kernel, bias), bound(features, magnitude, exact), "y")
    dy = samples(rng, n, units, exact=exact)
    grads, expected_grads = ops.dense_backward(x, kernel, dy), ref.dense_backward(x, kernel, dy)
    magnitudes = ref.dense_backward(abs(x), abs(kernel), abs(dy))
    for name, actual, expected, length, magnitude in zip(
        ("dx", "dkernel", "dbias"), grads, expected_grads, (units, n, n), magnitudes, strict=True
    ):
        assert_close(actual, expected, bound(length, magnitude, exact), name)


# sigmoid and tanh lie in [-1, 1]: an absolute error of a few roundings of 1 (exp, a division, a subtraction).
ACTIVATION_ERROR = 8 * U


@settings(max_examples=100)
@given(strategies.LENGTHS, st.sampled_from(["relu", "sigmoid", "tanh", "linear"]), st.sampled_from([0.01, 1.0, 30.0]))
def test_activations(length, kind, scale):
    rng = np.random.default_rng(length)
    x = checking.guarded(scale * samples(rng, 2, length))
    y = ops.activation(x, kind)
    assert_close(y, ref.activation(x, kind), ACTIVATION_ERROR if kind in ("sigmoid", "tanh") else 0.0, "y")
    dy = samples(rng, *y.shape)
    expected = ref.activation_backward(y, dy, kind)
    assert_close(ops.activation_backward(y, dy, kind), expected, 4 * U * abs(dy), "dx")


@pytest.mark.parametrize("kind", ["relu", "sigmoid", "tanh", "linear"])
def test_activations_of_extreme_values(kind):
    x = np.array([0.0, -0.0, 1e-40, -1e-40, 88.0, -88.0, 89.0, -104.0, 1e30, -1e30, np.inf, -np.inf] * 3, np.float32)
    y = ops.activation(x, kind)
    with np.errstate(over="ignore"):
        expected = ref.activation(x, kind)
    finite = np.isfinite(expected)
    np.testing.assert_allclose(y[finite], expected[finite], rtol=U, atol=ACTIVATION_ERROR)
    np.testing.assert_array_equal(y[~finite], expected[~finite])
    assert np.isnan(ops.activation(np.full(19, np.nan, np.float32), kind)).all()


@settings(max_examples=100)
@given(st.integers(1, 9), strategies.LENGTHS, st.sampled_from([0.1, 3.0, 60.0]))
def test_softmax(n, classes, scale):
    rng = np.random.default_rng([n, classes])
    x = checking.guarded(scale * samples(rng, n, classes))
    y, expected = ops.activation(x, "softmax"), ref.activation(x, "softmax")
    assert_close(y, expected, softmax_bound(x, expected), "y")
    dy = samples(rng, n, classes)
    magnitude = y * (abs(dy) + (y * abs(dy)).sum(axis=1, keepdims=True))
    expected = ref.activation_backward(y, dy, "softmax")
    assert_close(ops.activation_backward(y, dy, "softmax"), expected, ref.tolerance(classes, magnitude), "dx")


def softmax_bound(x, p):
    """Rounding x - max moves each exponential, and so their sum, by u |x - max|; then exp, the sum, the quotient."""
    distance = np.abs(x.astype(np.float64) - x.max(axis=1, keepdims=True))
    moved = distance + (p * distance).sum(axis=1, keepdims=True)
    return p * U * (moved + 8) + ref.tolerance(x.shape[1], p)


@settings(max_examples=100)
@given(st.integers(1, 33), strategies.LENGTHS, st.sampled_from([0.1, 3.0, 60.0]), st.booleans())
def test_softmax_cross_entropy(n, classes, scale, sparse):
    rng = np.random.default_rng([n, classes])
    logits = checking.guarded(scale * samples(rng, n, classes))
    labels = rng.integers(0, classes, n)
    targets = labels if sparse else checking.guarded(ref.one_hot(labels, classes))
    loss, dlogits = ops.softmax_cross_entropy(logits, targets)
    expected_loss, expected = ref.softmax_cross_entropy(logits, targets)
    magnitude = 1 + np.log(classes) + np.abs(logits.max(axis=1) - logits[np.arange(n), labels].astype(float)).mean()
    assert abs(loss - expected_loss) <= ref.tolerance(n + classes, magnitude)
    assert_close(dlogits, expected, (softmax_bound(logits, ref.activation(logits, "softmax")) + 4 * U) / n, "dlogits")


def test_cross_entropy_of_huge_logits_is_finite():
    logits = np.array([[1e4, 0, -1e4], [-1e4, 1e4, 0]], np.float32)
    loss, dlogits = ops.softmax_cross_entropy(logits, np.array([0, 0]))
    assert loss == pytest.approx(1e4)
    np.testing.assert_allclose(dlogits, [[0, 0, 0], [-0.5, 0.5, 0]], atol=U)


@settings(max_examples=30)
@given(st.integers(1, 33), strategies.LENGTHS)
def test_mean_squared_error(n, length):
    rng = np.random.default_rng([n, length])
    pred, true = samples(rng, n, length), samples(rng, n, length)
    loss, dpred = ops.mean_squared_error(pred, true)
    expected_loss, expected = ref.mean_squared_error(pred, true)
    assert abs(loss - expected_loss) <= ref.tolerance(n * length, expected_loss)
    assert_close(dpred, expected, ref.tolerance(2, abs(expected)), "dy_pred")


@settings(max_examples=30)
@given(strategies.LENGTHS, st.sampled_from([0.0, 0.9]), st.booleans())
def test_sgd_update(size, momentum, nesterov):
    rng = np.random.default_rng(size)
    params, grads, velocity = (samples(rng, size) for _ in range(3))
    before = params.astype(np.float64), velocity.astype(np.float64)
    nesterov = nesterov and momentum > 0
    expected, expected_velocity = ref.sgd_update(before[0], grads, before[1], 0.1, momentum, nesterov)
    rates = {"learning_rate": 0.1, "momentum": momentum, "nesterov": nesterov}
    ops.sgd_update(params, grads, velocity=velocity if momentum else None, **rates)
    moves = momentum * abs(before[1]) + 0.1 * abs(grads)
    assert_close(params, expected, ref.tolerance(6, abs(before[0]) + 2 * moves), "params")
    if momentum:
        assert_close(velocity, expected_velocity, ref.tolerance(3, moves), "velocity")


@settings(max_examples=30)
@given(strategies.LENGTHS, st.sampled_from([1, 2, 10, 1000]), st.sampled_from([0.0, 0.01]))
def test_adam_update(size, step, weight_decay):
    rng = np.random.default_rng(size)
    params, grads, m, v = (samples(rng, size) for _ in range(4))
    v[...] = v * v
    before = [a.astype(np.float64) for a in (params, grads, m, v)]
    # float32 numbers, as the update has them: 1 - beta_2 amplifies the rounding of 0.999 ten thousandfold.
    rates = {"learning_rate": 1e-3, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "weight_decay": weight_decay}
    rates = {name: float(np.float32(rate)) for name, rate in rates.items()}
    expected, expected_m, expected_v = ref.adam_update(*before, step, **rates)
    ops.adam_update(params, grads, m, v, step=step, **rates)
    # Each is a handful of roundings of its own terms; the move inherits m's, which may cancel.
    m_magnitude = 0.9 * abs(before[2]) + 0.1 * abs(before[1])
    assert_close(m, expected_m, ref.tolerance(3, m_magnitude), "m")
    assert_close(v, expected_v, ref.tolerance(4, expected_v), "v")
    alpha = 1e-3 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
    move = alpha * m_magnitude / (np.sqrt(expected_v) + 1e-7)
    assert_close(params, expected, ref.tolerance(12, abs(before[0]) + move), "params")
