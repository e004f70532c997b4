"""K-FAC: its factors equal their definition in NumPy, its steps equal natural gradients, and it works inside fit."""

import itertools
import json

import numpy as np
import pytest

import cnncore
from cnncore import Sequential, callbacks, layers, optimizers
from cnncore.datasets import mnist5k
from cnncore.models.data.sources import Batch
from cnncore.models.training.factors import FactorProbe
from cnncore.optimizers import KFAC
from cnncore.optimizers.newton.factors import Block, Curvature
from cnncore.saving import load_model


def windows(x, size, strides=(1, 1), dilation=(1, 1), pad=((0, 0), (0, 0))):
    """(samples, positions, depth) of a convolution's windows, by four loops."""
    x = np.pad(x, ((0, 0), *pad, (0, 0)))
    high = (x.shape[1] - (size[0] - 1) * dilation[0] - 1) // strides[0] + 1
    wide = (x.shape[2] - (size[1] - 1) * dilation[1] - 1) // strides[1] + 1
    rows = [
        [
            x[:, i * strides[0] + a * dilation[0], j * strides[1] + b * dilation[1]]
            for a in range(size[0])
            for b in range(size[1])
        ]
        for i in range(high)
        for j in range(wide)
    ]
    return np.stack([np.concatenate(row, axis=-1) for row in rows], axis=1)


def with_one(a):
    return np.concatenate([a, np.ones((*a.shape[:-1], 1))], axis=-1)


def second_moment(a):
    return np.einsum("npi,npj->ij", a, a, dtype=np.float64)


@pytest.mark.parametrize(
    ("size", "options", "pad"),
    [
        ((3, 2), {}, ((0, 0), (0, 0))),
        ((3, 3), {"padding": ((1, 2), (0, 1))}, ((1, 2), (0, 1))),
        ((2, 3), {"strides": (2, 1), "dilation_rate": (1, 2)}, ((0, 0), (0, 0))),
    ],
)
@pytest.mark.parametrize(("channels", "samples"), [(1, 5), (3, 70), (19, 33)])
def test_the_op_sums_outer_products_of_windows(size, options, pad, channels, samples):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((samples, 7, 9, channels)).astype(np.float32)
    graph = cnncore._core.GraphBuilder()
    given = {"kernel_size": size, **options}
    if "padding" in given:
        given["padding"] = tuple(itertools.chain(*given["padding"]))
    t = graph.add("second_moment", [graph.input(x.shape[1:])], "inputs", of="inputs", **given)
    t = graph.add("second_moment", [t], "gradients", of="gradients")
    network = cnncore._core.Network(graph, [t])
    dy = rng.standard_normal(x.shape).astype(np.float32)
    threads = cnncore.get_num_threads()
    results = []
    for count in (1, 2):
        cnncore.set_num_threads(count)
        network.train_step([x], None, [lambda y, y_pred, weight: (0.0, dy)])
        results.append({slot.layer: (slot.offset, slot.shape) for slot in network.slots})
        flat = network.gradients.copy()
        results[-1] = {name: flat[at : at + shape[0] ** 2].reshape(shape) for name, (at, shape) in results[-1].items()}
    cnncore.set_num_threads(threads)
    assert all(np.array_equal(results[0][name], results[1][name]) for name in results[0])
    a = with_one(windows(x, size, options.get("strides", (1, 1)), options.get("dilation_rate", (1, 1)), pad))
    np.testing.assert_allclose(results[0]["inputs"], second_moment(a), rtol=1e-4, atol=1e-3)
    expected = second_moment(dy.reshape(samples, -1, channels))
    np.testing.assert_allclose(results[0]["gradients"], expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("size", [1, 2, 31, 32, 33, 100, 257])
def test_the_inverse_of_a_positive_definite_matrix(size):
    rng = np.random.default_rng(size)
    root = rng.standard_normal((size, size + 3))
    matrix = root @ root.T / size + 1e-4 * np.eye(size)
    threads, results = cnncore.get_num_threads(), []
    for count in (1, 2):
        cnncore.set_num_threads(count)
        results.append(cnncore._core.spd_inverse(matrix))
    cnncore.set_num_threads(threads)
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[0].T)
    np.testing.assert_allclose(results[0] @ matrix, np.eye(size), atol=1e-7)
    matrix[0, 0] = -1.0
    with pytest.raises(ValueError, match="expected a positive definite matrix"):
        cnncore._core.spd_inverse(matrix)


