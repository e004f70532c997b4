"""What layers know besides their weights is saved, too: drawn seeds, places in random numbers, states."""

import numpy as np
import pytest

import cnncore
from cnncore import Input, Model, Sequential, layers
from cnncore.callbacks import BackupAndRestore, LambdaCallback
from cnncore.random import SeedGenerator, normal
from cnncore.saving import load_model
from cnncore.saving.format import read_file, write_file

RNG = np.random.default_rng(0)
IMAGES = RNG.random((24, 6, 6, 3), np.float32)
SEQUENCES = RNG.random((24, 5, 4), np.float32)
LABELS = RNG.integers(0, 3, 24)


@cnncore.saving.register_keras_serializable()
class Jitter(layers.Layer):
    """Noise as users write it, from a sequence of seeds."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seeds = SeedGenerator()

    def call(self, x, training=False):
        return x + normal(x.shape, stddev=0.1, seed=self.seeds) if training else x


def attention():
    x = Input((5, 4))
    return Model(x, layers.Dense(3)(layers.Flatten()(layers.Attention(dropout=0.3)([x, x]))))


def images(*first):
    return lambda: Sequential([Input((6, 6, 3)), *[make() for make in first], layers.Flatten(), layers.Dense(3)])


def sequences(*first):
    return lambda: Sequential([Input((5, 4), batch_size=8), *[make() for make in first], layers.Dense(3)])


MODELS = {
    "augmentation": (images(layers.RandomFlip, lambda: layers.RandomTranslation(0.2, 0.2)), IMAGES),
    "crop": (images(lambda: layers.RandomCrop(4, 4)), IMAGES),
    "RandAugment": (images(lambda: layers.RandAugment((0, 1))), IMAGES),
    "own layer": (images(Jitter), IMAGES),
    "dropout of an RNN": (sequences(lambda: layers.GRU(4, dropout=0.2, recurrent_dropout=0.2)), SEQUENCES),
    "both directions": (sequences(lambda: layers.Bidirectional(layers.LSTM(4, dropout=0.2))), SEQUENCES),
    "cells": (sequences(lambda: layers.RNN([layers.LSTMCell(4, dropout=0.2), layers.GRUCell(3)])), SEQUENCES),
    "states": (sequences(lambda: layers.LSTM(4, stateful=True)), SEQUENCES),
    "states of cells": (
        sequences(lambda: layers.RNN([layers.LSTMCell(4), layers.GRUCell(3)], stateful=True)),
        SEQUENCES,
    ),
    "attention": (attention, SEQUENCES),
}


def made(name):
    cnncore.utils.set_random_seed(5)
    model = MODELS[name][0]()
    model.compile("adam", cnncore.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def train(model, name, epochs, first=0, **options):
    model.fit(MODELS[name][1], LABELS, batch_size=8, epochs=epochs, initial_epoch=first, verbose=0, **options)
    return model


def expect_same(first, second):
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", MODELS)
def test_resumed_training_equals_an_uninterrupted_one(name, tmp_path):
    whole = train(train(made(name), name, 1), name, 2, 1)
    half = train(made(name), name, 1)
    half.save(tmp_path / "half.safetensors")
    cnncore.utils.set_random_seed(99)  # another program draws other numbers
    loaded = load_model(tmp_path / "half.safetensors")
    loaded.save(tmp_path / "again.safetensors")
    expect_same(train(loaded, name, 2, 1), whole)
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "half.safetensors").read_bytes()
    weights = made(name)
    weights.load_weights(tmp_path / "half.safetensors")
    expect_same(weights, half)


@pytest.mark.parametrize("name", MODELS)
def test_interrupted_training_goes_on(name, tmp_path):
    whole = train(made(name), name, 2)
    callbacks = [BackupAndRestore(tmp_path / "b", save_freq=2), LambdaCallback(on_train_batch_begin=stop_at(4))]
    with pytest.raises(RuntimeError, match="power failure"):
        train(made(name), name, 2, callbacks=callbacks)
    expect_same(train(made(name), name, 2, callbacks=[BackupAndRestore(tmp_path / "b", save_freq=2)]), whole)


def stop_at(number):
    seen = []

    def count(batch, logs):
        seen.append(batch)
        if len(seen) > number:
            raise RuntimeError("power failure")

    return count


@pytest.mark.parametrize("change", ["a list", "another layer", "another class", "an attribute", "no array", "a text"])
def test_memory_that_does_not_fit_is_refused(change, tmp_path):
    path = tmp_path / "m.safetensors"
    train(made("states"), "states", 1).save(path)
    file = read_file(path, None)
    memory = file.config["memory"]
    assert list(memory) == ["0"]
    if change == "a list":
        file.config["memory"] = [memory]
    elif change == "another layer":
        memory["7"] = memory.pop("0")
    elif change == "another class":
        memory["0"]["class_name"] = "GRU"
    elif change == "an attribute":
        memory["0"]["attributes"]["call"] = 1
    elif change == "no array":
        memory["0"]["attributes"]["states"] = [{"array": "layers_memory/9"}]
    else:
        memory["0"]["attributes"]["states"] = "zeros"
    write_file(path, file.config, file.tensors)
    with pytest.raises(ValueError, match=r"m\.safetensors: expected"):
        load_model(path)


def test_generators_that_make_no_sense_are_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    made("dropout of an RNN").save(path)
    for state in ([1, 2, 3], [-1, 1, 0, 0], [2**128, 1, 0, 0], "PCG64", [1.5, 1, 0, 0]):
        file = read_file(path, None)
        file.config["memory"]["0"]["attributes"]["_random"] = {"generator": state}
        write_file(path, file.config, file.tensors)
        with pytest.raises(ValueError, match="state"):
            load_model(path)
