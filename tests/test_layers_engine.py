"""Each layer in the compiled engine against the float64 reference: outputs, gradients, state over ten training
steps.
"""

import numpy as np
import pytest

import layer_cases
import reference_core
from checking import FLOAT32_ISAS, forced_isa, num_threads
from cnncore import _core
from cnncore.graph.function import Function
from cnncore.graph.lowering import Lowering
from cnncore.graph.tensor import KerasTensor
from cnncore.layers import builtin as layers
from test_random_graphs import assert_near, mean_square

STEPS, RATE = 10, 0.05
RANDOM = (layers.Dropout, layers.GaussianNoise, layers.GaussianDropout)
ISAS = [name for name in FLOAT32_ISAS if name in _core.available_isas()]


def networks(layer, shapes):
    """The same ops in the engine and in the reference, with weights of their own: a PReLU before the layer shows
    gradients of its inputs.
    """
    inputs = [KerasTensor((None, *shape)) for shape in shapes]
    scaled = [layers.PReLU(alpha_initializer="ones", name=f"before{i}")(x) for i, x in enumerate(inputs)]
    output = layer(scaled if len(scaled) > 1 or isinstance(layer, layers.Concatenate) else scaled[0])
    function = Function(inputs, output)
    engine, reference = Lowering(), Lowering()
    reference.builder = reference_core.GraphBuilder()
    results = []
    for graph in (engine, reference):
        ids = [graph.input(shape) for shape in shapes]
        results.append(function.lower(graph, ids))
    held = {}
    for name, parameters in engine.parameters.items():
        count = len(engine.layers[name].specs)
        values = [np.asarray(parameters.read(index)) for index in range(count)]
        held[name] = reference_core.Parameters([value.shape for value in values])
        for index, value in enumerate(values):
            held[name].write(index, value)
    return (
        _core.Network(engine.builder, results[0], engine.parameters),
        reference_core.Network(reference.builder, results[1], held),
        engine.parameters,
        held,
    )


def descend(network):
    """One step of plain gradient descent, outside of the core."""
    network.set_parameters(network.get_parameters() - RATE * network.gradients.astype(network.gradients.dtype))


def assert_gradients_near(engine, reference):
    offsets = {(slot.layer, slot.index): slot.offset for slot in engine.slots}
    for slot, place in reference._trained():
        offset = offsets[slot.layer, slot.index]
        actual = engine.gradients[offset : offset + place.stop - place.start]
        assert_near(actual, reference.gradients[place], f"gradient of {slot.name}")


@pytest.mark.parametrize("case", layer_cases.CASES, ids=str)
def test_ten_steps_equal_the_reference(case):
    compare_ten_steps(case, ISAS[len(str(case)) % len(ISAS)])


def compare_ten_steps(case, isa, torch_network=None):
    """Train a layer for ten steps in the engine and in the reference, and with ``torch_network`` in PyTorch, too."""
    layer = case.make()
    with forced_isa(isa):
        engine, reference, engine_held, reference_held = networks(layer, case.shapes)
        others = [] if torch_network is None else [torch_network(reference)]
        rng = np.random.default_rng(5)
        x = [rng.standard_normal((5, *shape)).astype(np.float32) for shape in case.shapes]
        y = [rng.standard_normal((5, *reference.nodes[reference.outputs[0]].shape)).astype(np.float32)]
        assert_near(engine.forward(x)[0], reference.forward(x)[0], "inference")
        for other in others:
            assert_near(other.forward(x), reference.forward(x)[0], "inference in PyTorch")
        if isinstance(layer, RANDOM):
            return  # the masks are the engine's own
        for step in range(STEPS):
            losses = [network.train_step(x, y, [mean_square]) for network in (engine, reference)]
            assert_near(losses[0], losses[1], f"losses of step {step}")
            if step == 0:
                assert_gradients_near(engine, reference)
            descend(engine)
            descend(reference)
            for other in others:
                assert_near(other.step(x, y[0], RATE), losses[1][0], f"loss of step {step} in PyTorch")
        for name, parameters in reference_held.items():
            for index, expected in enumerate(parameters.arrays):
                assert_near(engine_held[name].read(index), expected, f"{name} {index} after {STEPS} steps")
                for other in others:
                    assert_near(other.weight(name, index), expected, f"{name} {index} in PyTorch")


@pytest.mark.parametrize("case", layer_cases.CASES, ids=str)
def test_same_bits_at_any_number_of_threads(case):
    layer = case.make(name="one")
    layer.build(case.input_shape)
    values = layer.get_weights()
    results = []
    for threads in (1, 2, 3, 8):
        with num_threads(threads):
            layer = case.make(name="one")
            layer.build(case.input_shape)
            layer.set_weights(values)
            engine, *_ = networks(layer, case.shapes)
            rng = np.random.default_rng(5)
            x = [rng.standard_normal((33, *shape)).astype(np.float32) for shape in case.shapes]
            out = engine.forward(x)[0]
            y = [np.zeros_like(out)]
            outputs = [np.zeros_like(out)]
            engine.train_step(x, y, [mean_square], outputs=outputs)
            results.append([out, outputs[0], engine.gradients.copy()])
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, two)
