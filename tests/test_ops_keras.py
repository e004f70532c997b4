"""Functions of ``keras.ops`` against Keras: values, gradients under a tape, and symbolic tensors."""

import importlib
import warnings

import numpy as np
import pytest

from cnncore import GradientTape, Input, Model, Sequential, layers, ops, saving
from cnncore.differentiation import NotDifferentiableError

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def positive(n):
    matrix = normal(n, n)
    return matrix @ matrix.T + n * np.eye(n, dtype=np.float32)


IMAGES, STEPS, ROWS = normal(2, 6, 7, 4), normal(2, 9, 4), normal(3, 5)
SHARES = np.abs(ROWS) / np.abs(ROWS).sum(axis=1, keepdims=True)
VECTOR = normal(4)

# The path of a function in keras.ops, the arrays whose gradients are compared, and the other arguments.
DIFFERENTIABLE = [
    ("conv", [IMAGES, normal(3, 2, 4, 5)], {"strides": 2, "padding": "same"}),
    ("conv", [IMAGES, normal(3, 2, 2, 6)], {"dilation_rate": 2}),
    ("conv", [STEPS, normal(3, 4, 5)], {"strides": 2}),
    ("depthwise_conv", [IMAGES, normal(3, 2, 4, 2)], {"padding": "same"}),
    ("depthwise_conv", [STEPS, normal(3, 4, 1)], {}),
    ("separable_conv", [IMAGES, normal(3, 2, 4, 2), normal(1, 1, 8, 3)], {}),
    ("conv_transpose", [IMAGES, normal(3, 3, 2, 4)], {"strides": 2, "padding": "same"}),
    ("conv_transpose", [STEPS, normal(3, 2, 4)], {"strides": 2}),
    ("max_pool", [IMAGES], {"pool_size": 2}),
    ("max_pool", [STEPS], {"pool_size": 3, "strides": 2, "padding": "same"}),
    ("average_pool", [IMAGES], {"pool_size": (3, 2), "strides": 1}),
    ("average_pool", [STEPS], {"pool_size": 2}),
    ("nn.batch_normalization", [IMAGES, VECTOR, VECTOR**2], {"axis": -1}),
    ("batch_normalization", [IMAGES, VECTOR, VECTOR**2], {"axis": -1, "offset": VECTOR, "scale": VECTOR}),
    ("nn.layer_normalization", [IMAGES, VECTOR, VECTOR], {"axis": -1}),
    ("layer_normalization", [ROWS], {"axis": -1, "epsilon": 0.01}),
    ("rms_normalization", [IMAGES, VECTOR], {}),
    ("binary_crossentropy", [SHARES, SHARES[::-1].copy()], {}),
    ("binary_crossentropy", [SHARES, ROWS], {"from_logits": True}),
    ("categorical_crossentropy", [SHARES, SHARES[::-1].copy()], {}),
    ("categorical_crossentropy", [SHARES, ROWS], {"from_logits": True}),
    ("glu", [IMAGES], {}),
    ("glu", [IMAGES], {"axis": 1}),
    ("hard_shrink", [ROWS], {}),
    ("soft_shrink", [ROWS], {"threshold": 0.2}),
    ("tanh_shrink", [ROWS], {}),
    ("hard_tanh", [ROWS], {}),
    ("threshold", [ROWS], {"threshold": -0.2, "default_value": -1.5}),
    ("squareplus", [ROWS], {"b": 2}),
    ("sparse_plus", [ROWS], {}),
    ("sparse_sigmoid", [ROWS], {}),
    ("unfold", [IMAGES], {"kernel_size": 3, "padding": 1, "stride": 2}),
    ("unfold", [IMAGES], {"kernel_size": (2, 1), "dilation": 2}),
    ("fold", [normal(2, 12, 4)], {"output_size": (3, 3), "kernel_size": 2}),
    ("extract_sequences", [ROWS], {"sequence_length": 3, "sequence_stride": 2}),
    ("space_to_depth", [normal(2, 4, 6, 3)], {"block_size": 2}),
    ("depth_to_space", [normal(2, 4, 6, 12)], {"block_size": 2}),
    ("image.resize", [IMAGES], {"size": (9, 4)}),
    ("image.resize", [IMAGES], {"size": (3, 14), "interpolation": "nearest"}),
    ("image.extract_patches", [IMAGES], {"size": 3, "strides": 2, "padding": "same"}),
    ("image.extract_patches", [IMAGES], {"size": (2, 3), "strides": (1, 1)}),
    ("image.pad_images", [IMAGES], {"top_padding": 1, "left_padding": 2, "target_height": 9, "target_width": 9}),
    ("image.crop_images", [IMAGES], {"top_cropping": 1, "left_cropping": 2, "target_height": 4, "target_width": 3}),
    ("erf", [ROWS], {}),
    ("erfc", [ROWS], {}),
    ("erfinv", [np.tanh(ROWS)], {}),
    ("cdist", [ROWS, normal(4, 5)], {}),
    ("psnr", [ROWS, normal(3, 5)], {"max_val": 2.0}),
    ("inv", [positive(3)], {}),
    ("det", [positive(3)], {}),
    ("logdet", [positive(3)], {}),
    ("solve", [positive(3), normal(3, 2)], {}),
    ("cholesky", [positive(3)], {}),
    ("dot_product_attention", [normal(2, 3, 4, 5), normal(2, 6, 4, 5), normal(2, 6, 4, 5)], {}),
    ("dot_product_attention", [normal(2, 3, 4, 5), normal(2, 3, 4, 5), normal(2, 3, 4, 5)], {"is_causal": True}),
]

