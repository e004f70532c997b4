"""The compiled module. Arrays are C-contiguous; nothing here converts silently.

Everything below raises ``ValueError`` for values that make no sense. Messages start with ``[op]`` or with the name of
the layer and say what was expected and received. For an argument of another type, and for an array of another dtype or
order, pybind11 raises a ``TypeError`` with the types that the function takes and the arguments that it was given. The
public functions of cnncore check types themselves before they come here.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Pair = tuple[int, int]
Padding = tuple[Pair, Pair]  # ((top, bottom), (left, right))

__version__: str

# --- runtime -----------------------------------------------------------------------------------------------------
def isa() -> str: ...
def available_isas() -> list[str]: ...
def set_isa(name: str) -> None: ...
def get_num_threads() -> int: ...
def set_num_threads(threads: int) -> None: ...
def default_num_threads() -> int: ...
def bfloat16_unit() -> str: ...  # "amx", "avx512_bf16", or "float32": emulated; a note may follow
def build_info() -> dict[str, str]: ...  # version, compiler, openmp, isas
def same_padding(size: int, kernel: int, stride: int, dilation: int) -> Pair: ...

# --- ops: float32, NHWC / HWIO ------------------------------------------------------------------------------------
def conv2d(
    x: Float32,
    kernel: Float32,
    bias: Float32 | None,
    strides: Pair,
    padding: Padding,
    dilation_rate: Pair,
    groups: int,
    precision: str = "float32",  # "bfloat16_3x" "bfloat16"
) -> Float32: ...
def conv2d_backward(
    x: Float32,
    kernel: Float32,
    dy: Float32,
    strides: Pair,
    padding: Padding,
    dilation_rate: Pair,
    groups: int,
    needs_dx: bool = True,
    needs_dkernel: bool = True,  # and dbias
    precision: str = "float32",
) -> tuple[Float32 | None, Float32 | None, Float32 | None]: ...  # None for what is not needed
def conv2d_transpose(
    x: Float32,
    kernel: Float32,
    bias: Float32 | None,
    strides: Pair,
    padding: Padding,
    output_padding: Pair,
    dilation_rate: Pair,
    precision: str = "float32",
) -> Float32: ...
def conv2d_transpose_backward(
    x: Float32,
    kernel: Float32,
    dy: Float32,
    strides: Pair,
    padding: Padding,
    output_padding: Pair,
    dilation_rate: Pair,
    precision: str = "float32",
) -> tuple[Float32, Float32, Float32]: ...
def max_pool2d(x: Float32, pool_size: Pair, strides: Pair, padding: Padding) -> Float32: ...
def max_pool2d_backward(x: Float32, dy: Float32, pool_size: Pair, strides: Pair, padding: Padding) -> Float32: ...
def avg_pool2d(x: Float32, pool_size: Pair, strides: Pair, padding: Padding) -> Float32: ...
def avg_pool2d_backward(
    x_shape: Sequence[int], dy: Float32, pool_size: Pair, strides: Pair, padding: Padding
) -> Float32: ...
def dense(x: Float32, kernel: Float32, bias: Float32 | None, precision: str = "float32") -> Float32: ...
def dense_backward(
    x: Float32, kernel: Float32, dy: Float32, precision: str = "float32"
) -> tuple[Float32, Float32, Float32]: ...

# Activations by name. `activation_defaults` returns the defaults of alpha, max_value and threshold. The backward pass
# and the second derivative read x if activation_needs_input(kind), else y; the one they do not read may be None.
def activation_defaults(kind: str) -> tuple[float, float, float]: ...
def activation_needs_input(kind: str) -> bool: ...
def activation(x: Float32, kind: str, alpha: float, max_value: float, threshold: float) -> Float32: ...
def activation_backward(
    x: Float32 | None, y: Float32 | None, dy: Float32, kind: str, alpha: float, max_value: float, threshold: float
) -> Float32: ...
def activation_second(
    x: Float32 | None, y: Float32 | None, kind: str, alpha: float, max_value: float, threshold: float
) -> Float32: ...

# These work along the last axis of predictions of any rank. Labels have the shape of the predictions without that axis.
def argmax(x: Float32) -> NDArray[np.int64]: ...
def count_hits(labels: NDArray[np.int64], y_pred: Float32) -> int: ...  # rows whose largest value is at the label
def top_k_hits(labels: NDArray[np.int64], y_pred: Float32, k: int) -> NDArray[np.uint8]: ...

class Loss:
    """A loss and its parameters. A row is the last axis of ``y_pred``, float32 of any rank.

    ``y_true`` has int64 labels of shape ``y_pred.shape[:-1]`` for ``sparse_categorical_crossentropy``, and for other
    losses float32 values of shape ``y_pred.shape``. ``sample_weight`` is float32, of the shape of the rows or of their
    first axes.
    """

    def __init__(
        self,
        kind: str,
        *,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        ignore_class: int | None = None,
        alpha: float | list[float] = 0.25,
        gamma: float = 2.0,
        class_balancing: bool = False,
        delta: float = 1.0,
        reduction: str = "sum_over_batch_size",  # "sum" "mean_with_sample_weight"
    ) -> None: ...
    @property
    def kind(self) -> str: ...
    @property
    def reduction(self) -> str: ...
    @property
    def from_logits(self) -> bool: ...
    @property
    def ignore_class(self) -> int | None: ...
    def values(self, y_true: NDArray[Any], y_pred: Float32) -> NDArray[np.float64]: ...  # of each row
    def __call__(self, y_true: NDArray[Any], y_pred: Float32, sample_weight: Float32 | None = None) -> float: ...
    def value_and_gradient(
        self, y_true: NDArray[Any], y_pred: Float32, sample_weight: Float32 | None = None
    ) -> tuple[float, Float32]: ...

def prelu(x: Float32, alpha: Float32) -> Float32: ...  # alpha: a sample's shape, 1 along shared axes
def prelu_backward(x: Float32, alpha: Float32, dy: Float32) -> tuple[Float32, Float32]: ...  # (dx, dalpha)

# Normalization: gamma and beta are vectors or None; inverse is 1 / sqrt(variance + epsilon).
def batch_normalization(
    x: Float32, gamma: Float32 | None, beta: Float32 | None, epsilon: float
) -> tuple[Float32, Float32, Float32]: ...  # (y, mean, variance)
def batch_normalization_inference(
    x: Float32, mean: Float32, variance: Float32, gamma: Float32 | None, beta: Float32 | None, epsilon: float
) -> Float32: ...
def batch_normalization_backward(
    x: Float32, mean: Float32, variance: Float32, dy: Float32, gamma: Float32 | None, epsilon: float
) -> tuple[Float32, Float32, Float32]: ...  # (dx, dgamma, dbeta)
def layer_normalization(
    x: Float32, gamma: Float32 | None, beta: Float32 | None, axes: int, epsilon: float
) -> tuple[Float32, Float32, Float32]: ...  # (y, mean, inverse), a mean per row
def layer_normalization_backward(
    x: Float32, mean: Float32, inverse: Float32, dy: Float32, gamma: Float32 | None, axes: int
) -> tuple[Float32, Float32, Float32]: ...
def group_normalization(
    x: Float32, gamma: Float32 | None, beta: Float32 | None, groups: int, epsilon: float
) -> tuple[Float32, Float32, Float32]: ...  # (y, mean, inverse), a mean per sample and group
def group_normalization_backward(
    x: Float32, mean: Float32, inverse: Float32, dy: Float32, gamma: Float32 | None, groups: int
) -> tuple[Float32, Float32, Float32]: ...

# Ops with several inputs, whose first axis is the batch. An axis is counted from 0 without the batch axis.
# kind: "add" "subtract" "multiply" "average" "maximum" "minimum"
def merge(x: Sequence[Float32], kind: str) -> Float32: ...
def merge_backward(x: Sequence[Float32], dy: Float32, kind: str) -> list[Float32]: ...
def concatenate(x: Sequence[Float32], axis: int) -> Float32: ...
def concatenate_backward(x: Sequence[Float32], dy: Float32, axis: int) -> list[Float32]: ...
def dot(x1: Float32, x2: Float32, axis_1: int, axis_2: int, normalize: bool) -> Float32: ...
def dot_backward(
    x1: Float32, x2: Float32, dy: Float32, axis_1: int, axis_2: int, normalize: bool
) -> tuple[Float32, Float32]: ...

# Ops that move or repeat pixels, take means or maxima of them, or change them at random.
def zero_padding2d(x: Float32, sides: Padding) -> Float32: ...
def cropping2d(x: Float32, sides: Padding) -> Float32: ...
def permute(x: Float32, dims: Sequence[int]) -> Float32: ...  # dims count from 1
def upsampling2d(x: Float32, size: Pair, bilinear: bool) -> Float32: ...
def upsampling2d_backward(x_shape: Sequence[int], dy: Float32, size: Pair, bilinear: bool) -> Float32: ...
def global_avg_pool2d(x: Float32) -> Float32: ...
def global_avg_pool2d_backward(x_shape: Sequence[int], dy: Float32) -> Float32: ...
def global_max_pool2d(x: Float32) -> Float32: ...
def global_max_pool2d_backward(x: Float32, dy: Float32) -> Float32: ...
def dropout(x: Float32, rate: float, seed: int, step: int, noise_shape: Sequence[int]) -> Float32: ...
def gaussian_noise(x: Float32, stddev: float, seed: int, step: int) -> Float32: ...

# Both return the mean loss of the batch and its gradient. labels: int64 (n,) or float32 one-hot rows (n, classes).
def softmax_cross_entropy(logits: Float32, labels: NDArray[Any]) -> tuple[float, Float32]: ...
def mean_squared_error(y_pred: Float32, y_true: Float32) -> tuple[float, Float32]: ...  # (loss, dy_pred)

# The inverse of a symmetric positive definite matrix. Only the diagonal and what is above it are read.
def spd_inverse(matrix: NDArray[np.float64]) -> NDArray[np.float64]: ...

# --- optimizers: they update flat vectors in place, in one pass. `step` counts from 1 ---------------------------------
def sgd_update(
    params: Float32, grads: Float32, velocity: Float32 | None, learning_rate: float, momentum: float, nesterov: bool
) -> None: ...
def adam_update(
    params: Float32,
    grads: Float32,
    m: Float32,
    v: Float32,
    step: int,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    weight_decay: float,  # decoupled (AdamW); 0 gives Adam
) -> None: ...

Variable = tuple[str, int, Sequence[int], bool]  # name, offset, shape, whether weight_decay applies

class Optimizer:
    """An update rule for ``Network.train_step``. It owns its state vectors; ``state`` shows them as arrays.

    The kinds and their attributes, with defaults:

    - "sgd": momentum=0, nesterov=False
    - "adam": beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False
    - "nadam", "adamax": beta_1=0.9, beta_2=0.999, epsilon=1e-7
    - "rmsprop": rho=0.9, momentum=0, epsilon=1e-7, centered=False
    - "adagrad": initial_accumulator_value=0.1, epsilon=1e-7
    - "adadelta": rho=0.95, epsilon=1e-7
    - "lion": beta_1=0.9, beta_2=0.99
    - "ftrl": learning_rate_power=-0.5, initial_accumulator_value=0.1, l1=0, l2=0, l2_shrinkage=0, beta=0
    - "muon": adam_beta_1=0.9, adam_beta_2=0.999, epsilon=1e-7, adam_weight_decay=0, a=3.4445, b=-4.775, c=2.0315,
      adam_lr_ratio=1, momentum=0.95, ns_steps=5, nesterov=True, rms_rate=0.2 (0: steps are not scaled by the shape)
    """

    def __init__(self, kind: str, size: int, **attributes: float | bool) -> None: ...
    learning_rate: float
    step: int  # calls of apply so far
    @property
    def size(self) -> int: ...
    @property
    def updates(self) -> int: ...  # step // gradient_accumulation_steps
    @property
    def finite(self) -> bool: ...  # False: the last step left a NaN or an infinity in parameters or state
    @property
    def state(self) -> dict[str, Float32]: ...  # views, writable
    def set_variables(self, variables: Sequence[Variable]) -> None: ...
    def set_options(
        self,
        *,
        weight_decay: float = 0.0,  # 0 switches off
        clipnorm: float = 0.0,
        global_clipnorm: float = 0.0,
        clipvalue: float = 0.0,
        gradient_accumulation_steps: int = 0,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int = 0,
    ) -> None: ...
    def set_matrices(self, matrices: Sequence[tuple[int, int]]) -> None:
        """Say which variables "muon" takes as (rows, columns). Those with (0, 0) are moved by Adam."""

    def apply(self, params: Float32, grads: Float32) -> bool: ...  # a step on flat vectors; whether all is finite

# --- network -----------------------------------------------------------------------------------------------------
class GraphBuilder:
    """Ops in the order in which they can be computed. Tensors are numbered; shapes are those of samples."""

    def __init__(self) -> None: ...
    def input(self, shape: Sequence[int]) -> int: ...  # without the batch axis: (h, w, c), (features,), ...
    def add(self, kind: str, inputs: Sequence[int], layer: str, /, **attributes: Any) -> int:
        """Append an op of a layer, and return the number of its output tensor.

        Every kind takes ``weights``, the indices of the layer's arrays that are its parameters (0, 1, ... by default),
        and ``trainable``. The kind "host" calls Python. Its attributes are ``forward(arrays, training)``,
        ``backward(arrays, dy)``, ``shape``, and ``parameters``, the shapes of its weights.
        """
    def output_shape(self, tensor: int) -> tuple[int, ...]: ...  # without the batch axis

class Parameters:
    """The weights of a layer: one aligned block of float32. Any number of networks can share it."""

    def __init__(self, shapes: Sequence[Sequence[int]]) -> None: ...
    @property
    def shapes(self) -> list[tuple[int, ...]]: ...
    def view(self, index: int) -> Float32: ...  # writable; while it exists, networks check for changes before each call
    def read(self, index: int) -> Float32: ...  # a copy
    def write(self, index: int, values: Float32) -> None: ...

def write_parameters(values: Sequence[tuple[Parameters, int, Float32]]) -> None: ...

class Slot:
    """Where a weight lies in the flat vectors of parameters and gradients."""

    layer: str
    index: int  # in the layer's Parameters
    name: str  # "kernel", "bias", ...
    shape: tuple[int, ...]
    offset: int  # in floats, a multiple of 16 (64 bytes); the gaps stay zero. -1: in neither vector
    trainable: bool

class Network:
    def __init__(
        self, graph: GraphBuilder, outputs: Sequence[int], parameters: dict[str, Parameters] = ...
    ) -> None: ...
    precision: str  # of layers that name none: "float32" at first, "bfloat16_3x", "bfloat16"
    step: int  # steps done: the counter behind dropout's masks; set it to resume a training exactly
    @property
    def input_shapes(self) -> list[tuple[int, ...]]: ...
    @property
    def output_shapes(self) -> list[tuple[int, ...]]: ...
    @property
    def slots(self) -> list[Slot]: ...
    def parameters(self, layer: str) -> Parameters: ...
    @property
    def parameter_count(self) -> int: ...  # length of the flat vectors
    @property
    def gradients(self) -> Float32: ...  # flat view of the last train_step's gradients
    def get_parameters(self) -> Float32: ...  # flat copy of what is trained
    def set_parameters(self, values: Float32) -> None: ...
    def set_regularizer(self, slot: int, l1: float, l2: float) -> None: ...  # l1 sum |w| + l2 sum w^2 join the loss
    def forward(self, x: Sequence[NDArray[Any]], training: bool = False, call: int | None = None) -> list[Float32]:
        """The outputs for x, a uint8 or float32 array for each input. Any number of threads may call this at a time.

        In training, dropout drops other values for another number `call` (by default `step`), and moving statistics
        are updated.
        """
    def forward_array(self, x: NDArray[Any]) -> Float32:
        """The same in less time, for a network with one input and one output, and at least one sample."""
    def train_step(
        self,
        x: Sequence[NDArray[Any]],  # whole data sets, uint8 or float32
        y: Sequence[Any] | None = None,  # targets for each output, None where it has no loss
        losses: Sequence[Any] | None = None,  # Loss, a function (y_true, y_pred, weight) -> (loss, gradient), or None
        loss_weights: Sequence[float] | None = None,
        sample_weight: Sequence[Float32 | None] | None = None,  # (samples,), or one a row; indexed like y
        indices: NDArray[np.int64] | None = None,  # which samples make the batch; None: all, in order
        optimizer: Optimizer | None = None,  # None: only the gradients are computed
        outputs: Sequence[Float32] | None = None,  # receive the predictions of the forward pass
        keep_state: bool = False,  # moving statistics and the step's number stay
    ) -> list[float]:
        """Make one step, and return [total loss, loss of each output] of the batch before the update.

        If a gradient or a loss is not finite, the total is NaN and the parameters are left untouched.
        """
    def curvature_product(
        self,
        kind: str,  # "hessian" "gauss_newton" "fisher": of the whole loss, regularizers included
        x: Sequence[NDArray[Any]],  # these as in train_step; losses in Python have no products
        y: Sequence[Any] | None = None,
        losses: Sequence[Any] | None = None,
        loss_weights: Sequence[float] | None = None,
        sample_weight: Sequence[Float32 | None] | None = None,
        indices: NDArray[np.int64] | None = None,  # any number of samples
        *,
        v: Float32,  # flat, with the gaps of the gradients
        out: Float32,  # receives the product
    ) -> None:
        """Write the curvature of the loss times ``v`` into ``out``. Dropout drops nothing, batch normalization uses its
        moving statistics, and neither weights nor state change.
        """
    def describe(self) -> str:
        """The plan as text: its ops, which of them are fused, which regions of tensors are computed, and the memory."""

# --- augmentation: images are (n, h, w, c), uint8 or float32 and C-contiguous; results have the same type -------------
def augment_affine(
    x: NDArray[Any],
    matrices: NDArray[np.float64],  # (n, 6): y[i, j] = x at row m0 i + m1 j + m2, column m3 i + m4 j + m5
    size: tuple[int, int],  # height and width of the result
    edge: str,  # "constant" "grid_constant" "nearest" "reflect" "wrap" "grid_wrap", as in scipy.ndimage
    fill: float,
    bilinear: bool,  # else the nearest pixel
) -> NDArray[Any]: ...
def augment_shift_matrices(
    u: Float32,
    size: tuple[int, int],
    down: tuple[float, float],
    right: tuple[float, float],
    whole_pixels: bool,
) -> NDArray[np.float64]: ...
def augment_flip_matrices(
    matrices: NDArray[np.float64], u: Float32, size: tuple[int, int], rows: bool, columns: bool
) -> None: ...
def augment_flip_and_shift(
    x: NDArray[Any],
    flip: tuple[int, int],
    rows: bool,
    columns: bool,
    shift: tuple[int, int],
    down: tuple[float, float],
    right: tuple[float, float],
    edge: str,
    fill: float,
    bilinear: bool,
) -> NDArray[Any]:
    """The numbers of ``augment_uniform(*flip, n, 2)`` say what is flipped, those of ``shift`` how far it moves then."""

def augment_channel_means(x: NDArray[Any]) -> Float32:
    """The mean of each channel of each image, of shape (n, c)."""

def augment_channels(x: NDArray[Any], scale: Float32, offset: Float32, low: Float32, high: Float32) -> NDArray[Any]:
    """Compute scale * x + offset, clipped to [low, high]. Scale and offset are (n, c), low and high (n,)."""

def augment_erase(
    x: NDArray[Any],
    boxes: NDArray[np.int64],  # (n, 4): top, bottom, left, right
    fill: Float32 | None,  # (c,); None: normal noise
    noise: float,
    low: float,
    high: float,
    seed: int,
    step: int,
) -> NDArray[Any]: ...
def augment_mix(x: NDArray[Any], order: NDArray[np.int64], weight: Float32) -> NDArray[Any]:
    """Mix each image with another one: weight[n] x[n] + (1 - weight[n]) x[order[n]]."""

def augment_paste(x: NDArray[Any], order: NDArray[np.int64], boxes: NDArray[np.int64]) -> NDArray[Any]:
    """Replace the pixels of x[n] inside box n by those of x[order[n]]."""

def augment_uniform(seed: int, step: int, samples: int, count: int) -> Float32:
    """Random numbers in [0, 1) of shape (samples, count). Each depends only on seed, step and its place."""

def limit_augment_threads(threads: int) -> None:
    """Set how many threads augmentation uses if it is called from this thread: 1, or 0 for all."""
