"""The operations of Keras that compute arrays from arrays: for each, its class, its module and its arguments.

In files of Keras, such an operation has a class, whose config holds some arguments, and calls with the others. The
module :mod:`cnncore.saving.keras_operations` reads and writes them.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["OPERATIONS", "KerasOperation", "operation_of"]

# For each module of ``keras.ops``: "arguments of the call | arguments in the config" -> names of functions. The class
# is the name in camel case, or the word after a colon.
_TABLE: dict[str, dict[str, str]] = {
    "core": {
        "indices, values | shape": "scatter",
        "inputs, indices, updates | reduction": "scatter_update",
        "inputs, start_indices | shape": "slice",
        "inputs, start_indices, updates": "slice_update",
        "variable": "stop_gradient",
        "x | dtype": "cast saturate_cast",
        "x | num, axis": "unstack",
    },
    "numpy": {
        "*operands | subscripts": "einsum",
        "*x | indexing": "meshgrid",
        "a | n, axis": "diff",
        "array | k, axes": "rot90",
        "condition, x1, x2": "where",
        "condlist, choicelist, default": "select",
        "indices | shape": "unravel_index",
        "sorted_sequence, values | side": "searchsorted:SearchSorted",
        "x": (
            "abs absolute angle arccos arccosh arcsin arcsinh arctan arctanh bitwise_invert bitwise_not cbrt "
            "ceil conj conjugate copy corrcoef cos cosh deg2rad exp exp2 expm1 fabs fliplr flipud floor i0 "
            "imag isfinite isinf isnan isneginf isposinf isreal log log10 log1p log2 logical_not negative "
            "rad2deg ravel real reciprocal sign signbit sin sinc sinh slogdet sqrt square tan tanh trunc"
        ),
        "x | N, increasing": "vander",
        "x | axes": "transpose",
        "x | axis": "argsort count_nonzero expand_dims flip sort squeeze stack",
        "x | axis, dtype": "cumprod cumsum nancumprod nancumsum",
        "x | axis, keepdims": (
            "all amax amin any argmax argmin mean median nanargmax nanargmin nanmax nanmean nanmedian nanmin "
            "nanprod nanstd nansum nanvar ptp std sum var"
        ),
        "x | axis, keepdims, dtype": "prod",
        "x | axis, keepdims, initial": "max min",
        "x | axis1, axis2": "swapaxes",
        "x | decimals": "round",
        "x | dtype": "array empty_like ones_like zeros_like",
        "x | indices_or_sections": "dsplit hsplit vsplit",
        "x | indices_or_sections, axis": "array_split split",
        "x | k": "diag diagflat tril triu",
        "x | kth, axis": "argpartition",
        "x | nan, posinf, neginf": "nan_to_num",
        "x | newshape": "reshape",
        "x | offset, axis1, axis2": "diagonal trace",
        "x | repeats": "tile",
        "x | repeats, axis": "repeat",
        "x | shape": "broadcast_to",
        "x | shift, axis": "roll",
        "x | source, destination": "moveaxis",
        "x | weights, minlength, sparse": "bincount",
        "x | x_min, x_max": "clip",
        "x, bins": "digitize",
        "x, constant_values | pad_width, mode": "pad",
        "x, fill_value | dtype": "full_like",
        "x, indices | axis": "take take_along_axis",
        "x, q | axis, method, keepdims": "nanpercentile nanquantile percentile quantile",
        "x, weights | axis": "average",
        "x, y": "bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor left_shift right_shift",
        "x1, x2": (
            "add arctan2 divide divide_no_nan dot equal floor_divide fmax fmin fmod gcd greater "
            "greater_equal heaviside hypot inner kron lcm ldexp less less_equal logaddexp logaddexp2 "
            "logical_and logical_or logical_xor matmul maximum minimum mod multiply nextafter not_equal "
            "outer power subtract true_divide vdot"
        ),
        "x1, x2 | assume_unique, invert": "isin:IsIn",
        "x1, x2 | axes": "tensordot",
        "x1, x2 | axis": "append",
        "x1, x2 | axisa, axisb, axisc, axis": "cross",
        "x1, x2 | mode": "correlate",
        "x1, x2 | rtol, atol, equal_nan": "allclose:AllClose",
        "x1, x2, rtol, atol | equal_nan": "isclose",
        "xs": "dstack hstack vstack",
        "xs | axis": "concatenate",
        "y | x, dx, axis": "trapezoid",
    },
    "nn": {
        "inputs | num_classes, axis, dtype, sparse": "multi_hot",
        "inputs | pool_size, strides, padding, data_format": "average_pool max_pool",
        "inputs, depthwise_kernel, pointwise_kernel | strides, padding, data_format, dilation_rate": "separable_conv",
        "inputs, kernel | strides, padding, data_format, dilation_rate": "conv depthwise_conv",
        "inputs, kernel | strides, padding, output_padding, data_format, dilation_rate": "conv_transpose",
        "query, key, value, bias, mask, scale | is_causal, flash_attention, attn_logits_soft_cap": (
            "dot_product_attention"
        ),
        "target, output | from_logits": "binary_crossentropy",
        "target, output | from_logits, axis": "categorical_crossentropy sparse_categorical_crossentropy",
        "x": (
            "hard_sigmoid hard_silu hard_tanh log_sigmoid relu relu6 selu sigmoid silu softplus softsign "
            "sparse_plus sparse_sigmoid tanh_shrink"
        ),
        "x | alpha": "celu elu",
        "x | approximate": "gelu",
        "x | axes, keepdims, synchronized": "moments",
        "x | axis": "glu log_softmax softmax sparsemax",
        "x | axis, order, epsilon": "normalize",
        "x | b": "squareplus",
        "x | block_size, data_format": "depth_to_space space_to_depth",
        "x | kernel_size, dilation, padding, stride": "unfold",
        "x | negative_slope": "leaky_relu",
        "x | num_classes, axis, dtype, sparse": "one_hot",
        "x | output_size, kernel_size, dilation, padding, stride": "fold",
        "x | threshold": "hard_shrink soft_shrink",
        "x | threshold, default_value": "threshold",
        "x, gamma, beta | axis, epsilon, rms_scaling": "layer_normalization:LayerNorm",
        "x, mean, variance, offset, scale | axis, epsilon": "batch_normalization:BatchNorm",
        "x, scale | axis, epsilon": "rms_normalization:RMSNorm",
        "x1, x2 | max_val": "psnr:PSNR",
    },
    "math": {
        "data, segment_ids | num_segments, sorted": "segment_max segment_min segment_prod segment_sum",
        "targets, predictions | k": "in_top_k",
        "x": "erf erfc erfinv fft:FFT fft2:FFT2 ifft2:IFFT2 logdet rsqrt view_as_complex view_as_real",
        "x | axis, keepdims": "logsumexp",
        "x | fft_length": "irfft:IRFFT rfft:RFFT",
        "x | k, sorted": "top_k",
        "x | sequence_length, sequence_stride": "extract_sequences",
        "x, y": "cdist:CDist",
    },
    "linalg": {
        "a, b": "solve",
        "a, b | lower": "solve_triangular",
        "a, b | rcond": "lstsq",
        "x": "det eig eigh inv",
        "x | full_matrices, compute_uv": "svd:SVD",
        "x | mode": "qr",
        "x | ord, axis, keepdims": "norm",
        "x | rcond": "pinv",
        "x | tol": "matrix_rank",
        "x | upper": "cholesky cholesky_inverse",
    },
    "image": {
        "images | data_format": "hsv_to_rgb:HSVToRGB rgb_to_grayscale:RGBToGrayscale rgb_to_hsv:RGBToHSV",
        "images | size, interpolation, antialias, crop_to_aspect_ratio, pad_to_aspect_ratio, data_format": ("resize"),
        "images | size, strides, dilation_rate, padding, data_format": "extract_patches",
        "images | top_cropping, left_cropping, bottom_cropping, right_cropping, target_height, target_width": (
            "crop_images"
        ),
        "images | top_padding, left_padding, bottom_padding, right_padding, target_height, target_width": (
            "pad_images"
        ),
    },
}
# Functions whose arguments are not those of the call followed by those of the config.
_ORDERS: dict[str, tuple[str, ...]] = {
    "average": ("x", "axis", "weights"),
    "batch_normalization": ("x", "mean", "variance", "axis", "offset", "scale", "epsilon"),
    "einsum": ("subscripts", "*operands"),
    "pad": ("x", "pad_width", "mode", "constant_values"),
}
# Functions with several results, which Keras counts from 0.
_SEVERAL = frozenset(
    (
        *("split", "array_split", "hsplit", "vsplit", "dsplit", "unstack", "moments", "top_k", "meshgrid"),
        *("fft", "fft2", "ifft2", "rfft", "qr", "eig", "eigh", "svd", "slogdet"),
    )
)


class KerasOperation(NamedTuple):
    """An operation of Keras. ``order`` are all arguments of its function."""

    module: str
    kind: str
    function: str
    call: tuple[str, ...]
    config: tuple[str, ...]
    order: tuple[str, ...]

    @property
    def several(self) -> bool:
        """Whether it has several results."""
        return self.function in _SEVERAL


def _operations() -> dict[str, KerasOperation]:
    found = {}
    for module, rows in _TABLE.items():
        for arguments, words in rows.items():
            parts = [tuple(part.split(", ")) if part else () for part in [*arguments.split(" | "), ""][:2]]
            for word in words.split():
                function, _, kind = word.partition(":")
                kind = kind or "".join(part.capitalize() for part in function.split("_"))
                order = _ORDERS.get(function, (*parts[0], *parts[1]))
                found[kind] = KerasOperation(module, kind, function, parts[0], parts[1], order)
    return found


OPERATIONS = _operations()
_BY_FUNCTION = {operation.function: operation for operation in OPERATIONS.values()}


def operation_of(function: str) -> KerasOperation | None:
    """Return the operation that computes a function, by its name."""
    return _BY_FUNCTION.get(function)
