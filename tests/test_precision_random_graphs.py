"""Random graphs in reduced precision, against the float64 reference whose operands are rounded, on each ISA.

Where a value lies near the middle between two numbers of bfloat16, the rounding of float32 decides which of them it
becomes, and so which value wins in a pool further on. So arrays are compared as a whole: by the square root of the sum
of squared differences.
"""

import numpy as np
import pytest

import checking
import test_random_graphs
from cnncore import _core
from precision import BFLOAT16, REDUCED
from random_graphs import PRODUCTS, RandomGraph

pytestmark = pytest.mark.names_precision

GRAPHS = 120
SHARE = {BFLOAT16: 0.003, "bfloat16_3x": 2e-4}  # of the size of an array that differences may have


def graph_in(precision, seed):
    """A wide graph, in which each product has an attribute ``precision``."""
    graph = RandomGraph(seed, wide=True)
    for node in graph.nodes:
        if node.kind in PRODUCTS:
            node.attributes = {**node.attributes, "precision": precision}
    return graph


def assert_near(actual, expected, share, what, least=0.0):
    size = max(float(np.linalg.norm(expected)), least, 1e-6)
    error = float(np.linalg.norm(np.asarray(actual, np.float64) - expected)) / size
    assert error <= share, f"{what}: differs by {error:.2g} of its size"


@pytest.mark.parametrize("seed", range(GRAPHS))
def test_equals_the_rounded_reference(seed):
    isas = [name for name in checking.KNOWN_ISAS if name in _core.available_isas()]
    precision = REDUCED[seed % 2]
    graph, share = graph_in(precision, seed), SHARE[precision]
    with checking.forced_isa(isas[seed // 2 % len(isas)]), checking.num_threads(1 + seed % 3):
        reference, reference_held = test_random_graphs.reference_of(graph)
        engine, engine_held = test_random_graphs.engine_of(graph)
        x, y = graph.batch(test_random_graphs.BATCH)
        for name, actual, expected in zip(graph.outputs, engine.forward(x), reference.forward(x), strict=True):
            assert_near(actual, expected, share, f"{graph}\ninference, tensor {name}")
        losses = [test_random_graphs.mean_square] * len(y)
        actual, expected = engine.train_step(x, y, losses), reference.train_step(x, y, losses)
        np.testing.assert_allclose(actual, expected, rtol=share, atol=1e-6, err_msg=str(graph))
        places = {(slot.layer, slot.index): slot.offset for slot in engine.slots}
        whole = float(np.linalg.norm(reference.gradients))
        for slot in reference.slots:
            what = f"{graph}\n{slot.name}"
            held = engine_held[slot.layer].read(slot.index), reference_held[slot.layer].read(slot.index)
            assert_near(*held, share, what)
            if slot.trainable:
                begin, size = places[slot.layer, slot.index], int(np.prod(slot.shape))
                gradient = reference.gradients[slot.offset : slot.offset + size]
                actual = engine.gradients[begin : begin + size]
                assert_near(actual, gradient, 5 * share, f"{what}: gradient", least=0.05 * whole)


def test_the_graphs_round():
    """Most graphs have products that are large enough to be computed in the precision that they are asked for."""
    changed = 0
    for seed in range(20):
        graph = graph_in(BFLOAT16, seed)
        x, _ = graph.batch(2)
        rounded = test_random_graphs.engine_of(graph)[0].forward(x)
        exact = test_random_graphs.engine_of(RandomGraph(seed, wide=True))[0].forward(x)
        changed += any((a != b).any() for a, b in zip(rounded, exact, strict=True))
    assert changed >= 12
