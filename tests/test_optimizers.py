"""Optimizers: their formulas in float64, their state, and how the core is driven."""

import json
import pickle

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


EVERY = [
    SGD(0.05),
    SGD(0.05, momentum=0.9, nesterov=True),
    Adam(0.05, amsgrad=True),
    AdamW(0.05, weight_decay=0.1),
    optimizers.RMSprop(0.05, momentum=0.5, centered=True),
    optimizers.Adagrad(0.05),
    optimizers.Adadelta(0.5),
    optimizers.Nadam(0.05),
    optimizers.Adamax(0.05),
    optimizers.Lion(0.05),
    optimizers.Ftrl(0.05),
    optimizers.Muon(0.05, exclude_layers=["last"]),
    SGD(0.05, use_ema=True, ema_overwrite_frequency=3),
    Adam(0.05, gradient_accumulation_steps=2, clipnorm=0.5),
    Adam(schedules.ExponentialDecay(0.05, 3, 0.5), global_clipnorm=0.5),
    SGD(0.05, clipvalue=0.1, loss_scale_factor=2.0),
]


@pytest.mark.parametrize("optimizer", EVERY, ids=lambda optimizer: type(optimizer).__name__)
def test_state_round_trip(optimizer):
    """A copy that is made from the description in JSON and the state continues with the same bits as the original."""
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((2, 16, 3))

    def new(optimizer):
        model = Sequential([Dense(4, input_shape=(3,)), Dense(3, name="last")], seed=0)
        model.compile(optimizer, "mse")
        return model

    model = new(optimizers.get(optimizers.serialize(optimizer)))
    for _ in range(5):
        model.train_on_batch(x, y)
    state = model.optimizer.state_dict()
    assert state["step"] == 5
    copy = new(optimizers.deserialize(json.loads(json.dumps(optimizers.serialize(model.optimizer)))))
    assert copy.optimizer.get_config() == optimizer.get_config()
    copy.set_weights(model.get_weights())
    copy.build_optimizer()
    copy.optimizer.load_state_dict(state)
    for _ in range(5):
        model.train_on_batch(x, y)
        copy.train_on_batch(x, y)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), copy.get_weights(), strict=True))
    assert copy.optimizer.iterations == model.optimizer.iterations
    assert copy.optimizer.step == 10


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

    def test_a_copy_can_be_written_into_an_older_one(self):
        optimizer = self.built()
        first = optimizer.state_dict()
        optimizer.state["m"][:] = 3
        second = optimizer.state_dict(first)
        assert second["m"] is first["m"]
        assert second["m"].tolist() == [3, 3, 3, 3]
        assert optimizer.state_dict({"m": np.zeros(2, np.float32)})["m"].tolist() == [3, 3, 3, 3]

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

    def test_a_second_model_trains_with_a_copy(self, make_model, stripes):
        optimizer = Adam()
        make_model_first = make_model(optimizer=optimizer)
        make_model_first.fit(*stripes)
        second = make_model(optimizer=optimizer)
        with pytest.warns(UserWarning, match="Adam is in use by another model"):
            second.fit(*stripes)
        assert make_model_first.optimizer is optimizer
        assert second.optimizer is not optimizer
        with pytest.raises(ValueError, match=r"\[Adam\] this optimizer is in use by another model"):
            optimizer.build(3, owner=second)

    def test_a_model_that_has_changed_keeps_the_state_of_what_it_kept(self, make_model, stripes):
        model = make_model()
        model.fit(*stripes, verbose=0)
        kernel = next(part for part in model.optimizer.trained_variables if part.shape == (3, 3, 1, 4))
        before = model.optimizer.state["m"][kernel.slice].copy()
        steps = model.optimizer.iterations
        model.pop()
        model.add(Dense(5, activation="softmax"))
        model.build_optimizer()
        kernel = next(part for part in model.optimizer.trained_variables if part.shape == (3, 3, 1, 4))
        assert np.array_equal(model.optimizer.state["m"][kernel.slice], before)
        assert model.optimizer.iterations == steps
        assert not model.optimizer.state["m"][model.optimizer.trained_variables[-1].slice].any()

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


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        (name, getattr(optimizers, cls))
        for cls in optimizers.__all__
        if isinstance(getattr(optimizers, cls), type) and cls != "Optimizer"
        for name in (cls, cls.lower(), cls.upper())
    ],
)
def test_names_and_classes_give_optimizers(name, cls):
    optimizer = optimizers.get(name)
    assert type(optimizer) is cls
    assert type(optimizers.get(cls)) is cls
    assert optimizers.get(optimizer) is optimizer


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: optimizers.get("adamix"), ValueError, "Unknown optimizer 'adamix'.* Known: .*adam"),
        (
            lambda: optimizers.get(3),
            TypeError,
            r"\[optimizer\] expected an object, its name or its config. Received: 3",
        ),
        (lambda: SGD(-0.1), ValueError, r"\[SGD\] expected `learning_rate` to be a finite number"),
        (lambda: SGD(float("nan")), ValueError, "`learning_rate`"),
        (lambda: SGD("fast"), TypeError, "`learning_rate` to be a number"),
        (lambda: SGD(momentum=1.5), ValueError, r"\[SGD\] expected `momentum` in \[0, 1\]. Received: momentum=1.5"),
        (lambda: SGD(nesterov=1), TypeError, "`nesterov` to be True or False"),
        (lambda: SGD(rate=1), TypeError, r"\[SGD\] unexpected arguments. Received: rate"),
        (lambda: SGD(weight_decay=-1.0), ValueError, "`weight_decay`"),
        (lambda: SGD(clipnorm=1.0, clipvalue=1.0), ValueError, "at most one of `clipnorm`"),
        (lambda: SGD(use_ema=True, ema_momentum=2.0), ValueError, r"`ema_momentum` in \[0, 1\]"),
        (lambda: SGD(use_ema=True, ema_overwrite_frequency=0), ValueError, "`ema_overwrite_frequency` >= 1"),
        (lambda: SGD(gradient_accumulation_steps=1), ValueError, "`gradient_accumulation_steps` >= 2"),
        (lambda: SGD(loss_scale_factor=0), ValueError, "`loss_scale_factor` > 0"),
        (lambda: optimizers.RMSprop(rho=1.0), ValueError, r"\[RMSprop\] expected `rho`"),
        (lambda: optimizers.Adadelta(epsilon=-1.0), ValueError, r"\[Adadelta\] expected `epsilon`"),
        (lambda: optimizers.Adagrad(initial_accumulator_value=-1.0), ValueError, "`initial_accumulator_value`"),
        (lambda: optimizers.Lion(beta_1=0.0), ValueError, r"`beta_1` in \(0, 1\]. Received: beta_1=0.0"),
        (lambda: optimizers.Ftrl(learning_rate_power=0.5), ValueError, "`learning_rate_power` <= 0"),
        (lambda: optimizers.Muon(ns_steps=0), ValueError, "`ns_steps` >= 1"),
        (lambda: optimizers.Nadam(beta_2=1.0), ValueError, r"\[Nadam\] expected `beta_2`"),
        (lambda: optimizers.Adamax(beta_1=1.0), ValueError, r"\[Adamax\] expected `beta_1`"),
        (lambda: AdamW(weight_decay=None), TypeError, "`weight_decay` to be a number"),
        (lambda: Adam(beta_1=1.0), ValueError, r"\[Adam\] expected `beta_1`"),
        (lambda: Adam(epsilon=-1.0), ValueError, "`epsilon`"),
        (lambda: AdamW(weight_decay=-1.0), ValueError, r"\[AdamW\] expected `weight_decay`"),
        (lambda: AdamW(beta_2=-1.0), ValueError, r"\[AdamW\] expected `beta_2`"),
        (lambda: schedules.CosineDecay(0.1, 0), ValueError, "`decay_steps` > 0"),
        (lambda: schedules.PiecewiseConstantDecay([2, 1], [1, 2, 3]), ValueError, "increasing boundaries"),
        (lambda: schedules.CosineDecayRestarts(0.1, 10, t_mul=0.5), ValueError, "`t_mul`"),
        (lambda: schedules.OneCycle(0.1, 10, warmup_fraction=1.0), ValueError, "`warmup_fraction`"),
        (lambda: schedules.deserialize({"class_name": "Step", "config": {}}), ValueError, "Unknown learning rate sch"),
    ],
)
def test_arguments_that_make_no_sense(make, error, message):
    with pytest.raises(error, match=message):
        make()


