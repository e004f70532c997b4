"""The compiled engine against the float64 reference on random graphs: outputs, losses, gradients, state."""

import numpy as np
import pytest

import reference_core
from checking import FLOAT32_ISAS, forced_isa, num_threads
from cnncore import _core
from random_graphs import RandomGraph

GRAPHS = 300
BATCH = 6


def mean_square(y_true, y_pred, sample_weight):
    """Half the mean of squared differences, and its gradient."""
    error = np.asarray(y_pred, np.float64) - y_true
    if sample_weight is not None:
        weighted = error * np.asarray(sample_weight).reshape(-1, *[1] * (error.ndim - 1))
    else:
        weighted = error
    dtype = y_pred.dtype
    return 0.5 * float((weighted * error).sum()) / error.size, (weighted / error.size).astype(dtype)


def reference_of(graph):
    held = {}
    for layer, arrays in graph.weights().items():
        held[layer] = reference_core.Parameters([array.shape for array in arrays])
        for index, array in enumerate(arrays):
            held[layer].write(index, array)
    return reference_core.Network(*graph.build(reference_core.GraphBuilder()), held), held


def engine_of(graph):
    held = {}
    for layer, arrays in graph.weights().items():
        held[layer] = _core.Parameters([array.shape for array in arrays])
        for index, array in enumerate(arrays):
            held[layer].write(index, array)
    return _core.Network(*graph.build(_core.GraphBuilder()), held), held


def assert_near(actual, expected, what, scale=None):
    """Within 2e-4 of the largest value: the sums of float32 along some ten layers."""
    expected = np.asarray(expected)
    scale = max(1e-6, float(np.abs(expected).max(initial=0.0)), scale or 0.0)
    error = np.abs(np.asarray(actual, np.float64) - expected)
    assert error.shape == expected.shape, what
    assert np.all(error <= 2e-4 * scale), f"{what}: off by {error.max() / scale:.2g} of the largest value"


@pytest.mark.parametrize("seed", range(40))
def test_graphs_are_what_they_should_be(seed):
    """Each graph that the generator makes runs in the reference and has a gradient that is not zero."""
    graph = RandomGraph(seed)
    network, _ = reference_of(graph)
    x, y = graph.batch(BATCH)
    losses = network.train_step(x, y, [mean_square] * len(y))
    assert np.isfinite(losses).all(), str(graph)
    assert np.isfinite(network.gradients).all(), str(graph)


def test_graphs_have_what_they_are_for():
    graphs = [RandomGraph(seed) for seed in range(GRAPHS)]
    assert sum(len(graph.outputs) > 1 for graph in graphs) > GRAPHS / 4
    assert sum(len(graph.inputs) > 1 for graph in graphs) > GRAPHS / 4
    shared = sum(len({node.layer for node in graph.nodes}) < len(graph.nodes) for graph in graphs)
    assert shared > GRAPHS / 10
    assert len({node.kind for graph in graphs for node in graph.nodes}) >= 24


@pytest.mark.parametrize("seed", range(GRAPHS))
class TestEngine:
    def test_equals_the_reference(self, seed):
        graph = RandomGraph(seed)
        isas = [name for name in FLOAT32_ISAS if name in _core.available_isas()]
        with forced_isa(isas[seed % len(isas)]), num_threads(1 + seed % 3):
            self.compare(graph)

    @staticmethod
    def compare(graph):
        reference, reference_held = reference_of(graph)
        engine, engine_held = engine_of(graph)
        x, y = graph.batch(BATCH)
        for name, actual, expected in zip(graph.outputs, engine.forward(x), reference.forward(x), strict=True):
            assert_near(actual, expected, f"{graph}\ninference, tensor {name}")
        weight = np.random.default_rng(graph.seed).random(BATCH).astype(np.float32)
        options = {
            "losses": [mean_square] * len(y),
            "loss_weights": [1.0 + 0.5 * i for i in range(len(y))],
            "sample_weight": [weight if i % 2 else None for i in range(len(y))],
            "indices": np.array([4, 0, 3, 5, 1], np.int64),
        }
        assert_near(engine.train_step(x, y, **options), reference.train_step(x, y, **options), f"{graph}\nlosses")
        names = {(slot.layer, slot.index): slot for slot in engine.slots}
        largest = float(np.abs(reference.gradients).max(initial=0.0))
        for slot in reference.slots:
            other = names[slot.layer, slot.index]
            assert other.trainable == slot.trainable, f"{graph}\n{slot.name}"
            what = f"{graph}\n{slot.name}"
            assert_near(engine_held[slot.layer].read(slot.index), reference_held[slot.layer].read(slot.index), what)
            if slot.trainable:
                size = int(np.prod(slot.shape))
                actual = engine.gradients[other.offset : other.offset + size]
                expected = reference.gradients[slot.offset : slot.offset + size]
                assert_near(actual, expected, f"{what}: gradient", scale=1e-2 * largest)


@pytest.mark.parametrize("seed", range(60))
def test_the_same_bits_at_any_number_of_threads(seed):
    """Tensors that several ops read, weights of several ops and barriers included."""
    graph = RandomGraph(seed)
    x, y = graph.batch(37)
    results = []
    for threads in (1, 2, 3, 8):
        engine, held = engine_of(graph)
        with num_threads(threads):
            losses = engine.train_step(x, y, [mean_square] * len(y))
            state = [parameters.read(i) for parameters in held.values() for i in range(len(parameters.shapes))]
            results.append([np.asarray(losses), engine.gradients.copy(), *state, *engine.forward(x)])
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, two)
