"""Newton-CG, Levenberg-Marquardt and L-BFGS inside fit, on convex problems and small networks."""

import itertools
import json
import sys

import numpy as np
import pytest

import cnncore
from cnncore import Sequential, callbacks, layers, optimizers, regularizers
from cnncore.datasets import mnist5k
from cnncore.models.training.steps import TrainingStep
from cnncore.optimizers import LBFGS, LevenbergMarquardt, NewtonCG
from cnncore.saving import load_model

OPTIMIZERS = {
    "lbfgs": lambda: LBFGS(),
    "newton_cg": lambda: NewtonCG(max_products=20, curvature_samples=40),
    "levenberg_marquardt": lambda: LevenbergMarquardt(),
}


# --- a convex problem: softmax regression on the package's digits, with an L2 penalty --------------------------------
PENALTY = 1e-2


@pytest.fixture(scope="module")
def digits():
    (x, y), _ = mnist5k.load_data()
    return (x / np.float32(255)).astype(np.float32), y


@pytest.fixture(scope="module")
def optimum(digits):
    """The smallest loss that SciPy finds in float64, and the loss of a model's weights."""
    optimize = pytest.importorskip("scipy.optimize")
    x = np.concatenate([digits[0].reshape(len(digits[0]), -1), np.ones((len(digits[0]), 1))], axis=1).astype(np.float64)
    y = np.eye(10)[digits[1]]

    def loss(w):
        w = w.reshape(785, 10)
        z = x @ w
        z -= z.max(axis=1, keepdims=True)
        logs = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        gradient = x.T @ (np.exp(logs) - y) / len(x)
        gradient[:784] += 2 * PENALTY * w[:784]
        return PENALTY * (w[:784] ** 2).sum() - (y * logs).sum() / len(x), gradient.ravel()

    options = {"ftol": 1e-14, "gtol": 1e-8, "maxiter": 2000}
    best = optimize.minimize(loss, np.zeros(7850), jac=True, method="L-BFGS-B", options=options).fun
    return best, lambda model: loss(np.vstack(model.get_weights()).astype(np.float64))[0]


@pytest.mark.parametrize(
    ("optimizer", "epochs"),
    [(NewtonCG(damping=0.001), 5), (LBFGS(iterations_per_batch=20), 8)],
    ids=["newton", "lbfgs"],
)
def test_softmax_regression_reaches_scipys_optimum(digits, optimum, optimizer, epochs, monkeypatch):
    norms, iterate = [], TrainingStep._iterate

    def spy(self, batch, room):
        values = iterate(self, batch, room)
        norms.append(float(np.linalg.norm(self.gradients(batch))))
        return values

    monkeypatch.setattr(TrainingStep, "_iterate", spy)
    dense = layers.Dense(
        10, activation="softmax", kernel_initializer="zeros", kernel_regularizer=regularizers.L2(PENALTY)
    )
    model = Sequential([layers.Flatten(input_shape=(28, 28, 1)), dense], seed=0)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    model.fit(*digits, batch_size=len(digits[0]), epochs=epochs, verbose=0)
    best, loss = optimum
    assert 0 <= loss(model) - best < 1e-6 * best
    if isinstance(optimizer, NewtonCG):  # superlinearly: each time by a larger factor
        ratios = np.array(norms[1:]) / norms[:-1]
        assert (np.diff(ratios) < 0).all(), norms
        assert ratios[-1] < 0.05, norms
        assert norms[-1] < 1e-3 * norms[0]


# --- small networks ---------------------------------------------------------------------------------------------------
def wave(samples=120):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((samples, 3)).astype(np.float32)
    return x, np.sin(x.sum(axis=1, keepdims=True)).astype(np.float32)


def small_model(optimizer):
    model = Sequential([layers.Dense(6, activation="tanh", input_shape=(3,)), layers.Dense(1)], seed=0)
    model.compile(optimizer, "mse")
    return model


def test_levenberg_marquardt_needs_few_steps():
    x, y = wave()
    losses = {
        name: small_model(name).fit(x, y, batch_size=len(x), epochs=25, verbose=0).history["loss"]
        for name in ("levenberg_marquardt", "lbfgs", "adam")
    }
    assert losses["levenberg_marquardt"][-1] < 0.2 * losses["lbfgs"][-1] < 0.2 * losses["adam"][-1]
    falls = losses["levenberg_marquardt"]
    assert all(b <= a for a, b in itertools.pairwise(falls))


def test_levenberg_marquardt_solves_a_linear_network_at_once():
    x, _ = wave()
    y = x @ np.array([[1.0], [2.0], [3.0]], np.float32) + 4
    model = Sequential([layers.Dense(1, input_shape=(3,))], seed=0)
    model.compile(LevenbergMarquardt(damping=1e-9), "mse")
    model.fit(x, y, batch_size=len(x), epochs=1, verbose=0)
    np.testing.assert_allclose(np.vstack(model.get_weights()).ravel(), [1, 2, 3, 4], rtol=1e-4)


@pytest.mark.parametrize("curvature", ["gauss_newton", "hessian", "fisher"])
def test_newton_cg_by_each_curvature(curvature):
    x, y = wave()
    model = small_model(NewtonCG(curvature=curvature, diagonal_products=5))
    losses = model.fit(x, y, batch_size=len(x), epochs=15, verbose=0).history["loss"]
    assert losses[-1] < 0.2 * losses[0]
    assert all(b <= a * (1 + 1e-6) for a, b in itertools.pairwise(losses))


