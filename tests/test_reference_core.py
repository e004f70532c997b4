"""The reference network is itself right: numerical gradients of every op, sums over shared tensors and layers."""

import numpy as np
import pytest

import reference as ref
from reference_core import GraphBuilder, Network, Parameters
from reference_ops import OPS
from reference_ops_pointwise import ACTIVATIONS

PADDING = ((1, 0), (0, 2))


def squared_sum(y_true, y_pred, sample_weight):
    """A loss whose gradient is easy: half the weighted sum of squared differences."""
    weight = np.ones(len(y_pred)) if sample_weight is None else sample_weight
    error = y_pred - y_true
    weighted = weight.reshape(-1, *[1] * (error.ndim - 1)) * error
    return 0.5 * float((weighted * error).sum()), weighted


# kind, shapes of the inputs, attributes
CASES = [
    ("conv2d", [(5, 6, 4)], {"filters": 6, "kernel_size": (3, 2), "strides": (2, 1), "padding": PADDING, "groups": 2}),
    ("conv2d", [(5, 6, 2)], {"filters": 3, "kernel_size": (2, 2), "dilation_rate": (2, 1), "use_bias": False}),
    ("conv2d", [(3, 3, 2)], {"filters": 3, "kernel_size": (2, 2), "activation": "tanh"}),
    (
        "conv2d_transpose",
        [(3, 2, 2)],
        {"filters": 3, "kernel_size": (3, 2), "strides": (2, 3), "padding": ((1, 0), (0, 1))},
    ),
    (
        "conv2d_transpose",
        [(2, 3, 2)],
        {"filters": 2, "kernel_size": (2, 2), "dilation_rate": (2, 1), "use_bias": False},
    ),
    (
        "conv2d_transpose",
        [(2, 2, 2)],
        {"filters": 1, "kernel_size": (2, 2), "strides": (3, 3), "output_padding": (1, 2)},
    ),
    ("max_pool2d", [(5, 4, 2)], {"pool_size": (2, 3), "strides": (2, 1), "padding": ((0, 1), (1, 1))}),
    ("avg_pool2d", [(5, 4, 2)], {"pool_size": (2, 3), "strides": (2, 1), "padding": ((0, 1), (1, 1))}),
    ("dense", [(5,)], {"units": 3}),
    ("dense", [(5,)], {"units": 3, "use_bias": False, "activation": "sigmoid"}),
    ("reshape", [(4, 3)], {"shape": (2, 6)}),
    ("permute", [(2, 3, 4)], {"dims": (3, 1, 2)}),
    ("zero_padding2d", [(2, 3, 2)], {"padding": PADDING}),
    ("cropping2d", [(4, 5, 2)], {"cropping": PADDING}),
    ("upsampling2d", [(3, 2, 2)], {"size": (2, 3)}),
    ("upsampling2d", [(3, 2, 2)], {"size": (2, 3), "interpolation": "bilinear"}),
    *(("activation", [(2, 5)], {"kind": kind}) for kind in ACTIVATIONS),
    ("activation", [(3, 7)], {"kind": "relu", "alpha": 0.2, "max_value": 1.0, "threshold": 0.3}),
    ("activation", [(7,)], {"kind": "celu", "alpha": 0.5}),
    ("prelu", [(3, 2, 4)], {"shared_axes": (1, 2)}),
    ("batch_normalization", [(3, 2, 4)], {}),
    ("batch_normalization", [(5,)], {"scale": False, "momentum": 0.9}),
    ("layer_normalization", [(3, 4)], {}),
    ("layer_normalization", [(3, 2, 4)], {"axes": 2, "center": False}),
    ("group_normalization", [(3, 2, 4)], {"groups": 2}),
    ("unit_normalization", [(3, 4)], {}),
    ("unit_normalization", [(3, 2, 4)], {"axes": 2}),
    ("affine", [(3, 4)], {}),
    ("rescaling", [(4,)], {"scale": 0.5, "offset": 1.0}),
    ("dropout", [(3, 3, 4)], {"rate": 0.5, "noise_shape": (1, 1, 4)}),
    ("gaussian_noise", [(6,)], {"stddev": 0.5}),
    ("activity_regularization", [(6,)], {"l1": 0.3, "l2": 0.7}),
    ("added_loss", [(6,), (2,)], {"weight": 0.5}),
    ("added_loss", [(6,), (2,)], {"weight": 0.5, "summed": True}),
    *((kind, [(2, 3), (2, 3), (2, 1)], {}) for kind in ("add", "multiply", "average", "maximum", "minimum")),
    ("subtract", [(2, 3), (1, 3)], {}),
    ("concatenate", [(2, 3), (2, 1), (2, 2)], {"axis": -1}),
    ("concatenate", [(2, 3), (1, 3)], {"axis": 0}),
    ("dot", [(4,), (4,)], {"axes": 0}),
    ("dot", [(2, 3), (5, 2)], {"axes": (0, 1), "normalize": True}),
    (
        "host",
        [(3,)],
        {"forward": lambda x, training: x[0] ** 2, "backward": lambda x, dy: [2 * x[0] * dy], "shape": (3,)},
    ),
]


