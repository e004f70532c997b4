"""Variables that belong to no layer, and those that become weights of a layer."""

import numpy as np
import pytest

import cnncore
from cnncore import GradientTape, layers, ops, optimizers, saving


def test_values_and_assignments():
    variable = cnncore.Variable(np.ones((2, 3)), name="scale")
    assert isinstance(variable, cnncore.Variable)
    assert (variable.shape, variable.name, variable.path, variable.trainable) == ((2, 3), "scale", "scale", True)
    variable.assign(variable * 2)
    variable.assign_sub(np.full((2, 3), 0.5))
    assert variable.numpy().tolist() == [[1.5] * 3] * 2
    assert cnncore.Variable(3.0).numpy() == 3
    drawn = cnncore.Variable("glorot_uniform", shape=(4, 5), trainable=False)
    assert drawn.numpy().std() > 0
    assert not drawn.trainable


def test_a_tape_and_an_optimizer_train_it():
    variable = cnncore.Variable([3.0, -1.0])
    optimizer = optimizers.SGD(0.25)
    for _ in range(20):
        with GradientTape() as tape:
            loss = ops.sum(ops.square(variable - np.float32([1.0, 2.0])))
        optimizer.apply_gradients([(tape.gradient(loss, variable), variable)])
    np.testing.assert_allclose(variable.numpy(), [1.0, 2.0], atol=1e-4)


class Scaled(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.factor = cnncore.Variable(2.0, name="factor")
        self.calls = cnncore.Variable(0.0, trainable=False, name="calls")

    def call(self, x):
        self.calls.assign_add(1.0)
        return x * self.factor


def test_an_attribute_of_a_layer_is_its_weight(tmp_path):
    layer = Scaled()
    assert [weight.path for weight in layer.weights] == [f"{layer.name}/factor", f"{layer.name}/calls"]
    assert layer.weights[0] is layer.factor
    model = cnncore.Sequential([cnncore.Input((3,)), layer, layers.Dense(1)])
    model.compile(optimizers.SGD(0.1), "mse")
    model.fit(np.ones((8, 3), np.float32), np.zeros((8, 1), np.float32), batch_size=4, verbose=0)
    assert layer.factor.numpy() != 2
    assert layer.calls.numpy() == 2
    model.save_weights(tmp_path / "w.safetensors")
    copy = cnncore.Sequential([cnncore.Input((3,)), Scaled(), layers.Dense(1)])
    saving.load_weights(copy, tmp_path / "w.safetensors")
    assert copy.layers[-2].factor.numpy() == layer.factor.numpy()


def test_lists_of_variables():
    class Several(layers.Layer):
        def __init__(self):
            super().__init__()
            self.factors = [cnncore.Variable(2.0), cnncore.Variable(3.0)]

        def call(self, x):
            return x * self.factors[0] * self.factors[1]

    layer = Several()
    assert len({weight.name for weight in layer.trainable_weights}) == 2
    assert layer(np.ones((1, 1), np.float32)).numpy().tolist() == [[6.0]]


def test_what_is_refused():
    with pytest.raises(ValueError, match="expected `shape` with an initializer"):
        cnncore.Variable("zeros")
    with pytest.raises(ValueError, match=r"expected values of shape \(3,\)"):
        cnncore.Variable([1.0], shape=(3,))
    with pytest.raises(ValueError, match="float32"):
        cnncore.Variable(1, dtype="int32")


def test_types_of_layers():
    layer = layers.Dense(2)
    assert (layer.compute_dtype, layer.variable_dtype, layer.dtype_policy.name) == ("float32", "float32", "float32")
    sgd = optimizers.SGD(0.1)
    assert optimizers.LossScaleOptimizer(sgd, initial_scale=2.0) is sgd
