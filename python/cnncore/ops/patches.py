"""Functions of ``keras.ops`` that cut arrays into windows and put them together again."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.differentiation import value_of
from cnncore.ops.definition import op, recorded

__all__ = ["depth_to_space", "extract_sequences", "fold", "space_to_depth", "unfold"]


def _windows(size: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any, owner: str) -> list[np.ndarray]:
    """For each axis: the places in the padded image that each window covers, an array (windows, window size)."""
    window, apart = _checks.pair(kernel_size, "kernel_size", owner), _checks.pair(dilation, "dilation", owner)
    border, steps = _checks.pair(padding, "padding", owner, 0), _checks.pair(stride, "stride", owner)
    places = []
    for axis in range(2):
        length = size[axis] + 2 * border[axis] - (window[axis] - 1) * apart[axis]
        if length < 1:
            raise ValueError(
                f"[{owner}] expected a window that is not larger than the padded image. "
                f"Received: kernel_size={window}, image of {size[0]} x {size[1]}"
            )
        starts = np.arange(0, length, steps[axis])
        places.append(starts[:, np.newaxis] + np.arange(window[axis]) * apart[axis])
    return places


def _cut(x: np.ndarray, places: list[np.ndarray], border: tuple[int, int]) -> np.ndarray:
    """Return (batch, channels * window, windows) of images (batch, channels, height, width)."""
    padded = np.pad(x, ((0, 0), (0, 0), *((side, side) for side in border)))
    rows, columns = places
    cut = padded[:, :, rows[:, np.newaxis, :, np.newaxis], columns[np.newaxis, :, np.newaxis, :]]
    order = cut.transpose(0, 1, 4, 5, 2, 3)
    return np.ascontiguousarray(order).reshape(len(x), -1, len(rows) * len(columns))


def _put(parts: np.ndarray, shape: tuple[int, ...], places: list[np.ndarray], border: tuple[int, int]) -> np.ndarray:
    """Add up the windows that :func:`_cut` returns in an image of ``shape``."""
    rows, columns = places
    batch, channels, height, width = shape
    padded = np.zeros((batch, channels, height + 2 * border[0], width + 2 * border[1]), parts.dtype)
    each = parts.reshape(batch, channels, rows.shape[1], columns.shape[1], len(rows), len(columns))
    for i in range(rows.shape[1]):
        for j in range(columns.shape[1]):
            padded[:, :, rows[:, i][:, np.newaxis], columns[:, j]] += each[:, :, i, j]
    return padded[:, :, border[0] : border[0] + height, border[1] : border[1] + width]


@op
def unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Cut images into windows, which may overlap.

    Parameters
    ----------
    x : array or symbolic tensor, (batch, channels, height, width)
        As in Keras, the channels come before height and width.
    kernel_size, dilation, stride : int or two ints, default 1
        The size of a window, the distance between its pixels, and the distance between windows.
    padding : int or two ints, default 0
        How many zeros are added on each side.

    Returns
    -------
    array or symbolic tensor, (batch, channels * window height * window width, windows)

    Examples
    --------
    >>> unfold(np.arange(4.0).reshape(1, 1, 2, 2), (1, 2)).tolist()
    [[[0.0, 2.0], [1.0, 3.0]]]
    """
    values = np.asarray(value_of(x))
    if values.ndim != 4:
        raise ValueError(f"[unfold] expected x (batch, channels, height, width). Received: shape {values.shape}")
    places = _windows(values.shape[2:], kernel_size, dilation, padding, stride, "unfold")
    border = _checks.pair(padding, "padding", "unfold", 0)
    return recorded(_cut(values, places, border), [(x, lambda dy: _put(dy, values.shape, places, border))])


