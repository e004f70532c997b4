"""L-BFGS as an optimizer: its steps on batches of a network, its state, its description."""

import itertools
import json

import numpy as np
import pytest

from cnncore import Sequential, optimizers
from cnncore.datasets import mnist5k
from cnncore.layers import AveragePooling2D, Conv2D, Dense, Flatten
from cnncore.models.data.sources import Batch
from cnncore.models.training.batch_objective import BatchObjective
from cnncore.optimizers import LBFGS
from cnncore.optimizers.newton import LBFGSMethod


class LeastSquares:
    """A stand-in for a network of the core. It computes y = x w in float32, and has only what a training step uses."""

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
    torch.set_num_threads(1)
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


class TorchNetwork:
    """The loss of two convolutions and a dense layer in PyTorch, as its optimizers and as our methods want it."""

    def __init__(self, torch, weights, x, y, dtype):
        self.torch, self.labels = torch, torch.tensor(y)
        self.images = torch.tensor(x, dtype=dtype).permute(0, 3, 1, 2)
        self.weights = [torch.tensor(w, dtype=dtype, requires_grad=True) for w in weights]

    def loss(self):
        torch, z, w = self.torch, self.images, self.weights
        for kernel, bias in ((w[0], w[1]), (w[2], w[3])):
            z = torch.tanh(torch.nn.functional.conv2d(z, kernel.permute(3, 2, 0, 1), bias))
            z = torch.nn.functional.avg_pool2d(z, 2)
        z = z.permute(0, 2, 3, 1).flatten(1) @ w[4] + w[5]
        return torch.nn.functional.cross_entropy(z, self.labels)

    def path(self, steps):
        """The losses of torch.optim.LBFGS."""
        options = {"max_iter": 1, "max_eval": 26, "history_size": 10, "line_search_fn": "strong_wolfe"}
        optimizer = self.torch.optim.LBFGS(self.weights, **options)

        def closure():
            optimizer.zero_grad()
            loss = self.loss()
            loss.backward()
            return loss

        return [float(optimizer.step(closure).detach()) for _ in range(steps)]

    def value_and_gradient(self, point):
        parts = np.split(point, np.cumsum([w.numel() for w in self.weights])[:-1])
        with self.torch.no_grad():
            for w, part in zip(self.weights, parts, strict=True):
                w.copy_(self.torch.tensor(part).reshape(w.shape))
        loss = self.loss()
        gradients = self.torch.autograd.grad(loss, self.weights)
        return float(loss.detach()), np.concatenate([g.numpy().ravel() for g in gradients])


def test_a_convolutional_network_takes_pytorchs_path():
    """In float64 to the last digits, with PyTorch's own gradients; in float32 as far as rounding lets it.

    Where a network has kinks, a value that rounding carries across one changes the path: PyTorch's own float32 and
    float64 part by a hundredth then, as ``bench/lbfgs.py`` shows. This network is smooth.
    """
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    (x, y), _ = mnist5k.load_data()
    x, y = x[:300, ..., None].astype(np.float32) / 255, y[:300].astype(np.int64)
    model = Sequential(seed=0)
    for filters in (8, 8):
        model.add(Conv2D(filters, 3, activation="tanh"))
        model.add(AveragePooling2D())
    model.add(Flatten())
    model.add(Dense(10, activation="softmax"))
    model.build((None, 28, 28, 1))
    model.compile("lbfgs", "sparse_categorical_crossentropy")
    weights = model.get_weights()
    expected = TorchNetwork(torch, weights, x, y, torch.float64).path(11)

    objective = TorchNetwork(torch, weights, x, y, torch.float64)
    method, point, losses = LBFGSMethod(), np.concatenate([w.ravel() for w in weights]).astype(np.float64), []
    for _ in range(11):
        losses.append(objective.value_and_gradient(point)[0])
        point = method.step(objective, point).point
    np.testing.assert_allclose(losses, expected, rtol=1e-9)
    assert losses[-1] < 0.5 * losses[0]

    losses = model.fit(x, y, batch_size=300, epochs=11, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    in_float32 = TorchNetwork(torch, weights, x, y, torch.float32).path(11)
    np.testing.assert_allclose(losses, in_float32, rtol=1e-4)
