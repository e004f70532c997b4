"""Training that goes on from a file of Keras, or in Keras from a file of ours, is the training that was interrupted."""

import warnings

import numpy as np
import pytest

from cnncore import Sequential, optimizers
from cnncore.layers import BatchNormalization, Dense
from cnncore.models import load_model

h5py = pytest.importorskip("h5py")
pytest.importorskip("torch")
keras = pytest.importorskip("keras")

pytestmark = pytest.mark.filterwarnings("ignore")  # Keras' own

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(16, 5)).astype(np.float32), RNG.normal(size=(16, 3)).astype(np.float32)

OPTIMIZERS = {
    "sgd": ("SGD", {"learning_rate": 0.05}),
    "momentum": ("SGD", {"learning_rate": 0.05, "momentum": 0.9}),
    "nesterov": ("SGD", {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True}),
    "rmsprop": ("RMSprop", {"learning_rate": 0.01}),
    "rmsprop_all": ("RMSprop", {"learning_rate": 0.01, "momentum": 0.5, "centered": True}),
    "adam": ("Adam", {"learning_rate": 0.01}),
    "amsgrad": ("Adam", {"learning_rate": 0.01, "amsgrad": True}),
    "ema": ("Adam", {"learning_rate": 0.01, "use_ema": True, "ema_overwrite_frequency": 3}),
    "accumulated": ("Adam", {"learning_rate": 0.01, "gradient_accumulation_steps": 2}),
    "adamw": ("AdamW", {"learning_rate": 0.01, "weight_decay": 0.01}),
    "nadam": ("Nadam", {"learning_rate": 0.01}),
    "adamax": ("Adamax", {"learning_rate": 0.01}),
    "adagrad": ("Adagrad", {"learning_rate": 0.1}),
    "adadelta": ("Adadelta", {"learning_rate": 1.0}),
    "ftrl": ("Ftrl", {"learning_rate": 0.1, "l1_regularization_strength": 0.01}),
    "lion": ("Lion", {"learning_rate": 0.01}),
}


def keras_model(frozen=False):
    layers = keras.layers
    model = keras.Sequential(
        [layers.Input((5,)), layers.Dense(4, activation="tanh"), layers.BatchNormalization(), layers.Dense(3)]
    )
    model.layers[0].trainable = not frozen
    return model


def steps(model, count):
    for _ in range(count):
        model.train_on_batch(X, Y)
    return model.predict(X, verbose=0)


@pytest.mark.parametrize("ending", ["keras", "h5"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_from_keras_and_back(name, ending, tmp_path):
    kind, arguments = OPTIMIZERS[name]
    theirs = keras_model()
    theirs.compile(getattr(keras.optimizers, kind)(**arguments), "mse")
    steps(theirs, 5)
    theirs.save(tmp_path / f"theirs.{ending}")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = load_model(tmp_path / f"theirs.{ending}")
    assert ours.optimizer.iterations == int(theirs.optimizer.iterations)
    expected = steps(theirs, 4)
    np.testing.assert_allclose(steps(ours, 4), expected, rtol=1e-4, atol=1e-5)
    if ending == "h5":
        return  # written without state: Keras could not train a model from such a file
    ours.save(tmp_path / f"ours.{ending}")
    again = keras.saving.load_model(tmp_path / f"ours.{ending}")
    expected = steps(theirs, 4)
    np.testing.assert_allclose(steps(again, 4), expected, rtol=1e-3, atol=1e-4)
    twice = load_model(tmp_path / f"ours.{ending}")
    np.testing.assert_allclose(steps(twice, 4), expected, rtol=1e-3, atol=1e-4)


def test_frozen_layers(tmp_path):
    theirs = keras_model(frozen=True)
    theirs.compile(keras.optimizers.Adam(0.01), "mse")
    steps(theirs, 5)
    theirs.save(tmp_path / "m.keras")
    ours = load_model(tmp_path / "m.keras")
    assert [layer.trainable for layer in ours.layers] == [False, True, True]
    np.testing.assert_allclose(steps(ours, 5), steps(theirs, 5), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_schedule(ending, tmp_path):
    theirs = keras_model()
    schedule = keras.optimizers.schedules.ExponentialDecay(0.05, 2, 0.5)
    theirs.compile(keras.optimizers.SGD(schedule, momentum=0.9), "mse")
    steps(theirs, 3)
    theirs.save(tmp_path / f"m.{ending}")
    ours = load_model(tmp_path / f"m.{ending}")
    np.testing.assert_allclose(steps(ours, 3), steps(theirs, 3), rtol=1e-4, atol=1e-5)
    ours.save(tmp_path / f"o.{ending}")
    again = keras.saving.load_model(tmp_path / f"o.{ending}")
    assert again.optimizer.get_config()["learning_rate"]["class_name"] == "ExponentialDecay"
    expected = steps(ours, 3)
    if ending == "keras":
        np.testing.assert_allclose(steps(again, 3), expected, rtol=1e-4, atol=1e-5)


def test_h5_trains_in_keras(tmp_path):
    model = Sequential([Dense(4, input_shape=(5,)), BatchNormalization(), Dense(3)])
    model.compile(optimizers.Adam(0.01), "mse")
    steps(model, 2)
    with pytest.warns(UserWarning, match=r"HDF5 files have no state of Adam: .* ends in .keras or .safetensors keeps"):
        model.save(tmp_path / "o.h5")
    again = keras.saving.load_model(tmp_path / "o.h5")
    np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-4, atol=1e-5)
    steps(again, 2)
    assert isinstance(load_model(tmp_path / "o.h5").optimizer, optimizers.Adam)


def test_state_that_does_not_fit_is_said(tmp_path):
    theirs = keras_model()
    theirs.compile(keras.optimizers.ScheduleFreeAdamW(0.01), "mse")
    theirs.save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match="ScheduleFreeAdamW"):
        load_model(tmp_path / "m.keras")
    load_model(tmp_path / "m.keras", compile=False)
    theirs.compile(keras.optimizers.Adam(0.01), "mse")
    steps(theirs, 2)
    theirs.save(tmp_path / "o.h5")
    with h5py.File(tmp_path / "o.h5", "a") as file:
        names = file["optimizer_weights"].attrs["weight_names"]
        file["optimizer_weights"].attrs["weight_names"] = names[:-1]
    with pytest.warns(UserWarning, match="the optimizer begins without state"):
        assert load_model(tmp_path / "o.h5").optimizer.iterations == 0