# The path of a function, and all its arguments, for functions whose values alone are compared.
VALUES = [
    ("sparse_categorical_crossentropy", [np.array([1, 0, 4]), SHARES], {}),
    ("sparse_categorical_crossentropy", [np.array([1, 0, 4]), ROWS], {"from_logits": True}),
    ("scatter", [np.array([[0], [2], [2]]), normal(3, 2)], {"shape": (4, 2)}),
    ("scatter_update", [normal(4, 3), np.array([[0, 1], [2, 2]]), normal(2)], {}),
    ("scatter_update", [normal(4, 3), np.array([[0], [2]]), normal(2, 3)], {"reduction": "add"}),
    ("segment_sum", [normal(4), np.array([0, 1, 1, 3])], {}),
    ("segment_max", [normal(4), np.array([0, 1, 1, 2])], {}),
    ("divide_no_nan", [normal(3), np.float32([1, 0, 2])], {}),
    ("rfft", [ROWS], {}),
    ("fft", [(ROWS, ROWS[::-1].copy())], {}),
    ("qr", [normal(4, 2)], {}),
    ("svd", [normal(4, 2)], {"compute_uv": False}),
    ("eigh", [positive(3)], {}),
    ("pinv", [normal(4, 2)], {}),
    ("lstsq", [normal(4, 2), normal(4)], {}),
    ("solve_triangular", [np.triu(positive(3)), normal(3, 2)], {}),
    ("saturate_cast", [np.float32([-3, 300]), "uint8"], {}),
    ("logaddexp2", [ROWS, ROWS[::-1].copy()], {}),
    ("nanvar", [ROWS], {}),
]


@pytest.fixture(scope="module")
def keras_ops():
    pytest.importorskip("torch")
    pytest.importorskip("keras")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("keras").ops


def at(module, path):
    for name in path.split("."):
        module = getattr(module, name)
    return module


def listed(result):
    parts = result if isinstance(result, (list, tuple)) else [result]
    return [part.detach().numpy() if hasattr(part, "detach") else np.asarray(part) for part in parts]


@pytest.mark.parametrize(("path", "arrays", "options"), DIFFERENTIABLE, ids=lambda item: str(item)[:20])
def test_values_and_gradients(path, arrays, options, keras_ops):
    torch = pytest.importorskip("torch")
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    expected = at(keras_ops, path)(*tensors, **options)
    factors = np.random.default_rng(1).standard_normal(tuple(expected.shape)).astype(np.float32)
    expected.backward(torch.tensor(factors))
    ours = [ops.convert_to_tensor(array) for array in arrays]
    np.testing.assert_allclose(at(ops, path)(*ours, **options), expected.detach(), rtol=1e-4, atol=1e-5)
    with GradientTape() as tape:
        tape.watch(ours)
        y = at(ops, path)(*ours, **options)
    gradients = tape.gradient(y, ours, output_gradients=factors)
    for gradient, tensor in zip(gradients, tensors, strict=True):
        np.testing.assert_allclose(gradient, tensor.grad, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("path", "arguments", "options"), VALUES, ids=lambda item: str(item)[:20])
