"""The core's augmentation against SciPy and NumPy, and its bits at several numbers of threads."""

from __future__ import annotations

import numpy as np
import pytest

from cnncore import _core

ndimage = pytest.importorskip("scipy.ndimage")

EDGES = {
    "constant": "constant",
    "grid_constant": "grid-constant",
    "nearest": "nearest",
    "reflect": "reflect",
    "wrap": "wrap",
    "grid_wrap": "grid-wrap",
}


def images(dtype=np.float32, samples=3, height=9, width=11, channels=3, seed=0):
    x = np.random.default_rng(seed).integers(0, 256, (samples, height, width, channels))
    return x.astype(dtype)


def scipy_affine(x, matrices, size, edge, fill, bilinear):
    """``augment_affine`` by SciPy, in float64."""
    y = np.empty((len(x), *size, x.shape[3]))
    for n, m in enumerate(matrices):
        for c in range(x.shape[3]):
            y[n, ..., c] = ndimage.affine_transform(
                x[n, ..., c].astype(np.float64),
                [[m[0], m[1]], [m[3], m[4]]],
                [m[2], m[5]],
                output_shape=size,
                order=int(bilinear),
                mode=EDGES[edge],
                cval=fill,
            )
    return y


def rotations(samples, height, width, seed=1):
    rng = np.random.default_rng(seed)
    angle, zoom = rng.uniform(-np.pi, np.pi, samples), rng.uniform(0.5, 1.7, samples)
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    cy, cx = (height - 1) / 2 + rng.uniform(-3, 3, samples), (width - 1) / 2
    return np.stack([cos, -sin, cy - cos * cy + sin * cx, sin, cos, cx - sin * cy - cos * cx], axis=1)


def shifts(samples, height, width, seed=2):
    rng = np.random.default_rng(seed)
    one, zero = np.ones(samples), np.zeros(samples)
    return np.stack([one, zero, rng.uniform(-13, 13, samples), zero, one, rng.uniform(-14, 14, samples)], axis=1)


def zooms(samples, height, width, seed=3):
    rng = np.random.default_rng(seed)
    zero = np.zeros(samples)
    scale = rng.uniform(0.3, 2.2, (2, samples)) * [[1], [-1]]
    return np.stack([scale[0], zero, rng.uniform(-5, 5, samples), zero, scale[1], rng.uniform(0, 14, samples)], axis=1)


@pytest.mark.parametrize("make", [rotations, shifts, zooms])
@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_affine_bilinear_is_scipys(make, edge, channels):
    x = images(samples=8, channels=channels)
    matrices = make(8, 9, 11)
    y = _core.augment_affine(x, matrices, (10, 7), edge, 17.0, True)
    expected = scipy_affine(x, matrices, (10, 7), edge, 17.0, True)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, expected, atol=255 * 3e-6)


@pytest.mark.parametrize("make", [rotations, shifts, zooms])
@pytest.mark.parametrize("edge", EDGES)
def test_affine_nearest_is_scipys(make, edge):
    x = images(samples=8)
    matrices = make(8, 9, 11)
    y = _core.augment_affine(x, matrices, (9, 11), edge, 17.0, False)
    np.testing.assert_array_equal(y, scipy_affine(x, matrices, (9, 11), edge, 17.0, False))


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("bilinear", [False, True])
def test_whole_shifts_and_flips_are_exact(edge, dtype, channels, bilinear):
    x = images(dtype, samples=1, channels=channels)
    for flip_rows in (False, True):
        for flip_columns in (False, True):
            for down, right in ((0, 0), (3, -4), (-20, 2), (1, 30), (0, 10), (8, -10)):
                m = np.array([[1.0, 0, down, 0, 1, right]])
                if flip_rows:
                    m[0, [0, 2]] = -1, 8 - down
                if flip_columns:
                    m[0, [4, 5]] = -1, 10 - right
                y = _core.augment_affine(x, m, (9, 11), edge, 17.0, bilinear)
                assert y.dtype == dtype
                np.testing.assert_array_equal(y, scipy_affine(x, m, (9, 11), edge, 17.0, bilinear))


