"""Arguments that make no sense are refused. The message says what was expected and received, and nothing is changed."""

import re

import numpy as np
import pytest

from cnncore import _core, ops
from reference_network import Chain, Conv2d, Dense, Flatten, MaxPool2d

HUGE = 2**31 - 1


def zeros(*shape, dtype=np.float32):
    return np.zeros(shape, dtype)


X, KERNEL, DY = zeros(2, 5, 6, 4), zeros(3, 3, 4, 8), zeros(2, 3, 4, 8)

# id: (call, exception, words of the message)
BAD_OPS = {
    "conv2d: rank of x": (lambda: ops.conv2d(X[0], KERNEL), ValueError, ["conv2d", "rank 4", "(5, 6, 4)"]),
    "conv2d: rank of kernel": (lambda: ops.conv2d(X, KERNEL[0]), ValueError, ["conv2d", "rank 4", "(3, 4, 8)"]),
    "conv2d: channels": (lambda: ops.conv2d(X[..., :3], KERNEL), ValueError, ["conv2d", "channels", "3", "4"]),
    "conv2d: bias": (lambda: ops.conv2d(X, KERNEL, zeros(7)), ValueError, ["conv2d", "bias", "8", "7"]),
    "conv2d: rank of bias": (lambda: ops.conv2d(X, KERNEL, zeros(8, 1)), ValueError, ["conv2d", "bias"]),
    "conv2d: kernel over input": (lambda: ops.conv2d(X[:, :2], KERNEL), ValueError, ["conv2d", "kernel", "2", "3"]),
    "conv2d: dilated kernel": (lambda: ops.conv2d(X, KERNEL, dilation_rate=3), ValueError, ["conv2d", "kernel"]),
    "conv2d: strides 0": (lambda: ops.conv2d(X, KERNEL, strides=0), ValueError, ["conv2d", "strides", "0"]),
    "conv2d: strides -1": (lambda: ops.conv2d(X, KERNEL, strides=(1, -1)), ValueError, ["conv2d", "strides", "-1"]),
    "conv2d: three strides": (lambda: ops.conv2d(X, KERNEL, strides=(1, 1, 1)), ValueError, ["conv2d", "strides"]),
    "conv2d: strides 1.5": (lambda: ops.conv2d(X, KERNEL, strides=1.5), TypeError, ["conv2d", "strides", "1.5"]),
    "conv2d: dilation 0": (lambda: ops.conv2d(X, KERNEL, dilation_rate=0), ValueError, ["conv2d", "dilation_rate"]),
    "conv2d: padding -1": (lambda: ops.conv2d(X, KERNEL, padding=-1), ValueError, ["conv2d", "padding", "-1"]),
    "conv2d: padding word": (lambda: ops.conv2d(X, KERNEL, padding="full"), ValueError, ["conv2d", "padding", "full"]),
    "conv2d: padding pair": (lambda: ops.conv2d(X, KERNEL, padding=(1, 1)), ValueError, ["conv2d", "padding"]),
    "conv2d: groups 0": (lambda: ops.conv2d(X, KERNEL, groups=0), ValueError, ["conv2d", "groups", "0"]),
    "conv2d: groups, channels": (lambda: ops.conv2d(X, KERNEL, groups=3), ValueError, ["conv2d", "groups", "3"]),
    "conv2d: groups, filters": (
        lambda: ops.conv2d(X, zeros(3, 3, 1, 6), groups=4),
        ValueError,
        ["conv2d", "groups", "4", "6"],
    ),
    "conv2d: padding overflows": (lambda: ops.conv2d(X, KERNEL, padding=HUGE), ValueError, ["conv2d"]),
    "conv2d: padding over 2**31": (lambda: ops.conv2d(X, KERNEL, padding=2**40), ValueError, ["conv2d", "padding"]),
    "conv2d: no channels": (lambda: ops.conv2d(X[..., :0], KERNEL[:, :, :0]), ValueError, ["conv2d"]),
    "conv2d: no filters": (lambda: ops.conv2d(X, KERNEL[..., :0]), ValueError, ["conv2d"]),
    "conv2d: empty kernel": (lambda: ops.conv2d(X, KERNEL[:0]), ValueError, ["conv2d"]),
    "conv2d: empty images": (lambda: ops.conv2d(X[:, :, :0], KERNEL), ValueError, ["conv2d"]),
    "conv2d: complex": (lambda: ops.conv2d(X.astype(complex), KERNEL), TypeError, ["conv2d", "complex"]),
    "conv2d: text": (lambda: ops.conv2d("digits", KERNEL), TypeError, ["conv2d"]),
    "conv2d: ragged": (lambda: ops.conv2d([[1.0], [1.0, 2.0]], KERNEL), ValueError, ["conv2d", "ragged"]),
    "conv2d_backward: dy": (lambda: ops.conv2d_backward(X, KERNEL, DY[:, :2]), ValueError, ["dy", "(2, 2, 4, 8)"]),
    "conv2d_backward: batch": (lambda: ops.conv2d_backward(X, KERNEL, DY[:1]), ValueError, ["dy", "(1, 3, 4, 8)"]),
    "max_pool2d: rank": (lambda: ops.max_pool2d(X[0]), ValueError, ["max_pool2d", "rank 4"]),
    "max_pool2d: window": (lambda: ops.max_pool2d(X, 6), ValueError, ["[max_pool2d]", "6"]),
    "max_pool2d: window 0": (lambda: ops.max_pool2d(X, 0), ValueError, ["max_pool2d", "pool_size", "0"]),
    "max_pool2d: strides": (lambda: ops.max_pool2d(X, 2, -2), ValueError, ["max_pool2d", "strides", "-2"]),
    "max_pool2d: only padding": (lambda: ops.max_pool2d(X, 2, padding=2), ValueError, ["[max_pool2d]", "padding", "2"]),
    "max_pool2d_backward: dy": (lambda: ops.max_pool2d_backward(X, X), ValueError, ["dy", "(2, 5, 6, 4)"]),
    "avg_pool2d: window": (lambda: ops.avg_pool2d(X, (2, 7)), ValueError, ["[avg_pool2d]", "7"]),
    "avg_pool2d_backward: dy": (lambda: ops.avg_pool2d_backward(X.shape, X), ValueError, ["dy", "(2, 5, 6, 4)"]),
    "avg_pool2d_backward: overflow": (
        lambda: ops.avg_pool2d_backward((HUGE,) * 4, X),
        ValueError,
        ["[avg_pool2d_backward]"],
    ),
    "dense: rank": (lambda: ops.dense(zeros(5), zeros(5, 2)), ValueError, ["dense", "rank 2"]),
    "dense: features": (lambda: ops.dense(zeros(3, 5), zeros(4, 2)), ValueError, ["dense", "5", "4"]),
    "dense: bias": (lambda: ops.dense(zeros(3, 5), zeros(5, 2), zeros(3)), ValueError, ["dense", "bias", "2", "3"]),
    "dense_backward: dy": (
        lambda: ops.dense_backward(zeros(3, 5), zeros(5, 2), zeros(3, 3)),
        ValueError,
        ["dy", "(3, 3)"],
    ),
    "merge: no values": (lambda: ops.merge([zeros(2, 0)] * 2, "add"), ValueError, ["[add]", "(2, 0)"]),
    "merge_backward: no values": (
        lambda: ops.merge_backward([zeros(2, 3, 0)] * 2, zeros(2, 3, 0), "maximum"),
        ValueError,
        ["[maximum_backward]", "(2, 3, 0)"],
    ),
    "prelu: no values": (lambda: ops.prelu(zeros(2, 0), zeros(0)), ValueError, ["[prelu]", "(2, 0)"]),
    "prelu_backward: no values": (
        lambda: ops.prelu_backward(zeros(2, 0), zeros(0), zeros(2, 0)),
        ValueError,
        ["[prelu_backward]", "(2, 0)"],
    ),
    "activation: kind": (lambda: ops.activation(X, "swosh"), ValueError, ["activation", "swosh", "relu"]),
    "activation_backward: dy": (lambda: ops.activation_backward(X, DY, "relu"), ValueError, ["dy"]),
    "cross-entropy: label 10": (lambda: ops.softmax_cross_entropy(zeros(2, 10), [3, 10]), ValueError, ["10"]),
    "cross-entropy: label -1": (lambda: ops.softmax_cross_entropy(zeros(2, 10), [-1, 3]), ValueError, ["-1"]),
    "cross-entropy: lengths": (lambda: ops.softmax_cross_entropy(zeros(2, 10), [1, 2, 3]), ValueError, ["2", "3"]),
    "cross-entropy: one-hot": (lambda: ops.softmax_cross_entropy(zeros(2, 9), zeros(2, 8)), ValueError, ["9", "8"]),
    "cross-entropy: rank": (lambda: ops.softmax_cross_entropy(zeros(10), [1]), ValueError, ["logits", "rank 2"]),
    "mean_squared_error": (lambda: ops.mean_squared_error(zeros(2, 3), zeros(3, 2)), ValueError, ["(2, 3)", "(3, 2)"]),
}


