"""Functions under the names that they have in ``keras.ops.nn``."""

from cnncore.ops.arrays import one_hot
from cnncore.ops.attention import dot_product_attention
from cnncore.ops.conversions import multi_hot
from cnncore.ops.crossentropies import binary_crossentropy, categorical_crossentropy, sparse_categorical_crossentropy
from cnncore.ops.gates import glu, sparsemax
from cnncore.ops.named_activations import (
    celu,
    elu,
    gelu,
    hard_sigmoid,
    hard_silu,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    softsign,
)
from cnncore.ops.named_normalizations import normalized_by, normalized_layer, rms_normalization
from cnncore.ops.patches import depth_to_space, fold, space_to_depth, unfold
from cnncore.ops.reductions import moments, normalize
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
from cnncore.ops.special import psnr
from cnncore.ops.windows import average_pool, conv, conv_transpose, depthwise_conv, max_pool, separable_conv

swish, hard_swish = silu, hard_silu
batch_normalization, layer_normalization = normalized_by, normalized_layer

__all__ = [
    "average_pool",
    "batch_normalization",
    "binary_crossentropy",
    "categorical_crossentropy",
    "celu",
    "conv",
    "conv_transpose",
    "depth_to_space",
    "depthwise_conv",
    "dot_product_attention",
    "elu",
    "fold",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "layer_normalization",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "max_pool",
    "moments",
    "multi_hot",
    "normalize",
    "one_hot",
    "psnr",
    "relu",
    "relu6",
    "rms_normalization",
    "selu",
    "separable_conv",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "space_to_depth",
    "sparse_categorical_crossentropy",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh_shrink",
    "threshold",
    "unfold",
]
