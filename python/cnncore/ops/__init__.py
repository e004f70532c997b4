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

from cnncore._keras_names.errors import missing
from cnncore.ops import attention, image, linalg, nn, numpy, recurrence
from cnncore.ops.activation import activation, activation_backward, prelu, prelu_backward
from cnncore.ops.arrays import (
    NUMPY_NAMES,
    cast,
    convert_to_numpy,
    convert_to_tensor,
    numpy_function,
    one_hot,
    rsqrt,
    stop_gradient,
)
from cnncore.ops.attention import dot_product_attention
from cnncore.ops.control_flow import (
    associative_scan,
    cond,
    fori_loop,
    map,  # noqa: A004 (Keras' name)
    scan,
    switch,
    vectorize,
    vectorized_map,
    while_loop,
)
from cnncore.ops.conversions import dtype, is_tensor, multi_hot, saturate_cast, view_as_complex, view_as_real
from cnncore.ops.convolution import conv2d, conv2d_backward, conv_output_size
from cnncore.ops.convolution_transpose import conv2d_transpose, conv2d_transpose_backward
from cnncore.ops.crossentropies import binary_crossentropy, categorical_crossentropy, sparse_categorical_crossentropy
from cnncore.ops.gates import glu, sparsemax
from cnncore.ops.global_pooling import (
    global_avg_pool2d,
    global_avg_pool2d_backward,
    global_max_pool2d,
    global_max_pool2d_backward,
)
from cnncore.ops.linalg import (
    cholesky,
    cholesky_inverse,
    det,
    eig,
    eigh,
    inv,
    logdet,
    lstsq,
    matrix_rank,
    pinv,
    qr,
    slogdet,
    solve,
    solve_triangular,
    svd,
)
from cnncore.ops.matrix import dense, dense_backward, mean_squared_error, softmax_cross_entropy
from cnncore.ops.merge import batch_dot, batch_dot_backward, merge, merge_backward
from cnncore.ops.named_activations import (
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
from cnncore.ops.named_normalizations import rms_normalization
from cnncore.ops.normalization import (
    batch_normalization,
    batch_normalization_backward,
    group_normalization,
    group_normalization_backward,
    layer_normalization,
    layer_normalization_backward,
)
from cnncore.ops.norms import norm
from cnncore.ops.own_gradients import custom_gradient
from cnncore.ops.patches import depth_to_space, extract_sequences, fold, space_to_depth, unfold
from cnncore.ops.pooling import (
    avg_pool2d,
    avg_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
)
from cnncore.ops.random import (
    dropout,
    gaussian_noise,
)
from cnncore.ops.reductions import in_top_k, logsumexp, moments, normalize, top_k
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
from cnncore.ops.scattering import scatter, scatter_update, segment_max, segment_min, segment_prod, segment_sum
from cnncore.ops.shrinkage import (
    hard_shrink,
    hard_tanh,
    soft_shrink,
    sparse_plus,
    sparse_sigmoid,
    squareplus,
    tanh_shrink,
    threshold,
)
from cnncore.ops.slices import (
    get_item,
    slice,  # noqa: A004 (Keras' name)
    slice_update,
    split,
    unstack,
)
from cnncore.ops.special import cdist, divide_no_nan, erf, erfc, erfinv, psnr
from cnncore.ops.spectra import fft, fft2, ifft2, irfft, rfft
from cnncore.ops.update import adam_update, sgd_update
from cnncore.ops.windows import average_pool, conv, conv_transpose, depthwise_conv, max_pool, separable_conv

__all__ = [
    "activation",
    "activation_backward",
    "adam_update",
    "associative_scan",
    "attention",
    "average_pool",
    "avg_pool2d",
    "avg_pool2d_backward",
    "batch_dot",
    "batch_dot_backward",
    "batch_normalization",
    "batch_normalization_backward",
    "binary_crossentropy",
    "cast",
    "categorical_crossentropy",
    "cdist",
    "celu",
    "cholesky",
    "cholesky_inverse",
    "cond",
    "conv",
    "conv2d",
    "conv2d_backward",
    "conv2d_transpose",
    "conv2d_transpose_backward",
    "conv_output_size",
    "conv_transpose",
    "convert_to_numpy",
    "convert_to_tensor",
    "cropping2d",
    "cropping2d_backward",
    "custom_gradient",
    "dense",
    "dense_backward",
    "depth_to_space",
    "depthwise_conv",
    "det",
    "divide_no_nan",
    "dot_product_attention",
    "dropout",
    "dtype",
    "eig",
    "eigh",
    "elu",
    "erf",
    "erfc",
    "erfinv",
    "exponential",
    "extract_sequences",
    "fft",
    "fft2",
    "fold",
    "fori_loop",
    "gaussian_noise",
    "gelu",
    "get_item",
    "global_avg_pool2d",
    "global_avg_pool2d_backward",
    "global_max_pool2d",
    "global_max_pool2d_backward",
    "glu",
    "group_normalization",
    "group_normalization_backward",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "ifft2",
    "image",
    "in_top_k",
    "inv",
    "irfft",
    "is_tensor",
    "layer_normalization",
    "layer_normalization_backward",
    "leaky_relu",
    "linalg",
    "log_sigmoid",
    "log_softmax",
    "logdet",
    "logsumexp",
    "lstsq",
    "map",
    "matrix_rank",
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
    "numpy",
    "one_hot",
    "permute",
    "permute_backward",
    "pinv",
    "prelu",
    "prelu_backward",
    "psnr",
    "qr",
    "recurrence",
    "relu",
    "relu6",
    "rfft",
    "rms_normalization",
    "rsqrt",
    "saturate_cast",
    "scan",
    "scatter",
    "scatter_update",
    "segment_max",
    "segment_min",
    "segment_prod",
    "segment_sum",
    "selu",
    "separable_conv",
    "sgd_update",
    "sigmoid",
    "silu",
    "slice",
    "slice_update",
    "slogdet",
    "soft_shrink",
    "softmax",
    "softmax_cross_entropy",
    "softplus",
    "softsign",
    "solve",
    "solve_triangular",
    "space_to_depth",
    "sparse_categorical_crossentropy",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "split",
    "squareplus",
    "stop_gradient",
    "svd",
    "swish",
    "switch",
    "tanh",
    "tanh_shrink",
    "threshold",
    "top_k",
    "unfold",
    "unstack",
    "upsampling2d",
    "upsampling2d_backward",
    "vectorize",
    "vectorized_map",
    "view_as_complex",
    "view_as_real",
    "while_loop",
    "zero_padding2d",
    "zero_padding2d_backward",
]


swish, hard_swish = silu, hard_silu


def __dir__() -> list[str]:
    return sorted({*__all__, *NUMPY_NAMES})


def __getattr__(name: str) -> Any:
    if name in NUMPY_NAMES:
        return numpy_function(name)
    raise missing("ops", name, __all__)