@pytest.mark.parametrize("name", BAD_OPS)
def test_ops_refuse(name):
    call, exception, words = BAD_OPS[name]
    with pytest.raises(exception) as caught:
        call()
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "convert",
    {
        "float64": lambda x: x.astype(np.float64),
        "int64": lambda x: x.astype(np.int64),
        "list": lambda x: x.tolist(),
        "Fortran order": np.asfortranarray,
        "reversed and strided": lambda x: np.repeat(x, 2, axis=1)[:, ::-2][:, ::-1],
        "big endian": lambda x: x.astype(">f4"),
        "read-only": lambda x: np.frombuffer(x.tobytes(), np.float32).reshape(x.shape),
        "unaligned": lambda x: np.frombuffer(b"." + x.tobytes(), np.float32, offset=1).reshape(x.shape),
    }.items(),
    ids=lambda item: item[0],
)
def test_ops_convert_other_arrays(convert):
    rng = np.random.default_rng(0)
    x, kernel, dy = (rng.integers(-3, 4, a.shape).astype(np.float32) for a in (X, KERNEL, DY))
    as_given = [convert[1](a) for a in (x, kernel, dy)]
    np.testing.assert_array_equal(ops.conv2d(*as_given[:2]), ops.conv2d(x, kernel))
    np.testing.assert_array_equal(ops.max_pool2d(as_given[0]), ops.max_pool2d(x))
    for actual, expected in zip(ops.conv2d_backward(*as_given), ops.conv2d_backward(x, kernel, dy), strict=True):
        np.testing.assert_array_equal(actual, expected)