def test_moving_statistics_move_once_in_a_step():
    x, y = wave()
    moved = {}
    for name in ("sgd", "lbfgs"):
        model = Sequential([layers.BatchNormalization(input_shape=(3,)), layers.Dense(1)], seed=0)
        model.compile(name, "mse")
        model.fit(x, y, batch_size=len(x), epochs=1, verbose=0)
        moved[name] = model.layers[0].get_weights()[2]
    np.testing.assert_array_equal(moved["sgd"], moved["lbfgs"])


# --- memory and manners -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_saved_model_goes_on_exactly(name, tmp_path):
    x, y = wave()
    model = small_model(OPTIMIZERS[name]())
    model.fit(x, y, batch_size=60, epochs=3, verbose=0)
    model.save(tmp_path / "model.safetensors")
    other = load_model(tmp_path / "model.safetensors")
    assert other.optimizer.get_config() == model.optimizer.get_config()
    for each in (model, other):
        each.fit(x, y, batch_size=60, epochs=2, verbose=0)
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        assert np.array_equal(one, two)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_backup_goes_on_exactly(name, tmp_path):
    x, y = wave()

    class Stop(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    def train(*more):
        model = small_model(OPTIMIZERS[name]())
        model.fit(x, y, batch_size=60, epochs=5, verbose=0, callbacks=list(more))
        return model

    expected = train()
    with pytest.raises(KeyboardInterrupt):
        train(callbacks.BackupAndRestore(tmp_path / "backup"), Stop())
    resumed = train(callbacks.BackupAndRestore(tmp_path / "backup"))
    for one, two in zip(expected.get_weights(), resumed.get_weights(), strict=True):
        assert np.array_equal(one, two)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_does_not_depend_on_threads(name):
    x, y = wave()
    threads, weights = cnncore.get_num_threads(), []
    for count in (1, 2):
        cnncore.set_num_threads(count)
        model = small_model(OPTIMIZERS[name]())
        model.fit(x, y, batch_size=60, epochs=2, verbose=0)
        weights.append(model.get_weights())
    cnncore.set_num_threads(threads)
    for one, two in zip(*weights, strict=True):
        assert np.array_equal(one, two)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_names_and_descriptions(name):
    assert optimizers.get(name).name == name
    optimizer = OPTIMIZERS[name]()
    copy = optimizers.get(json.loads(json.dumps(optimizers.serialize(optimizer))))
    assert copy.get_config() == optimizer.get_config()
    for option in ({"weight_decay": 0.1}, {"clipnorm": 1.0}, {"use_ema": True}):
        with pytest.raises(ValueError, match=rf"\[{type(optimizer).__name__}\] expected no `{next(iter(option))}`"):
            type(optimizer)(**option)


@pytest.mark.parametrize(
    ("name", "words"), [("newton_cg", "CG "), ("lbfgs", "line search"), ("levenberg_marquardt", "trial")]
)
def test_callbacks_hear_what_a_long_step_does(name, words):
    heard = []

    class Listener(callbacks.Callback):
        def on_train_batch_progress(self, batch, text):
            heard.append((batch, text))

    x, y = wave()
    small_model(name).fit(x, y, batch_size=60, epochs=1, verbose=0, callbacks=[Listener()])
    assert {batch for batch, _ in heard} == {0, 1}
    assert any(text.startswith(words) for _, text in heard)


@pytest.mark.parametrize(
    ("name", "moment"), [("newton_cg", "CG 2"), ("lbfgs", "line search 1"), ("levenberg_marquardt", "trial 1")]
)
def test_an_interrupted_step_leaves_the_weights_of_the_last_one(name, moment):
    x, y = wave()

    class Interrupt(callbacks.Callback):
        def on_train_batch_progress(self, batch, text):
            if batch == 1 and text.startswith(moment):
                raise KeyboardInterrupt

    expected, model = small_model(name), small_model(name)
    expected.fit(x[:60], y[:60], batch_size=60, epochs=1, verbose=0, shuffle=False)
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, batch_size=60, epochs=1, verbose=0, shuffle=False, callbacks=[Interrupt()])
    for one, two in zip(expected.get_weights(), model.get_weights(), strict=True):
        assert np.array_equal(one, two)


def test_the_bar_shows_it(monkeypatch):
    from cnncore.callbacks import progress

    shown = []

    class Line:
        def columns(self):
            return 79

        def show(self, text):
            shown.append(text)

        def end(self, text):
            pass

    monkeypatch.setattr(progress, "make_line", Line)
    monkeypatch.setattr(progress.ProgressBar, "batch_interval", 0.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    x, y = wave()
    small_model("newton_cg").fit(x, y, batch_size=60, epochs=1, callbacks=[progress.ProgressBar()], verbose=0)
    assert any("0/2" in text and "(CG 1, residual " in text for text in shown)
    assert all(len(text) <= 79 for text in shown)


def test_arguments_that_make_no_sense():
    for make, message in (
        (lambda: NewtonCG(curvature="newton"), r"\[NewtonCG\] expected `curvature`"),
        (lambda: NewtonCG(curvature_samples=0), r"\[NewtonCG\] expected `curvature_samples` >= 1"),
        (lambda: NewtonCG(max_products=0), "`max_products` >= 1"),
        (lambda: LevenbergMarquardt(learning_rate=0.1), r"\[LevenbergMarquardt\] expected `learning_rate` to be 1"),
        (lambda: LevenbergMarquardt(damping=-1), r"\[LevenbergMarquardt\] expected `damping`"),
    ):
        with pytest.raises(ValueError, match=message):
            make()
    x, y = wave()
    with pytest.raises(ValueError, match=r"expected at most 10 parameters.* Received: 31"):
        small_model(LevenbergMarquardt(max_parameters=10)).fit(x, y, verbose=0)
