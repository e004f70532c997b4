"""A save while another thread trains is one moment between two steps."""

import threading

import numpy as np

from cnncore import Sequential, saving
from cnncore.layers import BatchNormalization, Conv2D, Dense, Flatten


def test_every_file_is_one_moment(tmp_path):
    model = Sequential([Conv2D(8, 3, input_shape=(8, 8, 1)), BatchNormalization(), Flatten(), Dense(3)], seed=1)
    model.compile("adam", "mse")
    rng = np.random.default_rng(0)
    x, y = rng.random((64, 8, 8, 1), np.float32), rng.random((64, 3), np.float32)
    model.fit(x, y, batch_size=8, verbose=0)
    done = threading.Event()

    def train():
        try:
            model.fit(x, y, batch_size=8, epochs=60, verbose=0)
        finally:
            done.set()

    thread = threading.Thread(target=train)
    thread.start()
    steps = []
    while not done.is_set() or not steps:
        model.save(tmp_path / "model.safetensors")
        loaded = saving.load_model(tmp_path / "model.safetensors")  # the checksum is right: nothing moved meanwhile
        assert loaded.optimizer.iterations == loaded.steps_done  # weights and optimizer are of the same step
        steps.append(loaded.steps_done)
    thread.join()
    assert steps == sorted(steps)
