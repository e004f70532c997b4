"""Checks of arguments for layers, ops and models, so that the same mistake always has the same message."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnncore import _core
from cnncore._suggestions import nearest

Float32 = NDArray[np.float32]
Pair = tuple[int, int]
Size = int | Sequence[int]
Padding = tuple[Pair, Pair]
PaddingArgument = str | int | Sequence[Any]

PRECISIONS = ("float32", "bfloat16_3x", "bfloat16")  # from the most exact to the least


def integer(value: Any, name: str, owner: str, minimum: int = 1, maximum: int = 2**31 - 1) -> int:
    """``value`` as an int in [minimum, maximum]; bools and floats are refused."""
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"[{owner}] expected `{name}` to be an integer. Received: {name}={value!r}") from None
    if not minimum <= number <= maximum:
        largest = f"< 2**{maximum.bit_length()}" if maximum >= 2**31 - 1 else f"<= {maximum}"
        bounds = f">= {minimum} and {largest}"
        raise ValueError(f"[{owner}] expected `{name}` {bounds}. Received: {name}={value!r}")
    return number


def integers(value: Any, name: str, owner: str, minimum: int = 1, maximum: int = 2**31 - 1) -> tuple[int, ...]:
    """An int, or a list or tuple of ints in [minimum, maximum], as a tuple."""
    items = value if isinstance(value, (list, tuple)) else (value,)
    return tuple(integer(item, name, owner, minimum, maximum) for item in items)


def number(
    value: Any,
    name: str,
    owner: str,
    minimum: float = -math.inf,
    below: float = math.inf,
    maximum: float = math.inf,
) -> float:
    """``value`` as a finite float in [minimum, below), or in [minimum, maximum] if that is given."""
    if isinstance(value, (bool, str, bytes)):
        raise TypeError(f"[{owner}] expected `{name}` to be a number. Received: {name}={value!r}")
    try:
        result = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"[{owner}] expected `{name}` to be a number. Received: {name}={value!r}") from None
    if not math.isfinite(result) or not (minimum <= result < below and result <= maximum):
        end = f"{maximum:g}]" if math.isfinite(maximum) else f"{below:g})"
        bounded = any(map(math.isfinite, (minimum, below, maximum)))
        bounds = f" in [{minimum:g}, {end}" if bounded else ""
        raise ValueError(f"[{owner}] expected `{name}` to be a finite number{bounds}. Received: {name}={value!r}")
    return result


def boolean(value: Any, name: str, owner: str) -> bool:
    """``value`` as a bool. Other objects are refused, since they are usually arguments in the wrong place."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"[{owner}] expected `{name}` to be True or False. Received: {name}={value!r}")
    return bool(value)


def choice(value: Any, name: str, owner: str, allowed: Sequence[str]) -> str:
    """``value`` in lower case, if it is one of a few words. Otherwise the error suggests the most similar word."""
    if isinstance(value, str) and value.lower() in allowed:
        return value.lower()
    words = ", ".join(f'"{word}"' for word in allowed)
    hint = nearest(value, allowed)
    raise ValueError(f"[{owner}] expected `{name}` to be one of {words}.{hint} Received: {name}={value!r}")


def path(value: Any, name: str, owner: str) -> str:
    """``value``, a string or a path, as a string."""
    if not isinstance(value, (str, os.PathLike)) or not isinstance(os.fspath(value), str):
        raise TypeError(f"[{owner}] expected `{name}` to be a string or a path. Received: {name}={value!r:.80}")
    return os.fspath(value)


def config(value: Any, owner: str) -> dict[str, Any]:
    """``value``, what a ``get_config`` has returned, as a dict."""
    if not isinstance(value, Mapping):
        raise TypeError(f"[{owner}] expected `config` to be a dict. Received: config={value!r:.80}")
    return dict(value)


def data_format(value: Any, owner: str) -> str:
    """Check ``data_format``: None or "channels_last"."""
    if value is not None and not (isinstance(value, str) and value == "channels_last"):
        raise ValueError(
            f'[{owner}] expected `data_format` to be "channels_last": images are (height, width, channels) here. '
            f"Move the channels of your arrays with numpy.moveaxis(x, 1, -1). Received: data_format={value!r}"
        )
    return "channels_last"