class TestNumbers:
    def test_a_learning_rate_is_a_number_that_can_be_assigned(self):
        optimizer = SGD(0.5)
        optimizer.build(4)
        rate = optimizer.learning_rate
        assert float(rate) == rate == 0.5
        assert rate * 2 == 1.0
        assert rate < 0.6
        assert rate.numpy() == np.float32(0.5)
        assert rate.numpy().dtype == np.float32
        rate.assign(rate * 0.5)
        assert optimizer.learning_rate == optimizer.rule.learning_rate == 0.25
        assert f"{rate:.1e}" == "5.0e-01"
        with pytest.raises(ValueError, match="`learning_rate` to be a finite number"):
            rate.assign(-1)
        assert type(pickle.loads(pickle.dumps(rate))) is float
        assert json.dumps(rate) == "0.5"

    def test_iterations_count_updates_of_weights(self):
        optimizer = SGD(0.5, gradient_accumulation_steps=2)
        weights = np.ones(3, np.float32)
        counts = [int(optimizer.apply_gradients([(np.ones(3), weights)])) for _ in range(5)]
        assert counts == [0, 1, 1, 2, 2]
        assert optimizer.iterations.numpy() == 2
        optimizer.iterations.assign(7)
        assert (optimizer.iterations, optimizer.step) == (7, 14)
        assert pickle.loads(pickle.dumps(optimizer.iterations)) == 7

    def test_variables_are_views_in_the_shape_of_the_weights(self):
        optimizer = Adam(0.5)
        kernel, bias = np.ones((2, 3), np.float32), np.ones(3, np.float32)
        optimizer.apply_gradients([(2 * kernel, kernel), (bias, bias)])
        iterations, rate, *state = optimizer.variables
        assert (iterations, rate) == (1, 0.5)
        assert [part.shape for part in state] == [(2, 3), (2, 3), (3,), (3,)]
        np.testing.assert_allclose(state[0], 0.2, rtol=1e-6)
        np.testing.assert_allclose(state[3], 0.001, rtol=1e-6)


