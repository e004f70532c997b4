"""Initializers: bounds, moments, fans, seeds and configs; and the helpers of cnncore.utils."""

import json
import math
import random

import numpy as np
import pytest

from cnncore import Input, initializers, layers, utils
from cnncore.initializers import (
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Initializer,
    Ones,
    RandomNormal,
    RandomUniform,
    Zeros,
)

SHAPE = (3, 3, 40, 80)  # 28,800 values: fan_in 360, fan_out 720
FAN_IN, FAN_OUT = 360, 720

# initializer, variance, largest absolute value
RANDOM = [
    (GlorotUniform, 2 / (FAN_IN + FAN_OUT), math.sqrt(6 / (FAN_IN + FAN_OUT))),
    (GlorotNormal, 2 / (FAN_IN + FAN_OUT), 2 * math.sqrt(2 / (FAN_IN + FAN_OUT)) / 0.8796),
    (HeUniform, 2 / FAN_IN, math.sqrt(6 / FAN_IN)),
    (HeNormal, 2 / FAN_IN, 2 * math.sqrt(2 / FAN_IN) / 0.8796),
    (RandomNormal, 0.05**2, math.inf),
    (RandomUniform, 0.1**2 / 12, 0.05),
]


@pytest.mark.parametrize(("cls", "variance", "limit"), RANDOM)
class TestRandom:
    def test_values_have_their_distribution(self, cls, variance, limit):
        values = cls(seed=0)(SHAPE)
        assert values.shape == SHAPE
        assert values.dtype == np.float32
        assert np.abs(values).max() <= limit * (1 + 1e-6)
        if limit < math.inf:
            assert np.abs(values).max() > 0.99 * limit
        # Five standard errors of the mean and of the variance (whose own variance is at most 2 variance^2 / n).
        assert abs(values.mean()) < 5 * math.sqrt(variance / values.size)
        assert abs(values.var() / variance - 1) < 5 * math.sqrt(2 / values.size)

    def test_equal_seeds_give_equal_values(self, cls, variance, limit):
        assert np.array_equal(cls(seed=1)(SHAPE), cls(seed=1)(SHAPE))
        assert not np.array_equal(cls(seed=1)(SHAPE), cls(seed=2)(SHAPE))
        assert not np.array_equal(cls()(SHAPE), cls()(SHAPE))
        assert np.array_equal(cls()(SHAPE, seed=(1, 2)), cls()(SHAPE, seed=(1, 2)))
        assert np.array_equal(cls(seed=1)(SHAPE, seed=5), cls(seed=1)(SHAPE))  # its own seed wins

    def test_copies_from_configs_draw_the_same_values(self, cls, variance, limit):
        initializer = cls(seed=7)
        copy = initializers.deserialize(json.loads(json.dumps(initializers.serialize(initializer))))
        assert np.array_equal(copy(SHAPE), initializer(SHAPE))


def test_constants_fill_arrays():
    assert np.array_equal(Zeros()((2, 3)), np.zeros((2, 3)))
    assert np.array_equal(Ones()((2,)), np.ones(2))
    assert np.array_equal(Constant(0.5)((2,)), [0.5, 0.5])
    for initializer in (Zeros(), Ones(), Constant(0.5)):
        assert np.array_equal(initializers.deserialize(initializers.serialize(initializer))((2,)), initializer((2,)))


def test_mean_deviation_and_limits_are_the_given_ones():
    values = RandomNormal(mean=3.0, stddev=0.5, seed=0)((100_000,))
    assert values.mean() == pytest.approx(3.0, abs=0.01)
    assert values.std() == pytest.approx(0.5, abs=0.01)
    values = RandomUniform(1.0, 2.0, seed=0)((1000,))
    assert values.min() >= 1.0
    assert values.max() < 2.0


@pytest.mark.parametrize(
    ("shape", "fans"),
    [((), (1, 1)), ((7,), (7, 7)), ((3, 5), (3, 5)), ((3, 3, 8, 16), (72, 144)), ((5, 5, 1, 6), (25, 150))],
)
def test_fans_of_dense_layers_and_convolutions(shape, fans):
    assert initializers.compute_fans(shape) == fans


