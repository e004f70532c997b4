"""The methods of TensorFlow's data sets on pictures in folders, also those that change what an element is."""

import numpy as np
import pytest

import cnncore
from cnncore import layers
from cnncore.utils.dataset_stream import DatasetStream

RNG = np.random.default_rng(0)


def numbers(count=7):
    return DatasetStream(lambda: iter(range(count)), count)


def test_a_pipeline_of_a_script(pictures):
    chosen = pictures.map(lambda x, y: (x / 255.0, y)).unbatch().filter(lambda x, y: y == 1)
    data = chosen.cache().shuffle(100).repeat(2).batch(4, drop_remainder=True).prefetch(1)
    batches = list(data)
    assert [x.numpy().shape for x, _ in batches] == [(4, 8, 8, 3)] * 2
    assert all((y == 1).all() and x.max() <= 1 for x, y in batches)
    model = cnncore.Sequential([layers.Flatten(), layers.Dense(2, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(data, epochs=2, validation_data=pictures.take(1).concatenate(pictures.skip(2)), verbose=0)
    assert sorted(history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert len(model.predict(pictures.map(lambda x, y: x).concatenate([np.ones((1, 8, 8, 3))]))) == 11


def test_words_of_pictures(pictures):
    assert [number for number, _ in pictures.enumerate(start=1)] == [1, 2, 3]
    (x, y), (u, v) = next(iter(pictures.zip(pictures.map(lambda x, y: (x + 1, y)))))
    np.testing.assert_array_equal(u, x + 1)
    np.testing.assert_array_equal(v, y)
    assert len(pictures.concatenate(pictures)) == 6
    assert pictures.apply(len) == 3
    assert [len(x) for x, _ in pictures.unbatch().take(5).batch(3)] == [3, 2]
    assert pictures.filter(lambda x, y: len(y) == 2).cardinality() == -2


def test_batches_parts_and_repetitions():
    assert [batch.tolist() for batch in numbers().batch(3)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert len(numbers().batch(3)) == 3
    assert len(numbers().batch(3, drop_remainder=True)) == 2
    assert list(numbers().skip(2).take(3)) == [2, 3, 4]
    assert list(numbers(3).take(-1).repeat(2)) == [0, 1, 2, 0, 1, 2]
    assert list(numbers(2).repeat().take(5)) == [0, 1, 0, 1, 0]
    assert list(numbers(3).zip(numbers(2), numbers(9))) == [(0, 0, 0), (1, 1, 1)]
    assert list(numbers(2).concatenate([5]).enumerate(3)) == [(3, 0), (4, 1), (5, 5)]
    assert len(numbers().zip(numbers(2))) == len(numbers(9).skip(7)) == 2
    assert [x.tolist() for x in numbers(4).batch(2).unbatch().map(lambda x: x * x)] == [0, 1, 4, 9]
    assert list(numbers().apply(lambda data: data.filter(lambda x: x > 4)).as_numpy_iterator()) == [5, 6]


def test_shuffling_keeps_all_elements_and_follows_the_seed():
    orders = [list(numbers(50).shuffle(50)) for _ in range(2)]
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == list(range(50))
    near = list(numbers(50).shuffle(4, seed=1))
    assert near == list(numbers(50).shuffle(4, seed=1)) != list(range(50))
    assert all(number <= place + 3 for place, number in enumerate(near))


def test_a_cache_reads_once():
    read = []

    def make():
        for number in range(3):
            read.append(number)
            yield number

    data = DatasetStream(make).cache()
    assert next(iter(data)) == 0
    assert list(data) == list(data) == [0, 1, 2]
    assert read == [0, 0, 1, 2]


def test_mistakes_are_named():
    with pytest.raises(TypeError, match="not known before they are read"):
        len(numbers().filter(bool))
    with pytest.raises(ValueError, match="batch_size"):
        numbers().batch(0)
    with pytest.raises(ValueError, match="buffer_size"):
        numbers().shuffle(-1)