class TestArrays:
    def test_gradients_and_variables_must_fit(self):
        weights = np.ones(3, np.float32)
        for grads, variables, error, message in (
            ([], [], ValueError, "as many gradients as variables, at least one. Received: 0 and 0"),
            ([weights], [weights, weights], ValueError, "Received: 1 and 2"),
            ([np.ones(2)], [weights], ValueError, r"here \(3,\). Received: \(2,\)"),
            ([np.ones(3)], [np.ones(3)], TypeError, "variables of a model, or writable float32 arrays"),
            ([np.ones(3)], [[1.0, 2.0, 3.0]], TypeError, "writable float32 arrays"),
        ):
            with pytest.raises(error, match=message):
                SGD().apply(grads, variables)
        optimizer = SGD()
        optimizer.apply([weights], [weights])
        with pytest.raises(ValueError, match="the variables of the first call"):
            optimizer.apply([weights], [weights.copy()])

    def test_a_loop_over_a_models_variables_does_what_fit_does(self):
        x, y = np.ones((4, 3), np.float32), np.ones((4, 2), np.float32)
        models = []
        for _ in range(2):
            model = Sequential([Dense(3, input_shape=(3,)), Dense(2)], seed=1)
            model.compile(Adam(0.1, clipnorm=0.5, weight_decay=0.1), "mse")
            models.append(model)
        by_hand, by_fit = models
        for step in range(4):
            gradients, variables = by_hand.gradients(x, y), by_hand.trainable_variables
            if step == 2:  # the state is that of the model, so that the two ways can be mixed
                by_hand.train_on_batch(x, y)
            else:
                by_hand.optimizer.apply(gradients[::-1], variables[::-1])
            by_fit.train_on_batch(x, y)
        for a, b in zip(by_hand.get_weights(), by_fit.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5)
        with pytest.raises(ValueError, match="of the model that the optimizer is used in"):
            by_hand.optimizer.apply(gradients, by_fit.trainable_variables)

    def test_the_state_can_be_made_for_variables_before_the_first_step(self):
        model = Sequential([Dense(2, input_shape=(3,))])
        optimizer, variables = Adam(), model.trainable_variables
        optimizer.build(variables)
        assert [array.shape for array in optimizer.variables] == [(), (), (3, 2), (3, 2), (2,), (2,)]
        optimizer.apply([np.ones(v.shape) for v in variables], variables)
        with pytest.raises(ValueError, match="the variables of the first call"):
            optimizer.apply([np.ones(2)], variables[1:])
        for wrong, message in (([], "at least one variable"), ([3], "variables of a model"), ("ab", "an integer")):
            with pytest.raises((ValueError, TypeError), match=message):
                Adam().build(wrong)

    def test_an_optimizer_without_a_model_takes_variables(self):
        model = Sequential([Dense(2, input_shape=(3,), kernel_initializer="zeros")])
        optimizer, variables = SGD(1.0), model.trainable_variables
        optimizer.apply_gradients([(np.ones((3, 2)), variables[0]), (np.ones(2), variables[1])])
        assert [weight.ravel()[0] for weight in model.get_weights()] == [-1, -1]
        model.compile(optimizer, "mse")
        with pytest.raises(ValueError, match="fit needs another optimizer"):
            model.train_on_batch(np.ones((4, 3)), np.ones((4, 2)))

    def test_loss_scale(self):
        optimizer, weights = SGD(1.0, loss_scale_factor=4.0), np.zeros(2, np.float32)
        assert optimizer.scale_loss(3.0) == 12.0
        assert SGD().scale_loss(3.0) == 3.0
        optimizer.apply([np.array([4.0, 8.0])], [weights])
        assert weights.tolist() == [-1.0, -2.0]


