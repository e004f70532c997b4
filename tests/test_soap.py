"""SOAP: what its steps are, where it is Adam, its memory, its manners inside fit."""

import numpy as np
import pytest

from cnncore import Sequential, optimizers
from cnncore.datasets import mnist5k
from cnncore.layers import Conv2D, Dense, Flatten, MaxPooling2D
from cnncore.optimizers import SOAP, Adam
from cnncore.saving import load_model


def gradients(shape, steps=25):
    """Of a noisy quadratic whose curvature differs along its axes."""
    rng = np.random.default_rng(0)
    scale = np.logspace(-1, 1, int(np.prod(shape))).reshape(shape)
    return lambda w: scale * w + 0.1 * rng.standard_normal(shape), rng.standard_normal(shape), steps


def test_one_step_is_the_formula_in_float64():
    rng = np.random.default_rng(1)
    weights = rng.standard_normal((4, 4)).astype(np.float32)
    optimizer, w = SOAP(0.1, beta_1=0.8, beta_2=0.9, refresh_steps=1, epsilon=1e-6), weights.astype(np.float64)
    mean, square, bases = np.zeros((4, 4)), np.zeros((4, 4)), None
    factors = [np.zeros((4, 4)), np.zeros((4, 4))]
    for step in range(6):
        g = rng.standard_normal((4, 4)).astype(np.float32).astype(np.float64)
        optimizer.apply_gradients([(g, weights)])
        factors = [0.9 * factors[0] + 0.1 * g @ g.T, 0.9 * factors[1] + 0.1 * g.T @ g]
        if bases is None:
            bases = [np.linalg.eigh(factor)[1] for factor in factors]  # the first step moves nothing
            continue
        mean = 0.8 * mean + 0.2 * g
        square = 0.9 * square + 0.1 * (bases[0].T @ g @ bases[1]) ** 2
        move = (bases[0].T @ mean @ bases[1]) / (1 - 0.8**step) / (np.sqrt(square / (1 - 0.9**step)) + 1e-6)
        w -= 0.1 * bases[0] @ move @ bases[1].T
        np.testing.assert_allclose(weights, w, rtol=1e-3, atol=1e-4)
        for axis, (factor, basis) in enumerate(zip(factors, bases, strict=True)):
            order = np.argsort(-np.diag(basis.T @ factor @ basis))
            square = np.take(square, order, axis)
            bases[axis] = np.linalg.qr(factor @ basis[:, order])[0]


def test_it_does_not_depend_on_the_coordinates():
    """The path of a rotated problem is the rotated path; Adam's is not."""
    gradient, start, steps = gradients((4, 4))
    rng = np.random.default_rng(2)
    left, right = (np.linalg.qr(rng.standard_normal((n, n)))[0] for n in (4, 4))
    distances = []
    for make in (lambda: SOAP(0.05), lambda: Adam(0.05)):
        plain, turned = start.astype(np.float32), (left @ start @ right.T).astype(np.float32)
        pair = make(), make()
        for _ in range(steps):
            g = gradient(plain)
            pair[0].apply_gradients([(g, plain)])
            pair[1].apply_gradients([(left @ g @ right.T, turned)])
        distances.append(np.abs(left.T @ turned @ right - plain).max())
    assert distances[0] < 0.02 < 0.1 < distances[1]


@pytest.mark.parametrize(("shape", "largest"), [((7,), 512), ((3, 3, 2, 5), 4), ((1, 6), 512)])
def test_without_factors_it_is_adam(shape, largest):
    gradient, start, steps = gradients(shape)
    soap, adam = start.astype(np.float32), start.astype(np.float32)
    one = SOAP(0.02, beta_1=0.9, beta_2=0.999, epsilon=1e-7, largest_factor=largest)
    other = Adam(0.02, beta_1=0.9, beta_2=0.999, epsilon=1e-7)
    one.apply_gradients([(gradient(soap), soap)])  # which moves nothing
    for _ in range(steps):
        g = gradient(adam)
        one.apply_gradients([(g, soap)])
        other.apply_gradients([(g, adam)])
    np.testing.assert_allclose(soap, adam, rtol=2e-4, atol=1e-5)


def network(optimizer):
    model = Sequential(seed=0)
    for layer in (Conv2D(8, 3, activation="relu", input_shape=(28, 28, 1)), MaxPooling2D(3), Flatten()):
        model.add(layer)
    model.add(Dense(10, activation="softmax"))
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


def digits(count=500):
    (x, y), _ = mnist5k.load_data()
    return x[:count, ..., np.newaxis] / np.float32(255), y[:count]


def test_it_needs_fewer_epochs_than_adam():
    losses = {
        name: network(optimizer).fit(*digits(), batch_size=50, epochs=8, verbose=0).history["loss"][-1]
        for name, optimizer in (("soap", SOAP(0.03)), ("adam", Adam(0.03)))
    }
    assert losses["soap"] < 0.8 * losses["adam"], losses


def test_a_saved_model_goes_on_exactly(tmp_path):
    x, y = digits(100)
    model = network(SOAP(refresh_steps=3, largest_factor=50, weight_decay=0.01))
    model.fit(x, y, batch_size=25, epochs=2, verbose=0)
    model.save(tmp_path / "model.safetensors")
    other = load_model(tmp_path / "model.safetensors")
    assert other.optimizer.get_config() == model.optimizer.get_config()
    for each in (model, other):
        each.fit(x, y, batch_size=25, epochs=2, verbose=0)
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        assert np.array_equal(one, two)


def test_description_and_arguments():
    assert optimizers.get("soap").name == "soap"
    copy = optimizers.deserialize(optimizers.serialize(SOAP(0.01, refresh_steps=5)))
    assert copy.get_config() == SOAP(0.01, refresh_steps=5).get_config()
    with pytest.raises(ValueError, match=r"\[SOAP\] expected `refresh_steps` >= 1"):
        SOAP(refresh_steps=0)
    with pytest.raises(ValueError, match=r"\[SOAP\] expected `beta_1`"):
        SOAP(beta_1=1.0)


def test_gradients_that_are_not_finite_leave_weights_that_end_the_training():
    optimizer = SOAP()
    optimizer.build([np.ones((3, 2), np.float32)])
    weights = np.ones(6, np.float32)
    optimizer.update(weights, np.full(6, np.inf, np.float32), 1)
    assert np.isnan(weights).all()
