"""No function of ``cnncore.ops`` loses a gradient in silence: it is that of Keras, or an error says it is unknown."""

import os

import numpy as np
import pytest

import cnncore
from cnncore import layers, ops
from cnncore.differentiation import NotDifferentiableError

os.environ.setdefault("KERAS_BACKEND", "torch")

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # of PyTorch
RNG = np.random.default_rng(4)
MATRIX = (RNG.random((5, 4)) + np.eye(5, 4)).astype(np.float32)
SQUARE = MATRIX[:4] @ MATRIX[:4].T + np.eye(4, dtype=np.float32)
OTHER = RNG.random((5, 4)).astype(np.float32)


def slopes(found, watch, tape, arrays):
    """The gradients of a weighted sum of everything that a function returned."""
    parts = [part for part in (found if isinstance(found, tuple) else (found,)) if np.dtype(part.dtype).kind == "f"]
    total = sum(
        watch(part, np.random.default_rng(n).random(part.shape).astype(np.float32)) for n, part in enumerate(parts)
    )
    return tape.gradient(total, arrays)


def ours(function, values):
    with cnncore.GradientTape() as tape:
        arrays = [ops.convert_to_tensor(value.copy()) for value in values]
        tape.watch(arrays)
        return slopes(function(ops, *arrays), lambda part, w: ops.sum(part * w), tape, arrays)


def theirs(function, values):
    keras, torch = pytest.importorskip("keras"), pytest.importorskip("torch")
    arrays = [torch.tensor(value, requires_grad=True) for value in values]
    found = function(keras.ops, *arrays)
    parts = [part for part in (found if isinstance(found, tuple) else (found,)) if part.is_floating_point()]
    weights = [np.random.default_rng(n).random(tuple(part.shape)).astype(np.float32) for n, part in enumerate(parts)]
    sum((part * torch.tensor(w)).sum() for part, w in zip(parts, weights, strict=True)).backward()
    return [array.grad.numpy() for array in arrays]


CASES = {
    "top_k": (lambda o, x: o.top_k(x, 2), [MATRIX]),
    "layer_normalization": (lambda o, x: o.layer_normalization(x), [MATRIX]),
    "layer_normalization scaled": (lambda o, x, g: o.layer_normalization(x, g, g), [MATRIX, OTHER[0]]),
    "slogdet": (lambda o, x: o.slogdet(x)[1], [SQUARE]),
    "eigenvalues": (lambda o, x: o.eigh(x)[0], [SQUARE]),
    "singular values": (lambda o, x: o.svd(x, compute_uv=False), [MATRIX]),
    "singular values of three": (lambda o, x: o.svd(x, full_matrices=False)[1], [MATRIX]),
    "spectral norm": (lambda o, x: o.norm(x, ord=2), [MATRIX]),
    "spectral norms": (lambda o, x: o.norm(o.reshape(x, (2, 5, 2)), ord=2, axis=(0, 1), keepdims=True), [MATRIX]),
    "nuclear norm": (lambda o, x: o.norm(x, ord="nuc"), [MATRIX]),
    "smallest singular value": (lambda o, x: o.norm(x, ord=-2), [MATRIX]),
    "norm of rows": (lambda o, x: o.norm(x, ord=np.inf), [MATRIX]),
    "norm of columns": (lambda o, x: o.norm(x, ord=1), [MATRIX]),
    "fft": (lambda o, x, y: o.fft((x, y)), [MATRIX, OTHER]),
    "fft2": (lambda o, x, y: o.fft2((x, y)), [MATRIX, OTHER]),
    "ifft2": (lambda o, x, y: o.ifft2((x, y)), [MATRIX, OTHER]),
    "rfft": (lambda o, x: o.rfft(x), [MATRIX]),
    "rfft cut": (lambda o, x: o.rfft(x, 3), [MATRIX]),
    "rfft padded": (lambda o, x: o.rfft(x, 7), [MATRIX]),
    "irfft": (lambda o, x, y: o.irfft((x, y)), [MATRIX, OTHER]),
    "irfft cut": (lambda o, x, y: o.irfft((x, y), 5), [MATRIX, OTHER]),
    "irfft padded": (lambda o, x, y: o.irfft((x, y), 9), [MATRIX, OTHER]),
}


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_those_of_keras(name):
    function, values = CASES[name]
    for mine, other in zip(ours(function, values), theirs(function, values), strict=True):
        np.testing.assert_allclose(mine, other, rtol=2e-3, atol=2e-5)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x, y: ops.mean([x, y]), (1 / 40, 1 / 40)),
        (lambda x, y: ops.sum([ops.sum(x), 3 * ops.sum(y), 1.0]), (1, 3)),
        (lambda x, y: ops.sum(ops.maximum([x, x], [y + 9, 0 * y])), (1, 1)),
        (lambda x, y: ops.sum(ops.convert_to_tensor([[x, y], [y, y]])), (1, 3)),
        (lambda x, y: ops.sum(ops.array(x) * 2 + y), (2, 1)),
    ],
)
def test_lists_of_arrays(function, expected):
    with cnncore.GradientTape() as tape:
        arrays = [ops.convert_to_tensor(value.copy()) for value in (MATRIX, OTHER)]
        tape.watch(arrays)
        gradients = tape.gradient(function(*arrays), arrays)
    for gradient, value in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(gradient, np.full((5, 4), value), rtol=1e-6)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: ops.qr(x)[0],
        lambda x: ops.linalg.pinv(x),
        lambda x: ops.linalg.lstsq(x, x),
        lambda x: ops.svd(x)[0],
        lambda x: ops.eigh(x)[1],
        lambda x: ops.image.rgb_to_hsv(ops.reshape(ops.concatenate([x, x, x]), (4, 4, 3))),
        lambda x: ops.image.hsv_to_rgb(ops.reshape(ops.concatenate([x, x, x]), (4, 4, 3))),
    ],
)
def test_an_unknown_gradient_is_an_error_where_it_is_needed(function):
    with cnncore.GradientTape() as tape:
        x = ops.convert_to_tensor(SQUARE.copy())
        tape.watch(x)
        y = ops.sum(x) + ops.sum(ops.stop_gradient(function(x)))
        z = y + ops.sum(function(x))
    np.testing.assert_array_equal(tape.gradient(y, x), np.ones((4, 4)))
    with pytest.raises(NotDifferentiableError, match="is not known: use another function"):
        tape.gradient(z, x)