def make(kind, shapes, attributes):
    """A network of one op with random weights, and a batch for it."""
    rng = np.random.default_rng(3)
    graph = GraphBuilder()
    inputs = [graph.input(shape) for shape in shapes]
    output = graph.add(kind, inputs, "layer", **attributes)
    op = OPS[kind](**attributes)
    held = Parameters([parameter.shape for parameter in op.parameters(*shapes)])
    for array in held.arrays:
        array[...] = rng.uniform(0.5, 1.5, array.shape)
    network = Network(graph, [output], {"layer": held})
    return (
        network,
        [rng.standard_normal((4, *shape)) for shape in shapes],
        rng.standard_normal((4, *graph.output_shape(output))),
    )


def loss_of(network, x, y):
    return network.train_step(x, [y], [squared_sum])[0]


@pytest.mark.parametrize(
    ("kind", "shapes", "attributes"), CASES, ids=[f"{case[0]}-{i}" for i, case in enumerate(CASES)]
)
class TestGradients:
    def test_of_the_inputs(self, kind, shapes, attributes):
        network, x, y = make(kind, shapes, attributes)
        tensors, pullbacks, _ = network._run(x, training=True)
        dx = pullbacks[-1](tensors[-1] - y)[0]
        for i, array in enumerate(x):

            def loss(moved, i=i):
                run, _, contexts = network._run([*x[:i], moved, *x[i + 1 :]], training=True)
                return squared_sum(y, run[-1], None)[0] + contexts[-1].loss

            np.testing.assert_allclose(dx[i], ref.numerical_gradient(loss, array), rtol=1e-6, atol=1e-8)

    def test_of_the_weights(self, kind, shapes, attributes):
        network, x, y = make(kind, shapes, attributes)
        loss_of(network, x, y)
        gradients, flat = network.gradients.copy(), network.get_parameters()

        def loss(moved):
            network.set_parameters(moved)
            tensors, _, contexts = network._run(x, training=True)
            return squared_sum(y, tensors[-1], None)[0] + contexts[-1].loss

        network.step = 0  # the same masks
        if flat.size:
            np.testing.assert_allclose(gradients, ref.numerical_gradient(loss, flat), rtol=1e-6, atol=1e-8)


def test_every_kind_has_a_case():
    without_derivatives = {"second_moment"}  # its "gradient" is a sum that passes beside it
    assert {case[0] for case in CASES} == set(OPS) - without_derivatives


def residual_network():
    """Two inputs through one shared dense layer, a branch that is read twice, two outputs."""
    graph = GraphBuilder()
    a, b = graph.input((3,)), graph.input((3,))
    left, right = (graph.add("dense", [x], "shared", units=3, activation="tanh") for x in (a, b))
    total = graph.add("add", [left, right, left], "add")
    first = graph.add("dense", [total], "first", units=2)
    second = graph.add("multiply", [total, right], "second")
    held = {"shared": Parameters([(3, 3), (3,)]), "first": Parameters([(3, 2), (2,)])}
    rng = np.random.default_rng(0)
    for parameters in held.values():
        for array in parameters.arrays:
            array[...] = rng.standard_normal(array.shape)
    return Network(graph, [first, second], held), rng


def test_gradients_over_shared_layers_and_tensors_regularizers_and_loss_weights():
    network, rng = residual_network()
    x = [rng.standard_normal((5, 3)) for _ in range(2)]
    y = [rng.standard_normal((5, 2)), rng.standard_normal((5, 3))]
    weights = [rng.random(5), None]
    network.set_regularizer(0, 0.1, 0.2)

    def step(flat):
        network.set_parameters(flat)
        return network.train_step(x, y, [squared_sum] * 2, [0.3, 2.0], weights)

    flat = network.get_parameters()
    total, first, second = step(flat)
    gradients = network.gradients.copy()
    kernel = network.parameters["shared"].view(0)
    assert total == pytest.approx(0.3 * first + 2 * second + 0.1 * np.abs(kernel).sum() + 0.2 * (kernel**2).sum())
    numerical = ref.numerical_gradient(lambda moved: step(moved)[0], flat)
    np.testing.assert_allclose(gradients, numerical, rtol=1e-6, atol=1e-7)


