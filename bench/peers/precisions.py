"""The precisions of products that the benchmarks compare: which libraries have them, and how operands are rounded."""

from __future__ import annotations

import numpy as np

# The largest relative error of an operand.
UNIT_ROUNDOFF = {"float32": 2.0**-24, "bfloat16_3x": 2.0**-16, "bfloat16": 2.0**-8}
PRECISIONS = list(UNIT_ROUNDOFF)
# The precisions of each library besides float32. ONNX Runtime has no bfloat16 kernels for CPUs.
REDUCED_PRECISIONS = {
    "cnncore": ["bfloat16_3x", "bfloat16"],
    "torch": ["bfloat16"],
    "keras": ["bfloat16"],
    "jax": ["bfloat16"],
    "openvino": ["bfloat16"],
}


def has_precision(library: str, precision: str) -> bool:
    """Whether the worker of the library can compute in this precision."""
    return precision == "float32" or precision in REDUCED_PRECISIONS.get(library, [])


def _to_bfloat16(x: np.ndarray) -> np.ndarray:
    """Keep the upper half of a float32, rounded to nearest, ties to even."""
    bits = x.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32).astype(np.float64)


def round_operand(x: np.ndarray, precision: str) -> np.ndarray:
    """Round finite numbers like operands of products, in float64. In bfloat16_3x they become sums of two bfloat16
    values.
    """
    if precision == "float32":
        return x.astype(np.float64)
    high = _to_bfloat16(x)
    return high if precision == "bfloat16" else high + _to_bfloat16(x - high)
