"""Ctrl-C ends a long call of the core before it is done, and everything can be used afterwards."""

import subprocess
import sys
import textwrap

import pytest

# A signal in the first tenth of a call. Time is that of the processor, so that other programs do not count: a call that
# did not look for signals would use nine tenths of its time before it ended.
PREAMBLE = """
import os, signal, threading, time
import numpy as np
from cnncore import Input, Sequential, ops
from cnncore.layers import Conv2D, Dense, GlobalAveragePooling2D

rng = np.random.default_rng(0)

def network(size, filters, layers, channels=3):
    model = Sequential([Input((size, size, channels))])
    for _ in range(layers):
        model.add(Conv2D(filters, 3, padding="same", activation="relu"))
    model.add(GlobalAveragePooling2D())
    model.add(Dense(1))
    model.compile("sgd", "mse")
    return model

def images(count, size, channels=3):
    return rng.random((count, size, size, channels), np.float32)

def interrupted(call):
    begin = time.process_time()
    call()
    whole = time.process_time() - begin
    sent = []

    def send():
        begin = time.process_time()
        while time.process_time() < begin + whole / 10:
            time.sleep(0.01)
        sent.append(time.process_time())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        call()
        raise SystemExit("it ran to its end")
    except KeyboardInterrupt:
        used = time.process_time() - sent[0]
    thread.join()
    assert used < 0.7 * whole, (used, whole)
"""

CALLS = {
    "training": """
        model, x, y = network(96, 64, 6), images(8, 96), np.ones((8, 1), np.float32)
        before = model.get_weights()
        model.train_on_batch(x, y)
        model.set_weights(before)
        interrupted(lambda: model.train_on_batch(x, y))
        model.train_on_batch(x, y)
    """,
    "fit": """
        model, x, y = network(96, 64, 6), images(8, 96), np.ones((8, 1), np.float32)
        interrupted(lambda: model.fit(x, y, batch_size=8, verbose=0))
        assert np.isfinite(model.fit(x[:1], y[:1], verbose=0).history["loss"]).all()
    """,
    "predict": """
        model, x = network(96, 64, 6), images(32, 96)
        interrupted(lambda: model.predict(x, batch_size=32, verbose=0))
        assert model.predict(x[:2], verbose=0).shape == (2, 1)
    """,
    "one image": """
        model, x = network(512, 64, 3, channels=32), images(1, 512, 32)
        expected = model.predict(x, verbose=0)
        interrupted(lambda: model.predict(x, verbose=0))
        assert np.array_equal(model.predict(x, verbose=0), expected)
    """,
    "ops": """
        x, kernel, bias = rng.random((2048, 4096), np.float32), rng.random((4096, 4096), np.float32), np.zeros(4096)
        interrupted(lambda: ops.dense(x, kernel, bias.astype(np.float32)))
    """,
    "a source that blocks": """
        model, calls = network(8, 2, 1), []

        def source():
            if calls:
                time.sleep(600)  # longer than the test may take
            calls.append(1)
            yield images(1, 8), np.ones((1, 1), np.float32)

        model.fit(source(), steps_per_epoch=1, verbose=0)
        threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        try:
            model.fit(source(), steps_per_epoch=1, verbose=0)
            raise SystemExit("it ran to its end")
        except KeyboardInterrupt:
            pass
        calls.clear()
        model.fit(source(), steps_per_epoch=1, verbose=0)
    """,
}


@pytest.mark.parametrize("name", CALLS)
def test_how_long_it_takes(name):
    script = PREAMBLE + textwrap.dedent(CALLS[name]) + "\nprint('fine')\n"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=250, check=False)
    assert done.stdout == "fine\n", done.stderr
