"""Keras' activations as ops: against the float64 reference, PyTorch, and wrong input."""

import numpy as np
import pytest

import checking
import reference as ref
import reference_ops_pointwise
from checking import assert_close, samples
from cnncore import _core, ops
from reference_ops import OPS, Context

U = ref.UNIT_ROUNDOFF
POINTWISE = [name for name in reference_ops_pointwise.ACTIVATIONS if "softmax" not in name]
PARAMETERS = [
    ("relu", {"alpha": 0.1, "max_value": 2.0, "threshold": 0.5}),
    ("relu", {"max_value": 1.5}),
    ("leaky_relu", {"alpha": 0.3}),
    ("elu", {"alpha": 0.5}),
    ("celu", {"alpha": 2.0}),
    ("hard_shrink", {"threshold": 0.3}),
    ("soft_shrink", {"threshold": 0.3}),
    ("threshold", {"alpha": -2.0, "threshold": -0.4}),
    ("squareplus", {"alpha": 0.5}),
]


@pytest.fixture(scope="module", params=checking.FLOAT32_ISAS, autouse=True)
def isa(request):
    with checking.forced_isa(request.param), checking.num_threads(1):
        yield request.param


def reference(kind, x, dy, **options):
    y, pullback = OPS["activation"](kind=kind, **options).forward([x.astype(np.float64)], [], Context())
    return y, pullback(dy.astype(np.float64))[0][0]


@pytest.mark.parametrize(("kind", "options"), [(kind, {}) for kind in POINTWISE] + PARAMETERS)
@pytest.mark.parametrize("scale", [0.01, 1.0, 8.0])
def test_values_and_gradients(kind, options, scale):
    rng = np.random.default_rng(0)
    x = checking.guarded(scale * samples(rng, 3, 101))
    dy = samples(rng, 3, 101)
    expected, expected_dx = reference(kind, x, dy, **options)
    y = ops.activation(x, kind, **options)
    assert_close(y, expected, 8 * U * (np.abs(expected) + np.minimum(np.abs(x), 1.0)) * (1 + np.abs(x) ** 3), "y")
    dx = ops.activation_backward(y, dy, kind, x=x, **options)
    bound = 16 * U * np.abs(dy) * (1 + np.abs(expected)) * (1 + np.abs(x) ** 2)
    assert_close(dx, expected_dx, bound, "dx")


@pytest.mark.parametrize("kind", ["softmax", "log_softmax"])
@pytest.mark.parametrize("classes", [1, 2, 10, 100])
def test_rows(kind, classes):
    rng = np.random.default_rng(classes)
    x, dy = samples(rng, 2, 3, classes), samples(rng, 2, 3, classes)
    expected, expected_dx = reference(kind, x, dy)
    y = ops.activation(x, kind)
    assert_close(y, expected, 40 * U * (1 + np.abs(expected)), "y")
    assert_close(ops.activation_backward(y, dy, kind), expected_dx, (classes + 40) * U * 4, "dx")


@pytest.mark.parametrize("kind", POINTWISE)
def test_second_slope(kind):
    """Against the numerical slope of the reference's slope."""
    x = np.linspace(-4.0, 4.0, 81, dtype=np.float32) + np.float32(0.013)  # away from the corners
    ones, step = np.ones_like(x), 1e-5
    above, below = (reference(kind, x + sign * step * ones.astype(np.float64), ones)[1] for sign in (1, -1))
    second = _core.activation_second(x, ops.activation(x, kind), kind, *_core.activation_defaults(kind))
    np.testing.assert_allclose(second, (above - below) / (2 * step), atol=2e-5)


def test_function_of_each_name():
    x = np.linspace(-3, 3, 25, dtype=np.float32)
    for kind in reference_ops_pointwise.ACTIVATIONS:
        if kind in ("linear", "gelu_tanh", "threshold"):
            continue
        np.testing.assert_array_equal(getattr(ops, kind)(x), ops.activation(x, kind))
    np.testing.assert_array_equal(ops.gelu(x, approximate=True), ops.activation(x, "gelu_tanh"))
    np.testing.assert_array_equal(ops.activation(x, "swish"), ops.silu(x))
    np.testing.assert_array_equal(ops.activation(x, "hard_swish"), ops.hard_silu(x))
    np.testing.assert_array_equal(ops.relu(x, 0.25, max_value=1.0), np.where(x > 0, np.minimum(x, 1), 0.25 * x))


