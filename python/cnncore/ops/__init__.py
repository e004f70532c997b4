"""Ops as functions of NumPy arrays that return NumPy arrays: the forward and the backward pass of each layer.

Images have the shape (batch, height, width, channels), and kernels of convolutions (height, width, inputs per group,
outputs). All arrays are float32. Arguments may be anything that ``numpy.asarray`` turns into numbers; they are copied
only if they are not C-contiguous float32 arrays. Results are new arrays, except in the two updates of optimizers.

The argument ``padding`` is one of:

- ``"valid"``: no padding.
- ``"same"``: as much as makes the output size ceil(size / stride). If that is an odd number of rows or columns, there
  is one more at the bottom or on the right than on the other side, as in Keras.
- an int: that many rows and columns on every side.
- ``((top, bottom), (left, right))``: numbers for each side.

The argument ``precision`` says how the operands of products (x, kernel and dy) are rounded before they are multiplied.
Sums and results are always float32. The error of a sum of products a * b, compared with float32, is at most:

- ``"float32"``: 0. Operands have 24 bits of mantissa.
- ``"bfloat16_3x"``: 5e-5 sum |a| |b|. Operands have 16 bits of mantissa: each is the sum of two bfloat16 numbers.
- ``"bfloat16"``: 8e-3 sum |a| |b|. Operands have 8 bits of mantissa.

Convolutions with groups or with fewer than 16 input channels or filters, and dense layers with fewer than 32 features
or 16 units, compute in float32 at every precision. In all others, operands beyond 3.39e38, the largest bfloat16 number,
become infinite when they are rounded.

The ops replace numbers below 1.2e-38 in magnitude (denormals) by zero, since processors compute slowly with them. So a
gradient that small becomes zero, for example in :func:`max_pool2d_backward`, while PyTorch keeps it.

Names of ``keras.ops`` that NumPy also has, such as ``ops.mean`` and ``ops.square``, call the NumPy functions.
"""

from __future__ import annotations

from typing import Any

from cnncore._not_here import missing
from cnncore.ops import image, nn
from cnncore.ops.activation import (
    activation,
    activation_backward,
    celu,
    elu,
    exponential,
    gelu,
    hard_sigmoid,
    hard_silu,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    mish,
    prelu,
    prelu_backward,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    softsign,
    tanh,
)
from cnncore.ops.arrays import (
    NUMPY_NAMES,
    cast,
    convert_to_numpy,
    convert_to_tensor,
    norm,
    numpy_function,
    one_hot,
    rsqrt,
    stop_gradient,
)
from cnncore.ops.convolution import conv2d, conv2d_backward, conv_output_size
from cnncore.ops.convolution_transpose import conv2d_transpose, conv2d_transpose_backward
from cnncore.ops.functional import (
    cond,
    fori_loop,
    in_top_k,
    map,  # noqa: A004 (Keras' name)
    moments,
    multi_hot,
    normalize,
    slice,  # noqa: A004 (Keras' name)
    slice_update,
    vectorized_map,
    while_loop,
)
from cnncore.ops.global_pooling import (
    global_avg_pool2d,
    global_avg_pool2d_backward,
    global_max_pool2d,
    global_max_pool2d_backward,
)
from cnncore.ops.matrix import dense, dense_backward, mean_squared_error, softmax_cross_entropy
from cnncore.ops.merge import batch_dot, batch_dot_backward, merge, merge_backward
from cnncore.ops.normalization import (
    batch_normalization,
    batch_normalization_backward,
    group_normalization,
    group_normalization_backward,
    layer_normalization,
    layer_normalization_backward,
)
from cnncore.ops.parts import is_tensor, logsumexp, split, top_k, unstack
from cnncore.ops.pooling import (
    average_pool,
    avg_pool2d,
    avg_pool2d_backward,
    max_pool,
    max_pool2d,
    max_pool2d_backward,
)
from cnncore.ops.random import (
    dropout,
    gaussian_noise,
)
from cnncore.ops.resize import (
    cropping2d,
    cropping2d_backward,
    permute,
    permute_backward,
    upsampling2d,
    upsampling2d_backward,
    zero_padding2d,
    zero_padding2d_backward,
)
from cnncore.ops.update import adam_update, sgd_update

__all__ = [
    "activation",
    "activation_backward",
    "adam_update",
    "average_pool",
    "avg_pool2d",
    "avg_pool2d_backward",
    "batch_dot",
    "batch_dot_backward",
    "batch_normalization",
    "batch_normalization_backward",
    "cast",
    "celu",
    "cond",
    "conv2d",
    "conv2d_backward",
    "conv2d_transpose",
    "conv2d_transpose_backward",
    "conv_output_size",
    "convert_to_numpy",
    "convert_to_tensor",
    "cropping2d",
    "cropping2d_backward",
    "dense",
    "dense_backward",
    "dropout",
    "elu",
    "exponential",
    "fori_loop",
    "gaussian_noise",
    "gelu",
    "global_avg_pool2d",
    "global_avg_pool2d_backward",
    "global_max_pool2d",
    "global_max_pool2d_backward",
    "group_normalization",
    "group_normalization_backward",
    "hard_sigmoid",
    "hard_silu",
    "image",
    "in_top_k",
    "is_tensor",
    "layer_normalization",
    "layer_normalization_backward",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "map",
    "max_pool",
    "max_pool2d",
    "max_pool2d_backward",
    "mean_squared_error",
    "merge",
    "merge_backward",
    "mish",
    "moments",
    "multi_hot",
    "nn",
    "norm",
    "normalize",
    "one_hot",
    "permute",
    "permute_backward",
    "prelu",
    "prelu_backward",
    "relu",
    "relu6",
    "rsqrt",
    "selu",
    "sgd_update",
    "sigmoid",
    "silu",
    "slice",
    "slice_update",
    "softmax",
    "softmax_cross_entropy",
    "softplus",
    "softsign",
    "split",
    "stop_gradient",
    "tanh",
    "top_k",
    "unstack",
    "upsampling2d",
    "upsampling2d_backward",
    "vectorized_map",
    "while_loop",
    "zero_padding2d",
    "zero_padding2d_backward",
]


def __getattr__(name: str) -> Any:
    if name in NUMPY_NAMES:
        return numpy_function(name)
    raise missing("ops", name, __all__)