def test_axes_say_what_the_inputs_and_outputs_of_a_weight_are():
    assert initializers.compute_fans((30, 4, 20), [0], [1, 2]) == (30, 80)
    assert initializers.compute_fans((30, 4, 20), input_axes=[0]) == initializers.compute_fans((30, 4, 20))
    initializer = GlorotUniform(seed=0, input_axes=[0], output_axes=[1, 2])
    assert np.abs(initializer((30, 4, 20))).max() == pytest.approx(math.sqrt(6 / 110), rel=0.01)
    copy = initializers.deserialize(json.loads(json.dumps(initializers.serialize(initializer))))
    assert np.array_equal(copy((30, 4, 20)), initializer((30, 4, 20)))
    with pytest.raises(ValueError, match=r"axes of a weight of rank 2. Received: input_axes=\[0\], output_axes=\[2\]"):
        initializers.VarianceScaling(input_axes=[0], output_axes=[2])((3, 4))


@pytest.mark.parametrize("initializer", [Zeros(), Constant(2.0), RandomNormal(), GlorotUniform(), lambda shape: 3.0])
def test_a_single_number(initializer):
    assert initializers.get(initializer)(()).shape == ()


class TestFansOfLayers:
    """Bounds of uniform distributions: a = sqrt(6 / (fan_in + fan_out)) for Glorot's."""

    @pytest.mark.parametrize(
        ("equation", "output_shape", "fans"),
        [("ab,bc->ac", 40, 90), ("abc,cde->abde", (None, 8, 40), 370), ("abcd,cde->abe", (None, 40), 690)],
    )
    def test_einsum_dense(self, equation, output_shape, fans):
        shape = {2: (50,), 3: (5, 50), 4: (5, 13, 50)}[len(equation.split(",")[0])]
        layer = layers.EinsumDense(equation, output_shape)
        layer(Input(shape))
        assert np.abs(layer.kernel).max() == pytest.approx(math.sqrt(6 / fans), rel=0.01)

    def test_the_projections_of_attention(self):
        layer = layers.MultiHeadAttention(num_heads=8, key_dim=20, kernel_initializer="he_uniform")
        layer(Input((5, 50)), Input((5, 50)))
        kernels = [weight.numpy() for weight in layer.weights if "kernel" in weight.path]
        assert [np.abs(kernel).max() for kernel in kernels] == pytest.approx(
            [math.sqrt(6 / 50)] * 3 + [math.sqrt(6 / 160)], rel=0.01
        )


@pytest.mark.parametrize("name", ["glorot_uniform", "GlorotUniform", "he_normal", "zeros", "ones", "random_normal"])
def test_names_and_classes_give_initializers(name):
    initializer = initializers.get(name)
    assert type(initializer).__name__.lower() == name.replace("_", "").lower()
    assert type(initializers.get(type(initializer))) is type(initializer)
    assert initializers.get(initializer) is initializer


def test_arguments_that_make_no_sense():
    with pytest.raises(ValueError, match=r"Unknown initializer 'xavier'.* Known: constant, dirac, glorot_normal"):
        initializers.get("xavier")
    with pytest.raises(ValueError, match=r"\[GlorotUniform\] expected `seed` >= 0"):
        GlorotUniform(seed=-1)
    with pytest.raises(ValueError, match="`stddev`"):
        RandomNormal(stddev=-1.0)
    with pytest.raises(NotImplementedError, match=r"must implement draw\(shape, rng\)"):
        Initializer()((2,))


class TestUtils:
    def test_set_random_seed(self):
        draws = []
        for _ in range(2):
            utils.set_random_seed(5)
            draws.append((random.random(), np.random.rand(), GlorotUniform()((3, 3)).tolist()))  # noqa: NPY002
        assert draws[0] == draws[1]
        with pytest.raises(TypeError, match="`seed` to be an integer"):
            utils.set_random_seed("5")
        with pytest.raises(ValueError, match="`seed` >= 0"):
            utils.set_random_seed(-5)

    @pytest.mark.parametrize("labels", [[0, 2, 1], [[0], [2], [1]], np.uint8([0, 2, 1])])
    def test_to_categorical(self, labels):
        rows = utils.to_categorical(labels, 4)
        assert rows.dtype == np.float32
        assert np.array_equal(rows, [[1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0]])
        assert utils.to_categorical(labels).shape == (3, 3)

    def test_to_categorical_errors(self):
        with pytest.raises(ValueError, match=r"labels in \[0, 2\). Received: labels from 0 to 2"):
            utils.to_categorical([0, 2], 2)
        with pytest.raises(ValueError, match="from -1"):
            utils.to_categorical([0, -1])


@pytest.mark.parametrize("result", [None, "text", 1j])
def test_functions_that_return_no_real_numbers(result):
    with pytest.raises(TypeError, match=r"\[initializers\] expected values to hold real numbers"):
        initializers.get(lambda shape: np.full(shape, result))((2, 3))