def read_only(array):
    array.setflags(write=False)
    return array


V, W = zeros(4), zeros(4, dtype=np.float64)

# Updates in place cannot convert: the caller would never see the result.
BAD_UPDATES = {
    "sgd: float64": (lambda: ops.sgd_update(W, V), "params: numpy"),
    "sgd: read-only": (lambda: ops.sgd_update(read_only(zeros(4)), V), "expected params to be writable"),
    "sgd: strided": (lambda: ops.sgd_update(zeros(8)[::2], V), "params: numpy"),
    "sgd: lengths": (lambda: ops.sgd_update(zeros(4), zeros(5)), r"grads of shape \(4,\). Received: \(5,\)"),
    "sgd: no velocity": (
        lambda: ops.sgd_update(zeros(4), zeros(4), momentum=0.9),
        "expected a velocity, since momentum is not 0",
    ),
    "sgd: velocity": (
        lambda: ops.sgd_update(zeros(4), V, momentum=0.9, velocity=zeros(5)),
        r"velocity of shape \(4,\)",
    ),
    "adam: float64": (lambda: ops.adam_update(zeros(4), V, W, zeros(4), step=1), "m: numpy"),
    "adam: lengths": (lambda: ops.adam_update(zeros(4), V, zeros(4), zeros(3), step=1), r"v of shape \(4,\)"),
    "adam: step 0": (lambda: ops.adam_update(zeros(4), V, zeros(4), zeros(4), step=0), "`step` >= 1 .*: step=0"),
    "adam: beta 1": (
        lambda: ops.adam_update(zeros(4), V, zeros(4), zeros(4), step=1, beta_1=1.0),
        r"beta_1 in \[0, 1\)",
    ),
}


