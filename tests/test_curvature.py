"""Products with curvature against differences of the float64 reference's gradient along a direction."""

import numpy as np
import pytest

import reference_core
from checking import FLOAT32_ISAS, forced_isa, num_threads
from cnncore import _core
from random_graphs import RandomGraph
from reference_ops_batch import BatchNormalization, SecondMoment

BATCH = 6
STEP = 1e-5  # of float64 differences


class Frozen(reference_core.Network):
    """The reference whose BatchNormalization keeps its statistics while gamma and beta are trained, and whose second
    moments, which are sums and no gradients, are not there.
    """

    def _context(self, node, number, training):
        return super()._context(node, number, training and not isinstance(node.op, BatchNormalization | SecondMoment))


def mean_square(y_true, y_pred, sample_weight):
    """The mean of squared differences, and its gradient."""
    error = np.asarray(y_pred, np.float64) - y_true
    weight = 1.0 if sample_weight is None else np.asarray(sample_weight).reshape(-1, *[1] * (error.ndim - 1))
    return float((weight * error * error).sum()) / error.size, 2 * weight * error / error.size


def networks(graph):
    """A network of the engine and one of the reference, with the same weights."""
    engine_held, reference_held = {}, {}
    for layer, arrays in graph.weights().items():
        shapes = [array.shape for array in arrays]
        engine_held[layer], reference_held[layer] = _core.Parameters(shapes), reference_core.Parameters(shapes)
        for index, array in enumerate(arrays):
            engine_held[layer].write(index, array)
            reference_held[layer].write(index, array)
    engine = _core.Network(*graph.build(_core.GraphBuilder()), engine_held)
    return engine, Frozen(*graph.build(reference_core.GraphBuilder()), reference_held)


def places(engine, reference):
    """For every trained weight, its part of the flat vectors of the engine and of the reference."""
    others = {(slot.layer, slot.index): slot for slot in reference.slots if slot.trainable}
    found = []
    for slot in engine.slots:
        if slot.trainable:
            size, other = int(np.prod(slot.shape)), others[slot.layer, slot.index]
            found.append((slice(slot.offset, slot.offset + size), slice(other.offset, other.offset + size)))
    return found


def options(graph, count, loss):
    weight = np.random.default_rng(graph.seed).random(BATCH).astype(np.float32)
    return {
        "losses": [loss] * count,
        "loss_weights": [1.0 + 0.5 * i for i in range(count)],
        "sample_weight": [weight if i % 2 else None for i in range(count)],
        "indices": np.array([4, 0, 3, 5, 1], np.int64),
    }


def differences(reference, x, y, chosen, direction):
    """The change of the reference's gradient along a direction."""
    start = reference.get_parameters()
    ends = []
    for sign in (1, -1):
        reference.set_parameters(start + sign * STEP * direction)
        reference.train_step(x, y, **chosen)
        ends.append(reference.gradients.copy())
    reference.set_parameters(start)
    return (ends[0] - ends[1]) / (2 * STEP)


def linear(slope):
    """A loss that has this gradient."""
    return lambda y_true, y_pred, sample_weight: (0.0, slope)


def pulled_back(reference, x, y, slopes, chosen):
    """The gradient of all trained weights, computed from the gradients of the outputs."""
    reference.train_step(x, y, **{**chosen, "losses": [linear(slope) for slope in slopes]})
    return reference.gradients.copy()


def pushed_forward(reference, x, direction):
    """The change of the outputs along a direction of the weights."""
    start = reference.get_parameters()
    ends = []
    for sign in (1, -1):
        reference.set_parameters(start + sign * STEP * direction)
        ends.append(reference.forward(x))
    reference.set_parameters(start)
    return [(above - below) / (2 * STEP) for above, below in zip(*ends, strict=True)]


def vectors(pairs, engine, reference, seed):
    """A random direction, as the engine and as the reference have it."""
    rng = np.random.default_rng(seed)
    v, direction = np.zeros(engine.parameter_count, np.float32), np.zeros(reference.parameter_count)
    for own, other in pairs:
        v[own] = rng.standard_normal(own.stop - own.start)
        direction[other] = v[own]
    return v, direction