class TestOldSpellings:
    def test_lr_is_now_learning_rate(self):
        with pytest.warns(DeprecationWarning, match=r"`lr` is now called `learning_rate`: SGD\(") as caught:
            optimizer = SGD(lr=0.25)
        assert caught[0].filename == __file__
        assert optimizer.learning_rate == 0.25
        with pytest.warns(DeprecationWarning, match=r"`optimizer.learning_rate`"):
            assert optimizer.lr == 0.25
        with pytest.warns(DeprecationWarning, match=r"`optimizer.learning_rate`"):
            optimizer.lr = 0.5
        assert optimizer.learning_rate == 0.5

    def test_decay_is_now_a_schedule(self):
        with pytest.warns(DeprecationWarning, match="InverseTimeDecay"):
            optimizer = SGD(0.1, decay=0.5)
        assert optimizer.learning_rate == 0.1
        optimizer.step = 2
        assert optimizer.learning_rate == 0.05
        assert SGD(0.1, decay=0.0).get_config() == SGD(0.1).get_config()
        with (
            pytest.warns(DeprecationWarning, match="`decay`"),
            pytest.raises(ValueError, match="a number as `learning_rate` beside"),
        ):
            SGD(schedules.ExponentialDecay(0.1, 1, 1), decay=0.5)

    def test_legacy_optimizers_are_those_of_today(self):
        with pytest.warns(DeprecationWarning, match="optimizers.legacy.Adam is called cnncore.optimizers.Adam"):
            assert optimizers.legacy.Adam is Adam
        assert "SGD" in dir(optimizers.legacy)
        with pytest.raises(AttributeError, match="has no attribute 'Sgd'"):
            _ = optimizers.legacy.Sgd
