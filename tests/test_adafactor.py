"""Adafactor beside Keras."""

import numpy as np
import pytest

import cnncore
from cnncore import optimizers

keras = pytest.importorskip("keras")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
RNG = np.random.default_rng(0)
X, Y = RNG.random((24, 6, 6, 2), np.float32), RNG.random((24, 2), np.float32)


def trained(k, rate=0.05, **options):
    model = k.Sequential([k.Input((6, 6, 2)), k.layers.Conv2D(3, 3), k.layers.Flatten(), k.layers.Dense(2)])
    values = np.random.default_rng(1)
    model.set_weights([values.random(w.shape).astype(np.float32) - 0.4 for w in model.get_weights()])
    if rate == "decay":
        rate = k.optimizers.schedules.ExponentialDecay(0.5, 3, 0.5)
    model.compile(k.optimizers.Adafactor(rate, **options), "mse")
    model.fit(X, Y, batch_size=8, epochs=4, shuffle=False, verbose=0)
    return model.get_weights()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rate": "decay"},
        {"rate": 3.0, "clip_threshold": 0.5, "relative_step": False},
        {"beta_2_decay": -0.5, "epsilon_1": 1e-3, "epsilon_2": 0.5, "weight_decay": 0.1},
    ],
)
def test_training_as_in_keras(options):
    for mine, other in zip(trained(cnncore, **options), trained(keras, **options), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-4)


def test_config_and_arguments():
    config = optimizers.Adafactor(0.1, epsilon_2=1e-2).get_config()
    assert optimizers.Adafactor.from_config(config).get_config() == config
    assert {*keras.optimizers.Adafactor().get_config()} == {*config}
    assert isinstance(optimizers.get("adafactor"), optimizers.Adafactor)
    with pytest.raises(ValueError, match="`beta_2_decay`"):
        optimizers.Adafactor(beta_2_decay=0.8)


def test_training_goes_on_from_a_file(tmp_path):
    model = cnncore.Sequential([cnncore.Input((6, 6, 2)), cnncore.layers.Flatten(), cnncore.layers.Dense(2)])
    model.compile(optimizers.Adafactor(0.05), "mse")
    model.fit(X, Y, epochs=2, verbose=0)
    model.save(tmp_path / "model")
    other = cnncore.models.load_model(tmp_path / "model")
    for item in (model, other):
        item.fit(X, Y, epochs=1, shuffle=False, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], other.get_weights()[0])