# --- the factors of a network ---------------------------------------------------------------------------------------
def small_network(loss="sparse_categorical_crossentropy", fisher="empirical", most_rows=512, samples=24):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((samples, 6, 5, 2)).astype(np.float32)
    y = rng.integers(0, 5, samples)
    model = Sequential(
        [
            layers.Conv2D(4, 3, activation="relu", input_shape=x.shape[1:]),
            layers.Flatten(),
            layers.Dense(5, activation="softmax"),
        ],
        seed=1,
    )
    model.compile(KFAC(), loss)
    batch = Batch(x=[x], y=[y], weight=[None], indices=None, rows=samples)
    probe = FactorProbe(model, model.network, model._described_outputs(), fisher, most_rows)
    return model, probe, batch


def by_hand(model, x):
    """Windows, activations and probabilities of the small network."""
    kernel, bias, kernel_2, bias_2 = (w.astype(np.float64) for w in model.get_weights())
    a = with_one(windows(x, (3, 3)))
    z = a @ np.vstack([kernel.reshape(-1, 4), bias])
    h = np.maximum(z, 0).reshape(len(x), 1, -1)
    logits = with_one(h) @ np.vstack([kernel_2, bias_2])
    p = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return a, z, with_one(h), p / p.sum(axis=-1, keepdims=True), kernel_2


def test_the_factors_of_a_network_equal_their_definition():
    model, probe, batch = small_network()
    (a_conv, g_conv), (a_dense, g_dense) = probe.factors(batch, 0, None)
    a, z, h, p, kernel_2 = by_hand(model, batch.x[0])
    g_2 = p - np.eye(5)[batch.y[0]][:, np.newaxis]
    g = (g_2 @ kernel_2.T).reshape(z.shape) * (z > 0)
    n, positions = z.shape[:2]
    for ours, expected in (
        (a_conv, second_moment(a) / n),
        (g_conv, second_moment(g) / (n * positions)),
        (a_dense, second_moment(h) / n),
        (g_dense, second_moment(g_2) / n),
    ):
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)
    assert [(block.name.split("/")[1], block.depth, block.units) for block in probe.blocks] == [
        ("kernel", 19, 4),
        ("kernel", 49, 5),
    ]


def test_targets_drawn_from_the_model_give_its_fisher_matrix():
    model, probe, batch = small_network(fisher="model", samples=200)
    p = by_hand(model, batch.x[0])[3]
    expected = np.mean([np.diag(q) - np.outer(q, q) for q in p[:, 0]], axis=0)
    drawn = np.mean([probe.factors(batch, step, None)[1][1] for step in range(300)], axis=0)
    np.testing.assert_allclose(drawn, expected, atol=0.03 * np.abs(expected).max())
    first, again, other = (probe.factors(batch, step, None)[1][1] for step in (7, 7, 8))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_rows_say_the_same_as_the_matrix():
    _, probe, batch = small_network()
    _, by_rows, _ = small_network(most_rows=20)
    assert [block.by_rows for block in by_rows.blocks] == [False, True]
    (_, (a, g)), (_, (rows, g_2)) = probe.factors(batch, 0, None), by_rows.factors(batch, 0, None)
    np.testing.assert_allclose(rows.T @ rows, a, rtol=1e-5, atol=1e-6)
    gradient = np.random.default_rng(0).standard_normal((49, 5)).astype(np.float32)
    solutions = []
    for block, first, second in ((probe.blocks[1], a, g), (by_rows.blocks[1], rows, g_2)):
        curvature = Curvature(block, {}, "block_0")
        for keep in (0.0, 0.5):
            curvature.refresh(first, second, keep, 100)
        curvature.invert(1e-3)
        solutions.append(curvature.solve(gradient))
    np.testing.assert_allclose(solutions[0], solutions[1], rtol=1e-3, atol=1e-4)
    trace = np.trace(a) / 49 / (np.trace(g) / 5)
    damped = [m.astype(np.float64) + s * np.sqrt(1e-3) * np.eye(len(m)) for m, s in ((a, trace**0.5), (g, trace**-0.5))]
    np.testing.assert_allclose(
        solutions[0], np.linalg.solve(damped[0], gradient) @ np.linalg.inv(damped[1]), rtol=1e-3, atol=1e-4
    )