@pytest.mark.parametrize("name", BAD_UPDATES)
def test_updates_refuse(name):
    call, message = BAD_UPDATES[name]
    exception = TypeError if message.endswith("numpy") else ValueError
    with pytest.raises(exception, match=message):
        call()


@pytest.mark.parametrize("bad", [X.astype(np.float64), X.astype(np.int32), X[:, :, ::2], np.asfortranarray(X), None])
def test_the_core_converts_nothing(bad):
    plain = ((1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    with pytest.raises(TypeError, match="x: numpy"):
        _core.conv2d(bad, KERNEL, None, *plain)
    with pytest.raises(TypeError, match="dy: numpy"):
        _core.conv2d_backward(X, KERNEL, bad, *plain)


# --- graphs -----------------------------------------------------------------------------------------------------------

NONE = ((0, 0), (0, 0))


def conv(graph, x, filters=4, kernel=(3, 3), strides=(1, 1), padding=NONE, dilation=(1, 1), groups=1, act="relu"):
    window = {"kernel_size": kernel, "strides": strides, "padding": padding, "dilation_rate": dilation}
    return graph.add("conv2d", [x], "first_conv", filters=filters, groups=groups, activation=act, **window)


def pool(graph, x, kind, size, strides=(2, 2)):
    return graph.add(kind, [x], "pool_a", pool_size=size, strides=strides, padding=NONE)


# input shape: {id: (what to add to the graph, words of the message)}
BAD_GRAPHS = {
    (5, 6, 4): {
        "conv2d: kernel over input": (lambda g, x: conv(g, x, kernel=(6, 3)), ["first_conv", "kernel"]),
        "conv2d: filters": (lambda g, x: conv(g, x, filters=0), ["first_conv", "filters", "0"]),
        "conv2d: negative filters": (lambda g, x: conv(g, x, filters=-3), ["first_conv", "filters", "-3"]),
        "conv2d: strides": (lambda g, x: conv(g, x, strides=(0, 1)), ["first_conv", "stride"]),
        "conv2d: dilation": (lambda g, x: conv(g, x, dilation=(1, 0)), ["first_conv", "dilation"]),
        "conv2d: padding": (lambda g, x: conv(g, x, padding=((0, 0), (-1, 0))), ["first_conv", "padding"]),
        "conv2d: groups": (lambda g, x: conv(g, x, groups=3), ["first_conv", "groups", "3"]),
        "conv2d: activation": (lambda g, x: conv(g, x, act="swosh"), ["swosh"]),
        "conv2d: overflow": (lambda g, x: conv(g, x, padding=((HUGE, HUGE), (HUGE, HUGE))), ["first_conv"]),
        "conv2d: parameters overflow": (
            lambda g, x: conv(g, x, filters=HUGE, kernel=(HUGE, HUGE), padding=((HUGE, HUGE), (HUGE, HUGE))),
            ["first_conv"],
        ),
        "conv2d: an unknown attribute": (
            lambda g, x: g.add("conv2d", [x], "first_conv", filters=2, kernel_size=(1, 1), stride=2),
            ["first_conv", "stride"],
        ),
        "conv2d: a missing attribute": (lambda g, x: g.add("conv2d", [x], "first_conv", filters=2), ["kernel_size"]),
        "conv2d: a text for a number": (
            lambda g, x: g.add("conv2d", [x], "first_conv", filters="two", kernel_size=(1, 1)),
            ["first_conv", "filters"],
        ),
        "max_pool2d: window": (lambda g, x: pool(g, x, "max_pool2d", (2, 7)), ["pool_a", "7"]),
        "avg_pool2d: strides": (lambda g, x: pool(g, x, "avg_pool2d", (2, 2), (0, 2)), ["pool_a", "stride"]),
        "dense: of an image": (lambda g, x: g.add("dense", [x], "dense_a", units=2), ["dense_a", "(5, 6, 4)"]),
        "dropout: rate 2": (lambda g, x: g.add("dropout", [x], "drop_a", rate=2.0), ["drop_a", "rate", "2"]),
        "dropout: rate -0.1": (lambda g, x: g.add("dropout", [x], "drop_a", rate=-0.1), ["drop_a", "rate", "-0.1"]),
        "activation: kind": (lambda g, x: g.add("activation", [x], "act_a", kind="swosh"), ["act_a", "swosh"]),
        "unknown kind": (lambda g, x: g.add("conv4d", [x], "conv_a"), ["conv_a", "conv4d"]),
        "unknown tensor": (lambda g, x: g.add("activation", [x + 7], "act_a", kind="relu"), ["7"]),
        "negative tensor": (lambda g, x: g.add("activation", [-1], "act_a", kind="relu"), ["-1"]),
        "unknown output": (lambda g, x: _core.Network(g, [x + 7]), ["tensor", "7"]),
        "no output": (lambda g, x: _core.Network(g, []), ["output"]),
        "add: shapes": (lambda g, x: g.add("add", [x, g.input((5, 6, 3))], "add_a"), ["add_a", "(5, 6, 3)"]),
        "concatenate: axis": (lambda g, x: g.add("concatenate", [x, x], "cat_a", axis=3), ["cat_a", "3"]),
        "reshape: size": (lambda g, x: g.add("reshape", [x], "shape_a", shape=(7, 7)), ["shape_a", "7"]),
        "permute: dims": (lambda g, x: g.add("permute", [x], "permute_a", dims=(1, 2, 2)), ["permute_a"]),
    },
    (120,): {
        "conv2d: of a vector": (lambda g, x: conv(g, x), ["first_conv", "(120"]),
        "max_pool2d: of a vector": (lambda g, x: pool(g, x, "max_pool2d", (2, 2)), ["pool_a", "(120"]),
        "dense: units": (lambda g, x: g.add("dense", [x], "dense_a", units=0), ["dense_a", "units", "0"]),
        "dense: activation": (lambda g, x: g.add("dense", [x], "dense_a", units=2, activation="gleu"), ["gleu"]),
        "dense: overflow": (lambda g, x: g.add("dense", [x], "dense_a", units=HUGE), ["dense_a"]),
    },
}


@pytest.mark.parametrize(("shape", "name"), [(shape, name) for shape in BAD_GRAPHS for name in BAD_GRAPHS[shape]])
def test_graphs_refuse(shape, name):
    add, words = BAD_GRAPHS[shape][name]
    graph = _core.GraphBuilder()
    x = graph.input(shape)
    with pytest.raises((TypeError, ValueError), match=re.escape(words[0])) as caught:
        add(graph, x)
    for word in words:
        assert word in str(caught.value)


def test_a_graph_goes_on_after_an_error():
    graph = _core.GraphBuilder()
    x = graph.input((5, 6, 4))
    for add, _ in BAD_GRAPHS[5, 6, 4].values():
        with pytest.raises((TypeError, ValueError)):
            add(graph, x)
    flat = graph.add("reshape", [x], "flat", shape=(120,))
    output = graph.add("dense", [flat], "dense", units=3)
    network = _core.Network(graph, [output], {"dense": _core.Parameters([(120, 3), (3,)])})
    inputs = [zeros(2, *shape) for shape in network.input_shapes]
    assert network.forward(inputs)[0].shape == (2, 3)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((0, 6, 4), r"\[input\] expected positive sizes"),
        ((5, -6, 4), r"\[input\] expected positive sizes"),
        ((HUGE, HUGE, HUGE), r"\[shape\] expected sizes whose product fits into 64 bits"),
        ((2**40,), r"\[input\] expected a sample of at most 536870911 values"),
    ],
)
def test_inputs_of_no_sense(shape, message):
    graph = _core.GraphBuilder()
    with pytest.raises(ValueError, match=message):
        graph.input(shape)