def test_flips_are_numpys():
    x = images(np.uint8, samples=2, height=32, width=32)
    flips = np.array([[1.0, 0, 0, 0, -1, 31], [-1, 0, 31, 0, 1, 0]])
    y = _core.augment_affine(x, flips, (32, 32), "nearest", 0.0, True)
    np.testing.assert_array_equal(y[0], x[0, :, ::-1])
    np.testing.assert_array_equal(y[1], x[1, ::-1])


def test_bytes_are_rounded_and_clipped():
    x = images(np.uint8, samples=4)
    matrices = rotations(4, 9, 11)
    y = _core.augment_affine(x, matrices, (9, 11), "reflect", 0.0, True)
    exact = _core.augment_affine(x.astype(np.float32), matrices, (9, 11), "reflect", 0.0, True)
    np.testing.assert_array_equal(y, np.floor(exact + 0.5))
    ones = np.ones((4, 3), np.float32)
    wide = np.full(4, np.float32(1e9))
    y = _core.augment_channels(x, 3 * ones, -100 * ones, -wide, wide)
    np.testing.assert_array_equal(y, np.clip(3 * x.astype(float) - 100, 0, 255))


def test_channels_and_means_are_numpys():
    x = images(samples=5)
    rng = np.random.default_rng(0)
    scale, offset = (rng.normal(size=(5, 3)).astype(np.float32) for _ in range(2))
    low, high = rng.uniform(-50, 0, 5).astype(np.float32), rng.uniform(50, 100, 5).astype(np.float32)
    y = _core.augment_channels(x, scale, offset, low, high)
    expected = np.clip(
        scale[:, None, None] * x + offset[:, None, None], low[:, None, None, None], high[:, None, None, None]
    )
    np.testing.assert_allclose(y, expected, rtol=1e-6, atol=1e-4)
    np.testing.assert_allclose(_core.augment_channel_means(x), x.mean(axis=(1, 2)), rtol=1e-6)
    np.testing.assert_allclose(_core.augment_channel_means(x.astype(np.uint8)), x.mean(axis=(1, 2)), rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_erase_mix_and_paste_are_numpys(dtype):
    x = images(dtype, samples=4)
    boxes = np.array([[0, 9, 0, 11], [2, 5, 3, 3], [1, 4, 2, 9], [8, 9, 10, 11]])
    order = np.array([2, 0, 3, 3])
    weight = np.array([1.0, 0.25, 0.5, 0.1], np.float32)
    erased, pasted = x.copy(), x.copy()
    for n, (top, bottom, left, right) in enumerate(boxes):
        erased[n, top:bottom, left:right] = (1, 2, 3)
        pasted[n, top:bottom, left:right] = x[order[n], top:bottom, left:right]
    fill = np.array([1, 2, 3], np.float32)
    np.testing.assert_array_equal(_core.augment_erase(x, boxes, fill, 0.0, 0.0, 0.0, 0, 0), erased)
    np.testing.assert_array_equal(_core.augment_paste(x, order, boxes), pasted)
    w = weight[:, None, None, None]
    mixed = w * x + (1 - w) * x[order].astype(np.float32)
    y = _core.augment_mix(x, order, weight)
    if dtype == np.uint8:
        np.testing.assert_array_equal(y, np.floor(mixed + np.float32(0.5)))
    else:
        np.testing.assert_allclose(y, mixed, rtol=1e-6)


def test_erasing_noise_is_normal_and_clipped():
    x = np.zeros((16, 32, 32, 3), np.float32)
    boxes = np.tile(np.array([0, 32, 0, 32]), (16, 1))
    y = _core.augment_erase(x, boxes, None, 2.0, -100.0, 100.0, 1, 2)
    assert abs(y.mean()) < 0.03
    assert abs(y.std() - 2) < 0.03
    assert 0.045 < (np.abs(y) > 3.92).mean() < 0.055  # two-sided 5 % of a normal distribution
    assert not np.array_equal(y[0], y[1])
    clipped = _core.augment_erase(x, boxes, None, 2.0, 0.0, 1.0, 1, 2)
    np.testing.assert_array_equal(clipped, np.clip(y, 0, 1))


def test_uniform_numbers_depend_on_seed_step_and_place_alone():
    u = _core.augment_uniform(5, 7, 1000, 4)
    assert u.min() >= 0
    assert u.max() < 1
    assert abs(u.mean() - 0.5) < 0.02
    assert abs(np.corrcoef(u.T) - np.eye(4)).max() < 0.1
    assert len(np.unique(u)) > 3990
    np.testing.assert_array_equal(_core.augment_uniform(5, 7, 10, 2), u[:10, :2])
    for other in (_core.augment_uniform(6, 7, 1000, 4), _core.augment_uniform(5, 8, 1000, 4)):
        assert abs(np.corrcoef(u.ravel(), other.ravel())[0, 1]) < 0.05


@pytest.fixture
def keep_threads():
    before = _core.get_num_threads()
    yield
    _core.set_num_threads(before)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_the_same_bits_at_any_number_of_threads(keep_threads, dtype):
    x = images(dtype, samples=131, height=32, width=32)
    ones = np.ones((131, 3), np.float32)
    boxes = np.tile(np.array([3, 20, 5, 31]), (131, 1))
    order = np.random.default_rng(0).permutation(131)
    results = []
    for threads in (1, 2, 3):
        _core.set_num_threads(threads)
        results.append(
            [
                _core.augment_affine(x, rotations(131, 32, 32), (32, 32), "reflect", 0.0, True),
                _core.augment_affine(x, shifts(131, 32, 32), (32, 32), "grid_constant", 0.0, True),
                _core.augment_channel_means(x),
                _core.augment_channels(x, 1.5 * ones, ones, -99 * ones[:, 0], 300 * ones[:, 0]),
                _core.augment_erase(x, boxes, None, 255.0, 0.0, 255.0, 3, 4),
                _core.augment_mix(x, order, ones[:, 0] / 3),
                _core.augment_paste(x, order, boxes),
            ]
        )
    for other in results[1:]:
        for first, second in zip(results[0], other, strict=True):
            assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x, m: _core.augment_affine(x, m[:2], (9, 11), "nearest", 0.0, True), ValueError, r"matrices of shape"),
        (lambda x, m: _core.augment_affine(x, m * np.nan, (9, 11), "nearest", 0.0, True), ValueError, "matrices"),
        (lambda x, m: _core.augment_affine(x, m + 2e6, (9, 11), "nearest", 0.0, True), ValueError, "numbers from -1e"),
        (lambda x, m: _core.augment_affine(x, m, (0, 11), "nearest", 0.0, True), ValueError, "positive size"),
        (lambda x, m: _core.augment_affine(x, m, (9, 11), "mirror", 0.0, True), ValueError, "Received: mirror"),
        (lambda x, m: _core.augment_affine(x[0], m, (9, 11), "wrap", 0.0, True), ValueError, "rank 4"),
        (lambda x, m: _core.augment_affine(x.astype("f8"), m, (9, 11), "wrap", 0.0, True), TypeError, "float64"),
        (lambda x, m: _core.augment_affine(x[:, ::2], m, (9, 11), "wrap", 0.0, True), ValueError, "contiguous"),
        (lambda x, m: _core.augment_affine(x[:0], m[:0], (9, 11), "wrap", 0.0, True), ValueError, "at least one"),
        (lambda x, m: _core.augment_paste(x, np.array([0, 1, 3]), np.zeros((3, 4), int)), ValueError, "below 3"),
        (lambda x, m: _core.augment_mix(x, np.array([0, -1, 0]), np.ones(3, "f4")), ValueError, "Received: -1"),
        (
            lambda x, m: _core.augment_mix(x, np.arange(3), np.full(3, 1.5, "f4")),
            ValueError,
            "from 0 to 1",
        ),
        (
            lambda x, m: _core.augment_paste(x, np.arange(3), np.array([[0, 10, 0, 1]] * 3)),
            ValueError,
            r"inside of 9x11 pixels. Received: \(0, 10, 0, 1\)",
        ),
    ],
)
def test_arguments_that_make_no_sense_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(images(), rotations(3, 9, 11))


def test_no_numbers_for_many_samples_take_no_time():
    assert _core.augment_uniform(0, 0, 2**40, 0).shape == (2**40, 0)
