"""Optimizers and schedules: their formulas in float64, their state, and how the core is driven."""

import json

import numpy as np
import pytest

from cnncore import Sequential, optimizers
from cnncore.layers import Dense
from cnncore.optimizers import SGD, Adam, AdamW, Optimizer, schedules


def sgd(momentum=0.0, nesterov=False):
    def update(w, g, s, step, rate):
        s["velocity"] = momentum * s.get("velocity", 0.0) - rate * g
        return w + (momentum * s["velocity"] - rate * g if nesterov else s["velocity"])

    return update


def adam(beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=0.0):
    def update(w, g, s, step, rate):
        s["m"] = beta_1 * s.get("m", 0.0) + (1 - beta_1) * g
        s["v"] = beta_2 * s.get("v", 0.0) + (1 - beta_2) * g**2
        scale = rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
        return w - rate * weight_decay * w - scale * s["m"] / (np.sqrt(s["v"]) + epsilon)

    return update


RULES = [
    (lambda rate: SGD(rate), sgd()),
    (lambda rate: SGD(rate, momentum=0.9), sgd(0.9)),
    (lambda rate: SGD(rate, momentum=0.9, nesterov=True), sgd(0.9, nesterov=True)),
    (lambda rate: Adam(rate), adam()),
    (lambda rate: Adam(rate, beta_1=0.8, beta_2=0.9, epsilon=1e-3), adam(0.8, 0.9, 1e-3)),
    (lambda rate: AdamW(rate, weight_decay=0.1), adam(weight_decay=0.1)),
]


