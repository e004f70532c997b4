"""Helpers that several test modules share: comparing within a bound, forcing an ISA, arrays that expose stray reads."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from numpy.typing import NDArray

import reference as ref
from cnncore import _core

# Every ISA that the library knows, so that on a machine without one of them the test is skipped, not left out.
KNOWN_ISAS = ("scalar", "avx2", "avx512", "avx512_bf16", "amx", "neon")
# The ISAs that have their own float32 kernels. avx512_bf16 and amx use those of avx512 and add products of bfloat16.
FLOAT32_ISAS = ("scalar", "avx2", "avx512", "neon")

GUARD = 64  # floats on either side of an array, more than any vector register holds


@contextmanager
def forced_isa(name: str) -> Iterator[None]:
    """Run the body with the kernels of one ISA; skip the test if this machine does not have it."""
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
    """Return a C-contiguous float32 copy with NaNs before and after it, ``offset`` floats behind an aligned address.

    A kernel that reads past either end gets a NaN into its sums. A kernel that wrongly assumes alignment crashes.
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
    """Assert that each element is within its own bound of the expected one, and that none is NaN."""
    assert actual.dtype == np.float32, what
    assert actual.shape == expected.shape, what
    error = np.abs(actual - expected)
    if not np.all(error <= bound):  # true for a NaN as well
        excess = np.where(np.isnan(error), np.inf, error - bound)
        worst = np.unravel_index(np.argmax(excess), excess.shape)
        limit = float(np.broadcast_to(bound, error.shape)[worst])
        raise AssertionError(
            f"{what}{list(map(int, worst))}: {actual[worst]!r} against {expected[worst]!r}, "
            f"off by {error[worst]:.3g}, allowed {limit:.3g}; {int(np.sum(~(error <= bound)))} of {error.size} differ"
        )
