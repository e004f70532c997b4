"""The kernels as plain functions: NumPy in, NumPy out, forward and backward of each layer.

Images are (batch, height, width, channels), convolution kernels (height, width, inputs per group, outputs),
everything is computed in float32. Arguments may be anything ``numpy.asarray`` turns into numbers; they are copied only
where they are not C-contiguous float32 already. Results are new arrays, except in the two optimizer updates.

Padding is ``"valid"`` (none), ``"same"`` (Keras' rule: output size = ceil(size / stride), the odd pixel at the bottom
and right), an int P on every side, or ``((top, bottom), (left, right))``.
"""

from cnncore.ops.convolution import conv2d, conv2d_backward, conv_output_size
from cnncore.ops.matrix import (
    activation,
    activation_backward,
    dense,
    dense_backward,
    mean_squared_error,
    relu,
    sigmoid,
    softmax,
    softmax_cross_entropy,
    tanh,
)
from cnncore.ops.pooling import avg_pool2d, avg_pool2d_backward, max_pool2d, max_pool2d_backward
from cnncore.ops.update import adam_update, sgd_update

__all__ = [
    "activation",
    "activation_backward",
    "adam_update",
    "avg_pool2d",
    "avg_pool2d_backward",
    "conv2d",
    "conv2d_backward",
    "conv_output_size",
    "dense",
    "dense_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "mean_squared_error",
    "relu",
    "sgd_update",
    "sigmoid",
    "softmax",
    "softmax_cross_entropy",
    "tanh",
]
