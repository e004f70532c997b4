"""Learning rate schedules."""

import json

import numpy as np
import pytest

from cnncore import optimizers
from cnncore.optimizers import SGD, Adam, schedules


class TestSchedules:
    ALL = (
        schedules.ExponentialDecay(0.1, 10, 0.5, staircase=True),
        schedules.InverseTimeDecay(0.1, 10, 0.5, staircase=True),
        schedules.PolynomialDecay(0.1, 10.5, cycle=True),
        schedules.CosineDecay(0.01, 50, alpha=0.1, warmup_target=0.1, warmup_steps=10),
        schedules.CosineDecayRestarts(0.01, 5, m_mul=0.5),
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

    def test_restarts_are_exact_at_powers_where_logarithms_are_not(self):
        schedule = schedules.CosineDecayRestarts(1.0, 1, t_mul=3.0)
        assert [schedule((3**n - 1) // 2) for n in range(10)] == [1.0] * 10

    def test_own_schedule(self):
        class Halve(schedules.LearningRateSchedule):
            def __init__(self, start):
                self.start = start

            def __call__(self, step):
                return self.start / 2**step

        config = optimizers.serialize(SGD(Halve(0.8)))
        with pytest.raises(ValueError, match="Unknown learning rate schedule 'Halve'"):
            optimizers.deserialize(config)
        copy = SGD.from_config(config["config"], custom_objects={"Halve": Halve})
        assert copy.learning_rate == 0.8
        with pytest.raises(NotImplementedError, match="must implement __call__"):
            schedules.LearningRateSchedule()(1)


def test_repr_tells_the_rate():
    assert repr(Adam(0.25)) == "Adam(learning_rate=0.25)"
    schedule = schedules.OneCycle(0.1, 10)
    assert repr(schedule).startswith("OneCycle(max_learning_rate=0.1, total_steps=10, ")
    assert repr(SGD(schedule)) == f"SGD(learning_rate={schedule!r})"
