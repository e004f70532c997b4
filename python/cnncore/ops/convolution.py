"""The convolution conv2d, its gradients, and the formula for the size of its output."""

from __future__ import annotations

from typing import Any, cast

from numpy.typing import ArrayLike

from cnncore import _checks, _core
from cnncore._checks import Float32, PaddingArgument, Pair, Size

__all__ = ["conv2d", "conv2d_backward", "conv_output_size"]

_IMAGES = "batch, height, width, channels"
_KERNEL = "height, width, inputs, outputs"


def conv_output_size(size: int, kernel_size: int, padding: int = 0, stride: int = 1) -> int:
    """Compute the size of the output of a convolution or a pooling: (W - F + 2 P) / S + 1, rounded down.

    Parameters
    ----------
    size, kernel_size, padding, stride : int
        The numbers W, F, P and S of the formula. The padding is that on each of the two sides.

    Raises
    ------
    ValueError
        If the kernel does not fit into the padded input.

    Examples
    --------
    >>> conv_output_size(28, 3), conv_output_size(6, 3, padding=1), conv_output_size(26, 2, stride=2)
    (26, 6, 13)
    """
    owner = "conv_output_size"
    size, window = _checks.integer(size, "size", owner), _checks.integer(kernel_size, "kernel_size", owner)
    pad, step = _checks.integer(padding, "padding", owner, minimum=0), _checks.integer(stride, "stride", owner)
    result = _checks.output_size(size, window, step, (pad, pad))
    if result < 1:
        raise ValueError(
            f"[{owner}] expected a kernel no larger than the padded input. "
            f"Received: size={size}, kernel_size={window}, padding={pad}"
        )
    return result


def conv2d(
    x: ArrayLike,
    kernel: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    strides: Size = 1,
    padding: PaddingArgument = "valid",
    dilation_rate: Size = 1,
    groups: int = 1,
    precision: str = "float32",
) -> Float32:
    """Convolve images with a kernel.

    Each output is the sum over a patch of the image of pixel times kernel, plus the bias. Mathematicians call this a
    cross-correlation, since the kernel is not mirrored.

    Parameters
    ----------
    x : array_like, shape (batch, height, width, channels)
    kernel : array_like, shape (kernel height, kernel width, channels / groups, filters)
    bias : array_like, shape (filters,), optional
    strides, dilation_rate : int or two ints, default 1
        ``strides``: how many pixels the patch moves from one output to the next. ``dilation_rate``: the distance, in
        pixels, between neighbouring pixels of the patch.
    padding : str, int or two pairs of ints, default "valid"
        See :mod:`cnncore.ops`.
    groups : int, default 1
        Channels and filters are divided into that many groups. Each filter sees only the channels of its group. With as
        many groups as channels this is a depthwise convolution.
    precision : {"float32", "bfloat16_3x", "bfloat16"}, default "float32"
        How x and kernel are rounded in products; see :mod:`cnncore.ops`.

    Returns
    -------
    numpy.ndarray of float32, shape (batch, output height, output width, filters)

    Raises
    ------
    ValueError
        If the shapes of the arrays do not fit together, or the kernel is larger than the padded input.

    Examples
    --------
    A 3x3 kernel gives one number for a 3x3 patch, and an image of the same size for a 6x6 image with padding 1:

    >>> import numpy as np
    >>> patch = np.array([[2, 2, 0], [1, 2, 1], [2, 1, 1]]).reshape(1, 3, 3, 1)
    >>> kernel = np.array([[0, 0, 0], [1, -1, 0], [1, 1, -1]]).reshape(3, 3, 1, 1)
    >>> conv2d(patch, kernel).item()
    1.0
    >>> conv2d(np.ones((1, 6, 6, 1)), kernel, padding=1).shape
    (1, 6, 6, 1)
    """
    x, kernel, window = _conv2d_arrays("conv2d", x, kernel)
    if bias is not None:
        bias = _checks.float32_array(bias, "bias", "conv2d", 1, "filters")
    options = _window("conv2d", x, window, strides, padding, dilation_rate)
    groups = _checks.integer(groups, "groups", "conv2d")
    return _core.conv2d(x, kernel, bias, *options, groups, _checks.precision(precision, "conv2d"))


def conv2d_backward(
    x: ArrayLike,
    kernel: ArrayLike,
    dy: ArrayLike,
    *,
    strides: Size = 1,
    padding: PaddingArgument = "valid",
    dilation_rate: Size = 1,
    groups: int = 1,
    precision: str = "float32",
) -> tuple[Float32, Float32, Float32]:
    """Compute the gradients of :func:`conv2d` with respect to x, kernel and bias.

    Parameters
    ----------
    x, kernel, strides, padding, dilation_rate, groups
        As given to :func:`conv2d`.
    dy : array_like, shape of the output
        The gradient of the loss with respect to the output.
    precision : {"float32", "bfloat16_3x", "bfloat16"}, default "float32"
        How x, kernel and dy are rounded in products; see :mod:`cnncore.ops`.

    Returns
    -------
    dx, dkernel, dbias : numpy.ndarray of float32
        Arrays of the shapes of x and of kernel, and of shape (filters,).

    Raises
    ------
    ValueError
        As in :func:`conv2d`, and if dy does not have the shape of the output.

    Examples
    --------
    >>> import numpy as np
    >>> dx, dkernel, dbias = conv2d_backward(np.ones((1, 4, 4, 1)), np.ones((3, 3, 1, 1)), np.ones((1, 2, 2, 1)))
    >>> dx[0, :, :, 0]
    array([[1., 2., 2., 1.],
           [2., 4., 4., 2.],
           [2., 4., 4., 2.],
           [1., 2., 2., 1.]], dtype=float32)
    >>> dkernel.max(), dbias
    (np.float32(4.0), array([4.], dtype=float32))
    """
    owner = "conv2d_backward"
    x, kernel, window = _conv2d_arrays(owner, x, kernel)
    dy = _checks.float32_array(dy, "dy", owner, 4, "batch, height, width, filters")
    options = _window(owner, x, window, strides, padding, dilation_rate)
    groups = _checks.integer(groups, "groups", owner)
    grads = _core.conv2d_backward(x, kernel, dy, *options, groups, precision=_checks.precision(precision, owner))
    # The core returns None for gradients that it is told to leave out. Here it computes all three.
    return cast("tuple[Float32, Float32, Float32]", grads)


def _conv2d_arrays(owner: str, x: Any, kernel: Any) -> tuple[Float32, Float32, Pair]:
    x = _checks.float32_array(x, "x", owner, 4, _IMAGES)
    kernel = _checks.float32_array(kernel, "kernel", owner, 4, _KERNEL)
    return x, kernel, (kernel.shape[0], kernel.shape[1])


def _window(
    owner: str, x: Float32, window: Pair, strides: Any, padding: Any, dilation_rate: Any
) -> tuple[Pair, _checks.Padding, Pair]:
    strides = _checks.pair(strides, "strides", owner)
    dilation = _checks.pair(dilation_rate, "dilation_rate", owner)
    sides = _checks.explicit_padding(_checks.padding(padding, owner), x.shape[1:3], window, strides, dilation)
    return strides, sides, dilation
