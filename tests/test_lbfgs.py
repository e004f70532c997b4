"""L-BFGS as an optimizer: its steps on batches of a network, its state, its description."""

import itertools
import json

import numpy as np
import pytest

from cnncore import optimizers
from cnncore.models.sources import Batch
from cnncore.models.steps import BatchObjective
from cnncore.optimizers import LBFGS


class LeastSquares:
    """A network of the core as far as a training step sees it: y = x w, in float32."""

    def __init__(self, size=6, seed=0):
        rng = np.random.default_rng(seed)
        self.x = (rng.standard_normal((40, size)) * np.logspace(-1, 1, size)).astype(np.float32)
        self.y = self.x @ rng.standard_normal(size).astype(np.float32)
        self.w, self.step, self.calls, self.gradients = np.zeros(size, np.float32), 0, 0, None
        self.limit = np.inf

    def get_parameters(self):
        return self.w.copy()

    def set_parameters(self, w):
        assert w.dtype == np.float32
        self.w = w.copy()

    def train_step(self, x, y, losses, loss_weights, weight, indices, optimizer, outputs, keep_state):
        assert optimizer is None
        self.step += 1
        self.calls += 1
        r = self.x @ self.w - self.y
        self.gradients = (2 * self.x.T @ r / len(r)).astype(np.float32)
        value = float(np.mean(r.astype(np.float64) ** 2))
        return [value if value < self.limit else float("nan"), value]


def iterate(optimizer, network):
    batch = Batch(x=[network.x], y=[network.y], weight=[None], indices=None, rows=len(network.x))
    objective = BatchObjective(network, batch, [None], [1.0], None)
    network.set_parameters(optimizer.iterate(objective, network.get_parameters()))
    return objective.values[0]


def test_it_reaches_the_least_squares_solution_and_never_rises():
    network, optimizer = LeastSquares(), LBFGS()
    optimizer.build(6)
    losses = [iterate(optimizer, network) for _ in range(40)]
    solution = np.linalg.lstsq(network.x, network.y, rcond=None)[0]
    np.testing.assert_allclose(network.w, solution, rtol=2e-3, atol=2e-4)
    assert all(b <= a * (1 + 1e-6) for a, b in itertools.pairwise(losses))
    assert optimizer.iterations == 40
    assert network.calls < 4 * 40  # at the end the falls are within the rounding of the loss


def test_iterations_per_batch():
    one, many = LeastSquares(), LeastSquares()
    optimizer, other = LBFGS(), LBFGS(iterations_per_batch=8)
    for each in (optimizer, other):
        each.build(6)
    for _ in range(8):
        iterate(optimizer, one)
    iterate(other, many)
    np.testing.assert_allclose(one.w, many.w, rtol=1e-2, atol=1e-3)
    assert other.iterations == 1


def test_a_first_loss_that_is_not_finite_changes_nothing():
    network, optimizer = LeastSquares(), LBFGS()
    optimizer.build(6)
    network.limit = 0.0
    assert np.isnan(iterate(optimizer, network))
    assert not network.w.any()
    assert optimizer.state == {}


def test_state_and_description_round_trip_are_exact():
    network, optimizer = LeastSquares(), LBFGS(history_size=3)
    optimizer.build(6)
    for _ in range(5):
        iterate(optimizer, network)
    assert sorted(optimizer.state) == [f"{name}_{i}" for name in ("changes", "steps") for i in range(3)]
    assert all(vector.dtype == np.float32 for vector in optimizer.state.values())
    copy = optimizers.get(json.loads(json.dumps(optimizers.serialize(optimizer))))
    assert copy.get_config() == optimizer.get_config()
    copy.build(6)
    copy.load_state_dict(optimizer.state_dict())
    other = LeastSquares()
    other.set_parameters(network.w)
    for _ in range(4):
        iterate(optimizer, network)
        iterate(copy, other)
        assert np.array_equal(network.w, other.w)
    assert copy.iterations == optimizer.iterations == 9
    copy.reset()
    assert copy.state == {}


def test_arguments_that_make_no_sense():
    for options, message in (
        ({"history_size": 0}, "`history_size` >= 1"),
        ({"iterations_per_batch": 0}, "`iterations_per_batch` >= 1"),
        ({"max_evaluations": 1}, "`max_evaluations` >= 2"),
    ):
        with pytest.raises(ValueError, match=rf"\[LBFGS\] expected {message}"):
            LBFGS(**options)
    with pytest.raises(NotImplementedError, match=r"must implement iterate\(objective, params\)"):
        optimizers.Optimizer(0.1).iterate(None, np.zeros(1, np.float32))


def small_problem():
    from cnncore import Sequential
    from cnncore.layers import Dense

    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 5)).astype(np.float32)
    y = np.tanh(x @ rng.standard_normal((5, 2))).astype(np.float32)
    model = Sequential([Dense(16, activation="tanh", input_shape=(5,)), Dense(2)], seed=0)
    model.compile("lbfgs", "mse")
    return model, x, y


def test_inside_fit():
    model, x, y = small_problem()
    losses = model.fit(x, y, batch_size=200, epochs=40, verbose=0).history["loss"]
    assert losses[-1] < 0.02 * losses[0]
    assert all(b <= a * (1 + 1e-5) for a, b in itertools.pairwise(losses))
    assert model.optimizer.iterations == 40


def test_fit_takes_pytorchs_path():
    torch = pytest.importorskip("torch")
    model, x, y = small_problem()
    theirs = torch.nn.Sequential(torch.nn.Linear(5, 16), torch.nn.Tanh(), torch.nn.Linear(16, 2))
    kernel, bias, kernel_2, bias_2 = (torch.tensor(weight) for weight in model.get_weights())
    with torch.no_grad():
        theirs[0].weight.copy_(kernel.T), theirs[0].bias.copy_(bias)
        theirs[2].weight.copy_(kernel_2.T), theirs[2].bias.copy_(bias_2)
    optimizer = torch.optim.LBFGS(theirs.parameters(), history_size=10, max_iter=1, line_search_fn="strong_wolfe")
    images, targets = torch.tensor(x), torch.tensor(y)

    def closure():
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(theirs(images), targets)
        loss.backward()
        return loss

    expected = [float(optimizer.step(closure).detach()) for _ in range(11)]
    losses = model.fit(x, y, batch_size=200, epochs=11, verbose=0).history["loss"]
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