def test_the_spectral_norm_is_not_the_length():
    assert float(ops.norm(np.eye(3), ord=2)) == pytest.approx(1.0)
    assert float(ops.norm(np.eye(3))) == pytest.approx(3**0.5)
    with pytest.raises(ValueError, match=r"for vectors .one axis.*, an array with 3 axes"):
        ops.norm(np.ones((2, 2, 2)), ord=2)


@pytest.mark.parametrize("kind", ["fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf, None])
@pytest.mark.parametrize("keepdims", [False, True])
def test_norms_are_those_of_numpy(kind, keepdims):
    x = np.random.default_rng(2).standard_normal((3, 4)).astype("float32")
    expected = np.linalg.norm(x, kind, keepdims=keepdims)
    np.testing.assert_allclose(ops.norm(x, kind, keepdims=keepdims), expected, rtol=1e-5)
    stacked = np.stack([x, 2 * x], axis=1)
    expected = np.linalg.norm(stacked, kind, axis=(2, 0), keepdims=keepdims)
    np.testing.assert_allclose(ops.norm(stacked, kind, axis=(2, 0), keepdims=keepdims), expected, rtol=1e-5)
    if not isinstance(kind, str):
        np.testing.assert_allclose(ops.norm(x[0], kind), np.linalg.norm(x[0], kind), rtol=1e-5)


def test_a_layer_of_fourier_transforms_trains_what_is_before_it():
    """As FNet does. The gradient of the transform was lost: only a shortcut around it trained."""

    def fitted(k):
        class Mixing(k.layers.Layer):
            def __init__(self):
                super().__init__()
                self.dense = k.layers.Dense(4)

            def call(self, x):
                return self.dense(x + k.ops.fft2((x, k.ops.zeros_like(x)))[0])

        x = k.Input((5, 4))
        model = k.Model(x, Mixing()(k.layers.Dense(4)(x)))
        values = np.random.default_rng(1)
        model.set_weights([values.normal(0, 0.3, w.shape).astype(np.float32) for w in model.get_weights()])
        model.compile(k.optimizers.SGD(0.01), "mse")
        model.fit(MATRIX[None], OTHER[None], epochs=3, verbose=0)
        return model.get_weights()

    keras = pytest.importorskip("keras")
    for mine, other in zip(fitted(cnncore), fitted(keras), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-5)


class TestSizesThatAreNotKnown:
    """Inside ``call``, Keras gives the batch size as None, too, or as a tensor: scripts compute with it."""

    @pytest.mark.parametrize(
        "function",
        [
            lambda layer, x, n: ops.concatenate([ops.tile(np.ones((1, 4), np.float32), (n, 1)), x], axis=-1),
            lambda layer, x, n: x + ops.zeros((n, 4)) + layer.weight,
            lambda layer, x, n: x * ops.full((n, 1), 2.0),
            lambda layer, x, n: x / ops.cast(n, "float32"),
            lambda layer, x, n: x + ops.sum(x) / (n * 4),
            lambda layer, x, n: ops.matmul(ops.eye(n), x),
        ],
    )
    @pytest.mark.parametrize("inner", [False, True])
    def test_the_call_runs_with_arrays(self, function, inner):
        class Sized(layers.Layer):
            def __init__(self):
                super().__init__()
                self.dense = layers.Dense(4) if inner else None
                self.weight = self.add_weight(shape=(4,), initializer="ones", name="weight")

            def call(self, x):
                return function(self, self.dense(x) if inner else x, ops.shape(x)[0])

        layer = Sized()
        model = cnncore.Sequential([cnncore.Input((4,)), layer])
        expected = layer(MATRIX).numpy()
        np.testing.assert_allclose(model.predict(MATRIX), expected, rtol=1e-6)
        model.compile("sgd", "mse")
        assert np.isfinite(model.train_on_batch(MATRIX, expected * 0))

    def test_none_is_no_number(self):
        for function in (ops.cast, ops.convert_to_tensor):
            with pytest.raises(TypeError, match=r"expected an array or a number\. Received: NoneType"):
                function(None, "float32")


def test_an_empty_name_is_no_name():
    assert layers.Dense(1, name="").name.startswith("dense")
