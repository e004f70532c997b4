"""The parts that the workers of ``bench/compare_ops.py`` share: the protocol, the data, and the clock.

A worker is one process with one library. It reads requests from stdin and answers each with one line of JSON on
stdout: {"shape": {...}, "direction": "forward" | "dx" | "dw", "batch": 64, "seconds": 0.1, "save": path or null} ->
{"seconds": {layout: median of a call}}. All libraries see the same numbers: x NHWC, kernel HWIO, dy NHWC.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Conv2dShape(NamedTuple):
    """A row of conv2d_shapes.csv: square images, kernels, strides and padding."""

    name: str
    size: int
    in_channels: int
    filters: int
    kernel: int
    stride: int
    padding: int
    groups: int

    @property
    def out_size(self) -> int:
        return (self.size - self.kernel + 2 * self.padding) // self.stride + 1

    def flops(self, batch: int) -> int:
        """The number of multiplications and additions of each direction, including those with padding."""
        taps = self.kernel**2 * self.in_channels // self.groups
        return 2 * batch * self.out_size**2 * taps * self.filters


class Arrays(NamedTuple):
    """The operands of all directions."""

    x: np.ndarray
    kernel: np.ndarray
    bias: np.ndarray
    dy: np.ndarray


def make_arrays(shape: Conv2dShape, batch: int) -> Arrays:
    """Fill the operands from a fixed seed, uniform in [-1, 1)."""
    rng = np.random.default_rng(0)

    def uniform(*dimensions: int) -> np.ndarray:
        return rng.uniform(-1, 1, dimensions).astype(np.float32)

    s = shape
    return Arrays(
        x=uniform(batch, s.size, s.size, s.in_channels),
        kernel=uniform(s.kernel, s.kernel, s.in_channels // s.groups, s.filters),
        bias=uniform(s.filters),
        dy=uniform(batch, s.out_size, s.out_size, s.filters),
    )


def time_call(call: Callable[[], Any], seconds: float) -> float:
    """Median time of a call, after a warm-up; at least five calls."""
    for _ in range(3):
        call()
    times: list[float] = []
    start = time.perf_counter()
    while time.perf_counter() - start < seconds or len(times) < 5:
        before = time.perf_counter()
        call()
        times.append(time.perf_counter() - before)
    return statistics.median(times)


class Operation(NamedTuple):
    """One direction in one layout: the call that is timed, and a function from its result to a NumPy array (NHWC,
    HWIO).
    """

    call: Callable[[], Any]
    to_numpy: Callable[[Any], np.ndarray]


def serve(
    version: str, operations: Callable[[Conv2dShape, Arrays, str, str], dict[str, Operation]], precision: str
) -> None:
    """Answer requests until stdin ends. `operations` returns the operations of one direction, by layout."""
    print(json.dumps({"version": version}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        shape = Conv2dShape(**request["shape"])
        by_layout = operations(shape, make_arrays(shape, request["batch"]), request["direction"], precision)
        if request["save"]:
            for layout, operation in by_layout.items():
                np.save(f"{request['save']}-{layout}.npy", operation.to_numpy(operation.call()))
        seconds = {layout: time_call(operation.call, request["seconds"]) for layout, operation in by_layout.items()}
        print(json.dumps({"seconds": seconds}), flush=True)
