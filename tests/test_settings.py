"""Settings of layers that are replaced after the layers were built: scripts remove the last activation for Grad-CAM."""

import numpy as np
import pytest

from cnncore import GradientTape, Input, Model, Sequential, activations, layers, ops

X = np.random.default_rng(0).normal(size=(4, 6, 6, 2)).astype(np.float32)

# Layers, and a setting that replaces the one they were made with.
CASES = [
    (layers.Dense, {"units": 3, "activation": "softmax"}, {"activation": None}),
    (layers.Conv2D, {"filters": 2, "kernel_size": 3, "activation": "relu"}, {"activation": activations.linear}),
    (layers.Conv2D, {"filters": 2, "kernel_size": 3}, {"strides": (2, 2)}),
    (layers.Conv2D, {"filters": 2, "kernel_size": 3}, {"padding": "same"}),
    (layers.DepthwiseConv2D, {"kernel_size": 3, "padding": "same"}, {"dilation_rate": (2, 2)}),
    (layers.MaxPooling2D, {"pool_size": 2, "strides": 2}, {"pool_size": (3, 3)}),
    (layers.Activation, {"activation": "tanh"}, {"activation": activations.sigmoid}),
    (layers.BatchNormalization, {}, {"epsilon": 1.0}),
    (layers.Rescaling, {"scale": 2.0}, {"scale": 4.0}),
    (layers.Reshape, {"target_shape": (36, 2)}, {"target_shape": (72,)}),
]


@pytest.mark.parametrize(("cls", "made", "replaced"), CASES)
def test_what_was_computed_before_changes(cls, made, replaced):
    layer = cls(**made)
    model, outer = Sequential([Input((6, 6, 2)), layer]), Sequential([Input((6, 6, 2))])
    outer.add(model)
    ways = model.predict, model, layer, outer.predict, lambda x: recorded(model, x)
    before = [np.asarray(compute(X)) for compute in ways]
    for name, value in replaced.items():
        setattr(layer, name, value)
    other = cls(**{**made, **replaced})
    expected = Sequential([Input((6, 6, 2)), other])
    other.set_weights(layer.get_weights())
    for compute, old in zip(ways, before, strict=True):
        new = np.asarray(compute(X))
        np.testing.assert_allclose(new, expected.predict(X), rtol=1e-6, atol=1e-6)
        assert new.shape != old.shape or abs(new - old).max() > 1e-3


def recorded(model, x):
    with GradientTape() as tape:
        x = ops.convert_to_tensor(x)
        tape.watch(x)
        return ops.convert_to_numpy(model(x))


def test_training_goes_on_with_them():
    """A rate of dropout, and a class that is derived from a layer."""

    class Often(layers.Dropout):
        pass

    layer = Often(0.0)
    model = Sequential([Input((6, 6, 2)), layer, layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, np.zeros(4), epochs=1, verbose=0)
    steps = model.optimizer.iterations
    layer.rate = 0.9
    assert np.mean(np.asarray(layer(X, training=True)) == 0) > 0.5
    model.fit(X, np.zeros(4), epochs=1, verbose=0)
    assert model.optimizer.iterations == 2 * steps


def test_models_without_the_layer_keep_their_networks():
    layer, other = layers.Dense(2), Sequential([Input((3,)), layers.Dense(2)])
    inputs = Input((3,))
    model = Model(inputs, layer(inputs))
    networks = model.core_network, other.core_network
    layer.activation = layer.activation
    assert model.core_network is networks[0]
    layer.activation = activations.relu
    assert model.core_network is not networks[0]
    assert other.core_network is networks[1]


@pytest.mark.parametrize("cls", [layers.BatchNormalization, layers.LayerNormalization])
@pytest.mark.parametrize("name", ["scale", "center"])
def test_settings_that_decide_which_weights_there_are(cls, name):
    layer = cls()
    setattr(layer, name, False)
    layer.build((None, 3))
    with pytest.raises(
        ValueError, match=rf"\[{cls.__name__}\] expected `{name}` to stay as it is.*Received: {name}=True"
    ):
        setattr(layer, name, True)


def test_an_activation_may_be_a_name_and_must_be_one_that_exists():
    layer = layers.Dense(2, activation="softmax")
    layer(np.ones((1, 3), np.float32))
    layer.activation = "relu"
    assert layer.activation is activations.relu
    with pytest.raises(ValueError, match=r"\[Dense\].*Received: .*relo"):
        layer.activation = "relo"
    with pytest.raises(TypeError, match=r"\[Dense\].*Received: .*3"):
        layer.activation = 3
    assert layer.activation is activations.relu
