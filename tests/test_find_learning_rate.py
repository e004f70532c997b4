"""The learning-rate finder: its curve, its suggestion, and a model that is as it was."""

import re
from pathlib import Path

import numpy as np
import pytest

from cnncore import Sequential, optimizers, utils
from cnncore.layers import Dense, Dropout


def linear_model(optimizer):
    model = Sequential([Dense(8, activation="relu", input_shape=(4,)), Dropout(0.1), Dense(1)], seed=3)
    model.compile(optimizer, "mse")
    return model


@pytest.fixture
def data():
    x = np.random.default_rng(0).normal(size=(96, 4)).astype(np.float32)
    return x, x.sum(axis=1, keepdims=True)


def test_the_suggestion_lies_where_the_loss_falls(data):
    curve = utils.find_learning_rate(linear_model("sgd"), *data, steps=60, lowest=1e-5, highest=10.0)
    assert curve.learning_rates.shape == curve.losses.shape == curve.smoothed.shape
    assert len(curve.losses) < 60  # it diverges before a rate of 10
    assert 1e-3 < curve.suggestion < 0.5
    assert curve.suggestion == 0.1 * curve.learning_rates[np.argmin(curve.smoothed)]
    # the running mean by its definition
    weights = 0.9 ** np.arange(10)
    np.testing.assert_allclose(curve.smoothed[9], weights @ curve.losses[9::-1] / weights.sum(), rtol=1e-12)
    model = linear_model(optimizers.SGD(curve.suggestion))
    losses = model.fit(*data, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("used", [False, True])
def test_the_model_is_as_it_was(data, used):
    schedule = optimizers.schedules.ExponentialDecay(0.01, 10, 0.5)
    model, other = linear_model(optimizers.Adam(schedule)), linear_model(optimizers.Adam(schedule))
    if used:
        for each in (model, other):
            each.fit(*data, epochs=1, verbose=0)
    first = utils.find_learning_rate(model, *data, steps=20)
    second = utils.find_learning_rate(model, *data, steps=20)
    assert np.array_equal(first.losses, second.losses)
    assert model.optimizer.iterations == other.optimizer.iterations
    assert model.optimizer.schedule is schedule
    for each in (model, other):
        each.fit(*data, epochs=2, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights(), strict=True))


def test_a_run_that_diverges_at_once_is_refused_and_leaves_nothing(data):
    model = linear_model("sgd")
    before = [weight.copy() for weight in model.get_weights()]
    with pytest.raises(ValueError, match="at least 5 steps before the loss is no longer finite"):
        utils.find_learning_rate(model, *data, lowest=1e20, highest=1e30)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before, strict=True))
    assert float(model.optimizer.learning_rate) == 0.01
    assert not model.optimizer.built


def test_the_plot_shows_both_curves(data):
    matplotlib_figure = pytest.importorskip("matplotlib.figure")
    curve = utils.find_learning_rate(linear_model("sgd"), *data, steps=20)
    axes = curve.plot(matplotlib_figure.Figure().subplots())
    losses, smoothed, suggestion = axes.get_lines()
    assert np.array_equal(losses.get_ydata(), curve.losses)
    assert np.array_equal(smoothed.get_ydata(), curve.smoothed)
    assert suggestion.get_xdata()[0] == curve.suggestion
    assert axes.get_xscale() == "log"
    assert curve.plot(axes) is axes


def test_pyplot_shows_the_plot(data):
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("agg")
    axes = utils.find_learning_rate(linear_model("sgd"), *data, steps=20).plot()
    assert plt.gca() is axes
    plt.close(axes.figure)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 5}, "`steps` >= 10"),
        ({"lowest": 1.0, "highest": 0.1}, "expected 0 < lowest < highest. Received: lowest=1.0, highest=0.1"),
        ({"lowest": 0.0}, "expected 0 < lowest < highest"),
        ({"batch_size": 0}, "`batch_size` >= 1"),
    ],
)
def test_arguments_that_make_no_sense(data, options, message):
    with pytest.raises(ValueError, match=rf"\[find_learning_rate\] .*{message}"):
        utils.find_learning_rate(linear_model("sgd"), *data, **options)


def test_no_samples():
    with pytest.raises(ValueError, match=r"expected at least one sample. Received: x of shape \(0, 4\)"):
        utils.find_learning_rate(linear_model("sgd"), np.zeros((0, 4)), np.zeros((0, 1)))


def test_what_the_docs_show(tmp_path, monkeypatch):
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("agg")
    page = (Path(__file__).parents[1] / "docs" / "optimizers.md").read_text(encoding="utf-8")
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", page, re.S) if "find_learning_rate" in block)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code, names)
    assert (tmp_path / "rates.png").stat().st_size > 1000
    assert 1e-5 < names["curve"].suggestion < 0.1
    assert float(names["model"].optimizer.learning_rate) == pytest.approx(names["curve"].suggestion)
    plt.close("all")
