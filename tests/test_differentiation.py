"""Gradients of NumPy functions against numerical ones, and what cannot be differentiated."""

import json

import numpy as np
import pytest

import reference as ref
from cnncore import backend as K  # noqa: N812 (as scripts call it)
from cnncore import ops
from cnncore.differentiation import NotDifferentiableError, pullback
from cnncore.graph.function import Function
from cnncore.graph.lowering import lower
from cnncore.graph.tensor import KerasTensor, NotTraceableError
from cnncore.layers import builtin as layers
from cnncore.layers.base import registry

RNG = np.random.default_rng(0)
A, B = RNG.uniform(0.3, 1.5, (4, 3)), RNG.uniform(0.3, 1.5, (4, 3))
ROW, SCALAR = RNG.uniform(0.5, 1.0, (1, 3)), np.array(0.7)
M, STACK = RNG.standard_normal((3, 5)), RNG.standard_normal((2, 4, 3))

FUNCTIONS = {
    "arithmetic": (lambda a, b: (a + b) * a - b / a + 2.0 * a - (1 - b) / 3, [A, B]),
    "broadcast": (lambda a, b, c: a * b + c / b - c * a, [A, ROW, SCALAR]),
    "power": (lambda a, b: a**2 + a**b + 2.0**b, [A, B]),
    "unary": (lambda a: np.exp(-a) + np.log(a) + np.sqrt(a) + np.square(a) + abs(a) + np.log1p(a) + np.expm1(a), [A]),
    "trigonometry": (
        lambda a: np.sin(a) * np.cos(a) + np.tanh(a) + np.sinh(a) - np.cosh(a) + np.arctan(a) + np.tan(a / 2),
        [A],
    ),
    "logarithms": (
        lambda a, b: np.log2(a) + np.log10(b) + np.logaddexp(a, b) + np.reciprocal(a) + np.arctan2(a, b),
        [A, B],
    ),
    "extremes": (lambda a, b: np.maximum(a, b) + 2 * np.minimum(a, 0.8), [A, B]),
    "matmul": (lambda a, m: a @ m, [A, M]),
    "matmul of a stack": (lambda s, m: s @ m, [STACK, M]),
    "matmul of vectors": (lambda a, b: (a @ b) * a, [A[0], B[0]]),
    "matmul with a vector": (lambda m, b: m @ b, [A, B[0]]),
    "dot": (lambda a, m: np.dot(a, m) + np.dot(2.0, a) @ m, [A, M]),
    "einsum": (lambda a, s: np.einsum("ij,kij->ki", a, s), [A, STACK]),
    "einsum over one": (lambda a, b: np.einsum("ij,ik->i", a, b), [A, B]),
    "sums": (lambda a: np.sum(a) + a.sum(axis=0) + np.sum(a, axis=1, keepdims=True) + np.mean(a, axis=(0, 1)), [A]),
    "moments": (lambda a: np.var(a, axis=-1) + a.std() + a.mean(), [A]),
    "averages": (
        lambda a, b: np.average(a, weights=b) + np.average(a, 1, np.array([1.0, 2.0, 3.0])) + np.average(a, axis=-1),
        [A, B],
    ),
    "reduce": (lambda a: np.add.reduce(a) + np.maximum.reduce(a, 0) + np.add.reduce(a, axis=(0, 1)), [A]),
    "clip between arrays": (lambda a, b: np.clip(a, 0.5 * b, 2.0 * b) + np.clip(np.ones((4, 3)), None, a), [A, B]),
    "joined flat": (lambda a, b: np.concatenate([a * b, a], axis=None), [A, B]),
    "repeats as arrays": (lambda a: np.tile(a, np.array([2, 1])) * np.pad(a, ((4, 0), (0, 0)), constant_values=2), [A]),
    "maximum of all": (lambda a: np.max(a, axis=1) - a.min() + np.max(a, axis=(0, 1), keepdims=True)[0], [A]),
    "where": (lambda a, b: np.where(a > b, a * 2, b), [A, B]),
    "clip": (lambda a: np.clip(a, 0.5, 1.0) + a.clip(None, 0.9), [A]),
    "shapes": (lambda s: np.transpose(s.reshape(8, 3)).T.swapaxes(0, 1) + np.moveaxis(s, 0, -1).reshape(3, 8), [STACK]),
    "new axes": (lambda a: np.expand_dims(a, 1) * np.squeeze(a[:, None]) + np.ravel(a)[:3], [A]),
    "parts": (lambda a: a[1:, ::2] * a[0, 1] + a[[0, 0, 1], :2], [A]),
    "together": (lambda a, b: np.concatenate([a, 2 * b], axis=-1) + np.stack([a[0], b[0]]).reshape(6), [A, B]),
    "flip and repeat": (lambda a: np.flip(a, 0) * np.broadcast_to(a[0], (4, 3)), [A]),
    "pad and roll": (
        lambda a: np.pad(a, ((0, 0), (1, 2)))[:, :3] * np.roll(a, 1, axis=1) + np.pad(a, 1).sum() * np.roll(a, 2),
        [A],
    ),
    "repeats": (
        lambda a, s: np.tile(a, (2, 1)) * np.repeat(a, 2, axis=0) + np.tile(a, 2)[0, 1] + np.repeat(s, 2)[1::7][0],
        [A, STACK],
    ),
    "cumsum and take": (
        lambda a: np.cumsum(a, axis=1) * np.take(a, [0, 1, 0], axis=-1) + np.cumsum(a)[3] + np.take(a, [5, 5]).sum(),
        [A],
    ),
    "inverse functions": (
        lambda a: np.arcsin(a / 2) + np.arccos(a / 2) + np.arcsinh(a) + np.arccosh(a + 1) + np.arctanh(a / 2),
        [A],
    ),
    "roots and powers of two": (
        lambda a, b: np.cbrt(a) + np.exp2(b) + np.hypot(a, b) + np.logaddexp2(a, b) + np.mod(a, b) * np.sinc(a),
        [A, B],
    ),
    "degrees": (lambda a: np.rad2deg(np.deg2rad(a) * a), [A]),
    "extremes that leave NaN out": (lambda a, b: np.fmax(a, b) + 2 * np.fmin(a, 0.8), [A, B]),
    "places": (
        lambda a: np.tril(np.flipud(a)) + np.fliplr(np.triu(a, 1)) + np.rot90(a, 2) + np.diag(a[:3]) + np.diagonal(a),
        [A],
    ),
    "in order": (
        lambda a: np.sort(a, axis=0) * np.arange(4.0)[:, None] + np.take_along_axis(a, np.array([[2, 1, 1]]), 1),
        [A],
    ),
    "medians": (lambda a: np.median(a) + np.median(a, axis=0) + np.median(a, axis=1, keepdims=True), [A]),
    "products of values": (
        lambda a: np.prod(a) + np.prod(a, axis=1, keepdims=True) + np.prod(a * [[0, 1, 2]], axis=(0, 1)) + np.ptp(a, 0),
        [A],
    ),
    "differences": (lambda a: np.diff(a, axis=1)[:, :1] + np.diff(a, 2) + np.trace(a), [A]),
    "without NaN": (
        lambda a: (
            np.nansum(np.where(a > 1, np.nan, a), axis=1)
            + np.nanmean(np.where(a > 1.4, np.nan, a), 1)
            + np.nan_to_num(np.where(a > 1, np.inf, a), posinf=3.0)[:, 0]
        ),
        [A],
    ),
    "choices": (lambda a, b: np.select([a > 1, b > 1], [a * a, b], a * b) * np.full_like(a, b[0, 0]), [A, B]),
    "stacked": (
        lambda a, b: (
            np.vstack([a[0], b])[1:] + np.hstack([a, b])[:, :3] + np.dstack([a, b]).sum(2) + np.append(a, b)[0]
        ),
        [A, B],
    ),
    "all products": (lambda a, b: np.outer(a[0], b[1]) + np.inner(a.T, b.T) + np.vdot(a, b) + np.copy(a)[:3], [A, B]),
    "tensordot": (
        lambda s, m: (
            np.tensordot(s, m, 1) + np.tensordot(s, s, ([1, 2], [1, 2])).sum() + np.tensordot(s, m, [[-1], [0]])
        ),
        [STACK, M],
    ),
    "norms": (
        lambda a: np.linalg.norm(a) + np.linalg.norm(a, axis=1) + np.linalg.norm(a, 1, 1) + np.linalg.norm(a[0], 2),
        [A],
    ),
    "softmax": (lambda a: np.exp(a - a.max(axis=-1, keepdims=True)) / np.exp(a).sum(axis=-1, keepdims=True), [A]),
    "distance": (lambda a, b: np.sqrt(np.maximum(np.sum(np.square(a - b), axis=1, keepdims=True), 1e-7)), [A, B]),
    "types": (lambda a: a.astype(np.float64) * (a > 0.5).astype(np.float64), [A]),
    "used twice": (lambda a: a * a * a, [A]),
    "not used": (lambda a, b: a, [A, B]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_are_differences(name):
    function, arrays = FUNCTIONS[name]
    result, back = pullback(function, arrays)
    np.testing.assert_allclose(result, function(*arrays), rtol=1e-12)
    dy = RNG.standard_normal(result.shape)
    for i, (array, gradient) in enumerate(zip(arrays, back(dy), strict=True)):

        def loss(moved, i=i):
            return float((function(*arrays[:i], moved, *arrays[i + 1 :]) * dy).sum())

        np.testing.assert_allclose(gradient, ref.numerical_gradient(loss, array), rtol=1e-5, atol=1e-8)


def test_float32_stays_float32():
    result, back = pullback(lambda a: np.mean(np.tanh(a) * 2.0 + np.sqrt(a)), [A.astype(np.float32)])
    assert result.dtype == np.float32
    assert back(np.float32(1.0))[0].dtype == np.float32


def test_the_root_of_zero_has_a_finite_slope():
    _, back = pullback(lambda a: np.sqrt(np.sum(a * a)), [np.zeros(3)])
    np.testing.assert_array_equal(back(np.array(1.0))[0], np.zeros(3))


def test_the_power_zero_has_a_finite_slope():
    _, back = pullback(lambda a: a**0, [np.zeros(3)])
    np.testing.assert_array_equal(back(np.ones(3))[0], np.zeros(3))


def test_a_constant_has_no_gradient():
    result, back = pullback(lambda a: np.ones(2), [A])
    np.testing.assert_array_equal(result, np.ones(2))
    np.testing.assert_array_equal(back(np.ones(2))[0], np.zeros_like(A))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda a: np.asarray(a) * 2, "The gradient would be lost"),
        (lambda a: np.kron(a, a), r"gradient of numpy.kron is not known"),
        (lambda a: np.frexp(a)[0], r"gradient of numpy.frexp is not known"),
        (lambda a: np.linalg.norm(a, "nuc"), "gradient of numpy.linalg.norm with ord='nuc' and axis=None is not known"),
        (lambda a: np.diag(a[0], k=a), "gradient of numpy.diag is known for its first argument alone"),
        (lambda a: float(a.sum()) * a, "The gradient would be lost"),
        (lambda a: np.einsum("ij", a), "for subscripts with '->'"),
        (lambda a: np.sum(a, initial=3.0), "gradient of numpy.sum with these arguments is not known"),
        (lambda a: a.sum(where=a > 0), "gradient of numpy.sum with these arguments is not known"),
        (lambda a: np.add.reduce(a, initial=5.0), "gradient of numpy.add.reduce with .* is not known"),
        (lambda a: np.reshape(a, (3, 4), order="F"), "gradient of numpy.reshape with order='F' is not known"),
        (lambda a: np.dot(a[None], a.T), "numpy.dot is not known for arrays with more than two axes"),
        (lambda a: np.add.accumulate(a), "numpy.add.accumulate"),
    ],
)
def test_what_cannot_be_differentiated(function, message):
    with pytest.raises(NotDifferentiableError, match=message):
        pullback(function, [A])


