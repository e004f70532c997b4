"""What several test modules need: comparing within a bound, forcing an ISA, arrays that expose stray reads."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from numpy.typing import NDArray

import reference as ref
from cnncore import _core

# Every ISA the library knows, so that a machine without one shows a skipped test, not a missing one.
KNOWN_ISAS = ("scalar", "avx2", "avx512", "avx512_bf16", "amx", "neon")
# Those with float32 kernels of their own: avx512_bf16 and amx are avx512 with products of bfloat16.
FLOAT32_ISAS = ("scalar", "avx2", "avx512", "neon")

GUARD = 64  # floats on either side of an array, more than any vector register holds


@contextmanager
def forced_isa(name: str) -> Iterator[None]:
    """Run the body with the kernels of one ISA; skip where this machine lacks it."""
    if name not in _core.available_isas():
        pytest.skip(f"this machine has no {name}; it has {', '.join(_core.available_isas())}")
    before = _core.isa()
    _core.set_isa(name)
    try:
        yield
    finally:
        _core.set_isa(before)


@contextmanager
def num_threads(threads: int) -> Iterator[None]:
    """Run the body with a number of threads."""
    before = _core.get_num_threads()
    _core.set_num_threads(threads)
    try:
        yield
    finally:
        _core.set_num_threads(before)


def guarded(values: NDArray[np.floating], offset: int = 0) -> NDArray[np.float32]:
    """A C-contiguous float32 copy between NaNs, ``offset`` floats from where the allocator aligns.

    A kernel that reads past either end takes a NaN into its sums; one that assumes alignment faults.
    """
    buffer = np.full(values.size + 2 * GUARD, np.nan, np.float32)
    inside = buffer[GUARD + offset : GUARD + offset + values.size].reshape(values.shape)
    inside[...] = values
    return inside


def samples(rng: np.random.Generator, *shape: int, exact: bool = False) -> NDArray[np.float32]:
    """Normal values, or small integers: their sums of products are exact in float32, so no error is allowed."""
    values = rng.integers(-3, 4, shape) if exact else rng.standard_normal(shape)
    return guarded(values.astype(np.float32), offset=int(rng.integers(0, 4)))


def assert_close(actual: NDArray[np.float32], expected: ref.Array, bound: ref.Array | float, what: str = "") -> None:
    """Each element within its own bound, none of them NaN."""
    assert actual.dtype == np.float32, what
    assert actual.shape == expected.shape, what
    error = np.abs(actual - expected)
    if not np.all(error <= bound):  # also where an error is NaN
        excess = np.where(np.isnan(error), np.inf, error - bound)
        worst = np.unravel_index(np.argmax(excess), excess.shape)
        limit = float(np.broadcast_to(bound, error.shape)[worst])
        raise AssertionError(
            f"{what}{list(map(int, worst))}: {actual[worst]!r} against {expected[worst]!r}, "
            f"off by {error[worst]:.3g}, allowed {limit:.3g}; {int(np.sum(~(error <= bound)))} of {error.size} differ"
        )
