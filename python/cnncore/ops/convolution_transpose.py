"""The transposed convolution conv2d_transpose and its gradients."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from cnncore import _checks, _core
from cnncore._checks import Float32, PaddingArgument, Pair, Size

__all__ = ["conv2d_transpose", "conv2d_transpose_backward"]


def conv2d_transpose(
    x: ArrayLike,
    kernel: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    strides: Size = 1,
    padding: PaddingArgument = "valid",
    output_padding: Size | None = None,
    dilation_rate: Size = 1,
    precision: str = "float32",
) -> Float32:
    """Transposed convolution: each pixel of x adds a multiple of the kernel to a larger image.

    :func:`conv2d_backward` computes the gradient of its input in the same way.

    Parameters
    ----------
    x : array_like, shape (batch, height, width, channels)
    kernel : array_like, shape (kernel height, kernel width, filters, channels)
    bias : array_like, shape (filters,), optional
    strides, dilation_rate : int or two ints, default 1
        ``strides``: the distance in the output, in pixels, between the kernels of neighbouring pixels of x.
        ``dilation_rate``: the distance, in pixels, between neighbouring values of a kernel.
    padding : str, int or two pairs of ints, default "valid"
        How many rows and columns are cut off the output: none with "valid"; with "same" as many as leave
        size * stride pixels; an int for every side; or ``((top, bottom), (left, right))``.
    output_padding : int or two ints, optional
        How many rows and columns are added at the bottom and on the right of the output; less than ``strides``. By
        default, as in Keras, none are added, except that with "valid" the output has at least size * stride pixels. If
        it is given together with "same", the output has (size - 1) stride + extent - 2 (extent // 2) + output_padding
        pixels along each axis.
    precision : {"float32", "bfloat16_3x", "bfloat16"}, default "float32"
        How x and kernel are rounded in products; see :mod:`cnncore.ops`.

    Returns
    -------
    numpy.ndarray of float32, shape (batch, output height, output width, filters)
        Each size is (size - 1) stride + extent - what is cut off + output_padding, where extent = (kernel size - 1)
        dilation + 1.

    Raises
    ------
    ValueError
        If the shapes of the arrays do not fit together, or the whole output would be cut off.

    References
    ----------
    Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016, chapter 4.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[1, 2], [3, 4]]).reshape(1, 2, 2, 1)
    >>> conv2d_transpose(x, np.ones((2, 2, 1, 1)), strides=2)[0, :, :, 0]
    array([[1., 1., 2., 2.],
           [1., 1., 2., 2.],
           [3., 3., 4., 4.],
           [3., 3., 4., 4.]], dtype=float32)
    >>> conv2d_transpose(x, np.ones((3, 3, 1, 1)), strides=2, padding="same").shape
    (1, 4, 4, 1)
    """
    owner = "conv2d_transpose"
    x, kernel = _arrays(owner, x, kernel)
    if bias is not None:
        bias = _checks.float32_array(bias, "bias", owner, 1, "filters")
    options = _window(owner, kernel, strides, padding, output_padding, dilation_rate)
    return _core.conv2d_transpose(x, kernel, bias, *options, _checks.precision(precision, owner))


def conv2d_transpose_backward(
    x: ArrayLike,
    kernel: ArrayLike,
    dy: ArrayLike,
    *,
    strides: Size = 1,
    padding: PaddingArgument = "valid",
    output_padding: Size | None = None,
    dilation_rate: Size = 1,
    precision: str = "float32",
) -> tuple[Float32, Float32, Float32]:
    """Compute the gradients of :func:`conv2d_transpose` with respect to x, kernel and bias.

    Parameters
    ----------
    x, kernel, strides, padding, output_padding, dilation_rate
        As given to :func:`conv2d_transpose`.
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
        As in :func:`conv2d_transpose`, and if dy does not have the shape of the output.

    Examples
    --------
    >>> import numpy as np
    >>> x, kernel, dy = np.ones((1, 2, 2, 1)), np.ones((2, 2, 1, 1)), np.ones((1, 4, 4, 1))
    >>> dx, dkernel, dbias = conv2d_transpose_backward(x, kernel, dy, strides=2)
    >>> dx[0, :, :, 0], dkernel.max(), dbias
    (array([[4., 4.],
           [4., 4.]], dtype=float32), np.float32(4.0), array([16.], dtype=float32))
    """
    owner = "conv2d_transpose_backward"
    x, kernel = _arrays(owner, x, kernel)
    dy = _checks.float32_array(dy, "dy", owner, 4, "batch, height, width, filters")
    options = _window(owner, kernel, strides, padding, output_padding, dilation_rate)
    return _core.conv2d_transpose_backward(x, kernel, dy, *options, _checks.precision(precision, owner))


def _arrays(owner: str, x: Any, kernel: Any) -> tuple[Float32, Float32]:
    x = _checks.float32_array(x, "x", owner, 4, "batch, height, width, channels")
    return x, _checks.float32_array(kernel, "kernel", owner, 4, "height, width, filters, channels")


def _window(
    owner: str, kernel: Float32, strides: Any, padding: Any, output_padding: Any, dilation_rate: Any
) -> tuple[Pair, _checks.Padding, Pair, Pair]:
    strides = _checks.pair(strides, "strides", owner)
    dilation = _checks.pair(dilation_rate, "dilation_rate", owner)
    if output_padding is not None:
        output_padding = _checks.pair(output_padding, "output_padding", owner, minimum=0)
    window = kernel.shape[0], kernel.shape[1]
    cut, added = _checks.transpose_padding(_checks.padding(padding, owner), output_padding, window, strides, dilation)
    return strides, cut, added, dilation
