"""Infinite inputs and numbers near the largest ones in convolutions, on every instruction set.

The decision (docs/differences_from_keras.md): what does not see an infinity is what it is without; what sees one is not
finite. Sums that stay below a hundredth of the largest float32 are right; beyond that an output is right or not finite,
never a wrong number.
"""

import numpy as np
import pytest

import checking
from cnncore import ops

RNG = np.random.default_rng(0)
SHAPES = {
    "winograd": ((2, 12, 12, 32), (3, 3, 32, 64)),
    "one channel": ((2, 12, 12, 1), (3, 3, 1, 8)),
    "5x5": ((1, 11, 11, 8), (5, 5, 8, 16)),
    "pointwise": ((1, 8, 8, 16), (1, 1, 16, 16)),
}


def reference(x, kernel):
    windows = np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), kernel.shape[:2], axis=(1, 2))
    return np.einsum("nyxchw,hwco->nyxo", windows, kernel.astype(np.float64), optimize=True)


@pytest.fixture(params=checking.FLOAT32_ISAS)
def isa(request):
    with checking.forced_isa(request.param):
        yield request.param


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_one_value_that_is_not_finite(isa, name, value):
    shape, kernel_shape = SHAPES[name]
    x, kernel = (RNG.normal(size=size).astype(np.float32) for size in (shape, kernel_shape))
    bias = np.zeros(kernel_shape[-1], np.float32)
    before = ops.conv2d(x, kernel, bias)
    row, column = 5, 6
    x[0, row, column, 0] = value
    y = ops.conv2d(x, kernel, bias)
    sees = np.zeros(y.shape[1:3], bool)
    sees[max(0, row - kernel_shape[0] + 1) : row + 1, max(0, column - kernel_shape[1] + 1) : column + 1] = True
    near = np.zeros_like(sees)  # the 2x2 squares that Winograd's algorithm computes together
    for i, j in zip(*np.nonzero(sees), strict=True):
        near[i // 2 * 2 : i // 2 * 2 + 2, j // 2 * 2 : j // 2 * 2 + 2] = True
    assert not np.isfinite(y[0, sees]).any()
    assert np.array_equal(y[0, ~near], before[0, ~near])
    assert np.array_equal(y[1:], before[1:])


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("largest", [1e36, 1e37, 1e38, 3e38])
def test_large_values(isa, name, largest):
    shape, kernel_shape = SHAPES[name]
    x, kernel = (RNG.uniform(-1, 1, size=size).astype(np.float32) for size in (shape, kernel_shape))
    exact = reference(x, kernel)
    scale = largest / np.abs(exact).max()
    x = (x * scale).astype(np.float32)
    y, exact = ops.conv2d(x, kernel, np.zeros(kernel_shape[-1], np.float32)), reference(x, kernel)
    bound = 1e-5 * np.abs(exact).max()
    finite = np.isfinite(y)
    assert (np.abs(y[finite] - exact[finite]) <= bound).all()
    if largest <= 1e36:
        assert finite.all()
