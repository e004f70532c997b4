"""Several threads use one model at the same time. Every answer is the one that a single thread gets."""

import copy
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cnncore import Sequential
from cnncore.layers import BatchNormalization, Conv2D, Dense, Flatten, Input, MaxPooling2D
from cnncore.models import load_model

IMAGES = np.random.default_rng(0).normal(size=(64, 12, 12, 1)).astype(np.float32)
LABELS = np.arange(64) % 4


@pytest.fixture
def model():
    layers = [Conv2D(16, 3, activation="relu"), BatchNormalization(), MaxPooling2D(), Conv2D(16, 3, activation="relu")]
    model = Sequential([Input((12, 12, 1)), *layers, Flatten(), Dense(4, activation="softmax")], seed=1)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize("threads", [2, 4, 8])
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
    """With a learning rate of 0 the weights do not change in training, so all answers must be the same."""
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


def test_a_fit_reports_the_same_while_others_predict(model):
    """Losses, metrics and validation of a training are those that it has alone, and so are the final weights."""
    alone = copy.deepcopy(model)
    options = {"batch_size": 16, "epochs": 6, "verbose": 0, "validation_data": (IMAGES[:24], LABELS[:24])}
    expected = alone.fit(IMAGES, LABELS, **options).history
    done = threading.Event()

    def predict(samples):
        while not done.is_set():
            assert np.isfinite(model.predict(IMAGES[:samples])).all()

    with ThreadPoolExecutor(3) as pool:
        others = [pool.submit(predict, samples) for samples in (1, 5, 64)]
        try:
            found = model.fit(IMAGES, LABELS, **options).history
        finally:
            done.set()
        for other in others:
            other.result(timeout=60)
    assert found == expected
    for one, two in zip(model.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


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


def test_weights_may_be_set_during_predictions(model, tmp_path):
    """Every answer is that of one set of weights, never of a mixture, whichever call sets them."""
    sets, answers, files = [], [], []
    for seed in (0, 1):
        rng = np.random.default_rng(seed)
        sets.append([rng.uniform(0.1, 0.5, array.shape).astype(np.float32) for array in model.get_weights()])
        model.set_weights(sets[-1])
        answers.append(model.predict(IMAGES[:2]))
        files.append(tmp_path / f"{seed}.safetensors")
        model.save_weights(files[-1])
    done, wrong = threading.Event(), []

    def predict():
        while not done.is_set():
            found = model.predict(IMAGES[:2])
            if not any(np.array_equal(found, answer) for answer in answers):
                wrong.append(1)

    threads = [threading.Thread(target=predict) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(300):
        model.set_weights(sets[number % 2])
        if number % 10 == 0:
            model.load_weights(files[(number + 1) % 2])
    done.set()
    for thread in threads:
        thread.join()
    assert not wrong


def test_everything_at_a_time(model, tmp_path):
    """It is not defined which weights the model has in the end, but every call returns, and the model works."""
    weights = [array.copy() for array in model.get_weights()]
    calls = [
        lambda: model.fit(IMAGES, LABELS, batch_size=16, epochs=1, verbose=0),
        lambda: model.predict(IMAGES),
        lambda: model.evaluate(IMAGES, LABELS, verbose=0),
        lambda: model.set_weights(weights),
        lambda: model.save(tmp_path / "model.safetensors"),
        lambda: model.train_on_batch(IMAGES, LABELS),
        lambda: copy.deepcopy(model).predict(IMAGES[:1]),
        lambda: setattr(model.layers[0], "trainable", not model.layers[0].trainable),
    ]
    with ThreadPoolExecutor(len(calls)) as pool:
        for _ in range(5):
            for future in [pool.submit(call) for call in calls]:
                future.result(timeout=120)
    assert np.isfinite(model.predict(IMAGES)).all()
    assert np.isfinite(load_model(tmp_path / "model.safetensors").predict(IMAGES)).all()


DAEMON = """
import threading
import time
import numpy as np
from cnncore import Sequential
from cnncore.layers import Conv2D, Dense, Flatten, Input

model = Sequential([Input((12, 12, 3)), Conv2D(16, 3, activation="relu"), Flatten(), Dense(10)])
model.compile("sgd", "mse")
x, y = np.ones((256, 12, 12, 3)), np.zeros((256, 10))
model.fit(x, y, verbose=0)


def work():
    while True:
        {work}


for _ in range(2):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.2)
print("end")
"""


@pytest.mark.parametrize("work", ["model.predict(x, batch_size=32, verbose=0)", "model.fit(x, y, verbose=0)"])
def test_a_program_ends_while_daemon_threads_compute(work):
    """Python ends these threads where they ask for its lock, which used to abort the program."""
    command = [sys.executable, "-c", DAEMON.format(work=work)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")