@pytest.mark.parametrize(
    "shapes", [[(3, 4)], [(3, 4), (5,)], [(2, 4), (4,)], [(4, 3), (4,)]], ids=["one", "bias", "kernel", "turned"]
)
def test_parameters_that_do_not_fit(shapes):
    graph = _core.GraphBuilder()
    output = graph.add("dense", [graph.input((3,))], "dense", units=4)
    parameters = {"dense": _core.Parameters(shapes)}
    if shapes == [(4, 3), (4,)]:  # as many values, read in the same order: a layer may keep them in another shape
        _core.Network(graph, [output], parameters)
        return
    with pytest.raises(ValueError, match="dense"):
        _core.Network(graph, [output], parameters)


# --- networks ---------------------------------------------------------------------------------------------------------

SPARSE, ONE_HOT, SQUARED = "sparse_categorical_crossentropy", "categorical_crossentropy", "mean_squared_error"
IMAGES, LABELS, WEIGHTS = zeros(8, 5, 6, 4), np.arange(8) % 3, np.ones(8, np.float32)
TARGETS = np.eye(3, dtype=np.float32)[LABELS]

# id: (arguments that differ from a step that works, exception, words of the message)
BAD_STEPS = {
    "x: rank": ({"x": IMAGES[0]}, ValueError, ["(5, 6, 4)"]),
    "x: size": ({"x": zeros(8, 6, 5, 4)}, ValueError, ["(8, 6, 5, 4)"]),
    "x: channels": ({"x": zeros(8, 5, 6, 3)}, ValueError, ["(8, 5, 6, 3)"]),
    "x: float64": ({"x": zeros(8, 5, 6, 4, dtype=np.float64)}, TypeError, ["float64"]),
    "x: strided": ({"x": zeros(8, 5, 12, 4)[:, :, ::2]}, (TypeError, ValueError), ["contiguous"]),
    "x: empty": ({"x": IMAGES[:0], "y": LABELS[:0], "outputs": zeros(0, 3)}, ValueError, []),
    "y: too few": ({"y": LABELS[:7]}, ValueError, ["7", "8"]),
    "y: too many": ({"y": np.append(LABELS, 0)}, ValueError, ["9", "8"]),
    "y: label 3": ({"y": np.where(np.arange(8) == 5, 3, LABELS)}, ValueError, ["3"]),
    "y: label -1": ({"y": LABELS - 1}, ValueError, ["-1"]),
    "y: int32": ({"y": LABELS.astype(np.int32)}, TypeError, ["int32", "int64"]),
    "y: float labels": ({"y": LABELS.astype(np.float32)}, (TypeError, ValueError), []),
    "y: one-hot for sparse": ({"y": TARGETS}, (TypeError, ValueError), []),
    "y: labels for one-hot": ({"loss": ONE_HOT}, (TypeError, ValueError), []),
    "y: width": ({"loss": ONE_HOT, "y": TARGETS[:, :2].copy()}, ValueError, ["(8, 2)", "3"]),
    "y: shape for squares": ({"loss": SQUARED, "y": zeros(8, 4)}, ValueError, ["(8, 4)"]),
    "indices: out of range": ({"indices": np.array([0, 8] * 4)}, ValueError, ["8"]),
    "indices: negative": ({"indices": np.array([0, -1] * 4)}, ValueError, ["-1"]),
    "indices: empty": ({"indices": np.zeros(0, np.int64), "outputs": zeros(0, 3)}, ValueError, []),
    "indices: float": ({"indices": np.arange(8, dtype=np.float32)}, TypeError, []),
    "indices: rank": ({"indices": np.arange(8).reshape(2, 4)}, ValueError, ["(2, 4)"]),
    "loss": ({"loss": "hing"}, ValueError, ["hing"]),
    "sample_weight: length": ({"sample_weight": WEIGHTS[:7].copy()}, ValueError, ["7", "8"]),
    "sample_weight: float64": ({"sample_weight": WEIGHTS.astype(np.float64)}, TypeError, ["float64"]),
    "outputs: batch": ({"outputs": zeros(7, 3)}, ValueError, ["(7, 3)"]),
    "outputs: units": ({"outputs": zeros(8, 4)}, ValueError, ["(8, 4)"]),
    "outputs: float64": ({"outputs": zeros(8, 3, dtype=np.float64)}, TypeError, ["float64"]),
    "outputs: read-only": ({"outputs": read_only(zeros(8, 3))}, (TypeError, ValueError), ["writ"]),
    "outputs: strided": ({"outputs": zeros(8, 6)[:, ::2]}, (TypeError, ValueError), ["contiguous"]),
    "optimizer: size": ({"optimizer": _core.Optimizer("adam", 5)}, ValueError, ["5"]),
}


