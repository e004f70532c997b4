"""Products with curvature against PyTorch in float64 on random graphs: double backward for the Hessian, forward and
backward for Gauss-Newton and Fisher.
"""

import re

import numpy as np
import pytest

from cnncore import _core
from random_graphs import RandomGraph

torch = pytest.importorskip("torch")
functional = torch.autograd.functional

from test_curvature import BATCH, networks, options  # noqa: E402 (behind importorskip)
from torch_graphs import OPS, TorchGraph, to_torch  # noqa: E402

GRAPHS = 90
torch.set_num_threads(1)
ROWS = [4, 0, 3, 5, 1]  # of the batch, as in options()


class Case:
    """A random graph in the engine and in PyTorch, its objective, and a direction."""

    def __init__(self, seed):
        self.graph = RandomGraph(seed)
        self.engine = networks(self.graph)[0]
        self.slots = [slot for slot in self.engine.slots if slot.trainable]
        self.torch = TorchGraph(self.graph, [(slot.layer, slot.index) for slot in self.slots])
        self.x, self.y = self.graph.batch(BATCH)
        rng = np.random.default_rng(seed)
        self.bends = [0.02 if rng.random() < 0.3 else 0.0 for _ in self.slots]
        for slot, bend in zip(self.slots, self.bends, strict=True):
            self.engine.set_regularizer(list(self.engine.slots).index(slot), 0.01, bend)
        self.v = np.zeros(self.engine.parameter_count, np.float32)
        for slot in self.slots:
            self.v[self.place(slot)] = rng.standard_normal(int(np.prod(slot.shape)))
        pairs = zip(self.slots, self.torch.weights, strict=True)
        self.direction = tuple(to_torch(self.v[self.place(slot)].reshape(w.shape)) for slot, w in pairs)

    @staticmethod
    def place(slot):
        return slice(slot.offset, slot.offset + int(np.prod(slot.shape)))

    def outputs(self, *weights):
        return tuple(self.torch.outputs([to_torch(x[ROWS]) for x in self.x], weights))

    def objective(self, *outputs):
        """Mean squares of the outputs, and what ops add to the loss of their own."""
        chosen, total = options(self.graph, len(self.y), None), 0.0
        for y, z, share, weight in zip(self.y, outputs, chosen["loss_weights"], chosen["sample_weight"], strict=False):
            factor = to_torch(np.ones(BATCH) if weight is None else weight)[ROWS]
            total = total + share * (factor.reshape(-1, *[1] * (z.ndim - 1)) * (z - to_torch(y[ROWS])) ** 2).mean()
        return total + self.torch.own_losses(list(outputs[len(self.y) :]))

    def expected(self, kind):
        weights, direction = self.torch.weights, self.direction
        if kind == "hessian":
            product = functional.vhp(lambda *w: self.objective(*self.outputs(*w)), weights, direction)[1]
        else:
            outputs, change = functional.jvp(self.outputs, weights, direction)
            bent = functional.vhp(self.objective, outputs, change)[1]
            product = functional.vjp(self.outputs, weights, bent)[1]
        return [p + 2 * bend * v for p, bend, v in zip(product, self.bends, direction, strict=True)]

    def actual(self, kind):
        out = np.full_like(self.v, np.nan)
        chosen = options(self.graph, len(self.y), _core.Loss("mean_squared_error"))
        self.engine.curvature_product(kind, self.x, self.y, **chosen, v=self.v, out=out)
        return [out[self.place(slot)] for slot in self.slots]


SEEDS = [seed for seed in range(1000, 1000 + GRAPHS) if Case(seed).slots]


def test_every_op_is_met():
    """The others are their own input in inference, whose randomness products have."""
    met = {node.kind for seed in SEEDS for node in RandomGraph(seed).nodes}
    assert met == set(OPS)
    with pytest.raises(ValueError, match="expected one of the ops") as caught:
        _core.GraphBuilder().add("none", [], "layer")
    known = re.search("one of the ops (.*?)[.] Received", str(caught.value)).group(1).split(", ")
    assert set(known) - met == {"dropout", "gaussian_noise"}


@pytest.mark.parametrize("kind", ["hessian", "gauss_newton", "fisher"])
@pytest.mark.parametrize("seed", SEEDS)
def test_products_of_random_graphs(seed, kind):
    case = Case(seed)
    actual = np.concatenate(case.actual(kind))
    expected = np.concatenate([e.numpy().ravel() for e in case.expected(kind)])
    error, length = np.linalg.norm(actual - expected), np.linalg.norm(expected)
    assert error <= 1e-4 * length, f"{case.graph}\noff by {error / length:.2g}"
