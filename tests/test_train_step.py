"""A training step beyond its gradients: optimizers, dropout, a loss that is not finite, several batch sizes."""

import numpy as np
import pytest

import checking
import reference as ref
from cnncore import _core
from reference_network import Chain, Conv2d, Dense, Flatten, Layer, MaxPool2d

U = ref.UNIT_ROUNDOFF


class Dropout(Layer):
    """Dropout in the reference. What it drops is found from the outputs of the compiled network."""

    def __init__(self, rate, seed=0):
        self.rate, self.seed = rate, seed

    def lower(self, graph, x, name):
        return graph.add("dropout", [x], name, rate=self.rate, seed=self.seed)


def small_cnn(seed=0):
    layers = [Conv2d(5, activation="relu"), MaxPool2d(), Flatten(), Dense(4, activation="softmax")]
    chain = Chain((7, 7, 2), layers)
    chain.initialize(np.random.default_rng(seed), exact=False)
    return chain


def batch(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, 7, 7, 2)).astype(np.float32), rng.integers(0, 4, n)


def train(network, x, y, optimizer, loss="sparse_categorical_crossentropy"):
    outputs = np.empty((len(x), *network.output_shape), np.float32)
    return network.train_step(x, y, None, loss, False, optimizer, None, outputs), outputs


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_follows_the_reference(momentum, nesterov):
    network = small_cnn().network
    optimizer = _core.Optimizer("sgd", network.parameters.size, momentum=momentum, nesterov=nesterov)
    optimizer.learning_rate = 0.05
    assert optimizer.step == 0
    assert set(optimizer.state) == ({"velocity"} if momentum else set())
    velocity = np.zeros(network.parameters.size)
    for step in range(1, 6):
        before = network.parameters.astype(np.float64)
        train(network, *batch(6, seed=step), optimizer)
        moves = momentum * abs(velocity) + 0.05 * abs(network.gradients)
        expected, velocity = ref.sgd_update(before, network.gradients, velocity, 0.05, momentum, nesterov)
        allowed = ref.tolerance(6, abs(before) + 2 * moves)
        checking.assert_close(network.parameters, expected, allowed, f"step {step} ")
        assert optimizer.step == step
        if momentum:
            checking.assert_close(optimizer.state["velocity"], velocity, ref.tolerance(3, moves), "velocity")
            velocity = optimizer.state["velocity"].astype(np.float64)


@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
def test_adam_follows_the_reference(weight_decay):
    network = small_cnn().network
    optimizer = _core.Optimizer("adam", network.parameters.size)
    optimizer.set_options(weight_decay=weight_decay)
    optimizer.learning_rate = 0.01
    m = v = np.zeros(network.parameters.size)
    for step in range(1, 6):
        before = network.parameters.astype(np.float64)
        train(network, *batch(6, seed=step), optimizer)
        m_magnitude = 0.9 * abs(m) + 0.1 * abs(network.gradients)
        rate = float(np.float32(0.01))  # as the update has it
        rates = {"learning_rate": rate, "beta_1": 0.9, "beta_2": 0.999, "weight_decay": weight_decay}
        expected, m, v = ref.adam_update(before, network.gradients, m, v, step, **rates)
        move = 0.01 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step) * m_magnitude / (np.sqrt(v) + 1e-7)
        checking.assert_close(optimizer.state["m"], m, ref.tolerance(5, m_magnitude), "m")
        checking.assert_close(optimizer.state["v"], v, ref.tolerance(6, v), "v")
        checking.assert_close(network.parameters, expected, ref.tolerance(12, abs(before) + move), "params")
        m, v = (optimizer.state[name].astype(np.float64) for name in ("m", "v"))
        assert optimizer.step == step


def test_optimizer_state_can_be_restored():
    """Writing the state and the step into a new optimizer continues as if nothing had happened."""
    first, second = small_cnn().network, small_cnn().network
    adam = _core.Optimizer("adam", first.parameters.size)
    adam.learning_rate = 0.01
    for step in range(3):
        train(first, *batch(6, seed=step), adam)
    resumed = _core.Optimizer("adam", second.parameters.size)
    resumed.learning_rate, resumed.step = 0.01, adam.step
    second.parameters[...] = first.parameters
    for name, values in adam.state.items():
        resumed.state[name][...] = values
    for step in range(3, 6):
        losses = train(first, *batch(6, seed=step), adam)[0], train(second, *batch(6, seed=step), resumed)[0]
        assert losses[0] == losses[1]
    np.testing.assert_array_equal(first.parameters, second.parameters)