@pytest.mark.parametrize("name", BAD_STEPS)
def test_train_step_refuses(name):
    changes, exception, words = BAD_STEPS[name]
    chain = Chain((5, 6, 4), [Conv2d(3, activation="relu"), MaxPool2d(), Flatten(), Dense(3, activation="softmax")])
    chain.initialize(np.random.default_rng(0), exact=False)
    network = chain.network
    adam = _core.Optimizer("adam", network.parameters.size)
    good = {
        "x": IMAGES,
        "y": LABELS,
        "indices": None,
        "loss": SPARSE,
        "from_logits": False,
        "optimizer": adam,
        "sample_weight": None,
        "outputs": zeros(8, 3),
    }
    network.train_step(**good)
    before = network.parameters.copy()
    with pytest.raises(exception) as caught:
        network.train_step(**{**good, **changes})
    for word in words:
        assert word in str(caught.value)
    np.testing.assert_array_equal(network.parameters, before)
    assert adam.step == 1
    assert np.isfinite(network.train_step(**good))


class Unprintable(list):
    """Fails if it becomes a text, which takes much longer than a small step."""

    def __repr__(self):
        raise AssertionError("a text was made of arguments that are right")


def test_a_step_makes_no_text_of_good_arguments():
    network = Chain((5, 6, 4), [Flatten(), Dense(3)]).network.core
    outputs = Unprintable([np.ones((8, 3), np.float32)])
    losses = Unprintable([_core.Loss(SPARSE, from_logits=True)])
    y, weights = Unprintable([LABELS]), Unprintable([WEIGHTS])
    network.train_step(Unprintable([IMAGES]), y, losses, Unprintable([1.0]), weights, None, None, outputs)
    np.testing.assert_array_equal(outputs[0], zeros(8, 3))  # the weights are zero
    with pytest.raises(ValueError, match=r"a list of an array or None for each output. Received: \[\]"):
        network.train_step([IMAGES], y, losses, [1.0], weights, None, None, [])


