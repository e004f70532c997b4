"""The transposed convolution and its gradients: against the float64 reference on every ISA, PyTorch, Keras' sizes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import checking
import strategies
from checking import assert_close, samples
from cnncore import ops
from reference_ops import OPS, Context


@pytest.fixture(scope="module", params=checking.FLOAT32_ISAS, autouse=True)
def isa(request):
    with checking.forced_isa(request.param), checking.num_threads(1):
        yield request.param


@st.composite
def cases(draw):
    """(image, kernel, options) of any small transposed convolution whose output has at least one pixel."""
    kernel_size = draw(st.one_of(st.just((3, 3)), strategies.pairs(1, 5)))
    strides = draw(st.one_of(st.just((1, 1)), strategies.pairs(1, 3)))
    dilation_rate = draw(st.one_of(st.just((1, 1)), strategies.pairs(1, 2)))
    sizes = draw(strategies.pairs(1, 7))
    output_padding = tuple(draw(st.integers(0, stride - 1)) for stride in strides)
    full = [
        (size - 1) * stride + (kernel - 1) * dilation + 1 + more
        for size, stride, kernel, dilation, more in zip(
            sizes, strides, kernel_size, dilation_rate, output_padding, strict=True
        )
    ]
    padding = tuple((min(draw(st.integers(0, 3)), size - 1), 0) for size in full)
    if draw(st.booleans()):
        padding = tuple(
            (before, min(before, size - 1 - before)) for (before, _), size in zip(padding, full, strict=True)
        )
    cin, filters = draw(strategies.CHANNELS), draw(strategies.CHANNELS)
    options = {
        "strides": strides,
        "padding": padding,
        "output_padding": output_padding,
        "dilation_rate": dilation_rate,
    }
    return (draw(strategies.BATCHES), *sizes, cin), (*kernel_size, filters, cin), options


def reference(x, kernel, bias, dy, options):
    """The output and the three gradients in float64; dy may be a function of the output's shape."""
    op = OPS["conv2d_transpose"](filters=kernel.shape[2], kernel_size=kernel.shape[:2], **options)
    arrays = [np.asarray(a, np.float64) for a in (kernel, bias)]
    y, pullback = op.forward([np.asarray(x, np.float64)], arrays, Context())
    dy = dy(y.shape) if callable(dy) else dy
    (dx,), (dkernel, dbias) = pullback(np.asarray(dy, np.float64))
    return dy, (y, dx, dkernel, dbias)


def actual(x, kernel, bias, dy, options):
    return ops.conv2d_transpose(x, kernel, bias, **options), *ops.conv2d_transpose_backward(x, kernel, dy, **options)


NAMES = ("y", "dx", "dkernel", "dbias")


def squares_may_apply(kernel, options):
    """Whether Winograd's algorithm F(4x4, 3x3) may compute gradients."""
    plain = options["strides"] == options["dilation_rate"] == (1, 1) and kernel.shape[:2] == (3, 3)
    return plain and any(channels % 4 == 0 for channels in kernel.shape[2:]) and max(kernel.shape[2:]) >= 16


@settings(max_examples=150)
@given(cases(), st.integers(0, 2**31))
def test_integers_are_exact(case, seed):
    x_shape, kernel_shape, options = case
    rng = np.random.default_rng(seed)
    x, kernel = samples(rng, *x_shape, exact=True), samples(rng, *kernel_shape, exact=True)
    bias = samples(rng, kernel_shape[2], exact=True)
    dy, expected = reference(x, kernel, bias, lambda shape: samples(rng, *shape, exact=True), options)
    _, sizes = reference(abs(x), abs(kernel), abs(bias), abs(dy), options)
    for name, ours, theirs, size in zip(NAMES, actual(x, kernel, bias, dy, options), expected, sizes, strict=True):
        # Gradients may be computed in squares of 4x4 pixels, whose products are not integers. They mix the pixels of a
        # square, so an error is relative to the largest sum of absolute values, not to that of its own pixel.
        rounds = name in ("dx", "dkernel") and squares_may_apply(kernel, options)
        assert_close(ours, theirs, 1e-5 * size.max() if rounds else 0.0, name)