def test_torch():
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    x = np.linspace(-6, 6, 241, dtype=np.float32) + np.float32(0.003)
    dy = np.linspace(1, 2, 241, dtype=np.float32)
    oracles = {
        "relu6": functional.relu6,
        "elu": functional.elu,
        "selu": functional.selu,
        "celu": functional.celu,
        "gelu": functional.gelu,
        "gelu_tanh": lambda t: functional.gelu(t, approximate="tanh"),
        "silu": functional.silu,
        "mish": functional.mish,
        "hard_sigmoid": functional.hardsigmoid,
        "hard_silu": functional.hardswish,
        "softplus": functional.softplus,
        "softsign": functional.softsign,
        "log_sigmoid": functional.logsigmoid,
        "leaky_relu": lambda t: functional.leaky_relu(t, 0.2),
    }
    for kind, oracle in oracles.items():
        tensor = torch.tensor(x, requires_grad=True)
        y = oracle(tensor)
        y.backward(torch.tensor(dy))
        ours = ops.activation(x, kind)
        np.testing.assert_allclose(ours, y.detach(), rtol=2e-6, atol=1e-6, err_msg=kind)
        np.testing.assert_allclose(
            ops.activation_backward(ours, dy, kind, x=x), tensor.grad, rtol=2e-6, atol=2e-6, err_msg=kind
        )


@pytest.mark.parametrize("shared_axes", [(), (1,), (1, 2), (1, 2, 3), (3,)])
def test_prelu(shared_axes):
    rng = np.random.default_rng(0)
    op = OPS["prelu"](shared_axes=shared_axes)
    (parameter,) = op.parameters((4, 5, 7))
    x, alpha, dy = samples(rng, 9, 4, 5, 7), samples(rng, *parameter.shape), samples(rng, 9, 4, 5, 7)
    expected, pullback = op.forward([x.astype(np.float64)], [alpha.astype(np.float64)], Context())
    (expected_dx,), (expected_dalpha,) = pullback(dy.astype(np.float64))
    assert_close(ops.prelu(x, alpha), expected, U * np.abs(expected), "y")
    dx, dalpha = ops.prelu_backward(x, alpha, dy)
    assert_close(dx, expected_dx, U * np.abs(expected_dx), "dx")
    magnitude = pullback(np.abs(dy.astype(np.float64)))[1][0]
    assert_close(dalpha, expected_dalpha.reshape(alpha.shape), ref.tolerance(1260, np.abs(magnitude)), "dalpha")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ops.activation([1.0], "glu"), r"\[activation\] expected one of linear, relu, .* Received: 'glu'"),
        (lambda: ops.activation([1.0], "selu", alpha=2.0), r"\[selu\] expected no `alpha`"),
        (lambda: ops.activation([1.0], "relu", alpha=-1.0), r"\[relu\] expected a negative_slope .* Received: -1"),
        (lambda: ops.activation([1.0], "relu", max_value=-1.0), r"\[relu\] expected a max_value of 0 or more"),
        (lambda: ops.activation([1.0], "relu", threshold=-1.0), r"\[relu\] expected a threshold that is finite"),
        (lambda: ops.celu([1.0], alpha=0.0), r"\[celu\] expected an alpha above 0"),
        (lambda: ops.elu([1.0], alpha=float("nan")), r"\[elu\] expected `alpha` to be a finite number"),
        (lambda: ops.gelu([1.0], approximate="tanh"), r"\[gelu\] expected `approximate` to be True or False"),
        (lambda: ops.activation_backward([1.0], [1.0], "silu"), r"expected the input x of 'silu'"),
        (lambda: ops.activation_backward(None, [1.0], "relu", x=[1.0]), r"expected the output y of 'relu'"),
        (lambda: ops.activation_backward([1.0], [1.0, 2.0], "relu"), r"expected dy of shape \(1,\)"),
        (lambda: ops.prelu([[1.0, 2.0]], [1.0]), None),
        (lambda: ops.prelu([[1.0, 2.0]], [1.0, 2.0, 3.0]), r"\[prelu\] expected"),
        (lambda: ops.prelu([1.0, 2.0], [1.0]), r"\[prelu\] expected x of rank 2 or more"),
    ],
)
def test_wrong_input(call, message):
    if message is None:
        call()  # one alpha for all is no mistake
        return
    with pytest.raises((ValueError, TypeError), match=message):
        call()
