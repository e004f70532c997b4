"""Limit for the results of NumPy functions. A model file can ask for a result of any size, so it is checked before."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["LARGEST", "check_result_size"]

LARGEST = 1 << 26  # the largest allowed result for two or three samples, in numbers; they take 256 MB as float32

# Functions whose results have as many times the numbers of the largest array as the first of their settings says.
_MULTIPLIED = frozenset(
    (
        *("one_hot", "multi_hot", "vander", "unfold", "fold", "extract_patches", "extract_sequences", "bincount"),
        *("segment_sum", "segment_max", "segment_min", "segment_prod", "rfft", "irfft", "conv_transpose"),
    )
)
# Functions whose results may have a number for each combination of numbers of their arrays.
_ALL_PAIRS = frozenset(("outer", "kron", "meshgrid", "cdist"))


def check_result_size(name: str, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> None:
    """Refuse a call of a NumPy function whose result has more than ``LARGEST`` numbers.

    Parameters
    ----------
    name : str
        The function's name in NumPy, or "module.name" for a function of ``cnncore.ops``.
    arguments, keywords : list, dict
        The arguments that it is called with.

    Raises
    ------
    ValueError
        If the result would be too large. NumPy itself reports other errors when the function is called.

    Examples
    --------
    >>> check_result_size("tile", [np.ones((2, 3)), [1, 10**9]], {})
    Traceback (most recent call last):
    ValueError: expected numpy.tile to give at most 67,108,864 numbers for two samples. Received: 6,000,000,000
    """
    size = _size(name.rpartition(".")[2], [*arguments, *keywords.values()])
    if size > LARGEST:
        package = "cnncore.ops" if "." in name else "numpy"
        raise ValueError(
            f"expected {package}.{name} to give at most {LARGEST:,} numbers for two samples. Received: {size:,}"
        )


def _size(name: str, values: Sequence[Any]) -> int:
    """Estimate how many numbers the result has; the true number is never larger if the arguments are valid."""
    arrays = [value for value in values if isinstance(value, np.ndarray)]
    largest = max((array.size for array in arrays), default=1)
    if name in _MULTIPLIED:
        numbers = next((found for found in map(_integers, values) if found), [])
        return largest * math.prod(max(number, 1) for number in numbers)
    if name in _ALL_PAIRS:
        return math.prod(array.size for array in arrays)
    if name in ("tensordot", "inner") and len(arrays) == 2:
        return _contracted(arrays[0], arrays[1], 1 if name == "inner" else next(iter(values[2:]), 2))
    if name in ("diag", "diagflat"):
        return (largest + sum(map(abs, _integers(values)))) ** 2
    if name == "resize" and arrays:
        return int(arrays[0].shape[0]) * int(arrays[0].shape[-1]) * math.prod(max(n, 1) for n in _integers(values))
    if name in ("tile", "repeat"):
        return largest * math.prod(max(number, 1) for number in _integers(values))
    if name in ("broadcast_to", "scatter", "slice"):
        return math.prod(max(number, 1) for number in _integers(values))
    if name in ("pad", "pad_images") and arrays:
        border = sum(max(number, 0) for number in _integers(values))
        return math.prod(size + border * (axis > 0) for axis, size in enumerate(arrays[0].shape))
    if name in ("matmul", "dot") and len(arrays) == 2 and min(array.ndim for array in arrays) > 1:
        left, right = (array.shape for array in arrays)
        batches = [left[:-2], right[:-2]]
        batch = math.prod(map(math.prod, batches)) if name == "dot" else _broadcast(batches)
        return batch * int(left[-2]) * int(right[-1])
    if name == "einsum" and values and isinstance(values[0], str):
        return _einsum(values[0], arrays)
    return _broadcast([array.shape for array in arrays]) if name not in ("concatenate", "stack") else largest


def _contracted(left: np.ndarray, right: np.ndarray, axes: Any) -> int:
    """The size of a product of two arrays in which some axes are summed."""
    of_right = axes[1] if isinstance(axes, (list, tuple)) and len(axes) == 2 else axes
    if isinstance(axes, int):
        summed = math.prod(right.shape[:axes])
    else:
        summed = math.prod(right.shape[axis] for axis in _integers([of_right]) if -right.ndim <= axis < right.ndim)
    return left.size * right.size // max(summed, 1) ** 2


def _integers(values: Any) -> list[int]:
    """Return the integers in nested lists and tuples, in order."""
    if isinstance(values, (list, tuple)):
        return [number for value in values for number in _integers(value)]
    return [int(values)] if isinstance(values, (int, np.integer)) and not isinstance(values, bool) else []


def _broadcast(shapes: Sequence[tuple[int, ...]]) -> int:
    try:
        return math.prod(np.broadcast_shapes(*shapes))
    except ValueError:  # the shapes do not fit together; NumPy says so when the function is called
        return max((math.prod(shape) for shape in shapes), default=1)


def _einsum(subscripts: str, arrays: Sequence[np.ndarray]) -> int:
    """Estimate the size of the result of einsum: the product of the sizes that the letters of the result stand for.

    If the subscripts do not name the letters of the result, it is the product of the sizes of all arrays.
    """
    terms, arrow, result = subscripts.replace(" ", "").partition("->")
    sizes: dict[str, int] = {}
    for term, array in zip(terms.split(","), arrays, strict=False):
        for letter, size in zip(term, array.shape, strict=False):
            sizes[letter] = max(size, sizes.get(letter, 1))
    if not arrow or "." in subscripts:
        return math.prod(array.size for array in arrays) if len(arrays) > 1 else arrays[0].size if arrays else 1
    return math.prod(sizes.get(letter, 1) for letter in result)