# x, kernel, options, what is cut off at the top and left: decoders of small autoencoders, and odd ones
LAYERS = [
    ((2, 7, 7, 64), (3, 3, 32, 64), {"strides": 2, "padding": "same"}, (0, 0)),
    ((3, 14, 14, 32), (3, 3, 1, 32), {"strides": (2, 2), "padding": "same"}, (0, 0)),
    ((2, 4, 4, 16), (2, 2, 16, 16), {"strides": 2}, (0, 0)),
    ((2, 9, 8, 48), (3, 3, 32, 48), {"padding": 1}, (1, 1)),
    ((2, 5, 6, 3), (4, 4, 5, 3), {"strides": 3, "padding": ((1, 2), (0, 1)), "output_padding": (2, 0)}, (1, 0)),
    ((33, 3, 3, 8), (1, 1, 4, 8), {}, (0, 0)),
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_passes_are_those_of_pytorch(layer):
    torch = pytest.importorskip("torch")
    x_shape, kernel_shape, options, cut = layer
    rng = np.random.default_rng(1)
    x, kernel, bias = samples(rng, *x_shape), samples(rng, *kernel_shape), samples(rng, kernel_shape[2])
    y = ops.conv2d_transpose(x, kernel, bias, **options)
    dy = samples(rng, *y.shape)
    tensors = [
        torch.from_numpy(np.ascontiguousarray(a, np.float64)).requires_grad_()
        for a in (x.transpose(0, 3, 1, 2), kernel.transpose(3, 2, 0, 1), bias)
    ]
    strides = options.get("strides", 1)
    # PyTorch cuts the same on both sides: take all, with room for the output padding, and cut here
    full = torch.nn.functional.conv_transpose2d(*tensors[:2], None, strides)
    full = torch.nn.functional.pad(full, (0, 3, 0, 3)) + tensors[2][:, None, None]
    top, left = cut
    part = full[:, :, top : top + y.shape[1], left : left + y.shape[2]]
    part.backward(torch.from_numpy(dy.transpose(0, 3, 1, 2).astype(np.float64)))
    expected = (
        part.detach().numpy().transpose(0, 2, 3, 1),
        tensors[0].grad.numpy().transpose(0, 2, 3, 1),
        tensors[1].grad.numpy().transpose(2, 3, 1, 0),
        tensors[2].grad.numpy(),
    )
    ours = y, *ops.conv2d_transpose_backward(x, kernel, dy, **options)
    for name, got, wanted in zip(NAMES, ours, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=3e-6 * np.abs(wanted).max() + 1e-5, err_msg=name)


@pytest.mark.parametrize("precision", ["bfloat16_3x", "bfloat16"])
def test_reduced_precision(precision):
    rng = np.random.default_rng(2)
    x, kernel, bias = samples(rng, 3, 6, 7, 32), samples(rng, 3, 3, 32, 32), samples(rng, 32)
    options = {"strides": (2, 1), "padding": ((1, 0), (1, 1)), "output_padding": (1, 0), "dilation_rate": (1, 1)}
    dy, expected = reference(x, kernel, bias, lambda shape: samples(rng, *shape), options)
    _, sizes = reference(abs(x), abs(kernel), abs(bias), abs(dy), options)
    factor = {"bfloat16_3x": 5e-5, "bfloat16": 8e-3}[precision]
    got = actual(x, kernel, bias, dy, options | {"precision": precision})
    for name, ours, theirs, size in zip(NAMES, got, expected, sizes, strict=True):
        assert_close(ours, theirs, factor * size, name)


@pytest.mark.parametrize(
    ("size", "kernel", "stride"), [(5, 3, 2), (4, 2, 2), (4, 1, 3), (3, 5, 3), (6, 4, 1), (5, 2, 4)]
)
def test_sizes_are_those_of_keras(size, kernel, stride):
    x, weights = np.ones((1, size, size, 1)), np.ones((kernel, kernel, 1, 1))
    valid = ops.conv2d_transpose(x, weights, strides=stride)
    assert valid.shape[1] == (size - 1) * stride + max(kernel, stride)
    assert ops.conv2d_transpose(x, weights, strides=stride, padding="same").shape[1] == size * stride
    for more in range(stride):
        grown = ops.conv2d_transpose(x, weights, strides=stride, padding="same", output_padding=more)
        assert grown.shape[1] == (size - 1) * stride + kernel - 2 * (kernel // 2) + more
        assert ops.conv2d_transpose(x, weights, strides=stride, output_padding=more).shape[1] == (
            (size - 1) * stride + kernel + more
        )


def test_same_is_the_gradient_of_a_convolution_with_same_padding():
    rng = np.random.default_rng(3)
    for size, window, stride in [(8, 3, 2), (6, 4, 2), (9, 5, 3), (6, 2, 3)]:
        kernel = samples(rng, window, window, 4, 3, exact=True)
        small = samples(rng, 2, size // stride, size // stride, 3, exact=True)
        image = np.zeros((2, size, size, 4), np.float32)
        dx, _, _ = ops.conv2d_backward(image, kernel, small, strides=stride, padding="same")
        np.testing.assert_array_equal(ops.conv2d_transpose(small, kernel, strides=stride, padding="same"), dx)


def test_the_same_bits_at_any_number_of_threads():
    rng = np.random.default_rng(4)
    x, kernel, dy = samples(rng, 40, 7, 7, 16), samples(rng, 3, 3, 16, 16), samples(rng, 40, 14, 14, 16)
    options = {"strides": 2, "padding": "same"}
    results = []
    for threads in (1, 2, 3, 8):
        with checking.num_threads(threads):
            results.append(actual(x, kernel, None, dy, options))
    for other in results[1:]:
        for one, many in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, many)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.ones((4, 4, 2))}, "expected x of rank 4"),
        ({"kernel": np.ones((3, 3, 2, 5))}, "for 2 channels"),
        ({"bias": np.ones(3)}, "expected bias"),
        ({"strides": 0}, "strides"),
        ({"strides": 2, "output_padding": 2}, "expected an output padding below the stride, 2. Received: 2"),
        ({"padding": 5}, "expected a padding that leaves something"),
        ({"padding": "full"}, "valid"),
        ({"precision": "float16"}, "precision"),
    ],
)
def test_wrong_input(change, message):
    arguments = {"x": np.ones((1, 4, 4, 2)), "kernel": np.ones((3, 3, 5, 2))} | change
    with pytest.raises(ValueError, match=message):
        ops.conv2d_transpose(arguments.pop("x"), arguments.pop("kernel"), **arguments)


def test_wrong_gradient():
    with pytest.raises(ValueError, match="expected dy"):
        ops.conv2d_transpose_backward(np.ones((1, 4, 4, 2)), np.ones((3, 3, 5, 2)), np.ones((1, 4, 4, 5)))


def test_no_samples():
    y = ops.conv2d_transpose(np.ones((0, 4, 4, 2)), np.ones((3, 3, 5, 2)))
    assert y.shape == (0, 6, 6, 5)
    _, dkernel, dbias = ops.conv2d_transpose_backward(np.ones((0, 4, 4, 2)), np.ones((3, 3, 5, 2)), y)
    assert not dkernel.any()
    assert not dbias.any()
