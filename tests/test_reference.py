"""The reference itself: literal loops prove the forward passes, numerical gradients the backward passes."""

import itertools

import numpy as np
import pytest

import conv2d_bounds
import reference as ref

# Central differences with h = 1e-5 on values of order 1: truncation h**2 ~ 1e-10, cancellation eps / h ~ 1e-10 of |f|.
GRADIENT_TOLERANCE = 1e-7

# (h, w, cin), filters, kernel_size, strides, padding, dilation_rate, groups
CONVOLUTIONS = {
    "plain": ((5, 6, 2), 3, (3, 2), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "strides": ((7, 6, 2), 3, (3, 3), (2, 3), ((0, 0), (0, 0)), (1, 1), 1),
    "stride over kernel": ((7, 7, 1), 2, (2, 1), (3, 3), ((0, 0), (0, 0)), (1, 1), 1),
    "asymmetric padding": ((4, 5, 2), 2, (3, 3), (1, 2), ((2, 0), (1, 3)), (1, 1), 1),
    "dilation": ((7, 8, 2), 2, (3, 2), (1, 1), ((1, 1), (0, 0)), (2, 3), 1),
    "dilation and strides": ((9, 9, 1), 2, (2, 3), (2, 2), ((0, 1), (2, 0)), (3, 2), 1),
    "groups": ((4, 4, 6), 4, (2, 2), (1, 1), ((0, 0), (1, 1)), (1, 1), 2),
    "depthwise": ((5, 4, 3), 3, (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 3),
    "depthwise multiplier": ((4, 4, 3), 6, (2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1), 3),
    "1x1": ((3, 4, 5), 4, (1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "kernel is the input": ((3, 4, 2), 3, (3, 4), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
}

# (h, w, c), pool_size, strides, padding
POOLINGS = {
    "2x2": ((6, 6, 2), (2, 2), (2, 2), ((0, 0), (0, 0))),
    "odd size": ((5, 7, 2), (2, 2), (2, 2), ((0, 0), (0, 0))),
    "overlap": ((6, 7, 2), (3, 3), (2, 1), ((0, 0), (0, 0))),
    "gaps": ((7, 7, 1), (2, 2), (3, 3), ((0, 0), (0, 0))),
    "asymmetric padding": ((5, 4, 3), (3, 2), (2, 2), ((1, 2), (1, 0))),
    "window is the input": ((3, 4, 2), (3, 4), (3, 4), ((0, 0), (0, 0))),
}


def random(*shape: int, seed: int = 0) -> ref.Array:
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def distinct(*shape: int) -> ref.Array:
    """Values 0.1 apart, so that a finite difference never changes which one is the largest, and none is at 0."""
    values = np.arange(np.prod(shape)) * 0.1 - 0.05 * np.prod(shape) + 0.025
    return np.random.default_rng(shape).permutation(values).reshape(shape)


def assert_gradient(function, x, analytic):
    """``function`` maps ``x`` to any array; ``analytic`` maps the gradient of its output to that of ``x``."""
    dy = random(*np.shape(function(x)), seed=1)
    numerical = ref.numerical_gradient(lambda moved: float(np.sum(function(moved) * dy)), x)
    np.testing.assert_allclose(analytic(dy), numerical, rtol=GRADIENT_TOLERANCE, atol=GRADIENT_TOLERANCE)


@pytest.mark.parametrize("case", CONVOLUTIONS.values(), ids=CONVOLUTIONS.keys())
def test_conv2d_is_its_definition(case):
    (height, width, cin), filters, size, strides, padding, dilation, groups = case
    x, kernel, bias = random(2, height, width, cin), random(*size, cin // groups, filters), random(filters)
    y = ref.conv2d(x, kernel, bias, strides, padding, dilation, groups)
    expected = np.empty_like(y)
    for n, p, q, k in np.ndindex(*y.shape):
        total = bias[k]
        for i, j, c in np.ndindex(*kernel.shape[:3]):
            row = p * strides[0] + i * dilation[0] - padding[0][0]
            column = q * strides[1] + j * dilation[1] - padding[1][0]
            channel = k // (filters // groups) * (cin // groups) + c
            if 0 <= row < height and 0 <= column < width:
                total += x[n, row, column, channel] * kernel[i, j, c, k]
        expected[n, p, q, k] = total
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", CONVOLUTIONS.values(), ids=CONVOLUTIONS.keys())
def test_conv2d_gradients(case):
    (height, width, cin), filters, size, *params = case
    x, kernel, bias = random(2, height, width, cin), random(*size, cin // params[-1], filters), random(filters)
    assert_gradient(
        lambda x: ref.conv2d(x, kernel, bias, *params), x, lambda dy: ref.conv2d_backward(x, kernel, dy, *params)[0]
    )
    assert_gradient(
        lambda kernel: ref.conv2d(x, kernel, bias, *params),
        kernel,
        lambda dy: ref.conv2d_backward(x, kernel, dy, *params)[1],
    )
    assert_gradient(
        lambda bias: ref.conv2d(x, kernel, bias, *params),
        bias,
        lambda dy: ref.conv2d_backward(x, kernel, dy, *params)[2],
    )


@pytest.mark.parametrize("padding", [((0, 0), (0, 0)), ((1, 1), (1, 1)), ((2, 0), (0, 3))], ids=str)
@pytest.mark.parametrize("size", [(4, 4), (5, 6), (3, 7)], ids=str)
@pytest.mark.parametrize("side", [2, 4])
def test_winograd_is_a_convolution(side, size, padding):
    """The formula behind the error bound, without its absolute values, gives the convolution and its gradients."""
    x, kernel = random(2, *size, 3), random(3, 3, 3, 4)
    y = ref.conv2d(x, kernel, padding=padding)
    np.testing.assert_allclose(conv2d_bounds.winograd(x, kernel, padding, side), y, atol=1e-12)
    dy = random(*y.shape)
    dx, dkernel, _ = ref.conv2d_backward(x, kernel, dy, padding=padding)
    np.testing.assert_allclose(conv2d_bounds.winograd_dx(x.shape, kernel, dy, padding, side), dx, atol=1e-12)
    np.testing.assert_allclose(conv2d_bounds.winograd_dkernel(x, dy, padding, side), dkernel, atol=1e-12)
    assert np.all(conv2d_bounds.winograd(abs(x), abs(kernel), padding, side, absolute=True) >= abs(y) - 1e-12)


def image_windows(x, pool_size, strides, padding):
    """For each output pixel, the rows and columns of the image that its window covers."""
    out = ref.max_pool2d(x, pool_size, strides, padding).shape
    for p, q in itertools.product(range(out[1]), range(out[2])):
        rows = [p * strides[0] + i - padding[0][0] for i in range(pool_size[0])]
        columns = [q * strides[1] + j - padding[1][0] for j in range(pool_size[1])]
        inside = [(r, c) for r in rows for c in columns if 0 <= r < x.shape[1] and 0 <= c < x.shape[2]]
        yield p, q, inside


@pytest.mark.parametrize("case", POOLINGS.values(), ids=POOLINGS.keys())
def test_pooling_is_its_definition(case):
    shape, *params = case
    x = random(2, *shape) - 5  # all negative: a padding of zero that took part would win
    largest, mean = ref.max_pool2d(x, *params), ref.avg_pool2d(x, *params)
    for p, q, inside in image_windows(x, *params):
        seen = np.stack([x[:, r, c] for r, c in inside])
        np.testing.assert_array_equal(largest[:, p, q], seen.max(axis=0))
        np.testing.assert_allclose(mean[:, p, q], seen.mean(axis=0), rtol=1e-13)


@pytest.mark.parametrize("case", POOLINGS.values(), ids=POOLINGS.keys())
def test_pooling_gradients(case):
    shape, *params = case
    x = distinct(2, *shape)
    assert_gradient(lambda x: ref.max_pool2d(x, *params), x, lambda dy: ref.max_pool2d_backward(x, dy, *params))
    assert_gradient(lambda x: ref.avg_pool2d(x, *params), x, lambda dy: ref.avg_pool2d_backward(x.shape, dy, *params))


def test_the_first_of_equal_maxima_gets_the_gradient():
    x = np.array([[1.0, 3.0, 3.0], [3.0, 2.0, 3.0]]).reshape(1, 2, 3, 1)
    dx = ref.max_pool2d_backward(x, np.full((1, 1, 1, 1), 5.0), (2, 3), (2, 3))
    np.testing.assert_array_equal(dx[0, :, :, 0], [[0, 5, 0], [0, 0, 0]])


@pytest.mark.parametrize("stride", [1, 2, 3, 5])
@pytest.mark.parametrize("dilation", [1, 2])
def test_same_padding_gives_ceil_of_size_over_stride(stride, dilation):
    for size, kernel in itertools.product(range(1, 13), range(1, 6)):
        before, after = ref.same_padding(size, kernel, stride, dilation)
        assert ref.output_size(size, kernel, stride, (before, after), dilation) == -(-size // stride)
        assert after - before in (0, 1)


def test_dense_gradients():
    x, kernel, bias = random(3, 4), random(4, 5), random(5)
    np.testing.assert_allclose(ref.dense(x, kernel, bias)[1, 2], sum(x[1] * kernel[:, 2]) + bias[2])
    assert_gradient(lambda x: ref.dense(x, kernel, bias), x, lambda dy: ref.dense_backward(x, kernel, dy)[0])
    assert_gradient(lambda k: ref.dense(x, k, bias), kernel, lambda dy: ref.dense_backward(x, kernel, dy)[1])
    assert_gradient(lambda b: ref.dense(x, kernel, b), bias, lambda dy: ref.dense_backward(x, kernel, dy)[2])


@pytest.mark.parametrize("kind", ["relu", "sigmoid", "tanh", "softmax", "linear"])
def test_activation_gradients(kind):
    x = distinct(4, 7)
    assert_gradient(
        lambda x: ref.activation(x, kind),
        x,
        lambda dy: ref.activation_backward(ref.activation(x, kind), dy, kind),
    )


def test_activations_are_their_definitions():
    x = random(3, 5)
    np.testing.assert_allclose(ref.activation(x, "sigmoid"), 1 / (1 + np.exp(-x)), rtol=1e-14)
    np.testing.assert_allclose(ref.activation(x, "softmax"), np.exp(x) / np.exp(x).sum(axis=1, keepdims=True))
    np.testing.assert_array_equal(ref.activation([-1.0, 0.0, 2.0], "relu"), [0, 0, 2])
    np.testing.assert_array_equal(ref.activation([-1e4, 1e4], "sigmoid"), [0, 1])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("labels", ["sparse", "one-hot", "soft"])
def test_softmax_cross_entropy(labels, weighted):
    logits, weights = random(4, 5), np.array([0.5, 2.0, 0.0, 1.0]) if weighted else None
    targets = {
        "sparse": np.array([0, 3, 4, 3]),
        "one-hot": ref.one_hot([0, 3, 4, 3], 5),
        "soft": ref.activation(random(4, 5, seed=2), "softmax"),
    }[labels]
    loss, dlogits = ref.softmax_cross_entropy(logits, targets, weights)
    dense_targets = ref.one_hot(targets, 5) if labels == "sparse" else targets
    losses = -(dense_targets * np.log(ref.activation(logits, "softmax"))).sum(axis=1)
    assert loss == pytest.approx(np.mean(losses if weights is None else weights * losses), rel=1e-13)
    numerical = ref.numerical_gradient(lambda z: ref.softmax_cross_entropy(z, targets, weights)[0], logits)
    np.testing.assert_allclose(dlogits, numerical, atol=GRADIENT_TOLERANCE)


@pytest.mark.parametrize("weighted", [False, True])
def test_mean_squared_error(weighted):
    pred, true, weights = random(3, 2, 4), random(3, 2, 4, seed=1), np.array([0.5, 2.0, 0.0]) if weighted else None
    loss, dpred = ref.mean_squared_error(pred, true, weights)
    losses = ((pred - true) ** 2).mean(axis=(1, 2))
    assert loss == pytest.approx(np.mean(losses if weights is None else weights * losses), rel=1e-13)
    numerical = ref.numerical_gradient(lambda p: ref.mean_squared_error(p, true, weights)[0], pred)
    np.testing.assert_allclose(dpred, numerical, atol=GRADIENT_TOLERANCE)


def test_sgd_with_momentum_sums_decayed_gradients():
    grads, learning_rate, momentum = random(4, 3), 0.1, 0.8
    params, velocity = np.zeros(3), np.zeros(3)
    for gradient in grads:
        params, velocity = ref.sgd_update(params, gradient, velocity, learning_rate, momentum)
    # The velocity after step t is the sum of the past gradients, each decayed once per step since then.
    velocities = [sum(momentum ** (t - s) * grads[s] for s in range(t + 1)) for t in range(4)]
    np.testing.assert_allclose(velocity, -learning_rate * velocities[-1])
    np.testing.assert_allclose(params, -learning_rate * np.sum(velocities, axis=0))
    # Nesterov's step is the plain gradient step taken from where the momentum is about to lead.
    ahead, _ = ref.sgd_update(params, grads[0], velocity, learning_rate, momentum, nesterov=True)
    moved = momentum * velocity - learning_rate * grads[0]
    np.testing.assert_allclose(ahead, params + momentum * moved - learning_rate * grads[0])


def test_adam_is_bias_corrected():
    """Keras' form equals the paper's: m_hat / (sqrt(v_hat) + eps'), eps' = eps / sqrt(1 - beta_2**t)."""
    grads, params = random(5, 3), random(3)
    beta_1, beta_2, epsilon, learning_rate, decay = 0.8, 0.9, 1e-3, 0.05, 0.1
    m = v = np.zeros(3)
    for step in range(1, 6):
        weights = [(1 - beta_1) * beta_1 ** (step - s) for s in range(1, step + 1)]
        squares = [(1 - beta_2) * beta_2 ** (step - s) for s in range(1, step + 1)]
        m_hat = np.tensordot(weights, grads[:step], axes=1) / np.sum(weights)
        v_hat = np.tensordot(squares, grads[:step] ** 2, axes=1) / np.sum(squares)
        expected = params * (1 - learning_rate * decay)
        expected -= learning_rate * m_hat / (np.sqrt(v_hat) + epsilon / np.sqrt(1 - beta_2**step))
        params, m, v = ref.adam_update(
            params, grads[step - 1], m, v, step, learning_rate, beta_1, beta_2, epsilon, decay
        )
        np.testing.assert_allclose(params, expected, rtol=1e-12)


def test_tolerance_grows_with_the_sum_and_is_exact_for_short_ones():
    assert ref.tolerance(1, 1.0) == pytest.approx(3 * 2**-24)
    assert ref.tolerance(10_000, 1.0) < 0.1 * 10_000 * 2**-24
    rng = np.random.default_rng(0)
    for length in (1, 9, 288, 4096):
        a, b = rng.standard_normal((2, 200, length), np.float32)
        exact = np.sum(a.astype(np.float64) * b, axis=1)
        one_by_one = np.cumsum(a * b, axis=1, dtype=np.float32)[:, -1]
        magnitude = np.sum(np.abs(a.astype(np.float64) * b), axis=1)
        assert np.all(np.abs(one_by_one - exact) <= ref.tolerance(length, magnitude))