def test_slots_and_indices():
    network, rng = residual_network()
    names = [(slot.name, slot.shape, slot.offset, slot.trainable) for slot in network.slots]
    assert names == [
        ("shared/kernel", (3, 3), 0, True),
        ("shared/bias", (3,), 16, True),
        ("first/kernel", (3, 2), 32, True),
        ("first/bias", (2,), 48, True),
    ]
    assert network.parameter_count == 64
    x = [rng.standard_normal((6, 3)) for _ in range(2)]
    y = [rng.standard_normal((6, 2)), None]
    order = np.array([4, 1])
    outputs = [np.zeros((2, 2)), np.zeros((2, 3))]
    picked = network.train_step(x, y, [squared_sum, None], indices=order, outputs=outputs)
    direct = network.train_step([array[order] for array in x], [y[0][order], None], [squared_sum, None])
    assert picked == direct
    for output, expected in zip(outputs, network.forward([array[order] for array in x]), strict=True):
        np.testing.assert_array_equal(output, expected)


def test_weights_of_one_layer_by_number_and_frozen_ones():
    graph = GraphBuilder()
    x = graph.input((3,))
    hidden = graph.add("dense", [x], "layer", units=3, use_bias=False, weights=[1], trainable=False)
    output = graph.add("dense", [hidden], "layer", units=2, weights=[0, 2])
    held = Parameters([(3, 2), (3, 3), (2,)])
    held.write(1, np.eye(3))
    held.write(2, [1.0, 2.0])
    network = Network(graph, [output], {"layer": held})
    assert [(slot.index, slot.trainable, slot.offset) for slot in network.slots] == [
        (1, False, -1),
        (0, True, 0),
        (2, True, 16),
    ]
    np.testing.assert_array_equal(network.forward([np.ones((1, 3))])[0], [[1.0, 2.0]])


def test_batch_normalization_moves_its_statistics_in_training_alone():
    graph = GraphBuilder()
    graph.add("batch_normalization", [graph.input((2,))], "bn", momentum=0.9)
    held = Parameters([(2,)] * 4)
    held.write(0, np.ones(2))
    held.write(3, np.ones(2))
    network = Network(graph, [1], {"bn": held})
    x = np.array([[1.0, 2.0], [3.0, 6.0]])
    np.testing.assert_allclose(network.forward([x])[0], x / np.sqrt(1.001))
    np.testing.assert_allclose(network.forward([x], training=True)[0], [[-1, -1], [1, 1]], rtol=1e-3)
    assert not held.view(2).any()
    network.train_step([x], [x], [squared_sum])
    np.testing.assert_allclose(held.view(2), [0.2, 0.4])
    np.testing.assert_allclose(held.view(3), [0.9 + 0.1, 0.9 + 0.4])  # the variance divided by n
    assert [slot.trainable for slot in network.slots] == [True, True, False, False]


def test_masks_that_are_given():
    graph = GraphBuilder()
    graph.add("dropout", [graph.input((2,))], "drop", rate=0.5)
    network = Network(graph, [1], {})
    network.masks["drop"] = np.array([[2.0, 0.0]])
    np.testing.assert_array_equal(network.forward([np.ones((1, 2))], training=True)[0], [[2.0, 0.0]])
    np.testing.assert_array_equal(network.forward([np.ones((1, 2))])[0], [[1.0, 1.0]])


@pytest.mark.parametrize(
    ("kind", "shapes", "attributes", "message"),
    [
        ("conv3d", [(3,)], {}, "expected a kind of op among conv2d, .* Received: 'conv3d'"),
        ("dense", [(3, 4)], {"units": 2}, r"one input \(features,\). Received"),
        ("dense", [(3,)], {"unit": 2}, "unexpected keyword argument 'unit'"),
        ("conv2d", [(3, 3, 3)], {"filters": 2, "kernel_size": (4, 1)}, "an output that is not empty"),
        ("conv2d", [(3, 3, 3)], {"filters": 2, "kernel_size": (1, 1), "groups": 2}, "divisible by groups=2"),
        ("reshape", [(3,)], {"shape": (2, 2)}, "a shape of 3 values"),
        ("permute", [(3, 4)], {"dims": (1, 1)}, "dims that order"),
        ("add", [(3,), (4,)], {}, "inputs of one shape"),
        ("concatenate", [(3, 2), (4, 3)], {"axis": -1}, "differ along the axis only"),
        ("dot", [(3,), (4,)], {"axes": -1}, "axes of one length"),
        ("group_normalization", [(3,)], {"groups": 2}, "divisible by groups=2"),
        ("activation", [(3,)], {"kind": "swosh"}, "an activation among"),
    ],
)
def test_what_does_not_fit(kind, shapes, attributes, message):
    graph = GraphBuilder()
    inputs = [graph.input(shape) for shape in shapes]
    with pytest.raises(ValueError, match=f'Layer "wrong": .*{message}'):
        graph.add(kind, inputs, "wrong", **attributes)


def test_parameters_that_do_not_fit():
    graph = GraphBuilder()
    graph.add("dense", [graph.input((3,))], "dense", units=2)
    with pytest.raises(ValueError, match=r'"dense": expected weight 0 of 6 values. Received: \[\(2, 4\), \(2,\)\]'):
        Network(graph, [1], {"dense": Parameters([(2, 4), (2,)])})
