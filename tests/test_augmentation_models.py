"""Augmentation layers as parts of models: in training only, reproducible, ahead of the network or inside it."""

from __future__ import annotations

import numpy as np
import pytest

from cnncore import _core, layers, utils
from cnncore.layers.augmentation import augment_batch
from cnncore.models import Sequential
from cnncore.preprocessing.image import ImageDataGenerator

SHAPE = (8, 8, 3)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (48, *SHAPE), dtype=np.uint8), rng.integers(0, 3, 48)


def make(*first, loss="sparse_categorical_crossentropy", seed=1):
    model = Sequential(
        [
            layers.Input(SHAPE),
            *first,
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ],
        seed=seed,
    )
    model.compile("sgd", loss)
    return model


def augmentations():
    return layers.RandomFlip("horizontal", seed=1), layers.RandomTranslation(0.2, 0.2, seed=2)


def test_layers_at_the_beginning_act_in_training_only(data):
    x, y = data
    plain, changing = make(), make(*augmentations())
    changing.set_weights(plain.get_weights())
    np.testing.assert_array_equal(changing.predict(x, verbose=0), plain.predict(x, verbose=0))
    assert changing.evaluate(x, y, verbose=0) == plain.evaluate(x, y, verbose=0)
    for model in (plain, changing):
        model.fit(x, y, epochs=1, batch_size=16, shuffle=False, verbose=0)
    assert not np.array_equal(plain.get_weights()[0], changing.get_weights()[0])


def test_training_sees_exactly_what_augment_gives(data):
    x, y = data
    changing, plain = make(*augmentations()), make()
    changing.set_weights(plain.get_weights())
    changing.fit(x, y, epochs=2, batch_size=16, shuffle=False, verbose=0)
    step = 0
    for _ in range(2):
        for start in range(0, 48, 16):
            batch, _ = augment_batch(augmentations(), x[start : start + 16], None, changing.seed, step)
            plain.train_on_batch(batch, y[start : start + 16])
            step += 1
    for expected, received in zip(plain.get_weights(), changing.get_weights(), strict=True):
        np.testing.assert_array_equal(received, expected)


def test_the_same_bits_at_any_number_of_threads(data):
    before = _core.get_num_threads()
    try:
        weights = []
        for threads in (1, 2, 3):
            _core.set_num_threads(threads)
            model = make(*augmentations(), layers.RandomErasing(seed=3))
            model.fit(*data, epochs=2, batch_size=16, verbose=0)
            weights.append(b"".join(array.tobytes() for array in model.get_weights()))
    finally:
        _core.set_num_threads(before)
    assert weights[0] == weights[1] == weights[2]


def test_mixing_layers_change_the_labels_too(data):
    x, y = data
    model = make(layers.MixUp(seed=1), layers.CutMix(seed=2), loss="categorical_crossentropy")
    history = model.fit(x, utils.to_categorical(y, 3), epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    with pytest.raises(ValueError, match=r"\[MixUp\] expected one-hot labels"):
        make(layers.MixUp(seed=1)).fit(x, y, verbose=0)


def test_layers_behind_others_act_in_training_too(data):
    x, y = data
    model = Sequential(
        [
            layers.Input(SHAPE),
            layers.Rescaling(1 / 255),
            layers.RandomFlip("horizontal", seed=1),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ],
        seed=1,
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    first = model.predict(x, verbose=0)
    np.testing.assert_array_equal(model.predict(x, verbose=0), first)
    model.fit(x, y, epochs=2, verbose=0)
    assert not np.array_equal(model.predict(x, verbose=0), first)
    flipped = model(x, training=True)
    assert not np.array_equal(flipped, model(x))


@pytest.mark.parametrize(
    ("layer", "size"),
    [
        (layers.Resizing(5, 6), (5, 6)),
        (layers.CenterCrop(5, 6), (5, 6)),
        (layers.CenterCrop(10, 9), (10, 9)),
        (layers.RandomCrop(5, 6, seed=1), (5, 6)),
    ],
)
def test_layers_that_change_the_size(data, layer, size):
    x, y = data
    body = [layers.Flatten(), layers.Dense(3, activation="softmax")]
    model = Sequential([layers.Input(SHAPE), layer, layers.RandomFlip(seed=2), *body], seed=1)
    assert layer.output_shape == (None, *size, 3)
    model.compile("sgd", "sparse_categorical_crossentropy")
    head = Sequential([layers.Input((*size, 3)), *body], seed=1)
    values = x.astype(np.float32) / 255
    head.set_weights(model.get_weights())
    expected = head.predict(layer(values, training=False), verbose=0)
    np.testing.assert_allclose(model.predict(values, verbose=0), expected, rtol=1e-5, atol=1e-6)
    model.fit(values, y, epochs=1, verbose=0)


def test_a_chain_of_augmentation_called_on_images(data):
    x, _ = data
    chain = Sequential([layers.Input(SHAPE), *augmentations()])
    changed = chain(x, training=True)
    assert changed.shape == x.shape
    assert not np.array_equal(changed, x)
    assert not np.array_equal(chain(x), x)  # as each of the layers does
    np.testing.assert_array_equal(chain(x, training=False), x)
    model = make(*augmentations())
    np.testing.assert_array_equal(model(x), model.predict(x, verbose=0))
    assert not np.array_equal(model(x, training=True), model(x))


def test_a_chain_inside_of_a_model_acts_in_training(data):
    x, y = data
    plain, changing = make(), make(Sequential([layers.Input(SHAPE), *augmentations()]))
    changing.set_weights(plain.get_weights())
    np.testing.assert_array_equal(changing.predict(x, verbose=0), plain.predict(x, verbose=0))
    for model in (plain, changing):
        model.fit(x, y, epochs=1, batch_size=16, shuffle=False, verbose=0)
    assert not np.array_equal(plain.get_weights()[0], changing.get_weights()[0])


def test_files_keep_the_layers(data, tmp_path):
    from cnncore.saving import load_model, save_model

    x, y = data
    model = make(*augmentations())
    model.fit(x, y, epochs=1, shuffle=False, verbose=0)
    save_model(model, tmp_path / "model.safetensors")
    loaded = load_model(tmp_path / "model.safetensors")
    assert [type(layer) for layer in loaded.layers] == [type(layer) for layer in model.layers]
    for m in (model, loaded):
        m.fit(x, y, epochs=1, shuffle=False, verbose=0)
    for expected, received in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(received, expected)


def test_fit_takes_the_iterators_of_a_generator(data):
    x, y = data
    generator = ImageDataGenerator(rescale=1 / 255, horizontal_flip=True, rotation_range=10, validation_split=0.25)
    model = Sequential([layers.Input(SHAPE), layers.Flatten(), layers.Dense(3, activation="softmax")], seed=1)
    model.compile("sgd", "sparse_categorical_crossentropy")
    training = generator.flow(x, y, batch_size=10, subset="training", seed=1, ignore_class_split=True)
    validation = generator.flow(x, y, batch_size=10, subset="validation", seed=1, ignore_class_split=True)
    history = model.fit(training, epochs=2, validation_data=validation, verbose=0).history
    assert len(history["val_loss"]) == 2
    assert model.optimizer.iterations == 2 * len(training)
    history = model.fit(training, epochs=1, steps_per_epoch=2, verbose=0).history
    assert model.optimizer.iterations == 2 * len(training) + 2