def test_without_optimizer_only_gradients_are_computed():
    network = small_cnn().network
    before = network.parameters.copy()
    train(network, *batch(6), None)
    np.testing.assert_array_equal(network.parameters, before)
    assert np.abs(network.gradients).max() > 0


def test_loss_falls():
    network = small_cnn().network
    optimizer = _core.Optimizer("adam", network.parameters.size)
    optimizer.learning_rate = 0.01
    losses = [train(network, *batch(32), optimizer)[0] for _ in range(60)]
    assert losses[-1] < 0.2 * losses[0]


@pytest.mark.parametrize("poison", ["image", "weight", "target"])
def test_a_loss_that_is_not_finite_changes_nothing(poison):
    chain = Chain((7, 7, 2), [Conv2d(5, activation="relu"), MaxPool2d(), Flatten(), Dense(4)])
    chain.initialize(np.random.default_rng(0), exact=False)
    network = chain.network
    optimizer = _core.Optimizer("adam", network.parameters.size)
    x, y = batch(6)[0], np.zeros((6, 4), np.float32)
    train(network, x, y, optimizer, "mean_squared_error")
    if poison == "image":
        x[3, 2, 2, 0] = np.nan
    elif poison == "weight":
        chain.view(network.parameters, "layer_0/kernel")[1, 1, 0, 2] = np.inf
    else:
        y[5, 1] = np.nan
    before, state = network.parameters.copy(), {k: v.copy() for k, v in optimizer.state.items()}
    loss, _ = train(network, x, y, optimizer, "mean_squared_error")
    assert not np.isfinite(loss)
    np.testing.assert_array_equal(network.parameters, before)
    assert optimizer.step == 1
    for name, values in state.items():
        np.testing.assert_array_equal(optimizer.state[name], values)


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_diverging_training_keeps_finite_weights(kind):
    """Whatever the rate, the weights are finite when a loss that is not finite has stopped the training."""
    chain = Chain((4,), [Dense(8, activation="relu"), Dense(1)])
    chain.initialize(np.random.default_rng(0), exact=False)
    network = chain.network
    optimizer = _core.Optimizer(kind, network.parameters.size)
    optimizer.learning_rate = 1e6 if kind == "sgd" else 1e15
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((16, 4)).astype(np.float32), rng.standard_normal((16, 1)).astype(np.float32)
    for _ in range(50):
        loss, _ = train(network, x, y, optimizer, "mean_squared_error")
        assert np.isfinite(network.parameters).all()
        if not np.isfinite(loss):
            return
    raise AssertionError("it should have diverged")


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "categorical_crossentropy"])
def test_a_confident_wrong_answer_has_a_finite_loss(loss):
    """Logits so far apart that a probability underflows to 0: its gradient is as large as any, so training goes on."""
    chain = Chain((2,), [Dense(3, use_bias=False, activation="softmax")])
    kernel = chain.view(chain.network.parameters, "layer_0/kernel")
    kernel[...] = [[1, 0, -1], [0, 1, 0]]
    x = np.array([[500, 0], [0, 300]], np.float32)
    labels = np.array([2, 0])
    targets = labels if loss.startswith("sparse") else ref.one_hot(labels, 3).astype(np.float32)
    value, outputs = train(chain.network, x, targets, None, loss)
    assert 10 < value < np.inf
    np.testing.assert_allclose(outputs, [[1, 0, 0], [0, 1, 0]], atol=U)
    expected = x.T @ (outputs - ref.one_hot(labels, 3)) / 2
    np.testing.assert_allclose(
        chain.view(chain.network.gradients, "layer_0/kernel"), expected, rtol=4 * U, atol=250 * U
    )


def test_one_network_takes_batches_of_any_size():
    """Alternating sizes gives what a network that only ever saw that size gives."""
    shared = small_cnn().network
    for n in (32, 7, 1, 33, 32, 100, 2, 1):
        x, y = batch(n, seed=n)
        own = small_cnn().network
        loss, outputs = train(shared, x, y, None)
        expected, expected_outputs = train(own, x, y, None)
        assert loss == expected
        np.testing.assert_array_equal(outputs, expected_outputs)
        np.testing.assert_array_equal(shared.gradients, own.gradients)
        np.testing.assert_array_equal(shared.forward(x), own.forward(x))


