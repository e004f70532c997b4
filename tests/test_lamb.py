"""Lamb beside Keras."""

import numpy as np
import pytest

import cnncore
from cnncore import optimizers

keras = pytest.importorskip("keras")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
RNG = np.random.default_rng(0)
X, Y = RNG.random((24, 4), np.float32), RNG.random((24, 2), np.float32)


def trained(k, **options):
    model = k.Sequential([k.Input((4,)), k.layers.Dense(5, "tanh"), k.layers.Dense(2)])
    values = np.random.default_rng(1)
    model.set_weights([values.random(w.shape).astype(np.float32) - 0.4 for w in model.get_weights()])
    model.compile(k.optimizers.Lamb(0.05, **options), "mse")
    model.fit(X, Y, batch_size=8, epochs=4, shuffle=False, verbose=0)
    return model.get_weights()


@pytest.mark.parametrize("options", [{}, {"beta_1": 0.5, "weight_decay": 0.1}, {"global_clipnorm": 0.01}])
def test_training_as_in_keras(options):
    for mine, other in zip(trained(cnncore, **options), trained(keras, **options), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-5)


def test_config_and_arguments():
    config = optimizers.Lamb(0.1, epsilon=1e-6).get_config()
    assert optimizers.Lamb.from_config(config).get_config() == config
    assert {*keras.optimizers.Lamb().get_config()} == {*config}
    assert isinstance(optimizers.get("lamb"), optimizers.Lamb)
    with pytest.raises(ValueError, match="`beta_2`"):
        optimizers.Lamb(beta_2=1.0)