def dtype(value: Any, owner: str) -> str:
    """Check ``dtype``: None or float32, by any of its names."""
    name = getattr(value, "name", value)  # the name of NumPy's dtype, or of a policy
    name = getattr(value, "__name__", name) if isinstance(value, type) else name
    if name is not None and not (isinstance(name, str) and name == "float32"):
        raise ValueError(
            f'[{owner}] expected `dtype` to be "float32" or None: weights and activations are always float32. For '
            f'faster products of 16 bits, use compile(precision="bfloat16"). Received: dtype={value!r}'
        )
    return "float32"


def listed(value: Any, name: str, owner: str) -> list[Any]:
    """The items of a list, a tuple, a set or an array, as a list."""
    try:
        return list(None if isinstance(value, (str, bytes, dict)) else value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"[{owner}] expected `{name}` to be a list. Received: {name}={value!r:.80}") from None


def numbers(value: Any, name: str, owner: str) -> list[float]:
    """A list of finite numbers."""
    return [number(item, name, owner) for item in listed(value, name, owner)]


def is_sequence(value: Any) -> bool:
    """Whether ``value`` is a list, a tuple or an array with an axis."""
    return isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim > 0)


def pair(value: Any, name: str, owner: str, minimum: int = 1) -> Pair:
    """An int or a sequence of two ints as (height, width)."""
    if is_sequence(value):
        if len(value) != 2:
            raise ValueError(f"[{owner}] expected `{name}` to be an integer or two of them. Received: {name}={value!r}")
        return integer(value[0], name, owner, minimum), integer(value[1], name, owner, minimum)
    size = integer(value, name, owner, minimum)
    return size, size


def padding(value: Any, owner: str) -> str | Padding:
    """Check a padding: ``"valid"``, ``"same"``, an int, or ((top, bottom), (left, right))."""
    if isinstance(value, str):
        if value.lower() not in ("valid", "same"):
            raise ValueError(f'[{owner}] expected `padding` to be "valid" or "same". Received: padding={value!r}')
        return value.lower()
    if isinstance(value, (list, tuple)):
        if len(value) != 2 or not all(isinstance(side, (list, tuple)) for side in value):
            raise ValueError(
                f"[{owner}] expected explicit `padding` as ((top, bottom), (left, right)). Received: padding={value!r}"
            )
        return pair(value[0], "padding", owner, 0), pair(value[1], "padding", owner, 0)
    size = integer(value, "padding", owner, 0)
    return (size, size), (size, size)


def precision(value: Any, owner: str) -> str:
    """Check the name of a precision."""
    if not isinstance(value, str) or value not in PRECISIONS:
        names = ", ".join(f'"{name}"' for name in PRECISIONS)
        raise ValueError(f"[{owner}] expected `precision` to be one of {names}. Received: precision={value!r}")
    return value


def explicit_padding(value: str | Padding, size: Sequence[int], window: Pair, strides: Pair, dilation: Pair) -> Padding:
    """((top, bottom), (left, right)) of a checked padding, for an input of ``size`` (height, width)."""
    if value == "valid":
        return (0, 0), (0, 0)
    if value == "same":
        top_bottom, left_right = (
            _core.same_padding(size[axis], window[axis], strides[axis], dilation[axis]) for axis in (0, 1)
        )
        return top_bottom, left_right
    assert not isinstance(value, str)
    return value