@pytest.mark.parametrize(
    ("x", "exception", "message"),
    [
        (IMAGES[0], ValueError, r"x of shape \(5, 5, 6, 4\). Received: \(5, 6, 4\)"),
        (zeros(8, 5, 6, 3), ValueError, r"x of shape \(8, 5, 6, 4\). Received: \(8, 5, 6, 3\)"),
        (zeros(8, 5, 6, 4, dtype=np.float64), TypeError, "x of dtype uint8 or float32. Received: float64"),
        (zeros(8, 5, 12, 4)[:, :, ::2], ValueError, "x to be C-contiguous"),
    ],
)
def test_forward_refuses(x, exception, message):
    network = Chain((5, 6, 4), [Conv2d(3), Flatten(), Dense(3)]).network
    with pytest.raises(exception, match=message):
        network.forward(x)
    with pytest.raises(exception, match=message):
        network.core.forward_array(x)
    np.testing.assert_array_equal(network.forward(IMAGES), network.core.forward_array(IMAGES))


def test_forward_array_is_for_one_input_and_one_output():
    chain = Chain((5, 6, 4), [Conv2d(3), Flatten(), Dense(3)]).network.core
    with pytest.raises(ValueError, match="at least one sample"):
        chain.forward_array(IMAGES[:0])
    for x, name in (([IMAGES], "list"), (None, "NoneType"), ("a", "str")):
        with pytest.raises(TypeError, match=rf"\[forward\] expected an array. Received: a {name}"):
            chain.forward_array(x)
    graph = _core.GraphBuilder()
    x = graph.input([4])
    network = _core.Network(graph, [x, graph.add("activation", [x], "a", kind="relu")])
    with pytest.raises(ValueError, match="a list of 1 arrays for a network with 2 outputs"):
        network.forward_array(zeros(2, 4))


