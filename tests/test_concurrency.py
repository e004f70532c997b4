"""Several threads use one model at a time: every answer is that of a thread alone."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cnncore import Sequential
from cnncore.layers import BatchNormalization, Conv2D, Dense, Flatten, Input, MaxPooling2D

IMAGES = np.random.default_rng(0).normal(size=(64, 12, 12, 1)).astype(np.float32)
LABELS = np.arange(64) % 4


@pytest.fixture
def model():
    layers = [Conv2D(16, 3, activation="relu"), BatchNormalization(), MaxPooling2D(), Conv2D(16, 3, activation="relu")]
    model = Sequential([Input((12, 12, 1)), *layers, Flatten(), Dense(4, activation="softmax")], seed=1)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize("threads", [2, 4])
@pytest.mark.parametrize("samples", [1, 3, 64])
def test_predictions_of_many_threads_are_those_of_one(model, threads, samples):
    starts = range(0, 64, samples) if samples < 64 else [0] * 8
    expected = [model.predict(IMAGES[start : start + samples]) for start in starts]
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(4):
            found = list(pool.map(lambda start: model.predict(IMAGES[start : start + samples]), starts))
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_array_equal(one, other)


def test_predictions_during_training_are_of_one_moment(model):
    """Weights that stand still while training runs (a rate of 0) must give the same answers throughout."""
    model.optimizer.learning_rate = 0.0
    model.layers[1].trainable = False  # its moving averages would move
    expected = model.predict(IMAGES)
    done, wrong = threading.Event(), []

    def predict():
        while not done.is_set():
            if not np.array_equal(model.predict(IMAGES), expected):
                wrong.append(1)

    threads = [threading.Thread(target=predict) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        losses = model.fit(IMAGES, LABELS, batch_size=16, epochs=10, verbose=0).history["loss"]
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not wrong
    assert np.ptp(losses) < 1e-5


def test_the_precision_may_change_during_predictions(model):
    answers = {}
    for precision in ("float32", "bfloat16"):
        model.precision = precision
        answers[precision] = model.predict(IMAGES)
    done, wrong = threading.Event(), []

    def predict():
        while not done.is_set():
            found = model.predict(IMAGES)
            if not any(np.array_equal(found, answer) for answer in answers.values()):
                wrong.append(1)

    threads = [threading.Thread(target=predict) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(50):
        model.precision = ("float32", "bfloat16")[number % 2]
    done.set()
    for thread in threads:
        thread.join()
    assert not wrong
