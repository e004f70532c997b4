"""What callbacks decide, against an installed Keras, over random values."""

import numpy as np
import pytest

from cnncore import callbacks

keras = pytest.importorskip("keras")

SEEDS = range(40)


class Optimizer:
    """A stand-in for an optimizer. It has only what the callbacks use."""

    def __init__(self):
        self.learning_rate = 1.0


class Model:
    """A stand-in for a model. It has only what the callbacks use."""

    def __init__(self):
        self.stop_training, self.metrics, self.optimizer = False, [], Optimizer()
        self.weights, self.saved = 0, []

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.weights = weights

    def save(self, path, **options):
        self.saved.append(str(path))


def run(callback, values):
    """The epochs a training would have, its rates, the weights at the end, and the files that were saved."""
    model = Model()
    callback.set_model(model)
    callback.set_params({"epochs": len(values)})
    callback.on_train_begin()
    rates = []
    for epoch, value in enumerate(values):
        callback.on_epoch_begin(epoch, {})
        model.weights = epoch
        callback.on_epoch_end(epoch, {"val_loss": value, "loss": 0.0})
        rates.append(model.optimizer.learning_rate)
        if model.stop_training:
            break
    callback.on_train_end()
    return rates, model.weights, model.saved


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["EarlyStopping", "ReduceLROnPlateau", "ModelCheckpoint", "LearningRateScheduler"])
@pytest.mark.parametrize("seed", SEEDS)
def test_decisions_are_those_of_keras(name, seed, tmp_path):
    rng = np.random.default_rng(seed)
    values = [float(value) for value in rng.integers(0, 8, 12) / 4]
    if seed % 5 == 0:
        values[int(rng.integers(0, 12))] = float("nan")
    mode = str(rng.choice(["auto", "min", "max"]))
    options = {
        "EarlyStopping": {
            "mode": mode,
            "patience": int(rng.integers(0, 4)),
            "min_delta": float(rng.choice([0.0, 0.3])),
            "baseline": [None, 1.0][seed % 2],
            "restore_best_weights": seed % 3 > 0,
            "start_from_epoch": int(rng.integers(0, 4)),
        },
        "ReduceLROnPlateau": {
            "mode": mode,
            "patience": int(rng.integers(0, 4)),
            "factor": 0.5,
            "min_delta": float(rng.choice([0.0, 0.3])),
            "cooldown": int(rng.integers(0, 3)),
            "min_lr": float(rng.choice([0.0, 0.2])),
        },
        "ModelCheckpoint": {
            "filepath": str(tmp_path / "{epoch:02d}.keras"),
            "mode": mode,
            "save_best_only": seed % 2 > 0,
            "initial_value_threshold": [None, 1.0][seed % 4 // 2],
        },
        "LearningRateScheduler": {
            "schedule": [lambda epoch, rate: rate * 0.9, lambda epoch: 1 / (1 + epoch)][seed % 2]
        },
    }[name]
    ours = run(getattr(callbacks, name)(**options), values)
    assert ours == run(getattr(keras.callbacks, name)(**options), values)


def test_arguments_are_those_of_keras():
    """Names, order and defaults of the constructors' arguments are Keras', except for those that do not exist here."""
    import inspect

    left_out = {"TensorBoard": {"profile_batch", "embeddings_freq", "embeddings_metadata"}}
    for name in callbacks.__all__:
        other = getattr(keras.callbacks, name, None)
        if other is None or name == "CallbackList":
            continue
        ours = inspect.signature(getattr(callbacks, name)).parameters
        theirs = inspect.signature(other).parameters
        expected = [
            (parameter.name, parameter.default)
            for parameter in theirs.values()
            if parameter.kind != inspect.Parameter.VAR_KEYWORD and parameter.name not in left_out.get(name, ())
        ]
        found = [(p.name, p.default) for p in ours.values() if p.kind != inspect.Parameter.VAR_KEYWORD]
        assert found[: len(expected)] == expected, name


def test_every_hook_of_keras_is_here():
    own = {"on_train_batch_progress"}  # says what a long step is doing, for optimizers that Keras does not have
    hooks = {name for name in vars(keras.callbacks.Callback) if name.startswith("on_")} | own
    assert set(callbacks.base.HOOKS) == hooks
    assert {name for name in vars(callbacks.CallbackList) if name.startswith("on_")} == hooks