def test_losses_refuse():
    loss = _core.Loss(SPARSE, from_logits=True)
    for labels in (LABELS[:7], LABELS + 1, LABELS - 1):
        with pytest.raises(ValueError, match=r"expected .* Received"):
            loss(labels, zeros(8, 3))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: _core.Optimizer("sgd", -1), "positive number of parameters. Received: -1"),
        (lambda: _core.Optimizer("sgd", 4, momentum=1.5), r"momentum in \[0, 1\]. Received: 1.5"),
        (lambda: _core.Optimizer("sgd", 4, momentum=-0.1), r"momentum in \[0, 1\]. Received: -0.1"),
        (lambda: _core.Optimizer("adam", 4, beta_1=1.0), r"beta_1 in \[0, 1\). Received: 1"),
        (lambda: _core.Optimizer("adam", 4, beta_2=-0.1), r"beta_2 in \[0, 1\). Received: -0.1"),
        (lambda: _core.Optimizer("adam", 4, epsilon=-1e-7), "epsilon >= 0. Received: -1e-07"),
        (lambda: _core.Optimizer("sgd", 4).set_options(weight_decay=-1.0), "weight_decay >= 0. Received: -1"),
        (
            lambda: _core.Optimizer("sgd", 4).set_variables([("kernel", 2, (3,), True)]),
            "within 4 parameters. Received: kernel with 3",
        ),
        (lambda: _core.Optimizer("sgd", 4).apply(zeros(3), zeros(4)), r"params of shape \(4,\). Received: \(3,\)"),
        (lambda: _core.Optimizer("sgd", 4).apply(zeros(4), zeros(5)), r"grads of shape \(4,\). Received: \(5,\)"),
    ],
)
def test_optimizers_refuse(make, message):
    with pytest.raises(ValueError, match=rf"\[optimizer\] expected .*{message}"):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: _core.Optimizer("sgdd", 4), r"\[optimizer\] expected one of sgd, adam, .* Received: 'sgdd'"),
        (
            lambda: _core.Optimizer("sgd", 4, beta=0.9),
            r"\[sgd\] .* attributes .*momentum.* Received: beta",
        ),
        (lambda: _core.Optimizer("adam", 4, beta_1="x"), r"\[adam\] .*beta_1 to be a number. Received: x"),
        (lambda: _core.Optimizer("muon", 4, ns_steps=2**40), r"\[muon\] expected ns_steps < 2\*\*31"),
        (lambda: _core.Optimizer("adam", 4).set_matrices([]), r"\[optimizer\] expected .* of the kind muon"),
        (lambda: _core.Optimizer("adam", 4, amsgrad=2), r"\[adam\] .*amsgrad to be true or false. Received: 2"),
    ],
)
def test_optimizers_refuse_unknown_kinds_and_attributes(make, message):
    with pytest.raises(ValueError, match=message):
        make()
