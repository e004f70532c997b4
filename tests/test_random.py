"""cnncore.random: shapes, distributions, seeds, and its use inside layers."""

import numpy as np
import pytest

from cnncore import Sequential, random, utils
from cnncore.layers import Dense, Layer

DRAWS = {
    "normal": lambda **k: random.normal((4000,), 1.0, 2.0, **k),
    "truncated_normal": lambda **k: random.truncated_normal((4000,), 1.0, 2.0, **k),
    "uniform": lambda **k: random.uniform((4000,), -1.0, 3.0, **k),
    "randint": lambda **k: random.randint((4000,), -1, 4, **k),
    "categorical": lambda **k: random.categorical(np.log([[0.2, 0.3, 0.5]] * 4), 1000, **k),
    "beta": lambda **k: random.beta((4000,), 2.0, 3.0, **k),
    "gamma": lambda **k: random.gamma((4000,), 2.0, **k),
    "binomial": lambda **k: random.binomial((4000,), 10, 0.3, **k),
    "shuffle": lambda **k: random.shuffle(np.arange(4000), **k),
    "dropout": lambda **k: random.dropout(np.ones(4000, np.float32), 0.25, **k),
}
MEANS = {"beta": 0.4, "gamma": 2.0, "binomial": 3.0, "shuffle": 1999.5, "categorical": 1.3, "randint": 1.0}


@pytest.mark.parametrize("name", DRAWS)
def test_means_and_seeds(name):
    draw = DRAWS[name]
    values = draw(seed=3)
    assert abs(float(np.mean(values)) - MEANS.get(name, 1.0)) < 0.1
    np.testing.assert_array_equal(values, draw(seed=3))
    assert (np.asarray(values) != draw(seed=4)).any()
    stream, again = random.SeedGenerator(5), random.SeedGenerator(5)
    first, second = draw(seed=stream), draw(seed=stream)
    assert (np.asarray(first) != second).any()
    np.testing.assert_array_equal(first, draw(seed=again))
    utils.set_random_seed(1)
    unseeded = draw()
    utils.set_random_seed(1)
    np.testing.assert_array_equal(unseeded, draw())


def test_ranges_and_types():
    assert np.abs(random.truncated_normal((4000,))).max() <= 2
    whole = random.uniform((400,), 2, 5, dtype="int32")
    assert set(whole.tolist()) == {2, 3, 4}
    assert whole.dtype == np.int32
    assert random.normal([2, 3]).dtype == np.float32
    assert random.normal((2,)).numpy().shape == (2,)
    masked = random.dropout(np.ones((6, 3, 5), np.float32), 0.5, noise_shape=(None, 1, 5))
    assert (masked == masked[:, :1]).all()
    with pytest.raises(TypeError, match="unexpected arguments"):
        random.SeedGenerator(sed=1)
    with pytest.raises(AttributeError, match=r'Did you mean "normal"'):
        random.norml  # noqa: B018


def test_inside_a_layer_that_is_trained():
    class Drop(Layer):
        def __init__(self):
            super().__init__()
            self.seeds = random.SeedGenerator(1)

        def call(self, x):
            return random.dropout(x, 0.5, seed=self.seeds)

    model = Sequential([Dense(8, input_shape=(4,)), Drop(), Dense(1)])
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(np.ones((8, 4)), np.ones(8), verbose=0)
    assert all((old != new).any() for old, new in zip(before[:1], model.get_weights()[:1], strict=True))