@op
def fold(x: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Add up windows in an image. This is the gradient of :func:`unfold`.

    Parameters
    ----------
    x : array or symbolic tensor, (batch, channels * window height * window width, windows)
    output_size : (height, width)
        The size of the image.
    kernel_size, dilation, padding, stride
        As in :func:`unfold`.

    Returns
    -------
    array or symbolic tensor, (batch, channels, height, width)

    Examples
    --------
    >>> fold(np.ones((1, 4, 1)), (2, 2), 2).ravel().tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    values = np.asarray(value_of(x))
    size = _checks.pair(output_size, "output_size", "fold")
    places = _windows(size, kernel_size, dilation, padding, stride, "fold")
    border = _checks.pair(padding, "padding", "fold", 0)
    count, window = len(places[0]) * len(places[1]), places[0].shape[1] * places[1].shape[1]
    if values.ndim != 3 or values.shape[2] != count or values.shape[1] % window:
        raise ValueError(f"[fold] expected x (batch, channels * {window}, {count}). Received: shape {values.shape}")
    shape = (len(values), values.shape[1] // window, *size)
    return recorded(_put(values, shape, places, border), [(x, lambda dy: _cut(dy, places, border))])


@op
def extract_sequences(x: Any, sequence_length: int, sequence_stride: int) -> Any:
    """Cut the last axis of ``x`` into sequences of ``sequence_length``, each ``sequence_stride`` after the one before.

    Returns
    -------
    array or symbolic tensor, (..., sequences, sequence_length)

    Examples
    --------
    >>> extract_sequences(np.arange(5), 3, 2).tolist()
    [[0, 1, 2], [2, 3, 4]]
    """
    length = _checks.integer(sequence_length, "sequence_length", "extract_sequences")
    step = _checks.integer(sequence_stride, "sequence_stride", "extract_sequences")
    x = x if hasattr(x, "shape") else np.asarray(x)
    if x.shape[-1] < length:
        raise ValueError(f"[extract_sequences] expected at least {length} values. Received: shape {x.shape}")
    starts = np.arange(0, x.shape[-1] - length + 1, step)
    return np.take(x, starts[:, np.newaxis] + np.arange(length), axis=-1)


@op
def space_to_depth(x: Any, block_size: int, data_format: str | None = "channels_last") -> Any:
    """Turn blocks of pixels into channels: (batch, height, width, c) becomes (batch, height / b, width / b, b b c).

    Parameters
    ----------
    x : array or symbolic tensor
    block_size : int
        The number b.
    data_format : {"channels_last"}

    Examples
    --------
    >>> space_to_depth(np.arange(4.0).reshape(1, 2, 2, 1), 2).ravel().tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    _checks.data_format(data_format, "space_to_depth")
    block = _checks.integer(block_size, "block_size", "space_to_depth")
    x = x if hasattr(x, "shape") else np.asarray(x)
    if len(x.shape) != 4 or x.shape[1] % block or x.shape[2] % block:
        raise ValueError(
            f"[space_to_depth] expected images whose height and width are divisible by {block}. "
            f"Received: shape {x.shape}"
        )
    batch, height, width, channels = x.shape
    parts = np.reshape(x, (batch, height // block, block, width // block, block, channels))
    joined = np.transpose(parts, (0, 1, 3, 2, 4, 5))
    return np.reshape(joined, (batch, height // block, width // block, block * block * channels))


@op
def depth_to_space(x: Any, block_size: int, data_format: str | None = "channels_last") -> Any:
    """Turn channels into blocks of pixels: (batch, height, width, b b c) becomes (batch, b height, b width, c).

    This is how images are enlarged by a convolution (Shi et al., "Real-time single image and video super-resolution
    using an efficient sub-pixel convolutional neural network", 2016).

    Parameters
    ----------
    x : array or symbolic tensor
    block_size : int
        The number b.
    data_format : {"channels_last"}

    Examples
    --------
    >>> depth_to_space(np.arange(4.0).reshape(1, 1, 1, 4), 2)[0, :, :, 0].tolist()
    [[0.0, 1.0], [2.0, 3.0]]
    """
    _checks.data_format(data_format, "depth_to_space")
    block = _checks.integer(block_size, "block_size", "depth_to_space")
    x = x if hasattr(x, "shape") else np.asarray(x)
    if len(x.shape) != 4 or x.shape[3] % (block * block):
        raise ValueError(
            f"[depth_to_space] expected images whose channels are divisible by {block * block}. "
            f"Received: shape {x.shape}"
        )
    batch, height, width, channels = x.shape
    kept = channels // (block * block)
    parts = np.transpose(np.reshape(x, (batch, height, width, block, block, kept)), (0, 1, 3, 2, 4, 5))
    return np.reshape(parts, (batch, height * block, width * block, kept))