def network_of(layer, shapes):
    """A network of one layer, with a PReLU before each input, whose alphas show the gradients of the inputs."""
    inputs = [KerasTensor((None, *shape)) for shape in shapes]
    before = [layers.PReLU(alpha_initializer="ones", name=f"before{i}")(x) for i, x in enumerate(inputs)]
    output = layer(before if len(before) > 1 else before[0])
    return lower(Function(inputs, output)).network


def check_gradients(network, x):
    """The network's gradient against differences of its loss, half the sum of squares of the output."""

    def half_square(y_true, y_pred, sample_weight):
        return 0.5 * float((np.asarray(y_pred, np.float64) ** 2).sum()), np.array(y_pred)

    def loss(flat):
        network.set_parameters(flat.astype(np.float32))
        return 0.5 * float((np.asarray(network.forward(x)[0], np.float64) ** 2).sum())

    network.train_step(x, [np.zeros_like(network.forward(x)[0])], [half_square])
    gradients, flat = np.array(network.gradients), network.get_parameters().astype(np.float64)
    assert np.abs(gradients).max() > 0
    np.testing.assert_allclose(gradients, ref.numerical_gradient(loss, flat, 1e-2), rtol=2e-2, atol=2e-2)


class Attention(layers.Layer):
    """A custom layer in NumPy with two weights and no backward: a weighted mean over the steps of a sequence."""

    def build(self, input_shape):
        self.query = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="query")
        self.gain = self.add_weight(shape=(1,), initializer="ones", name="gain")

    def call(self, x):
        score = np.exp(np.tanh(x @ self.query) * 0.5)
        share = score / score.sum(axis=1, keepdims=True)
        return np.exp(self.gain) * np.sum(x * share[..., None], axis=1)


