"""Hypothesis strategies: shapes of about the sizes of vector registers and register blocks, and a little off them."""

import os
from dataclasses import dataclass

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

import reference as ref

# CI uses the same examples in every run, so that a failure means that the code changed; elsewhere they are new ones.
settings.register_profile(
    "cnncore",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile("cnncore")

# Small multiples of 4, 8, 16, 32 and 64 lanes of a vector, and the numbers next to them.
CHANNELS = st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65])
# Enough channels for a reduced precision. The matrix units for bfloat16 read multiples of 32 channels.
WIDE_CHANNELS = st.sampled_from([16, 17, 24, 31, 32, 32, 33, 48, 64, 64, 65, 96, 128])
LENGTHS = st.sampled_from([1, 2, 3, 5, 7, 8, 10, 15, 16, 17, 31, 33, 64, 65, 100, 127, 128, 129, 257, 1000])
BATCHES = st.integers(1, 5)


def pairs(low: int, high: int) -> st.SearchStrategy[ref.Pair]:
    return st.tuples(st.integers(low, high), st.integers(low, high))


@dataclass(frozen=True)
class Conv2dCase:
    x_shape: tuple[int, int, int, int]
    kernel_shape: tuple[int, int, int, int]
    strides: ref.Pair
    padding: ref.Padding
    dilation_rate: ref.Pair
    groups: int
    exact: bool  # integer values, whose sums have no rounding error
    seed: int

    @property
    def params(self) -> dict:
        return {
            "strides": self.strides,
            "padding": self.padding,
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
        }

    @property
    def rng(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)


@st.composite
def conv2d_cases(draw: st.DrawFn, wide: bool = False) -> Conv2dCase:
    """Any small convolution: dense, grouped or depthwise. With ``wide``, only dense ones with many channels."""
    kind = "dense" if wide else draw(st.sampled_from(["dense", "dense", "grouped", "depthwise"]))
    channels = WIDE_CHANNELS if wide else CHANNELS
    if kind == "dense":
        groups, cin, cout = 1, draw(channels), draw(channels)
    elif kind == "grouped":
        groups = draw(st.integers(2, 4))
        cin, cout = groups * draw(st.sampled_from([1, 3, 4, 9, 16])), groups * draw(st.sampled_from([1, 2, 8, 17]))
    else:
        groups = draw(CHANNELS)
        cin, cout = groups, groups * draw(st.sampled_from([1, 1, 2]))
    kernel_size = draw(st.one_of(st.just((3, 3)), pairs(1, 5)))
    strides = draw(st.one_of(st.just((1, 1)), pairs(1, 4)))
    dilation_rate = draw(st.one_of(st.just((1, 1)), pairs(1, 3)))
    padding = draw(st.one_of(st.just(ref.NO_PADDING), st.tuples(pairs(0, 3), pairs(0, 3))))
    sizes = _sizes(draw, kernel_size, padding, dilation_rate)
    return Conv2dCase(
        x_shape=(draw(BATCHES), *sizes, cin),
        kernel_shape=(*kernel_size, cin // groups, cout),
        strides=strides,
        padding=padding,
        dilation_rate=dilation_rate,
        groups=groups,
        exact=draw(st.booleans()),
        seed=draw(st.integers(0, 2**16)),
    )


def _sizes(draw: st.DrawFn, window: ref.Pair, padding: ref.Padding, dilation: ref.Pair = (1, 1)) -> ref.Pair:
    """Draw the height and width of an image that is at least as large as the window, often exactly as large."""
    smallest = [max(1, (k - 1) * d + 1 - sum(pad)) for k, d, pad in zip(window, dilation, padding, strict=True)]
    return tuple(size + draw(st.one_of(st.just(0), st.integers(0, 9))) for size in smallest)


@dataclass(frozen=True)
class Pool2dCase:
    x_shape: tuple[int, int, int, int]
    pool_size: ref.Pair
    strides: ref.Pair
    padding: ref.Padding
    exact: bool
    seed: int

    @property
    def params(self) -> dict:
        return {"pool_size": self.pool_size, "strides": self.strides, "padding": self.padding}

    @property
    def rng(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)


@st.composite
def pool2d_cases(draw: st.DrawFn) -> Pool2dCase:
    """Any small pooling. The padding is smaller than the window, so that each window meets the image."""
    pool_size = draw(st.one_of(st.just((2, 2)), pairs(1, 4)))
    strides = draw(st.one_of(st.just(pool_size), pairs(1, 5)))
    pad = [draw(pairs(0, size - 1)) for size in pool_size]
    padding = draw(st.sampled_from([ref.NO_PADDING, tuple(pad)]))
    sizes = _sizes(draw, pool_size, padding)
    return Pool2dCase(
        x_shape=(draw(BATCHES), *sizes, draw(CHANNELS)),
        pool_size=pool_size,
        strides=strides,
        padding=padding,
        exact=draw(st.booleans()),
        seed=draw(st.integers(0, 2**16)),
    )
