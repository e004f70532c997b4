"""What all optimizers can do, also those of users: weight decay and its exclusions, clipping, averages."""

import json

import numpy as np
import pytest

from cnncore import Sequential, optimizers
from cnncore.layers import Dense
from cnncore.optimizers import SGD, AdamW, Optimizer


class PlainDescent(Optimizer):
    def update(self, params, grads, step):
        with np.errstate(over="ignore"):
            params -= np.float32(self.learning_rate) * grads


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weight_decay": 0.3},
        {"clipnorm": 0.5},
        {"clipvalue": 0.1},
        {"global_clipnorm": 0.5},
        {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3},
        {"gradient_accumulation_steps": 3, "use_ema": True, "clipnorm": 0.3},
    ],
    ids=str,
)
def test_options_work_for_an_own_optimizer_as_in_the_core(options):
    rng = np.random.default_rng(5)
    start = [rng.standard_normal(shape).astype(np.float32) for shape in ((4, 5), (5,))]
    results = []
    for make in (SGD, PlainDescent):
        optimizer, weights = make(0.1, **options), [weight.copy() for weight in start]
        optimizer.exclude_from_weight_decay(var_names=["_1$"])
        for step in range(7):
            optimizer.apply([np.float32(step + 1) * weight for weight in start], weights)
        results.append((weights, optimizer.state_dict()))
    (core, core_state), (own, own_state) = results
    for a, b in zip(core, own, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert core_state.keys() == own_state.keys()
    for name in core_state:
        np.testing.assert_allclose(core_state[name], own_state[name], rtol=1e-5, atol=1e-6)


class TestExclusions:
    def weights_after_decay(self, **excluded):
        model = Sequential([Dense(2, input_shape=(2,), bias_initializer="ones", name="dense")], seed=0)
        optimizer = AdamW(0.5, weight_decay=1.0)
        optimizer.exclude_from_weight_decay(**excluded)
        model.compile(optimizer, "mse")
        before = model.get_weights()
        x = np.zeros((4, 2), np.float32)
        model.train_on_batch(x, model.predict(x))  # no gradient: nothing but decay
        after = model.get_weights()
        return [float((a / b).mean()) for a, b in zip(after, before, strict=True)], optimizer

    def test_by_name_by_path_and_by_variable(self):
        assert self.weights_after_decay()[0] == [0.5, 0.5]
        assert self.weights_after_decay(var_names=["bias"])[0] == [0.5, 1.0]
        assert self.weights_after_decay(var_list=["dense/kernel"])[0] == [1.0, 0.5]
        variable = type("Variable", (), {"path": "dense/kernel"})()
        assert self.weights_after_decay(var_list=[variable], var_names=["^nothing"])[0] == [1.0, 0.5]
        with pytest.raises(TypeError, match=r"expected variables or their paths\. Received: int"):
            self.weights_after_decay(var_list=[3])

    def test_they_are_part_of_the_description_and_fixed_once_used(self):
        _, optimizer = self.weights_after_decay(var_names=["bias"])
        copy = optimizers.get(json.loads(json.dumps(optimizers.serialize(optimizer))))
        assert copy.get_config() == optimizer.get_config()
        assert not copy.exclusions.decays("dense/bias")
        with pytest.raises(ValueError, match="to be called before the optimizer is used"):
            optimizer.exclude_from_weight_decay(var_names=["kernel"])


class TestAverages:
    class Net:
        def __init__(self, values):
            self.values = np.array(values, np.float32)

        def get_parameters(self):
            return self.values.copy()

        def set_parameters(self, values):
            self.values = values.copy()

    def test_swap_and_finalize(self):
        optimizer, net = SGD(1.0, use_ema=True, ema_momentum=0.5), self.Net([4.0, 8.0])
        optimizer.swap_ema_weights(net)  # nothing to swap with yet
        optimizer.build(2)
        for _ in range(2):
            optimizer.apply_flat(net.values, np.ones(2, np.float32))
        assert net.values.tolist() == [2.0, 6.0]
        optimizer.swap_ema_weights(net)
        assert net.values.tolist() == [2.5, 6.5]
        assert optimizer.state["average"].tolist() == [2.0, 6.0]
        optimizer.swap_ema_weights(net)
        assert net.values.tolist() == [2.0, 6.0]
        optimizer.finalize_variable_values(net)
        assert net.values.tolist() == [2.5, 6.5]
        assert optimizer.state["average"].tolist() == [2.5, 6.5]

    def test_what_is_not_trained_stays(self):
        optimizer, net = SGD(1.0, use_ema=True), self.Net([1.0, 2.0, 3.0])
        slots = [
            Slot("dense", "kernel", (1,), 0, True),
            Slot("dense", "bias", (1,), 2, False),
            Slot("n", "m", (1,), -1, 1),
        ]
        optimizer.build(3, slots=slots)
        optimizer.apply_flat(net.values, np.ones(3, np.float32))
        assert net.values.tolist() == [0.0, 2.0, 3.0]
        optimizer.finalize_variable_values(net)
        assert net.values.tolist() == [0.0, 2.0, 3.0]
        assert [variable.name for variable in optimizer.trained_variables] == ["dense/kernel"]


class Slot:
    def __init__(self, layer, name, shape, offset, trainable):
        self.layer, self.name, self.shape, self.offset, self.trainable = layer, name, shape, offset, trainable
