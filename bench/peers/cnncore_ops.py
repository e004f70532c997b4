"""cnncore's convolution for ``bench/compare_ops.py``: NumPy arrays in, new NumPy arrays out."""

from __future__ import annotations

import sys

import numpy as np
from ops_common import Arrays, Conv2dShape, Operation, serve

import cnncore
from cnncore import _core


def aligned(array: np.ndarray) -> np.ndarray:
    """A copy of the array that begins at a cache line, like the tensors of the other library and the results of ops."""
    memory = np.empty(array.nbytes + 64, np.uint8)
    begin = -memory.ctypes.data % 64
    copy = memory[begin : begin + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def operations(shape: Conv2dShape, arrays: Arrays, direction: str, precision: str) -> dict[str, Operation]:
    """Operations of ``_core``, which can compute a single gradient; the public ``ops.conv2d_backward`` returns all.

    Arrays are float32 in every precision; rounding them is part of the operation.
    """
    x, kernel, bias, dy = (aligned(array) for array in arrays)
    pad = (shape.padding, shape.padding)
    geometry = ((shape.stride, shape.stride), (pad, pad), (1, 1), shape.groups)

    def backward(**needs: bool) -> tuple[np.ndarray | None, ...]:
        return _core.conv2d_backward(x, kernel, dy, *geometry, precision=precision, **needs)

    if direction == "forward":
        operation = Operation(lambda: _core.conv2d(x, kernel, bias, *geometry, precision), lambda y: y)
    elif direction == "dx":
        operation = Operation(lambda: backward(needs_dkernel=False), lambda gradients: gradients[0])
    else:
        operation = Operation(lambda: backward(needs_dx=False), lambda gradients: gradients[1])
    return {"nhwc": operation}


if __name__ == "__main__":
    cnncore.set_num_threads(int(sys.argv[1]))
    serve(f"{cnncore.__version__} ({_core.isa()})", operations, precision=sys.argv[2])