def test_of_many_rows_the_last_are_kept_with_their_weight():
    block = Block("dense/kernel", 0, None, 3, 1, by_rows=True)
    memory = {}
    curvature, one = Curvature(block, memory, "block_0"), np.ones((1, 1), np.float32)
    rng = np.random.default_rng(0)
    first, second = (rng.standard_normal((4, 3)).astype(np.float32) for _ in range(2))
    curvature.refresh(first, one, 0.0, 6)
    curvature.refresh(second, one, 0.75, 6)
    rows = memory["block_0/a"]
    assert rows.shape == (6, 3)
    np.testing.assert_allclose((rows**2).sum(), 0.75 * (first**2).sum() + 0.25 * (second**2).sum(), rtol=1e-5)
    ratio = rows / np.concatenate([np.sqrt(0.75) * first[2:], 0.5 * second])
    np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-5)


@pytest.mark.parametrize("units", [1, 3])
def test_on_a_linear_network_the_step_is_the_natural_gradient(units):
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((4000, 4)) @ (np.eye(4) + 0.3 * rng.standard_normal((4, 4))) + 0.5).astype(np.float32)
    y = rng.standard_normal((4000, units)).astype(np.float32)
    model = Sequential([layers.Dense(units, input_shape=(4,))], seed=0)
    model.compile(KFAC(1.0, damping=1e-8, norm_limit=0, factor_samples=None), "mse")
    before = np.concatenate([w.reshape(-1, units) for w in model.get_weights()])
    model.fit(x, y, batch_size=4000, epochs=1, verbose=0)
    step = before - np.concatenate([w.reshape(-1, units) for w in model.get_weights()])
    a = with_one(x.astype(np.float64))
    gradient = 2.0 / units * a.T @ (a @ before - y) / len(a)
    drawn = model.optimizer.memory["block_0/g"].astype(np.float64)  # a mean over targets that the model drew
    np.testing.assert_allclose(drawn, 2.0 / units * np.eye(units), atol=0.1 / units)
    fisher = np.kron(a.T @ a / len(a), drawn)
    natural = np.linalg.solve(fisher, gradient.ravel()).reshape(gradient.shape)
    np.testing.assert_allclose(step, natural, atol=1e-3 * np.abs(natural).max())


# --- inside fit -----------------------------------------------------------------------------------------------------
def digits(count=300):
    (x, y), _ = mnist5k.load_data()
    return x[:count], y[:count]


