"""Ops of several inputs: against the float64 reference, PyTorch, and wrong input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import checking
import reference as ref
import reference_ops_layout
import reference_ops_pointwise  # noqa: F401 - registers the ops
from checking import assert_close, samples
from cnncore import ops
from reference_ops import OPS, Context

U = ref.UNIT_ROUNDOFF
KINDS = ["add", "subtract", "multiply", "average", "maximum", "minimum"]
assert reference_ops_layout


@pytest.fixture(scope="module", params=checking.FLOAT32_ISAS, autouse=True)
def isa(request):
    with checking.forced_isa(request.param), checking.num_threads(1):
        yield request.param


def reference(op, inputs, dy):
    y, pullback = op.forward([x.astype(np.float64) for x in inputs], [], Context())
    return y, pullback(dy.astype(np.float64))[0]


@st.composite
def merge_cases(draw):
    """(kind, sample shapes, seed): up to three inputs, some repeated along some axes."""
    kind = draw(st.sampled_from(KINDS))
    shape = tuple(draw(st.lists(st.sampled_from([1, 2, 3, 7, 16, 33]), min_size=1, max_size=3)))
    count = 2 if kind == "subtract" else draw(st.integers(2, 3))
    shapes = [shape] + [tuple(draw(st.sampled_from([1, size])) for size in shape) for _ in range(count - 1)]
    return kind, draw(st.permutations(shapes)), draw(st.integers(0, 2**31))


@settings(max_examples=150)
@given(merge_cases())
def test_merges_are_those_of_the_reference(case):
    kind, shapes, seed = case
    rng = np.random.default_rng(seed)
    inputs = [samples(rng, 2, *shape, exact=True) for shape in shapes]  # integers: equal ones are frequent
    y = ops.merge(inputs, kind)
    dy = samples(rng, *y.shape, exact=True)
    expected, gradients = reference(OPS[kind](), inputs, dy)
    exact = 0.0 if kind != "average" else 4 * U
    assert_close(y, expected, exact * np.abs(expected), "y")
    for dx, wanted in zip(ops.merge_backward(inputs, dy, kind), gradients, strict=True):
        assert_close(dx, wanted, exact * 3 * dy.size, "dx")


def test_inputs_of_lower_rank():
    x, row = np.ones((2, 3, 4), np.float32), np.arange(8, dtype=np.float32).reshape(2, 4)
    np.testing.assert_array_equal(ops.merge([x, row], "add"), x + row[:, None])
    np.testing.assert_array_equal(ops.merge_backward([x, row], x, "add")[1], np.full((2, 4), 3.0))


@settings(max_examples=60)
@given(st.integers(1, 3), st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(0, 2**31))
def test_concatenation_is_that_of_numpy(rank, lengths, seed):
    rng = np.random.default_rng(seed)
    axis, rest = int(rng.integers(1, rank + 1)), rng.integers(1, 5, rank + 1)
    inputs = [samples(rng, *(length if a == axis else rest[a] for a in range(rank + 1))) for length in lengths]
    y = ops.merge(inputs, "concatenate", axis=axis)
    np.testing.assert_array_equal(y, np.concatenate(inputs, axis))
    np.testing.assert_array_equal(ops.merge(inputs, "concatenate", axis=axis - rank - 1), y)
    for dx, x in zip(ops.merge_backward(inputs, y, "concatenate", axis=axis), inputs, strict=True):
        np.testing.assert_array_equal(dx, x)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize(
    ("shapes", "axes"),
    [(((5,), (5,)), 1), (((4, 5), (5, 3)), (2, 1)), (((4, 5), (3, 5)), -1), (((5, 2, 3), (4, 5)), (1, 2))],
)
def test_dot_is_that_of_the_reference(shapes, axes, normalize):
    rng = np.random.default_rng(0)
    x1, x2 = (samples(rng, 3, *shape) for shape in shapes)
    y = ops.batch_dot(x1, x2, axes, normalize)
    dy = samples(rng, *y.shape)
    pair = (axes, axes) if isinstance(axes, int) else axes
    own = tuple(axis - 1 if axis > 0 else axis for axis in pair)
    expected, gradients = reference(OPS["dot"](axes=own, normalize=normalize), [x1, x2], dy)
    assert_close(y, expected, 8 * U * (1 + np.abs(expected)), "y")
    for name, dx, wanted in zip(
        ("dx1", "dx2"), ops.batch_dot_backward(x1, x2, dy, axes, normalize), gradients, strict=True
    ):
        assert_close(dx, wanted, 60 * U * (1 + np.abs(wanted)), name)


def test_dot_of_a_zero_vector_is_zero():
    x = np.zeros((1, 4), np.float32)
    np.testing.assert_array_equal(ops.batch_dot(x, x, normalize=True), [[0.0]])
    for dx in ops.batch_dot_backward(x, x, np.ones((1, 1)), normalize=True):
        np.testing.assert_array_equal(dx, x)


def test_passes_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    inputs = [samples(rng, 2, 5, 6, 7), samples(rng, 2, 1, 1, 7)]
    functions = {
        "add": torch.add,
        "subtract": torch.sub,
        "multiply": torch.mul,
        "maximum": torch.maximum,
        "minimum": torch.minimum,
    }
    for kind, function in functions.items():
        tensors = [torch.tensor(x, requires_grad=True) for x in inputs]
        expected = function(*tensors)
        dy = samples(rng, *expected.shape)
        expected.backward(torch.tensor(dy))
        np.testing.assert_array_equal(ops.merge(inputs, kind), expected.detach())
        for dx, tensor in zip(ops.merge_backward(inputs, dy, kind), tensors, strict=True):
            np.testing.assert_allclose(dx, tensor.grad, atol=2e-5, err_msg=kind)


X = np.ones((2, 3, 4), np.float32)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ops.merge([X, X], "plus"), r"\[merge\] expected one of add, subtract, .* Received: 'plus'"),
        (
            lambda: ops.merge([X, X[:, :2]], "add"),
            r"\[add\] expected shapes whose sizes along every axis are equal or 1\. Received: \(3, 4\), \(2, 4\)",
        ),
        (lambda: ops.merge([X, X[:1]], "add"), r"\[add\] expected inputs of the same batch size"),
        (lambda: ops.merge(X, "add"), r"\[add\] expected `inputs` to be a list of arrays"),
        (lambda: ops.merge([], "add"), r"\[add\] expected `inputs` to be a list of arrays"),
        (lambda: ops.merge([X, X, X], "subtract"), r"\[subtract\] expected two inputs. Received: 3"),
        (lambda: ops.merge_backward([X, X], X[:1], "add"), r"\[add_backward\] expected dy of shape \(2, 3, 4\)"),
        (
            lambda: ops.merge([X, X], "concatenate", axis=0),
            r"\[concatenate\] expected `axis` to be an axis after the batch axis",
        ),
        (lambda: ops.merge([X, X], "concatenate", axis=3), r"expected `axis` to be an axis after the batch axis"),
        (lambda: ops.merge([X, X[:, :2]], "concatenate"), r"expected shapes that are equal except along axis 1"),
        (lambda: ops.batch_dot(X, X, (1, 2)), r"\[dot\] expected axes of the same size"),
        (lambda: ops.batch_dot(X, X, 0), r"\[batch_dot\] expected `axes` to be an axis after the batch axis"),
        (lambda: ops.batch_dot(X, X, (1, 1, 1)), r"\[batch_dot\] expected `axes` to be an integer or two"),
        (lambda: ops.batch_dot(X, X[:1]), r"\[dot\] expected inputs of the same batch size"),
    ],
)
def test_wrong_input(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()