# --- dropout ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [5, 200])
def test_what_a_batch_leaves_in_memory_does_not_reach_the_next(before):
    x, y = batch(64)
    fresh, used = small_cnn().network, small_cnn().network
    poisoned, labels = batch(before, seed=1)
    poisoned[:] = np.nan
    assert np.isnan(train(used, poisoned, labels, None)[0])  # batches of all sizes train in the same memory
    losses = [train(network, x, y, _core.Optimizer("sgd", network.parameters.size))[0] for network in (fresh, used)]
    assert losses[0] == losses[1]
    np.testing.assert_array_equal(used.gradients, fresh.gradients)


def identity_with_dropout(rate, seed=0, units=64):
    """Dropout and a dense layer whose kernel is the identity, so that the outputs show what was dropped."""
    chain = Chain((units,), [Dropout(rate, seed), Dense(units, use_bias=False)])
    chain.view(chain.network.parameters, "layer_1/kernel")[...] = np.eye(units)
    return chain


def dropped(network, n=64):
    x = np.ones((n, *network.input_shape), np.float32)
    return train(network, x, np.zeros_like(x), None, "mean_squared_error")[1]


@pytest.mark.names_precision
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_dropout_keeps_the_mean(rate):
    network = identity_with_dropout(rate).network
    steps = np.stack([dropped(network) for _ in range(8)])
    kept = steps != 0
    np.testing.assert_allclose(steps[kept], 1 / (1 - rate), rtol=2 * U)
    deviation = np.sqrt(rate * (1 - rate))  # of one mask bit; means below stay within 6 of their own deviations
    assert abs(kept.mean() - (1 - rate)) < 6 * deviation / np.sqrt(kept.size)
    for axis, (length, name) in enumerate(zip(kept.shape, ("step", "image", "unit"), strict=True)):
        means = kept.mean(axis=tuple(set(range(3)) - {axis}))
        assert np.abs(means - (1 - rate)).max() < 6 * deviation / np.sqrt(kept.size / length), name


def test_dropout_masks_differ_between_steps_images_and_seeds():
    network = identity_with_dropout(0.5, seed=1).network
    first, second = dropped(network), dropped(network)
    agreement = [
        np.mean(first == second),
        np.mean(first[:-1] == first[1:]),
        np.mean(first[:, :-1] == first[:, 1:]),
        np.mean(first == dropped(identity_with_dropout(0.5, seed=2).network)),
    ]
    # Independent masks of rate 1/2 agree on half of some 4,000 bits, give or take 6 deviations.
    assert np.abs(np.array(agreement) - 0.5).max() < 6 * 0.5 / np.sqrt(63 * 64)


def test_dropout_repeats_with_its_seed():
    first, second = (identity_with_dropout(0.5, seed=3).network for _ in range(2))
    for _ in range(3):
        np.testing.assert_array_equal(dropped(first), dropped(second))


@pytest.mark.names_precision
def test_dropout_is_the_identity_in_inference():
    network = identity_with_dropout(0.5).network
    x = np.random.default_rng(0).standard_normal((9, 64)).astype(np.float32)
    np.testing.assert_array_equal(network.forward(x), x)


def test_dropout_of_rate_zero_is_the_identity():
    assert np.all(dropped(identity_with_dropout(0.0).network) == 1)


@pytest.mark.names_precision
def test_dropout_sends_gradients_through_its_mask():
    rng = np.random.default_rng(0)
    chain = Chain((8,), [Dense(64), Dropout(0.5), Dense(64, use_bias=False)])
    kernel = chain.view(chain.network.parameters, "layer_0/kernel")
    kernel[...] = rng.standard_normal(kernel.shape)
    chain.view(chain.network.parameters, "layer_2/kernel")[...] = np.eye(64)
    x = rng.standard_normal((16, 8)).astype(np.float32)
    y = rng.standard_normal((16, 64)).astype(np.float32)
    _, outputs = train(chain.network, x, y, None, "mean_squared_error")
    mask = np.where(outputs != 0, 2.0, 0.0)
    hidden = ref.dense(x, kernel)
    checking.assert_close(outputs, hidden * mask, ref.tolerance(8, 2 * ref.dense(abs(x), abs(kernel))), "outputs")
    _, dy = ref.mean_squared_error(outputs, y)
    for name, expected, magnitude in (
        ("layer_0/kernel", x.T @ (dy * mask), abs(x.T) @ abs(dy * mask)),
        ("layer_0/bias", (dy * mask).sum(axis=0), abs(dy * mask).sum(axis=0)),
        ("layer_2/kernel", (hidden * mask).T @ dy, (ref.dense(abs(x), abs(kernel)) * mask).T @ abs(dy)),
    ):
        actual = chain.view(chain.network.gradients, name)
        checking.assert_close(actual, expected, ref.tolerance(32, magnitude), name)