LAYERS = {
    "distance": (
        layers.Lambda(lambda v: K.sqrt(K.maximum(K.sum(K.square(v[0] - v[1]), axis=1, keepdims=True), K.epsilon()))),
        [(4,), (4,)],
    ),
    "standardize": (
        layers.Lambda(lambda v: (v - K.mean(v, axis=1, keepdims=True)) / (K.std(v, axis=1, keepdims=True) + 0.5)),
        [(5,)],
    ),
    "custom layer with weights": (Attention(), [(3, 4)]),
    "own activation": (layers.Dense(3, activation=lambda x: x * np.tanh(np.log1p(np.exp(x)))), [(4,)]),
    "activation functions": (layers.Lambda(lambda v: K.softmax(v) * K.sigmoid(v) + np.exp(-K.relu(v))), [(5,)]),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_trained_through(name):
    layer, shapes = LAYERS[name]
    x = [RNG.standard_normal((3, *shape)).astype(np.float32) for shape in shapes]
    check_gradients(network_of(layer, shapes), x)


def test_numbers_are_drawn_once_for_both_ways():
    noise = layers.Lambda(lambda v: v * K.random_normal(v.shape))
    network = network_of(noise, [(4,)])
    x = [np.ones((2, 4), np.float32)]
    outputs = [np.zeros((2, 4), np.float32)]
    seen = []

    def remember(y_true, y_pred, sample_weight):
        seen.append(np.array(y_pred))
        return float(y_pred.sum()), np.ones_like(y_pred)

    network.train_step(x, [np.zeros((2, 4), np.float32)], [remember], outputs=outputs)
    np.testing.assert_allclose(seen[0], outputs[0])


def test_what_cannot_be_followed_works_in_inference_and_says_so_in_training():
    network = network_of(layers.Lambda(lambda v: np.partition(v, 1, axis=-1), name="parted"), [(4,)])
    x = [RNG.standard_normal((2, 4)).astype(np.float32)]
    np.testing.assert_array_equal(network.forward(x)[0], np.partition(x[0], 1, axis=-1))
    with pytest.raises(ValueError, match=r'"parted" cannot be trained through: The gradient of numpy\.partition'):
        network.train_step(x, [x[0]], [lambda t, p, w: (0.0, np.ones_like(p))])


def test_a_weight_as_a_plain_array_is_refused():
    class Plain(Attention):
        def call(self, x):
            return x[:, 0] * self.query.numpy()

    network = network_of(Plain(name="plain"), [(3, 4)])
    x = [RNG.standard_normal((2, 3, 4)).astype(np.float32)]
    with pytest.raises(ValueError, match="plain/query has no gradient if it is read as an array"):
        network.train_step(x, [np.zeros((2, 4), np.float32)], [lambda t, p, w: (0.0, np.ones_like(p))])


def test_functions_of_keras_ops():
    function, arrays = (
        lambda a, b: ops.mean(ops.square(a - b), axis=-1) + ops.norm(a, axis=-1) * ops.rsqrt(ops.sum(b)),
        [A, B],
    )
    result, back = pullback(function, arrays)
    gradient = back(np.ones_like(result))[0]
    expected = ref.numerical_gradient(lambda a: float(function(a, B).sum()), A)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-8)
    np.testing.assert_array_equal(ops.cast(ops.one_hot([1, 0], 2), "int32"), [[0, 1], [1, 0]])
    _, back = pullback(lambda a: ops.stop_gradient(a) * ops.convert_to_tensor(a), [A])
    np.testing.assert_allclose(back(np.ones_like(A))[0], A)
    with pytest.raises(AttributeError, match="has no attribute 'maen'"):
        _ = ops.maen


