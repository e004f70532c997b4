"""What a network does not compute: layers that are fused into others, and gradients that nobody needs."""

import numpy as np

from cnncore import Input, Model, Sequential
from cnncore.layers import Activation, Add, BatchNormalization, Conv2D, Dense, Flatten, MaxPooling2D, ReLU


def test_a_sum_and_the_relu_behind_it_are_one_step():
    inputs = Input((4, 4, 8))
    left, right = Conv2D(8, 1)(inputs), Conv2D(8, 3, padding="same")(inputs)
    model = Model(inputs, [Activation("relu")(Add()([left, right])), left, right])
    x = np.random.default_rng(0).normal(size=(3, 4, 4, 8)).astype(np.float32)
    y, *terms = model.predict(x, verbose=0)
    assert "add and relu" in model.network.describe()
    np.testing.assert_allclose(y, np.maximum(sum(terms), 0), atol=1e-6)
    assert (y == 0).any()


def test_batch_normalization_is_folded_into_the_layer_before_it_in_inference():
    model = Sequential(
        [
            *(Input((8, 8, 3)), Conv2D(4, 3, use_bias=False), BatchNormalization(), ReLU(), MaxPooling2D()),
            *(Flatten(), Dense(3), BatchNormalization(), ReLU()),
        ]
    )
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in model.get_weights()])
    x = rng.normal(size=(3, 8, 8, 3)).astype(np.float32)
    layer_by_layer = x
    for layer in model.layers:
        layer_by_layer = layer(layer_by_layer)
    np.testing.assert_allclose(model.predict(x, verbose=0), layer_by_layer, rtol=1e-5, atol=1e-5)
    steps = model.network.describe().splitlines()[2:-1]
    assert [step.split()[1] for step in steps] == ["conv2d", "dense"]


def test_gradients_that_nobody_needs_are_not_computed():
    def passes(frozen):
        """The passes that each convolution prepares for a training step: of its input and of its kernel."""
        model = Sequential([Input((8, 8, 3)), Conv2D(4, 3), Conv2D(5, 3), Flatten(), Dense(2)])
        for layer in model.layers[:frozen]:
            layer.trainable = False
        model.compile("sgd", "mse")
        model.train_on_batch(np.ones((4, 8, 8, 3)), np.ones((4, 2)))
        training = model.network.describe().partition("training")[2]
        steps = [line for line in training.splitlines() if ": conv2d (" in line]
        return [[name for name in ("data", "weights") if f"; {name} " in step] for step in steps]

    assert passes(0) == [["weights"], ["data", "weights"]]  # nobody needs the gradient of the images
    assert passes(1) == [[], ["weights"]]
    assert passes(2) == [[], []]
