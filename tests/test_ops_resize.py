"""Padding, permutation, upsampling, global pooling, dropout and noise: against NumPy, PyTorch, and wrong input."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import checking
import reference as ref
import reference_ops_layout  # noqa: F401 - registers the ops
from checking import assert_close, samples
from cnncore import ops
from reference_ops import OPS, Context

U = ref.UNIT_ROUNDOFF
CHANNELS = st.sampled_from([1, 3, 16, 17, 33])


@pytest.fixture(scope="module", params=checking.FLOAT32_ISAS, autouse=True)
def isa(request):
    with checking.forced_isa(request.param), checking.num_threads(1):
        yield request.param


@settings(max_examples=60)
@given(st.tuples(*[st.integers(0, 3)] * 4), CHANNELS, st.integers(0, 2**31))
def test_padding_and_cropping(sides, channels, seed):
    x = samples(np.random.default_rng(seed), 2, 5, 4, channels)
    padding = (sides[:2], sides[2:])
    y = ops.zero_padding2d(x, padding)
    np.testing.assert_array_equal(y, np.pad(x, ((0, 0), *padding, (0, 0))))
    for inside in (ops.cropping2d(y, padding), ops.zero_padding2d_backward(y, padding)):
        np.testing.assert_array_equal(inside, x)
    np.testing.assert_array_equal(ops.cropping2d_backward(x, padding), y)


def test_forms_of_padding():
    x = np.ones((1, 2, 2, 1), np.float32)
    assert ops.zero_padding2d(x).shape == (1, 4, 4, 1)
    assert ops.zero_padding2d(x, (1, 2)).shape == (1, 4, 6, 1)
    assert ops.cropping2d(ops.zero_padding2d(x, 2), (2, 1)).shape == (1, 2, 4, 1)


@pytest.mark.parametrize("shape", [(40,), (3, 40), (4, 5, 33), (2, 3, 4, 17)])
def test_permutations_are_those_of_numpy(shape):
    x = samples(np.random.default_rng(0), 2, *shape)
    for dims in itertools.permutations(range(1, len(shape) + 1)):
        y = ops.permute(x, dims)
        np.testing.assert_array_equal(y, x.transpose(0, *dims))
        np.testing.assert_array_equal(ops.permute_backward(y, dims), x)


@settings(max_examples=60)
@given(
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    CHANNELS,
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.sampled_from(["nearest", "bilinear"]),
)
def test_upsampling_is_that_of_the_reference(size, channels, factors, interpolation):
    rng = np.random.default_rng([*size, channels])
    x = samples(rng, 2, *size, channels)
    op = OPS["upsampling2d"](size=factors, interpolation=interpolation)
    expected, pullback = op.forward([x.astype(np.float64)], [], Context())
    y = ops.upsampling2d(x, factors, interpolation)
    assert_close(y, expected, 8 * U * np.abs(x).max(), "y")
    dy = samples(rng, *y.shape)
    dx = ops.upsampling2d_backward(x.shape, dy, factors, interpolation)
    assert_close(dx, pullback(dy.astype(np.float64))[0][0], 16 * 16 * U * np.abs(dy).max(), "dx")


@settings(max_examples=40)
@given(st.tuples(st.integers(1, 20), st.integers(1, 20)), CHANNELS)
def test_global_pooling(size, channels):
    rng = np.random.default_rng([*size, channels])
    x, dy = samples(rng, 3, *size, channels, exact=True), samples(rng, 3, channels)
    pixels = size[0] * size[1]
    assert_close(ops.global_avg_pool2d(x), x.mean(axis=(1, 2), dtype=np.float64), 4 * U * 3)
    np.testing.assert_array_equal(ops.global_max_pool2d(x), x.max(axis=(1, 2)))
    mean = np.broadcast_to(dy[:, None, None].astype(np.float64) / pixels, x.shape)
    assert_close(ops.global_avg_pool2d_backward(x.shape, dy), mean, 2 * U * np.abs(mean))
    expected = ref.max_pool2d_backward(x, dy[:, None, None], size, size)
    assert_close(ops.global_max_pool2d_backward(x, dy), expected, 0.0)  # the first of equal pixels


def test_global_max_keeps_a_nan():
    x = np.zeros((1, 2, 2, 20), np.float32)
    x[0, 1, 0, 3] = np.nan
    y = ops.global_max_pool2d(x)
    assert np.isnan(y[0, 3])
    assert np.isnan(y).sum() == 1


def test_upsampling_is_that_of_pytorch():
    torch = pytest.importorskip("torch")
    x = samples(np.random.default_rng(0), 2, 5, 6, 7)
    for size, interpolation in itertools.product([(2, 2), (3, 1), (1, 4)], ["nearest", "bilinear"]):
        tensor = torch.tensor(x, requires_grad=True)
        expected = torch.nn.functional.interpolate(tensor.permute(0, 3, 1, 2), scale_factor=size, mode=interpolation)
        expected = expected.permute(0, 2, 3, 1)
        dy = samples(np.random.default_rng(1), *expected.shape)
        expected.backward(torch.tensor(dy))
        np.testing.assert_allclose(ops.upsampling2d(x, size, interpolation), expected.detach(), atol=2e-6)
        dx = ops.upsampling2d_backward(x.shape, dy, size, interpolation)
        np.testing.assert_allclose(dx, tensor.grad, atol=1e-5)


def test_dropout_keeps_its_share_and_follows_the_seed():
    x = np.ones((50, 6, 7, 20), np.float32)
    y = ops.dropout(x, 0.3, seed=1, step=2)
    assert set(np.unique(y)) == {np.float32(0), np.float32(1) / (np.float32(1) - np.float32(0.3))}
    assert abs((y == 0).mean() - 0.3) < 0.01
    np.testing.assert_array_equal(ops.dropout(x, 0.3, seed=1, step=2), y)
    assert not np.array_equal(ops.dropout(x, 0.3, seed=1, step=3), y)
    assert not np.array_equal(ops.dropout(x, 0.3, seed=2, step=2), y)
    np.testing.assert_array_equal(ops.dropout(x, 0.0, seed=1), x)


def test_spatial_dropout():
    x = samples(np.random.default_rng(0), 100, 6, 7, 20)
    y = ops.dropout(x, 0.5, seed=1, noise_shape=(1, 1, 20))
    kept = (y != 0).reshape(100, 42, 20)
    np.testing.assert_array_equal(kept.all(axis=1), kept.any(axis=1))  # whole maps or nothing
    assert abs(kept.mean() - 0.5) < 0.05
    np.testing.assert_array_equal(y[y != 0], 2 * x[y != 0])


def test_gaussian_noise():
    x = np.full((100, 1000), 5.0, np.float32)
    noise = ops.gaussian_noise(x, 2.0, seed=1, step=2) - x
    assert abs(noise.mean()) < 0.03
    assert abs(noise.std() - 2) < 0.03
    assert abs(np.corrcoef(noise[0], noise[1])[0, 1]) < 0.15
    np.testing.assert_array_equal(ops.gaussian_noise(x, 2.0, seed=1, step=2) - x, noise)
    np.testing.assert_array_equal(ops.gaussian_noise(x, 0.0, seed=1), x)


def test_threads_change_no_bit():
    x = samples(np.random.default_rng(0), 64, 20, 20, 24)
    results = []
    for threads in (1, 2, 3):
        with checking.num_threads(threads):
            results.append([ops.dropout(x, 0.5, seed=1), ops.gaussian_noise(x, 1.0, seed=1), ops.global_avg_pool2d(x)])
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


X = np.ones((2, 3, 4, 5), np.float32)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ops.zero_padding2d(X[0]), r"\[zero_padding2d\] expected x of rank 4"),
        (lambda: ops.zero_padding2d(X, -1), r"\[zero_padding2d\] expected `padding` >= 0"),
        (lambda: ops.zero_padding2d(X, (1, 2, 3)), r"\[zero_padding2d\] expected `padding` to be an integer or two"),
        (lambda: ops.cropping2d(X, ((1, 2), (0, 0))), r"\[cropping2d\] expected to leave at least one pixel .* 3x4"),
        (lambda: ops.permute(X, (1, 2)), r"\[permute\] expected dims with each of 1 to 3 once"),
        (lambda: ops.permute(X, (1, 2, 2)), r"\[permute\] expected dims with each of 1 to 3 once"),
        (lambda: ops.permute_backward(X, (1, 2, 2)), r"\[permute\] expected dims with each of 1 to 3 once"),
        (lambda: ops.permute(X, 1), r"\[permute\] expected `dims` to be a sequence"),
        (lambda: ops.upsampling2d(X, 0), r"\[upsampling2d\] expected `size` >= 1"),
        (lambda: ops.upsampling2d(X, 2, "cubic"), r'\[upsampling2d\] expected `interpolation` to be "nearest"'),
        (lambda: ops.upsampling2d_backward(X.shape, X), r"expected dy of shape \(2, 6, 8, 5\)"),
        (lambda: ops.global_avg_pool2d(X[0]), r"\[global_avg_pool2d\] expected x of rank 4"),
        (lambda: ops.global_max_pool2d_backward(X, X[:, 0, 0, :2]), r"expected dy of shape \(2, 5\)"),
        (lambda: ops.dropout(X, 1.0, seed=1), r"\[dropout\] expected `rate` to be a finite number in \[0, 1\)"),
        (lambda: ops.dropout(X, 0.5, seed=-1), r"\[dropout\] expected `seed` >= 0"),
        (lambda: ops.dropout(X, 0.5, seed=1, noise_shape=(4, 5)), r"\[dropout\] expected a noise shape"),
        (lambda: ops.dropout(X, 0.5, seed=1, noise_shape=(2, 4, 5)), r"\[dropout\] expected shapes whose sizes"),
        (lambda: ops.gaussian_noise(X, -1.0, seed=1), r"\[gaussian_noise\] expected `stddev` to be a finite number"),
        (lambda: ops.max_pool2d(X, 9), r"\[max_pool2d\] expected a kernel no larger than the padded input"),
        (lambda: ops.avg_pool2d(X, 9), r"\[avg_pool2d\] expected a kernel no larger than the padded input"),
    ],
)
def test_wrong_input(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()
