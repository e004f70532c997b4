"""PyTorch's convolution (oneDNN) for ``bench/compare_ops.py``, in both memory formats.

In bfloat16, all operands and results are bfloat16 tensors, as between layers under autocast.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import torch
from ops_common import Arrays, Conv2dShape, Operation, serve

FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def _to_nhwc(tensor: torch.Tensor) -> np.ndarray:
    return tensor.permute(0, 2, 3, 1).float().contiguous().numpy()


def _to_hwio(tensor: torch.Tensor) -> np.ndarray:
    return tensor.permute(2, 3, 1, 0).float().contiguous().numpy()


def operations(shape: Conv2dShape, arrays: Arrays, direction: str, precision: str) -> dict[str, Operation]:
    """Forward calls ``functional.conv2d``. Gradients call the operator that autograd calls, with its masks."""
    s = shape
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    tensors = [torch.from_numpy(array).to(dtype) for array in arrays]
    bias = tensors[2]
    result = {}
    for layout, memory_format in FORMATS.items():
        x, dy = (tensor.permute(0, 3, 1, 2).contiguous(memory_format=memory_format) for tensor in tensors[::3])
        kernel = tensors[1].permute(3, 2, 0, 1).contiguous(memory_format=memory_format)

        def forward(x: Any = x, kernel: Any = kernel) -> Any:
            return torch.nn.functional.conv2d(x, kernel, bias, s.stride, s.padding, 1, s.groups)

        def backward(mask: list[bool], x: Any = x, kernel: Any = kernel, dy: Any = dy) -> Any:
            stride, padding = [s.stride, s.stride], [s.padding, s.padding]
            return torch.ops.aten.convolution_backward(
                dy, x, kernel, [s.filters], stride, padding, [1, 1], False, [0, 0], s.groups, mask
            )

        if direction == "forward":
            result[layout] = Operation(forward, _to_nhwc)
        elif direction == "dx":
            result[layout] = Operation(lambda b=backward: b([True, False, False])[0], _to_nhwc)
        else:  # with the gradient of the bias, as in training
            result[layout] = Operation(lambda b=backward: b([False, True, True])[1], _to_hwio)
    return result


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]))
    with torch.inference_mode():
        serve(torch.__version__, operations, precision=sys.argv[2])
