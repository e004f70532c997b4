"""Weights that a layer turns into arrays, and arrays that functions of ``cnncore.ops`` return."""

import numpy as np
import pytest

import cnncore
from cnncore import GradientTape, Input, layers, ops, optimizers


class PositionEmbedding(layers.Layer):
    """As in Keras' examples: the weight is made a tensor, cut and repeated."""

    def __init__(self, convert):
        super().__init__()
        self.convert = convert

    def build(self, input_shape):
        self.table = self.add_weight(shape=[8, input_shape[-1]], initializer="ones", name="table")

    def call(self, x):
        shape = ops.shape(x)
        return x + ops.broadcast_to(ops.slice(self.convert(self.table), (0, 0), (shape[-2], shape[-1])), shape)


@pytest.mark.parametrize("convert", [ops.convert_to_tensor, lambda weight: ops.cast(weight, "float32")])
def test_a_weight_that_is_converted_is_trained(convert):
    layer = PositionEmbedding(convert)
    model = cnncore.Sequential([Input((3, 2)), layer])
    model.compile(optimizers.SGD(1.0), "mse")
    x = np.zeros((4, 3, 2), np.float32)
    model.fit(x, x, batch_size=4, verbose=0)
    expected = np.ones((8, 2), np.float32)
    expected[:3] -= 2 / 6  # the derivative of the mean of six squares
    np.testing.assert_allclose(layer.table.numpy(), expected, rtol=1e-6)


def test_a_weight_that_is_converted_while_a_tape_is_open():
    layer = layers.Dense(1, kernel_initializer="ones")
    layer.build((None, 2))
    with GradientTape() as tape:
        loss = np.sum(np.square(ops.convert_to_tensor(layer.kernel)))
    np.testing.assert_array_equal(tape.gradient(loss, layer.kernel), [[2.0], [2.0]])
    now = ops.convert_to_tensor(layer.kernel)
    layer.kernel.assign([[5.0], [5.0]])
    np.testing.assert_array_equal(now, [[1.0], [1.0]])  # the values of the moment


@pytest.mark.parametrize(
    "make",
    [
        lambda: ops.cast(np.ones(3), "float32"),
        lambda: ops.expand_dims(np.ones(3, np.float32), 0),
        lambda: ops.ones((2, 2)),
        lambda: ops.reshape(np.ones((2, 2), np.float32), [-1]),
        lambda: ops.mean(np.ones((2, 2, 2), np.float32), [1, 2]),
        lambda: ops.mean(np.ones((2, 2, 2), np.float32), axis=[1, 2]),
    ],
)
def test_results_of_ops_can_be_watched(make):
    x = make()
    with GradientTape() as tape:
        tape.watch(x)
        y = ops.sum(x * x)
    np.testing.assert_array_equal(tape.gradient(y, x), 2 * np.ones(x.shape))