def transpose_padding(
    value: str | Padding, output_padding: Pair | None, window: Pair, strides: Pair, dilation: Pair
) -> tuple[Padding, Pair]:
    """How many pixels a transposed convolution cuts off its output, ((top, bottom), (left, right)), and how many it
    adds at the bottom and on the right.

    If `output_padding` is None, the sizes of the output are those of Keras: (size - 1) * stride + max(extent, stride)
    for "valid", where the extent is that of the dilated kernel, and size * stride for "same".
    """
    crops, added = [], []
    for axis in (0, 1):
        stride, extent = strides[axis], (window[axis] - 1) * dilation[axis] + 1
        given = None if output_padding is None else output_padding[axis]
        if value == "valid":
            total, more = 0, max(stride - extent, 0) if given is None else given
        elif value == "same":
            cut = extent - stride if given is None else 2 * (extent // 2) - given
            total, more = max(cut, 0), max(-cut, 0)
        else:
            assert not isinstance(value, str)
            crops.append(value[axis])
            added.append(given or 0)
            continue
        crops.append((total // 2, total - total // 2))
        added.append(more)
    return (crops[0], crops[1]), (added[0], added[1])


def output_size(size: int, window: int, stride: int, pad: Pair, dilation: int = 1) -> int:
    """(W - F + P) / S + 1 rounded down, where W is `size`, F the extent of the dilated window, P the sum of `pad` and S
    `stride`. It is less than 1 if the window does not fit.
    """
    return (size - ((window - 1) * dilation + 1) + pad[0] + pad[1]) // stride + 1


def float32_array(value: Any, name: str, owner: str, rank: int | None = None, axes: str = "") -> np.ndarray:
    """``value`` as a C-contiguous float32 array. It is copied only if it is not one already."""
    array = numeric_array(value, name, owner)
    if rank is not None and array.ndim != rank:
        what = f"rank {rank}" + (f" ({axes})" if axes else "")
        raise ValueError(f"[{owner}] expected {name} of {what}. Received: {name}.shape={array.shape}")
    return contiguous(array, np.float32)


def numeric_array(value: Any, name: str, owner: str) -> np.ndarray:
    """``value``, which may be a sparse matrix of SciPy, as an array of real numbers of any dtype."""
    try:
        array = np.asarray(value.toarray() if hasattr(value, "tocsr") else value)
    except ValueError:  # raised by nested lists of unequal length
        raise ValueError(
            f"[{owner}] expected {name} to be a rectangular array. Received: a ragged {type(value).__name__}"
        ) from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"[{owner}] expected {name} to hold real numbers. Received: {name}.dtype={array.dtype}")
    return array


def with_samples(value: Any, name: str, owner: str) -> np.ndarray:
    """``value`` as an array of real numbers with an axis for samples or steps."""
    array = numeric_array(value, name, owner)
    if not array.ndim:
        raise ValueError(f"[{owner}] expected {name} to be an array with an axis. Received: {name}={value!r:.80}")
    return array


def contiguous(array: np.ndarray, dtype: Any) -> np.ndarray:
    """The array in C order and aligned, with this dtype. If the array is like that already, this takes almost no time,
    unlike ``np.require``.
    """
    flags = array.flags
    if array.dtype == dtype and flags.c_contiguous and flags.aligned:
        return array
    return np.require(array, dtype, ["C", "A"])


def shape_of_sample(value: Any, name: str, owner: str) -> tuple[Any, ...]:
    """A shape without its batch axis: a tuple of positive ints, and None for sizes that may have any value."""
    if isinstance(value, (list, tuple)) and any(size is None for size in value):
        known = iter(shape([1 if size is None else size for size in value], name, owner))
        return tuple(None if given is None else size for given, size in zip(value, known, strict=True))
    return shape(value, name, owner)


def shape(value: Any, name: str, owner: str) -> tuple[int, ...]:
    """A shape without its batch axis: a tuple of positive ints."""
    if not is_sequence(value) or len(value) == 0:
        raise ValueError(
            f"[{owner}] expected `{name}` to be a non-empty tuple without the batch axis. Received: {name}={value!r}"
        )
    return tuple(integer(size, name, owner) for size in value)


def same_length(owner: str, **arrays: np.ndarray) -> int:
    """The number of samples of the arrays, which must be the same for all, and positive. Messages name them."""
    for name, array in arrays.items():
        if np.ndim(array) == 0:
            raise ValueError(f"[{owner}] expected {name} with an axis of samples. Received: {name}.shape=()")
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) != 1:
        received = ", ".join(f"{name}: {length}" for name, length in lengths.items())
        raise ValueError(f"[{owner}] expected {' and '.join(arrays)} of the same length. Received: {received}")
    length = next(iter(lengths.values()))
    if length == 0:
        raise ValueError(f"[{owner}] expected at least one sample. Received: {next(iter(arrays))} is empty")
    return length


def symbolic_shape(value: Any, owner: str) -> tuple[Any, ...]:
    """Return a shape whose sizes are integers or None, as a tuple."""
    sizes = tuple(value) if isinstance(value, Iterable) and not isinstance(value, (str, bytes, dict)) else (value, "")
    if not all(size is None or (isinstance(size, (int, np.integer)) and size >= 0) for size in sizes):
        raise ValueError(f"[{owner}] expected `shape` to be a tuple of integers and None. Received: shape={value!r}")
    return sizes
