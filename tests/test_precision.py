"""Products in reduced precision, on each ISA: against float64 on the rounded operands, and on the given ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import checking
import precision as rounding
import reference as ref
import strategies
from checking import assert_close, samples
from cnncore import _core, ops
from conv2d_bounds import conv2d_bounds, winograd_may_apply
from precision import BFLOAT16, BOUND, LEFT_OUT, PRODUCTS, REDUCED
from reference_network import ChainNetwork

pytestmark = pytest.mark.names_precision

NAMES = ("y", "dx", "dkernel", "dbias")


@pytest.fixture(scope="module", params=checking.KNOWN_ISAS, autouse=True)
def isa(request):
    with checking.forced_isa(request.param), checking.num_threads(1):
        yield request.param


def check(actual, of_operands, of_operands_bounds, exact, exact_bounds):
    """Compares results with two references, one of the rounded operands and one of the arrays as they are.

    The gradient of the bias is a sum and not a product, so its terms are never rounded, and it has float32's error.
    """
    for name, result, *references in zip(
        NAMES, actual, of_operands, of_operands_bounds, exact, exact_bounds, strict=True
    ):
        if name != "dbias":
            assert_close(result, *references[:2], f"{name}, rounded operands ")
        assert_close(result, *references[2:], f"{name}, exact ")


def check_conv2d(case: strategies.Conv2dCase, precision: str) -> None:
    rng = case.rng
    x = samples(rng, *case.x_shape, exact=case.exact)
    kernel = samples(rng, *case.kernel_shape, exact=case.exact)
    no_bias = np.zeros(case.kernel_shape[3], np.float32)
    exact_y = ref.conv2d(x, kernel, **case.params)
    dy = samples(rng, *exact_y.shape, exact=case.exact)
    used = rounding.conv2d_precision(case.kernel_shape, case.groups, precision)

    def both(x, kernel, dy):
        return ref.conv2d(x, kernel, **case.params), *ref.conv2d_backward(x, kernel, dy, **case.params)

    parts = [rounding.magnitude(array, used) for array in (x, kernel, dy)]
    bounds = conv2d_bounds(case, parts[0], parts[1], no_bias, parts[2], products=PRODUCTS[used])
    left_out = 0.0 if case.exact else LEFT_OUT[used]
    bounds = [bound + left_out * total for bound, total in zip(bounds, both(*parts), strict=True)]
    # Winograd's error is no share of the sum over the window alone: the promise comes on top of it.
    own = conv2d_bounds(case, x, kernel, no_bias, dy) if winograd_may_apply(case) else [0.0] * 4
    promised = [
        BOUND[precision] * total + float32
        for total, float32 in zip(both(abs(x), abs(kernel), abs(dy)), own, strict=True)
    ]
    promised[3] = conv2d_bounds(case, x, kernel, no_bias, dy)[3]
    options = {**case.params, "precision": precision}
    check(
        (ops.conv2d(x, kernel, **options), *ops.conv2d_backward(x, kernel, dy, **options)),
        both(*(rounding.operand(array, used) for array in (x, kernel, dy))),
        bounds,
        both(x, kernel, dy),
        promised,
    )


@pytest.mark.parametrize("precision", REDUCED)
@settings(max_examples=100)
@given(case=strategies.conv2d_cases(wide=True))
def test_convolutions_round_their_operands(case, precision):
    check_conv2d(case, precision)


@pytest.mark.parametrize("precision", REDUCED)
@settings(max_examples=30)
@given(case=strategies.conv2d_cases())
def test_conv2d_of_any_kind(case, precision):
    check_conv2d(case, precision)


SAME_3X3 = ((1, 1), (1, 1))

# Layers of small CNNs: x, kernel, strides, padding.
LAYERS = [
    ((13, 13, 32), (3, 3, 32, 64), (1, 1), ref.NO_PADDING),
    ((32, 32, 32), (3, 3, 32, 32), (1, 1), SAME_3X3),
    ((8, 8, 128), (3, 3, 128, 128), (1, 1), SAME_3X3),
    ((16, 16, 64), (3, 3, 64, 128), (2, 2), ((0, 1), (0, 1))),
    ((16, 16, 64), (1, 1, 64, 128), (1, 1), ref.NO_PADDING),
    ((10, 10, 16), (5, 5, 16, 120), (1, 1), ref.NO_PADDING),
]


@pytest.mark.parametrize("precision", REDUCED)
@pytest.mark.parametrize("exact", [True, False], ids=["exact", "normal"])
@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: "{}*{}/{}".format(*layer[:2], layer[2][0]))
def test_conv2d_of_small_cnns(layer, exact, precision):
    image, kernel, strides, padding = layer
    check_conv2d(strategies.Conv2dCase((3, *image), kernel, strides, padding, (1, 1), 1, exact, seed=0), precision)


def dense_arrays(n, features, units, exact):
    rng = np.random.default_rng([n, features, units])
    return [samples(rng, *shape, exact=exact) for shape in ((n, features), (features, units), (n, units))]


@pytest.mark.parametrize("precision", REDUCED)
@settings(max_examples=100)
@given(
    n=st.sampled_from([1, 2, 5, 8, 33, 64, 65]),
    features=st.sampled_from([31, 32, 33, 47, 64, 100, 257, 1000]),
    units=st.sampled_from([15, 16, 17, 31, 32, 33, 63, 64, 65, 130]),
    exact=st.booleans(),
)
def test_dense_layers_round_their_operands(n, features, units, exact, precision):
    x, kernel, dy = dense_arrays(n, features, units, exact)
    used = rounding.dense_precision(features, units, precision)

    def both(x, kernel, dy):
        return ref.dense(x, kernel), *ref.dense_backward(x, kernel, dy)

    sums = both(*(rounding.magnitude(array, used) for array in (x, kernel, dy)))
    lengths = features, units, n, n
    bounds = [
        0.0 if exact else ref.tolerance(PRODUCTS[used] * length, total) + LEFT_OUT[used] * total
        for length, total in zip(lengths, sums, strict=True)
    ]
    check(
        (ops.dense(x, kernel, precision=precision), *ops.dense_backward(x, kernel, dy, precision=precision)),
        both(*(rounding.operand(array, used) for array in (x, kernel, dy))),
        bounds,
        both(x, kernel, dy),
        [
            *(BOUND[precision] * total for total in both(abs(x), abs(kernel), abs(dy))[:3]),
            ref.tolerance(n, abs(dy).sum(0)),
        ],
    )


# --- rounding, element by element ------------------------------------------------------------------------------------

ONE_AND = [2.0**-8, 3 * 2.0**-8, 2.0**-8 + 2.0**-23, 2.0**-8 - 2.0**-23, 2.0**-16, 3 * 2.0**-16, 2.0**-23, 1 - 2.0**-24]
TIES = np.array([0.0, *(sign * (1 + rest) for rest in ONE_AND for sign in (1, -1))], np.float32)


def through_identity(x, precision):
    """Each number times one, in a layer large enough to be rounded."""
    x = np.resize(np.asarray(x, np.float32), (1, 32))
    return x, ops.dense(x, np.eye(32, dtype=np.float32), precision=precision)


@pytest.mark.parametrize("precision", REDUCED)
def test_ties_go_to_even(precision):
    x, y = through_identity(TIES, precision)
    np.testing.assert_array_equal(y, rounding.operand(x, precision))
    assert not np.array_equal(y, x)
    if precision == BFLOAT16:
        _, y = through_identity([1 + 2.0**-8, 1 + 3 * 2.0**-8, -1 - 2.0**-8], precision)
        assert y[0, :3].tolist() == [1.0, 1 + 4 * 2.0**-8, -1.0]


@pytest.mark.parametrize("precision", REDUCED)
@settings(max_examples=50)
@given(values=st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=1, max_size=32))
def test_every_number_goes_to_the_nearest(values, precision):
    values = [value if abs(value) > 2.0**-60 else 0.0 for value in values]  # the smaller half is then a normal number
    x, y = through_identity(values, precision)
    np.testing.assert_array_equal(y, rounding.operand(x, precision))


# --- what stays float32 ----------------------------------------------------------------------------------------------


def conv2d_results(channels, filters, groups, precision):
    rng = np.random.default_rng(0)
    x, kernel = samples(rng, 3, 7, 6, channels), samples(rng, 3, 3, channels // groups, filters)
    dy = samples(rng, 3, 5, 4, filters)
    options = {"groups": groups, "precision": precision}
    return ops.conv2d(x, kernel, **options), *ops.conv2d_backward(x, kernel, dy, **options)[:2]


def dense_results(features, units, precision):
    x, kernel, dy = dense_arrays(9, features, units, exact=False)
    return (
        ops.dense(x, kernel, precision=precision),
        *ops.dense_backward(x, kernel, dy, precision=precision)[:2],
    )


@pytest.mark.parametrize("precision", REDUCED)
@pytest.mark.parametrize(
    ("results", "sizes", "small"),
    [
        (conv2d_results, (16, 16, 1), False),
        (conv2d_results, (15, 16, 1), True),
        (conv2d_results, (16, 15, 1), True),
        (conv2d_results, (64, 64, 2), True),
        (conv2d_results, (32, 32, 32), True),
        (conv2d_results, (1, 32, 1), True),
        (dense_results, (32, 16), False),
        (dense_results, (31, 16), True),
        (dense_results, (32, 15), True),
    ],
)
def test_small_layers_have_the_bits_of_float32(results, sizes, small, precision):
    for expected, actual in zip(results(*sizes, "float32"), results(*sizes, precision), strict=True):
        assert np.array_equal(actual, expected) == small


# --- NaN and infinity ------------------------------------------------------------------------------------------------

BAD = [np.nan, np.inf, -np.inf, np.finfo(np.float32).max]  # the last is beyond bfloat16: it becomes infinite


@pytest.mark.parametrize("precision", REDUCED)
@pytest.mark.parametrize("bad", BAD, ids=str)
@pytest.mark.parametrize("where", ["x", "kernel", "dy"])
def test_nan_and_infinity_never_become_finite(where, bad, precision):
    """Where the result is not finite in float64, it is not finite here either."""
    rng = np.random.default_rng(0)
    for case in (
        {"x": (2, 6, 7, 16), "kernel": (3, 3, 16, 16), "dy": (2, 4, 5, 16)},
        {"x": (3, 40), "kernel": (40, 24), "dy": (3, 24)},
    ):
        arrays = {name: samples(rng, *shape) for name, shape in case.items()}
        arrays[where][tuple(size // 2 for size in case[where])] = bad
        forward, backward = (
            (ops.conv2d, ops.conv2d_backward) if len(case["x"]) == 4 else (ops.dense, ops.dense_backward)
        )
        actual = forward(arrays["x"], arrays["kernel"], precision=precision), *backward(**arrays, precision=precision)
        if np.isfinite(bad):
            arrays[where][arrays[where] == bad] = np.inf
        with np.errstate(invalid="ignore"):
            exact = (ref.conv2d, ref.conv2d_backward) if len(case["x"]) == 4 else (ref.dense, ref.dense_backward)
            expected = exact[0](arrays["x"], arrays["kernel"]), *exact[1](**arrays)
        for name, result, wanted in zip(NAMES[:3], actual, expected, strict=False):
            finite = np.isfinite(wanted)
            assert finite.all() == (where == {"y": "dy", "dx": "x", "dkernel": "kernel"}[name]), name
            assert not np.isfinite(result[~finite]).any(), name


# --- one image and many ----------------------------------------------------------------------------------------------


def one_layer(kind, precision):
    graph = _core.GraphBuilder()
    if kind == "dense":
        tensor = graph.add("dense", [graph.input((400,))], "layer", units=200)
    else:
        size = (5, 5) if kind == "conv2d 5x5" else (3, 3)
        window = {"kernel_size": size, "padding": SAME_3X3}
        tensor = graph.add("conv2d", [graph.input((14, 13, 32))], "layer", filters=48, **window)
    network = ChainNetwork(_core.Network(graph, [tensor]))
    network.precision = precision
    return network


@pytest.mark.parametrize("precision", REDUCED)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("kind", ["dense", "conv2d 5x5", "conv2d 3x3"])
def test_an_image_alone_and_in_a_batch(kind, threads, precision):
    """Each of the two paths is within its error bound of the exact result."""
    rng = np.random.default_rng(0)
    network = one_layer(kind, precision)
    x = samples(rng, 7, *network.input_shape)
    kernel, bias = (samples(rng, *slot.shape) for slot in network.slots)
    for slot, values in zip(network.slots, (kernel, bias), strict=True):
        network.parameters[slot.offset : slot.offset + values.size] = values.ravel()
    parts = [rounding.magnitude(array, precision) for array in (x, kernel)]
    operands = [rounding.operand(array, precision) for array in (x, kernel)]
    if kind == "dense":
        expected, sums = ref.dense(*operands, bias), ref.dense(*parts, abs(bias))
        bound = ref.tolerance(PRODUCTS[precision] * 400, sums)
    else:
        expected, sums = (ref.conv2d(*pair, padding=SAME_3X3) for pair in (operands, parts))
        expected = expected + bias
        case = strategies.Conv2dCase(x.shape, kernel.shape, (1, 1), SAME_3X3, (1, 1), 1, exact=False, seed=0)
        bound = conv2d_bounds(case, *parts, bias, np.zeros(expected.shape), products=PRODUCTS[precision])[0]
    bound = bound + LEFT_OUT[precision] * sums
    with checking.num_threads(threads):
        batch, alone = network.forward(x), np.concatenate([network.forward(x[i : i + 1]) for i in range(len(x))])
    assert_close(batch, expected, bound, "batch")
    assert_close(alone, expected, bound, "alone")


# --- arguments -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", ["float16", "", "Bfloat16", None, 16])
def test_an_unknown_precision_is_an_error(bad):
    x, kernel, dy = dense_arrays(2, 32, 16, exact=True)
    image, window, dimage = x.reshape(2, 1, 1, 32), kernel.reshape(1, 1, 32, 16), dy.reshape(2, 1, 1, 16)
    for function, arrays in (
        (ops.dense, (x, kernel)),
        (ops.dense_backward, (x, kernel, dy)),
        (ops.conv2d, (image, window)),
        (ops.conv2d_backward, (image, window, dimage)),
    ):
        message = rf'\[{function.__name__}\] expected `precision` to be one of "float32", "bfloat16_3x", "bfloat16"\. '
        with pytest.raises(ValueError, match=message + f"Received: precision={bad!r}"):
            function(*arrays, precision=bad)
    with pytest.raises(ValueError, match="float32, bfloat16_3x, bfloat16"):
        _core.dense(np.array(x), np.array(kernel), None, "float16")


def test_the_core_knows_its_unit(isa):
    unit, _, note = _core.bfloat16_unit().partition(" (")
    assert unit in {"amx": {"amx"}, "avx512_bf16": {"avx512_bf16", "float32"}}.get(isa, {"float32"})  # slow on some
    assert not note or note == "the CPU has AMX, but the system refuses its use)"