def test_values(path, arguments, options, keras_ops):
    expected = listed(at(keras_ops, path)(*arguments, **options))
    found = listed(at(ops, path)(*arguments, **options))
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype.kind == theirs.dtype.kind
        np.testing.assert_allclose(abs(ours), abs(theirs), rtol=1e-4, atol=1e-5)  # columns of q may change their sign


def test_functions_of_tensors_are_layers(tmp_path):
    x = Input((8, 8, 4))
    enlarged = ops.glu(ops.conv(ops.depth_to_space(x, 2), normal(3, 3, 1, 2)))
    patches = ops.sparsemax(ops.hard_tanh(ops.image.extract_patches(x, 3, strides=2)))
    model = Model(x, [enlarged, patches])
    images = normal(2, 8, 8, 4)
    model.save(tmp_path / "m.safetensors")
    copy = saving.load_model(tmp_path / "m.safetensors")
    for ours, read in zip(model.predict(images, verbose=0), copy.predict(images, verbose=0), strict=True):
        np.testing.assert_array_equal(ours, read)
    np.testing.assert_allclose(np.sum(model.predict(images, verbose=0)[1], axis=-1), 1, rtol=1e-5)


def test_a_layer_of_ones_own_convolves():
    class Block(layers.Layer):
        def build(self, input_shape):
            self.kernel = self.add_weight(shape=(3, 3, input_shape[-1], 4), initializer="glorot_uniform", name="kernel")

        def call(self, x):
            return ops.relu(ops.max_pool(ops.conv(x, self.kernel, padding="same"), 2))

    model = Sequential([Input((8, 8, 4)), Block(), layers.Flatten(), layers.Dense(1)])
    model.compile("adam", "mse")
    x, y = normal(16, 8, 8, 4), normal(16, 1)
    losses = model.fit(x, y, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_a_gradient_of_ones_own():
    @ops.custom_gradient
    def reversed_gradient(x):
        return x * 1.0, lambda upstream: -3.0 * upstream

    x = ops.convert_to_tensor(normal(3))
    with GradientTape() as tape:
        tape.watch(x)
        y = reversed_gradient(x)
    np.testing.assert_array_equal(tape.gradient(y, x), np.full(3, -3, np.float32))


def test_functions_without_gradients_say_so():
    x = ops.convert_to_tensor(ROWS)
    with GradientTape() as tape:
        tape.watch(x)
        with pytest.raises(NotDifferentiableError, match="segment_max"):
            ops.segment_max(x, [0, 0, 1])
    with pytest.raises(ValueError, match="expected two of top_padding"):
        ops.image.pad_images(IMAGES, 1, 1)
    with pytest.raises(ValueError, match="expected sizes that fit together"):
        ops.image.crop_images(IMAGES, 5, 0, target_height=4, target_width=3)


def test_sparsemax_is_the_nearest_distribution():
    """Compare with the projection on the simplex, whose threshold is found by bisection."""
    x = np.random.default_rng(5).normal(size=(7, 9)) * 2
    low, high = x.min(axis=-1, keepdims=True) - 1, x.max(axis=-1, keepdims=True)
    for _ in range(60):
        middle = (low + high) / 2
        is_large = np.maximum(x - middle, 0).sum(axis=-1, keepdims=True) > 1
        low, high = np.where(is_large, middle, low), np.where(is_large, high, middle)
    np.testing.assert_allclose(ops.sparsemax(x.astype(np.float32)), np.maximum(x - low, 0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ops.sparsemax(np.ones((2, 0))), "expected at least one value along the axis"),
        (lambda: ops.fft((1.0, 2.0)), "expected arrays with at least 1 axes"),
        (lambda: ops.fft2((np.ones(3), np.ones(3))), "expected arrays with at least 2 axes"),
        (lambda: ops.scan(lambda carry, x: carry, 0, np.ones(3)), "expected `f` to return the carry and a result"),
        (lambda: ops.scan(lambda carry, x: (carry, x), 0, np.ones(0)), "expected at least one entry"),
        (lambda: ops.custom_gradient(3), "expected a function"),
        (lambda: ops.batch_normalization(np.ones((4, 3)), np.ones(2), np.ones(2), -1), r"expected .* the sizes \[3\]"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()