def network(*rest):
    return [
        layers.Rescaling(1 / 255, input_shape=(28, 28, 1)),
        layers.Conv2D(4, 3, strides=2, activation="relu", padding="same"),
        *rest,
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dropout(0.1),
        layers.Dense(16, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]


def compiled(optimizer, *rest):
    model = Sequential(network(*rest), seed=0)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


def test_it_needs_fewer_epochs_than_adam():
    x, y = digits(600)
    losses = {}
    for name in ("kfac", "adam"):
        losses[name] = compiled(name).fit(x, y, batch_size=60, epochs=6, verbose=0).history["loss"]
    assert losses["kfac"][2] < losses["adam"][5]


def test_a_batch_and_what_follows_it_do_not_depend_on_threads():
    x, y = digits()
    threads, weights = cnncore.get_num_threads(), []
    for count in (1, 2):
        cnncore.set_num_threads(count)
        model = compiled(KFAC(refresh_steps=2, most_rows=100), layers.BatchNormalization())
        model.fit(x, y, batch_size=50, epochs=1, verbose=0)
        weights.append(model.get_weights())
    cnncore.set_num_threads(threads)
    for one, two in zip(*weights, strict=True):
        assert np.array_equal(one, two)


def test_a_saved_model_goes_on_exactly(tmp_path):
    x, y = digits()
    options = {"refresh_steps": 4, "momentum": 0.5, "norm_limit": 0.002, "most_rows": 100}
    model = compiled(KFAC(**options), layers.BatchNormalization())
    model.fit(x, y, batch_size=50, epochs=1, verbose=0)
    model.save(tmp_path / "model.safetensors")
    other = load_model(tmp_path / "model.safetensors")
    assert other.optimizer.get_config() == model.optimizer.get_config()
    for each in (model, other):
        each.fit(x, y, batch_size=50, epochs=1, verbose=0)
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        assert np.array_equal(one, two)
    first, second = model.optimizer.state_dict(), other.optimizer.state_dict()
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_a_backup_goes_on_exactly(tmp_path):
    x, y = digits()

    class Stop(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 3:
                raise KeyboardInterrupt

    def train(*more):
        model = compiled(KFAC(refresh_steps=4, most_rows=100))
        model.fit(x, y, batch_size=50, epochs=2, verbose=0, callbacks=list(more))
        return model

    expected = train()
    with pytest.raises(KeyboardInterrupt):
        train(callbacks.BackupAndRestore(tmp_path / "backup", save_freq=3), Stop())
    resumed = train(callbacks.BackupAndRestore(tmp_path / "backup", save_freq=3))
    for one, two in zip(expected.get_weights(), resumed.get_weights(), strict=True):
        assert np.array_equal(one, two)


def test_what_no_factor_knows_moves_by_adam():
    x, y = digits()
    model = compiled(KFAC(rest_rate=0.01), layers.BatchNormalization())
    gamma, beta = (model.get_weights()[i].copy() for i in (2, 3))
    model.fit(x, y, batch_size=300, epochs=1, verbose=0)
    for before, after in ((gamma, model.get_weights()[2]), (beta, model.get_weights()[3])):
        np.testing.assert_allclose(np.abs(after - before), 0.01, rtol=1e-2)  # the first step of Adam


def test_a_frozen_layer_stays_and_the_factors_begin_anew():
    x, y = digits()
    model = compiled("kfac")
    model.fit(x, y, batch_size=100, epochs=1, verbose=0)
    model.layers[1].trainable = False
    kernel = model.get_weights()[0].copy()
    model.fit(x, y, batch_size=100, epochs=1, verbose=0)
    assert np.array_equal(model.get_weights()[0], kernel)


def test_other_losses_by_the_empirical_fisher():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((100, 3)).astype(np.float32)
    y = np.abs(x @ [[1.0], [2.0], [3.0]]).astype(np.float32)
    for fisher in ("empirical", "model"):
        model = Sequential([layers.Dense(8, activation="tanh", input_shape=(3,)), layers.Dense(1)], seed=0)
        model.compile(KFAC(fisher=fisher), "huber")
        if fisher == "model":
            with pytest.raises(ValueError, match=r'\[KFAC\] expected crossentropies .* fisher="empirical".* huber'):
                model.fit(x, y, verbose=0)
        else:
            losses = model.fit(x, y, epochs=20, verbose=0).history["loss"]
            assert losses[-1] < 0.5 * losses[0]


def test_description_and_arguments():
    optimizer = KFAC(0.2, damping=0.01, weight_decay=1e-4, factor_samples=None)
    copy = optimizers.get(json.loads(json.dumps(optimizers.serialize(optimizer))))
    assert copy.get_config() == optimizer.get_config()
    for options, message in (
        ({"damping": -1.0}, "`damping`"),
        ({"refresh_steps": 0}, "`refresh_steps` >= 1"),
        ({"factor_decay": 1.0}, "`factor_decay`"),
        ({"fisher": "true"}, "`fisher`"),
    ):
        with pytest.raises(ValueError, match=rf"\[KFAC\] expected {message}"):
            KFAC(**options)


def test_a_factor_that_cannot_be_inverted_is_refused():
    x, y = digits(50)
    x[..., :5, :] = 0  # windows that are always black
    with pytest.raises(ValueError, match=r"\[KFAC\] expected a `damping` large enough for the factors to be inverted"):
        compiled(KFAC(damping=0.0)).fit(x, y, epochs=1, verbose=0)


def test_a_loss_that_is_not_finite_changes_nothing():
    x, y = digits(50)
    model = compiled("kfac")
    model.layers[1].set_weights([w * np.float32(1e38) for w in model.layers[1].get_weights()])
    changed = model.get_weights()
    with pytest.raises(cnncore.TrainingError):
        model.fit(x, y, epochs=1, verbose=0)
    for one, two in zip(changed, model.get_weights(), strict=True):
        assert np.array_equal(one, two)