@pytest.mark.parametrize("kind", ["relu", "gelu", "softmax", "silu", "log_softmax", "elu"])
def test_activations_inside_a_function(kind):
    x = np.float32(RNG.standard_normal((3, 4)) + 0.05)
    function = getattr(ops, kind)
    result, back = pullback(lambda a: function(a) * 2.0, [x])
    np.testing.assert_allclose(result, 2 * function(x), rtol=1e-6)
    dy = np.float32(RNG.standard_normal(x.shape))
    expected = ref.numerical_gradient(lambda a: float((2.0 * np.float64(function(a)) * dy).sum()), np.float64(x), 1e-2)
    np.testing.assert_allclose(back(dy)[0], expected, rtol=2e-2, atol=2e-2)


SYMBOLIC = {
    "powers": (lambda x: x**2 + 2.0**x, (5,)),
    "parts": (lambda x: x[:, 1:3] * x[..., -1:], (5,)),
    "means": (lambda x: np.mean(x, axis=-1, keepdims=True) - x, (4, 3)),
    "softmax and exp": (lambda x: ops.exp(-ops.softmax(x)), (5,)),
    "arrays": (lambda x: x * np.float32([1, 2, 3]) + np.float32([[1]]), (3,)),
    "choices": (lambda x: np.where(x > 0.1, x, abs(x) * 0.5), (5,)),
    "products": (lambda x: x @ np.ones((3, 2), np.float32), (3,)),
    "several": (lambda x: np.concatenate([x, K.square(x)], axis=-1), (3,)),
    "reshape": (lambda x: np.reshape(x, (-1, 6)), (2, 3)),
}


