"""Batch, layer and group normalization: against the float64 reference, PyTorch, and wrong input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import checking
import reference as ref
import reference_ops_batch  # noqa: F401 - registers the ops
from checking import assert_close, samples
from cnncore import ops
from reference_ops import OPS, Context

U = ref.UNIT_ROUNDOFF
CHANNELS = st.sampled_from([1, 2, 3, 8, 15, 16, 17, 33, 64, 65, 260])


@pytest.fixture(scope="module", params=checking.FLOAT32_ISAS, autouse=True)
def isa(request):
    with checking.forced_isa(request.param), checking.num_threads(1):
        yield request.param


def reference(kind, x, dy, weights, **options):
    """(y, dx, gradients of the weights) in float64, in training."""
    op, context = OPS[kind](epsilon=1e-3, **options), Context(training=True)
    y, pullback = op.forward([x.astype(np.float64)], [w.astype(np.float64) for w in weights], context)
    (dx,), gradients = pullback(dy.astype(np.float64))
    return y, dx, gradients


def compare(actual, expected, length):
    """All values are of the size of 1 to 10, where normalized; gradients of weights are sums of ``length`` of them."""
    y, dx, dgamma, dbeta = actual
    for name, value, wanted, bound in zip(
        ("y", "dx", "dgamma", "dbeta"),
        (y, dx, dgamma, dbeta),
        (expected[0], expected[1], expected[2][0], expected[2][1]),
        (100 * U, 2000 * U, 0.0, 0.0),
        strict=True,
    ):
        size = bound * (1 + np.abs(wanted)) if bound else (100 + 8 * np.sqrt(length)) * U * np.sqrt(length) * 10
        assert_close(value, wanted, size * (1 + np.abs(wanted).max() / 10), name)


@settings(max_examples=60)
@given(st.integers(2, 9), st.integers(1, 12), CHANNELS, st.integers(0, 2**31))
def test_batch_normalization(n, pixels, channels, seed):
    rng = np.random.default_rng(seed)
    x, dy = samples(rng, n, pixels, channels), samples(rng, n, pixels, channels)
    x += np.float32(3.0)
    gamma, beta = samples(rng, channels), samples(rng, channels)
    state = [np.zeros(channels), np.ones(channels)]
    expected = reference("batch_normalization", x, dy, [gamma, beta, *state])
    y, mean, variance = ops.batch_normalization(x, gamma, beta)
    flat = x.reshape(-1, channels).astype(np.float64)
    assert_close(mean, flat.mean(axis=0), 4 * U * 6)
    assert_close(variance, flat.var(axis=0), 40 * U * (1 + flat.var(axis=0)))
    np.testing.assert_array_equal(
        ops.batch_normalization(x, gamma, beta, mean=mean, variance=variance)[0].shape, x.shape
    )
    if flat.std(axis=0).min() > 0.05:  # few rows may lie close together: nothing but rounding is left
        compare((y, *ops.batch_normalization_backward(x, dy, gamma)), expected, n * pixels)


def test_batch_normalization_of_far_values():
    """If the mean is 1000 times the deviation, digits of x are lost, but no digits of the variance."""
    rng = np.random.default_rng(0)
    x = (1000 + rng.standard_normal((64, 20))).astype(np.float32)
    y, mean, variance = ops.batch_normalization(x, epsilon=0.0)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(variance, exact.var(axis=0), rtol=1e-6)
    np.testing.assert_allclose(mean, exact.mean(axis=0), rtol=2 * U)
    np.testing.assert_allclose(y, (exact - exact.mean(axis=0)) / exact.std(axis=0), atol=1e-4)


def test_batch_normalization_in_inference():
    rng = np.random.default_rng(0)
    x, mean = samples(rng, 4, 5, 7), samples(rng, 7)
    gamma, beta, variance = samples(rng, 7), samples(rng, 7), np.abs(samples(rng, 7))
    y, used, _ = ops.batch_normalization(x, gamma, beta, mean=mean, variance=variance, epsilon=0.1)
    np.testing.assert_array_equal(used, mean)
    expected = (x.astype(np.float64) - mean) / np.sqrt(variance + np.float64(0.1)) * gamma + beta
    assert_close(y, expected, 20 * U * (1 + np.abs(expected)))


@settings(max_examples=60)
@given(st.integers(1, 9), st.integers(2, 300), st.integers(0, 2**31))
def test_layer_normalization(rows, cols, seed):
    rng = np.random.default_rng(seed)
    x, dy, gamma, beta = samples(rng, rows, cols), samples(rng, rows, cols), samples(rng, cols), samples(rng, cols)
    expected = reference("layer_normalization", x, dy, [gamma, beta])
    if x.std(axis=1).min() > 0.05:
        actual = (
            ops.layer_normalization(x, gamma, beta, epsilon=1e-3),
            *ops.layer_normalization_backward(x, dy, gamma, epsilon=1e-3),
        )
        compare(actual, expected, rows)


def test_layer_normalization_of_several_axes():
    rng = np.random.default_rng(0)
    x, dy, gamma, beta = samples(rng, 2, 3, 4, 5), samples(rng, 2, 3, 4, 5), samples(rng, 4, 5), samples(rng, 4, 5)
    expected = reference("layer_normalization", x, dy, [gamma, beta], axes=2)
    options = {"axes": 2, "epsilon": 1e-3}
    actual = (
        ops.layer_normalization(x, gamma, beta, **options),
        *ops.layer_normalization_backward(x, dy, gamma, **options),
    )
    compare(actual, expected, 6)


@settings(max_examples=60)
@given(st.integers(1, 9), st.integers(2, 20), st.integers(1, 5), st.integers(1, 9), st.integers(0, 2**31))
def test_group_normalization(n, pixels, groups, width, seed):
    rng = np.random.default_rng(seed)
    shape = (n, pixels, groups * width)
    x, dy, gamma, beta = samples(rng, *shape), samples(rng, *shape), samples(rng, shape[2]), samples(rng, shape[2])
    expected = reference("group_normalization", x, dy, [gamma, beta], groups=groups)
    if width * pixels > 4:
        actual = (
            ops.group_normalization(x, gamma, beta, groups=groups),
            *ops.group_normalization_backward(x, dy, gamma, groups=groups),
        )
        compare(actual, expected, n * pixels)


def test_passes_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    functional, rng = torch.nn.functional, np.random.default_rng(0)
    x, dy, gamma, beta = samples(rng, 4, 5, 6, 8), samples(rng, 4, 5, 6, 8), samples(rng, 8), samples(rng, 8)

    def images(function):
        return lambda t, g, b: function(t.permute(0, 3, 1, 2), g, b).permute(0, 2, 3, 1)

    cases = {
        "batch": images(lambda t, g, b: functional.batch_norm(t, None, None, g, b, training=True, eps=1e-3)),
        "layer": lambda t, g, b: functional.layer_norm(t, (8,), g, b, eps=1e-3),
        "group": images(lambda t, g, b: functional.group_norm(t, 4, g, b, eps=1e-3)),
    }
    for kind, oracle in cases.items():
        options = {"group": {"groups": 4}, "layer": {"epsilon": 1e-3}}.get(kind, {})
        y = getattr(ops, f"{kind}_normalization")(x, gamma, beta, **options)
        gradients = getattr(ops, f"{kind}_normalization_backward")(x, dy, gamma, **options)
        tensors = [torch.tensor(a, requires_grad=True) for a in (x, gamma, beta)]
        expected = oracle(*tensors)
        expected.backward(torch.tensor(dy))
        np.testing.assert_allclose(y[0] if kind == "batch" else y, expected.detach(), atol=1e-5, err_msg=kind)
        for ours, tensor in zip(gradients, tensors, strict=True):
            np.testing.assert_allclose(ours, tensor.grad, atol=5e-5, err_msg=kind)


def test_threads_change_no_bit():
    rng = np.random.default_rng(0)
    x, dy = samples(rng, 64, 40, 40, 8), samples(rng, 64, 40, 40, 8)
    results = []
    for threads in (1, 2, 3):
        with checking.num_threads(threads):
            results.append((*ops.batch_normalization(x), *ops.batch_normalization_backward(x, dy)))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


X = np.ones((2, 3, 4), np.float32)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ops.batch_normalization(X, np.ones(3)), r"\[batch_normalization\] expected gamma of shape \(4,\)"),
        (lambda: ops.batch_normalization(X, mean=np.ones(4)), r"expected both `mean` and `variance`, or neither"),
        (lambda: ops.batch_normalization(X, epsilon=-1.0), r"expected `epsilon` to be a finite number in \[0, inf\)"),
        (lambda: ops.batch_normalization(X[0, 0]), r"expected x of rank 2 or more with at least one row"),
        (lambda: ops.batch_normalization(X[:0]), "at least one row"),
        (lambda: ops.batch_normalization_backward(X, X[:1]), r"expected dy of shape \(2, 3, 4\)"),
        (
            lambda: ops.layer_normalization(X, axes=4),
            r"\[layer_normalization\] expected `axes` to be at most the rank of x",
        ),
        (
            lambda: ops.layer_normalization(X, np.ones(3)),
            r"expected gamma of shape \(4,\). Received: gamma.shape=\(3,\)",
        ),
        (lambda: ops.group_normalization(X, groups=3), r"expected groups that divide the 4 channels. Received: 3"),
        (lambda: ops.group_normalization(X, groups=0), r"expected `groups` >= 1"),
    ],
)
def test_wrong_input(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()