def assert_near(graph, pairs, actual, expected):
    assert np.isfinite(actual).all(), str(graph)
    error = max(np.abs(actual[own] - expected[other]).max() for own, other in pairs)
    largest = np.abs(expected).max()
    assert error <= 1e-3 * max(largest, 1e-6), f"{graph}\noff by {error / largest:.2g} of the largest value"


SEEDS = [seed for seed in range(200) if networks(RandomGraph(seed))[1].parameter_count]


@pytest.mark.parametrize("seed", SEEDS)
def test_hessian_products_of_random_graphs(seed):
    graph = RandomGraph(seed)
    isas = [name for name in FLOAT32_ISAS if name in _core.available_isas()]
    engine, reference = networks(graph)
    pairs = places(engine, reference)
    x, y = graph.batch(BATCH)
    rng = np.random.default_rng(seed)
    for number, slot in enumerate(engine.slots):
        if slot.trainable and rng.random() < 0.3:
            engine.set_regularizer(number, 0.01, 0.02)
            names = [(other.layer, other.index) for other in reference.slots]
            reference.set_regularizer(names.index((slot.layer, slot.index)), 0.01, 0.02)
    v, direction = vectors(pairs, engine, reference, seed)
    scale = np.linalg.norm(direction)
    expected = differences(reference, x, y, options(graph, len(y), mean_square), direction / scale) * scale
    actual = np.full_like(v, np.nan)
    with forced_isa(isas[seed % len(isas)]), num_threads(1 + seed % 3):
        chosen = options(graph, len(y), _core.Loss("mean_squared_error"))
        engine.curvature_product("hessian", x, y, **chosen, v=v, out=actual)
    assert_near(graph, pairs, actual, expected)


@pytest.mark.parametrize("kind", ["gauss_newton", "fisher"])
@pytest.mark.parametrize("seed", SEEDS[::2])
def test_gauss_newton_products_of_random_graphs(seed, kind):
    """For a mean of squares, the matrix is J^T W J, where J is the Jacobian and W has twice the weights of the mean."""
    graph = RandomGraph(seed)
    for node in graph.nodes:
        if node.kind == "activity_regularization":  # its own curvature is compared in the Hessian's
            node.attributes.update(l1=0.0, l2=0.0)
        if node.kind == "added_loss":
            node.attributes.update(weight=0.0)
    engine, reference = networks(graph)
    pairs = places(engine, reference)
    x, y = graph.batch(BATCH)
    v, direction = vectors(pairs, engine, reference, seed)
    chosen = options(graph, len(y), mean_square)
    rows = chosen["indices"]
    slopes, scale = [], np.linalg.norm(direction)
    changes = pushed_forward(reference, x, direction / scale)
    for change, weight in zip(changes, chosen["sample_weight"], strict=True):
        factor = np.ones(BATCH) if weight is None else weight.astype(np.float64)
        slopes.append(2 * (factor.reshape(-1, *[1] * (change.ndim - 1)) * change)[rows] / change[rows].size)
    expected = pulled_back(reference, x, y, slopes, chosen) * scale
    actual = np.full_like(v, np.nan)
    engine.curvature_product(kind, x, y, **options(graph, len(y), _core.Loss("mean_squared_error")), v=v, out=actual)
    assert_near(graph, pairs, actual, expected)


@pytest.mark.parametrize("kind", ["hessian", "gauss_newton", "fisher"])
def test_products_of_random_graphs_are_symmetric(kind):
    """U'Cv = v'Cu for random u and v. Except for the Hessian, v'Cv is not negative."""
    for seed in SEEDS:
        graph = RandomGraph(seed)
        engine, reference = networks(graph)
        pairs = places(engine, reference)
        x, y = graph.batch(BATCH)
        chosen = options(graph, len(y), _core.Loss("mean_squared_error"))
        u, v = (vectors(pairs, engine, reference, (seed, number))[0] for number in (1, 2))
        products = [np.zeros_like(v), np.zeros_like(v)]
        for vector, out in zip((u, v), products, strict=True):
            engine.curvature_product(kind, x, y, **chosen, v=vector, out=out)
        bound = 1e-4 * np.linalg.norm(u) * max(np.linalg.norm(products[1]), 1e-6)
        assert abs(float(v @ products[0]) - float(u @ products[1])) <= bound, str(graph)
        if kind != "hessian":
            assert float(v @ products[1]) >= -1e-6 * np.linalg.norm(v) * np.linalg.norm(products[1]), str(graph)