@pytest.mark.parametrize("rate", [0.05, schedules.ExponentialDecay(0.05, decay_steps=2, decay_rate=0.5)])
@pytest.mark.parametrize(("make", "update"), RULES)
def test_training_follows_the_formula(make, update, rate):
    """Linear least squares by hand, in float64, beside the model."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 16, 3))
    model = Sequential([Dense(3, use_bias=False, input_shape=(3,))], seed=0)
    model.compile(make(rate), "mse")
    w, state = model.layers[0].kernel.astype(np.float64), {}
    for step in range(1, 7):
        gradient = 2 / y.size * x.T @ (x @ w - y)
        w = update(w, gradient, state, step, rate(step - 1) if callable(rate) else rate)
        model.train_on_batch(x, y)
    np.testing.assert_allclose(model.layers[0].kernel, w, rtol=2e-5, atol=1e-6)
    assert model.optimizer.iterations == 6
    for name, vector in model.optimizer.state.items():
        slot = model.network.slots[0]
        view = vector[slot.offset : slot.offset + 9].reshape(3, 3)
        np.testing.assert_allclose(view, state[name], rtol=2e-4, atol=1e-6)


@pytest.mark.parametrize(("make", "update"), RULES)
def test_state_round_trip(make, update):
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((2, 16, 3))

    def new(optimizer):
        model = Sequential([Dense(3, input_shape=(3,))], seed=0)
        model.compile(optimizer, "mse")
        return model

    model = new(make(0.05))
    for _ in range(3):
        model.train_on_batch(x, y)
    state = model.optimizer.state_dict()
    assert state["step"] == 3
    copy = new(optimizers.deserialize(json.loads(json.dumps(optimizers.serialize(model.optimizer)))))
    copy.set_weights(model.get_weights())
    copy.optimizer.build(copy.network.parameters.size)
    copy.optimizer.load_state_dict(state)
    for _ in range(3):
        model.train_on_batch(x, y)
        copy.train_on_batch(x, y)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), copy.get_weights(), strict=True))
    assert copy.optimizer.iterations == 6


class TestState:
    def built(self):
        optimizer = Adam()
        optimizer.build(4)
        return optimizer

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"m": np.ones(3, np.float32)}, r"state 'm' of shape \(4,\) .* Received: shape \(3,\)"),
            ({"m": np.ones(4, np.int64)}, "dtype int64"),
            ({"w": np.ones(4, np.float32)}, r"expected state vectors \['m', 'v'\]"),
            ({"step": -1}, "`step` >= 0"),
            ({"step": None}, "`step` to be an integer"),
        ],
    )
    def test_state_that_does_not_fit_changes_nothing(self, change, message):
        optimizer = self.built()
        state = {"step": 5, "m": np.ones(4, np.float32), "v": np.ones(4, np.float32)} | change
        with pytest.raises((ValueError, TypeError), match=message):
            optimizer.load_state_dict(state)
        assert optimizer.iterations == 0
        assert not any(vector.any() for vector in optimizer.state.values())

    def test_before_building(self):
        with pytest.raises(ValueError, match="must be built for a model"):
            Adam().load_state_dict({})
        assert Adam().state_dict() == {"step": 0}

    def test_own_optimizer(self):
        a, b = Optimizer(0.1), Optimizer(0.1)
        for optimizer in (a, b):
            optimizer.build(4)
        a.state["memory"] = np.arange(4, dtype=np.float32)
        b.load_state_dict(a.state_dict())
        assert np.array_equal(b.state["memory"], [0, 1, 2, 3])
        with pytest.raises(NotImplementedError, match=r"must implement update\(params, grads, step\)"):
            a.update(np.zeros(4), np.zeros(4), 1)

    def test_one_optimizer_serves_one_model(self, make_model, stripes):
        optimizer = Adam()
        make_model_first = make_model(optimizer=optimizer)
        make_model_first.fit(*stripes)
        with pytest.raises(ValueError, match=r"\[Adam\] this optimizer is in use by another model"):
            make_model(optimizer=optimizer).fit(*stripes)

    def test_a_model_that_has_grown(self, make_model, stripes):
        model = make_model()
        model.fit(*stripes)
        model.pop()
        model.add(Dense(5, activation="softmax"))
        with pytest.raises(ValueError, match="compile the model again"):
            model.fit(*stripes)
        model.compile(loss="sparse_categorical_crossentropy")
        assert "loss" in model.fit(*stripes).history

    def test_compile_starts_afresh(self, make_model, stripes):
        model = make_model()
        model.fit(*stripes)
        model.compile("adam", "sparse_categorical_crossentropy")
        assert model.optimizer.iterations == 0


def test_learning_rate_is_that_of_the_next_step():
    optimizer = SGD(schedules.PiecewiseConstantDecay([0], [0.5, 0.25]))
    optimizer.build(4)
    assert optimizer.learning_rate == 0.5
    optimizer.prepare_step()
    assert optimizer.rule.learning_rate == 0.5
    optimizer.rule.step = 1
    assert optimizer.learning_rate == 0.25
    optimizer.learning_rate = 0.125
    assert optimizer.learning_rate == optimizer.rule.learning_rate == 0.125
    assert optimizer.get_config()["learning_rate"] == 0.125


@pytest.mark.parametrize(("name", "cls"), [("sgd", SGD), ("adam", Adam), ("adamw", AdamW), ("Adam", Adam)])
def test_names(name, cls):
    optimizer = optimizers.get(name)
    assert type(optimizer) is cls
    assert type(optimizers.get(cls)) is cls
    assert optimizers.get(optimizer) is optimizer


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: optimizers.get("adamax"), ValueError, "Unknown optimizer 'adamax'. Known: adam, adam_w, sgd"),
        (
            lambda: optimizers.get(3),
            TypeError,
            r"\[optimizer\] expected an object, its name or its config. Received: 3",
        ),
        (lambda: SGD(-0.1), ValueError, r"\[SGD\] expected `learning_rate` to be a finite number"),
        (lambda: SGD(float("nan")), ValueError, "`learning_rate`"),
        (lambda: SGD("fast"), TypeError, "`learning_rate` to be a number"),
        (lambda: SGD(momentum=1.0), ValueError, r"`momentum` to be a finite number in \[0, 1\)"),
        (lambda: Adam(beta_1=1.0), ValueError, r"\[Adam\] expected `beta_1`"),
        (lambda: Adam(epsilon=-1.0), ValueError, "`epsilon`"),
        (lambda: AdamW(weight_decay=-1.0), ValueError, r"\[AdamW\] expected `weight_decay`"),
        (lambda: AdamW(beta_2=-1.0), ValueError, r"\[AdamW\] expected `beta_2`"),
        (lambda: schedules.CosineDecay(0.1, 0), ValueError, "`decay_steps` >= 1"),
        (lambda: schedules.PiecewiseConstantDecay([2, 1], [1, 2, 3]), ValueError, "increasing boundaries"),
        (lambda: schedules.OneCycle(0.1, 10, warmup_fraction=1.0), ValueError, "`warmup_fraction`"),
        (lambda: schedules.deserialize({"class_name": "Step", "config": {}}), ValueError, "Unknown learning rate sch"),
    ],
)
def test_arguments_that_make_no_sense(make, error, message):
    with pytest.raises(error, match=message):
        make()


class TestSchedules:
    ALL = (
        schedules.ExponentialDecay(0.1, 10, 0.5, staircase=True),
        schedules.CosineDecay(0.01, 50, alpha=0.1, warmup_target=0.1, warmup_steps=10),
        schedules.PiecewiseConstantDecay([5, 10], [1.0, 0.5, 0.1]),
        schedules.OneCycle(0.1, 100),
    )

    @pytest.mark.parametrize("schedule", ALL, ids=lambda schedule: type(schedule).__name__)
    def test_round_trip(self, schedule):
        copy = schedules.deserialize(json.loads(json.dumps(schedules.serialize(schedule))))
        assert [copy(step) for step in range(120)] == [schedule(step) for step in range(120)]
        optimizer = optimizers.deserialize(json.loads(json.dumps(optimizers.serialize(SGD(schedule)))))
        assert optimizer.learning_rate == schedule(0)

    def test_exponential_decay(self):
        assert [schedules.ExponentialDecay(1.0, 2, 0.25)(step) for step in range(3)] == [1.0, 0.5, 0.25]
        assert [schedules.ExponentialDecay(1.0, 2, 0.25, True)(step) for step in range(3)] == [1.0, 1.0, 0.25]

    def test_cosine_decay_with_warmup(self):
        schedule = schedules.CosineDecay(0.0, 100, alpha=0.1, warmup_target=1.0, warmup_steps=10)
        assert schedule(5) == 0.5
        assert schedule(10) == 1.0
        assert schedule(60) == pytest.approx(0.55)
        assert schedule(110) == schedule(500) == pytest.approx(0.1)

    def test_one_cycle(self):
        schedule = schedules.OneCycle(1.0, 101, warmup_fraction=0.4, initial_divisor=10, final_divisor=100)
        rates = [schedule(step) for step in range(101)]
        assert rates[0] == pytest.approx(0.1)
        assert max(rates) == rates[40] == 1.0
        assert rates[-1] == pytest.approx(0.001)
        assert np.all(np.diff(rates[:41]) > 0)
        assert np.all(np.diff(rates[40:]) < 0)

    def test_one_cycle_of_one_step_and_without_warmup(self):
        assert schedules.OneCycle(1.0, 1)(0) > 0
        assert schedules.OneCycle(1.0, 10, warmup_fraction=0.0)(0) == 1.0
