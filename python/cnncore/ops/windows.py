"""Convolutions and pooling under their names in ``keras.ops``, for images and for sequences.

They are computed by the ops of the core: :func:`conv2d`, :func:`conv2d_transpose`, :func:`max_pool2d` and
:func:`avg_pool2d`. A sequence (batch, steps, channels) is treated as an image of one row.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.differentiation import value_of
from cnncore.ops.convolution import conv2d, conv2d_backward
from cnncore.ops.convolution_transpose import conv2d_transpose, conv2d_transpose_backward
from cnncore.ops.definition import op, recorded, together
from cnncore.ops.pooling import avg_pool2d, avg_pool2d_backward, max_pool2d, max_pool2d_backward

__all__ = ["average_pool", "conv", "conv_transpose", "depthwise_conv", "max_pool", "separable_conv"]


class _Window:
    """What the functions of this module share: the operands as images, and the arguments for one or two axes."""

    def __init__(self, owner: str, inputs: Any, data_format: Any, *kernels: Any) -> None:
        _checks.data_format(data_format, owner)
        self.owner = owner
        x = _checks.float32_array(value_of(inputs), "inputs", owner)
        if x.ndim not in (3, 4):
            raise ValueError(
                f"[{owner}] expected inputs (batch, height, width, channels) or (batch, steps, channels). "
                f"Received: shape {x.shape}"
            )
        self.rank = x.ndim - 2
        self.shapes = [x.shape]
        self.x = x if self.rank == 2 else x[:, np.newaxis]
        for kernel in kernels:
            self.kernel = self.as_kernel(kernel)

    def as_kernel(self, kernel: Any, name: str = "kernel") -> np.ndarray:
        """Return a kernel with the axes of an image, and note its shape."""
        array = _checks.float32_array(value_of(kernel), name, self.owner)
        if array.ndim != self.rank + 2:
            raise ValueError(
                f"[{self.owner}] expected `{name}` of rank {self.rank + 2} for inputs of shape {self.shapes[0]}. "
                f"Received: shape {array.shape}"
            )
        self.shapes.append(array.shape)
        return array if self.rank == 2 else array[np.newaxis]

    def pair(self, value: Any, name: str, default: int = 1) -> _checks.Pair:
        """Return an argument for each axis of an image. ``default`` is that for the single row of a sequence."""
        if self.rank == 2:
            return _checks.pair(value, name, self.owner)
        numbers = _checks.integers(value, name, self.owner)
        if len(numbers) != 1:
            raise ValueError(f"[{self.owner}] expected one number as `{name}`. Received: {name}={value!r}")
        return default, numbers[0]

    def result(self, image: np.ndarray) -> np.ndarray:
        """Return the result for an image in the rank of the inputs."""
        return image if self.rank == 2 else image[:, 0]

    def of_result(self, dy: np.ndarray) -> np.ndarray:
        """Return the gradient of the result as that of an image."""
        return np.asarray(dy if self.rank == 2 else dy[:, np.newaxis], np.float32)


@op
def conv(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid", data_format: Any = None, dilation_rate: Any = 1
) -> Any:
    """Convolve images or sequences with a kernel, as :func:`conv2d` does.

    Parameters
    ----------
    inputs : array or symbolic tensor, (batch, height, width, channels) or (batch, steps, channels)
    kernel : array or weight, (height, width, channels per group, filters) or (size, channels per group, filters)
        The number of groups is the number of channels divided by that of the kernel.
    strides, dilation_rate : int or one for each axis, default 1
    padding : {"valid", "same"}
    data_format : {"channels_last"}, optional

    Returns
    -------
    array of float32 or symbolic tensor, (batch, ..., filters)

    Raises
    ------
    ValueError
        If the shapes do not fit together.

    Examples
    --------
    >>> conv(np.ones((1, 4, 4, 1)), np.ones((3, 3, 1, 2))).shape
    (1, 2, 2, 2)
    """
    window = _Window("conv", inputs, data_format, kernel)
    channels, each = window.x.shape[-1], window.kernel.shape[2]
    if channels % each:
        raise ValueError(f"[conv] expected a kernel for a divisor of {channels} channels. Received: {each} channels")
    return _convolved(window, [inputs, kernel], window.kernel, channels // each, strides, padding, dilation_rate)


def _convolved(
    window: _Window, operands: list[Any], kernel: np.ndarray, groups: int, strides: Any, padding: Any, dilation: Any
) -> Any:
    options: dict[str, Any] = {
        "strides": window.pair(strides, "strides"),
        "padding": _checks.padding(padding, window.owner),
        "dilation_rate": window.pair(dilation, "dilation_rate"),
        "groups": groups,
    }
    x, shapes = window.x, window.shapes

    def gradients(dy: np.ndarray) -> list[np.ndarray]:
        found = conv2d_backward(x, kernel, window.of_result(dy), **options)
        return [gradient.reshape(shape) for gradient, shape in zip(found[:2], shapes, strict=True)]

    return recorded(window.result(conv2d(x, kernel, **options)), together(operands, gradients))


@op
def depthwise_conv(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid", data_format: Any = None, dilation_rate: Any = 1
) -> Any:
    """Convolve each channel with kernels of its own.

    Parameters
    ----------
    inputs : array or symbolic tensor, (batch, height, width, channels) or (batch, steps, channels)
    kernel : array or weight, (height, width, channels, multiplier) or (size, channels, multiplier)
    strides, padding, data_format, dilation_rate
        As in :func:`conv`.

    Returns
    -------
    array of float32 or symbolic tensor, (batch, ..., channels * multiplier)

    Examples
    --------
    >>> depthwise_conv(np.ones((1, 4, 4, 3)), np.ones((3, 3, 3, 2))).shape
    (1, 2, 2, 6)
    """
    window = _Window("depthwise_conv", inputs, data_format, kernel)
    high, wide, channels, multiplier = window.kernel.shape
    if channels != window.x.shape[-1]:
        raise ValueError(f"[depthwise_conv] expected a kernel for {window.x.shape[-1]} channels. Received: {channels}")
    flat = window.kernel.reshape(high, wide, 1, channels * multiplier)
    return _convolved(window, [inputs, kernel], flat, channels, strides, padding, dilation_rate)


@op
def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: Any = None,
    dilation_rate: Any = 1,
) -> Any:
    """Convolve each channel by itself, then combine the channels at each place: two convolutions in a row.

    Parameters
    ----------
    inputs, strides, padding, data_format, dilation_rate
        As in :func:`conv`.
    depthwise_kernel : array or weight
        The kernel of :func:`depthwise_conv`.
    pointwise_kernel : array or weight, (1, 1, channels * multiplier, filters) or (1, channels * multiplier, filters)

    Examples
    --------
    >>> separable_conv(np.ones((1, 4, 4, 3)), np.ones((3, 3, 3, 2)), np.ones((1, 1, 6, 5))).shape
    (1, 2, 2, 5)
    """
    between = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(between, pointwise_kernel)


@op
def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    output_padding: Any = None,
    data_format: Any = None,
    dilation_rate: Any = 1,
) -> Any:
    """Compute a transposed convolution of images or sequences, as :func:`conv2d_transpose` does.

    Parameters
    ----------
    inputs : array or symbolic tensor, (batch, height, width, channels) or (batch, steps, channels)
    kernel : array or weight, (height, width, filters, channels) or (size, filters, channels)
    strides, padding, output_padding, dilation_rate
        As in :func:`conv2d_transpose`.
    data_format : {"channels_last"}, optional

    Examples
    --------
    >>> conv_transpose(np.ones((1, 4, 4, 1)), np.ones((2, 2, 3, 1)), strides=2).shape
    (1, 8, 8, 3)
    """
    window = _Window("conv_transpose", inputs, data_format, kernel)
    options: dict[str, Any] = {
        "strides": window.pair(strides, "strides"),
        "padding": _checks.padding(padding, "conv_transpose"),
        "dilation_rate": window.pair(dilation_rate, "dilation_rate"),
    }
    if output_padding is not None:
        more = _checks.integers(output_padding, "output_padding", "conv_transpose", minimum=0)
        options["output_padding"] = ((more * 2)[:2]) if window.rank == 2 else (0, more[0])
    x, kernel_image, shapes = window.x, window.kernel, window.shapes

    def gradients(dy: np.ndarray) -> list[np.ndarray]:
        found = conv2d_transpose_backward(x, kernel_image, window.of_result(dy), **options)
        return [gradient.reshape(shape) for gradient, shape in zip(found[:2], shapes, strict=True)]

    y = window.result(conv2d_transpose(x, kernel_image, **options))
    return recorded(y, together([inputs, kernel], gradients))


def max_pool(inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: Any = None) -> Any:
    """Find the largest value of each channel in each window. With a symbolic tensor this makes a layer of pooling.

    Parameters
    ----------
    inputs : array or symbolic tensor, (batch, height, width, channels) or (batch, steps, channels)
    pool_size : int or one for each axis
    strides : int or one for each axis, optional
        How far the window moves; by default its size.
    padding : {"valid", "same"}
    data_format : {"channels_last"}, optional

    Examples
    --------
    >>> max_pool(np.float32([[[1], [3], [2], [0]]]), 2).ravel()
    array([3., 2.], dtype=float32)
    """
    if hasattr(inputs, "given_to"):
        return _pooling_layer("MaxPooling", inputs, pool_size, strides, padding, data_format)
    return _max_pool(inputs, pool_size, strides, padding, data_format)


@op
def _max_pool(inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: Any) -> Any:
    window = _Window("max_pool", inputs, data_format)
    options = _pool_options(window, pool_size, strides, padding)

    def back(dy: np.ndarray) -> np.ndarray:
        return max_pool2d_backward(window.x, window.of_result(dy), **options).reshape(window.shapes[0])

    return recorded(window.result(max_pool2d(window.x, **options)), [(inputs, back)])


def average_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: Any = None
) -> Any:
    """Compute the mean of each channel in each window. With a symbolic tensor this makes a layer of pooling.

    ``inputs``, ``pool_size``, ``strides``, ``padding`` and ``data_format`` are those of :func:`max_pool`. Pixels of the
    padding do not count.

    Examples
    --------
    >>> average_pool(np.float32([[[1], [3], [2], [0]]]), 2).ravel()
    array([2., 1.], dtype=float32)
    """
    if hasattr(inputs, "given_to"):
        return _pooling_layer("AveragePooling", inputs, pool_size, strides, padding, data_format)
    return _average_pool(inputs, pool_size, strides, padding, data_format)


@op
def _average_pool(inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: Any) -> Any:
    window = _Window("average_pool", inputs, data_format)
    options = _pool_options(window, pool_size, strides, padding)

    def back(dy: np.ndarray) -> np.ndarray:
        return avg_pool2d_backward(window.x.shape, window.of_result(dy), **options).reshape(window.shapes[0])

    return recorded(window.result(avg_pool2d(window.x, **options)), [(inputs, back)])


def _pool_options(window: _Window, pool_size: Any, strides: Any, padding: Any) -> dict[str, Any]:
    size = window.pair(pool_size, "pool_size")
    return {
        "pool_size": size,
        "strides": size if strides is None else window.pair(strides, "strides"),
        "padding": _checks.padding(padding, window.owner),
    }


def _pooling_layer(kind: str, inputs: Any, pool_size: Any, strides: Any, padding: Any, data_format: Any) -> Any:
    rank = len(inputs.shape) - 2
    if rank not in (1, 2):
        raise ValueError(
            f"[{kind}] expected a tensor (batch, height, width, channels) or (batch, steps, channels). "
            f"Received: shape {inputs.shape}"
        )
    _checks.data_format(data_format, kind)
    return inputs.given_to(f"{kind}{rank}D", pool_size=pool_size, strides=strides, padding=padding)