@pytest.mark.parametrize("name", SYMBOLIC)
def test_numpy_functions_of_symbolic_tensors_are_layers(name):
    function, shape = SYMBOLIC[name]
    x = KerasTensor((None, *shape))
    start = layers.PReLU(alpha_initializer="ones", name="start")(x)
    made = Function([x], function(start))
    network = lower(made).network
    values = RNG.standard_normal((4, *shape)).astype(np.float32)
    expected = np.asarray(function(values))
    np.testing.assert_allclose(network.forward([values])[0], expected, rtol=1e-5, atol=1e-6)
    check_gradients(network, [values])
    for layer in made.layers:
        copy = registry.deserialize(json.loads(json.dumps(registry.serialize(layer))))
        assert json.dumps(copy.get_config()) == json.dumps(layer.get_config())


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: np.max(x), "to be that of the batch"),
        (lambda x: np.max(x, axis=0), "to be that of the batch"),
        (lambda x: np.asarray(np.sum(x, axis=1)), "A symbolic tensor has no values"),
        (lambda x: np.asarray(np.sum(x)), "choose axes so that the axis of the batch remains"),
        (lambda x: x.T if hasattr(x, "value") else np.transpose(x), "to be that of the batch"),
        (lambda x: x[0], "to be that of the batch"),
        (lambda x: np.sum(x, initial=3.0), "to be that of the batch"),
        (lambda x: np.sum(x, where=False), "to be that of the batch"),
        (lambda x: np.reshape(x, (-1, 7)), "numpy.reshape of symbolic tensors failed"),
        (lambda x: np.partition(x, 1), "numpy.partition cannot be called on a symbolic tensor"),
        (lambda x: x ** object(), "expected tensors, weights, arrays and numbers"),
    ],
)
def test_functions_of_symbolic_tensors_that_make_no_sense(function, message):
    with pytest.raises(NotTraceableError, match=message):
        function(KerasTensor((None, 3)))
