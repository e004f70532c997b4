"""Memory does not grow over thousands of calls with many shapes, and training steps leave nothing allocated."""

import os
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self/statm")

PREAMBLE = """
import gc, os
import numpy as np
from cnncore import _core, ops

def resident():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

def network():
    graph = _core.GraphBuilder()
    x = graph.input((12, 12, 1))
    x = graph.add("conv2d", [x], "conv", filters=8, kernel_size=(3, 3), activation="relu")
    x = graph.add("max_pool2d", [x], "pool", pool_size=(2, 2), strides=(2, 2))
    x = graph.add("reshape", [x], "flatten", shape=(200,))
    x = graph.add("dense", [x], "dense", units=10, activation="softmax")
    return _core.Network(graph, [x])

net = network()
adam = _core.Optimizer("adam", net.parameter_count)
images, labels = np.zeros((64, 12, 12, 1), np.uint8), np.zeros(64, np.int64)
losses = [_core.Loss("sparse_categorical_crossentropy")]
"""


def growth(body: str, warm_up: int, calls: int) -> int:
    """Bytes by which the resident memory of a fresh process grows over ``calls`` runs of ``body`` (i counts them)."""
    loop = "for i in range({}):\n" + textwrap.indent(textwrap.dedent(body), "    ")
    script = PREAMBLE + loop.format(warm_up) + "\nbefore = resident()\n" + loop.format(calls)
    script += "\nprint(resident() - before)"
    # One thread: what is measured are blocks that stay, not the waiting of thousands of tiny parallel regions.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_predicting_batches_of_50_sizes():
    assert growth("net.forward([images[: i % 50 + 1]])", warm_up=100, calls=2000) < 2**20


def test_the_methods_of_a_model_on_batches_of_50_sizes():
    body = """
        if "model" not in globals():
            from cnncore import Sequential
            from cnncore.layers import Conv2D, Dense, Flatten
            model = Sequential([Conv2D(4, 3, activation="relu", input_shape=(8, 8, 1)), Flatten(), Dense(3)])
            model.compile("adam", "mse", metrics=["mae"])
            x, y = np.zeros((50, 8, 8, 1), np.float32), np.zeros((50, 3), np.float32)
        n = i % 50 + 1
        model.predict(x[:n], verbose=0)
        model(x[:n])
        model.train_on_batch(x[:n], y[:n])
        if n == 50:
            model.fit(x, y, epochs=2, validation_split=0.2, verbose=0)
    """
    assert growth(body, warm_up=150, calls=1000) < 2**20


def test_training_on_batches_of_50_sizes():
    body = """
        n = i % 50 + 1
        outputs = [np.empty((n, 10), np.float32)]
        net.train_step([images[:n]], [labels[:n]], losses, optimizer=adam, outputs=outputs)
    """
    assert growth(body, warm_up=100, calls=2000) < 2**20


def test_training_on_batches_of_1000_sizes():
    """Each call has another size, from the largest: a network keeps the plans of the last few sizes only."""
    body = """
        if i == 0:
            x, y = np.zeros((1000, 12, 12, 1), np.uint8), np.zeros(1000, np.int64)
        net.train_step([x[i:]], [y[i:]], losses, optimizer=adam)
    """
    assert growth(body, warm_up=50, calls=1000) < 2**20


def test_ops_of_50_shapes():
    body = """
        x, kernel = np.zeros((2, i % 50 + 3, 7, 4), np.float32), np.zeros((3, 3, 4, 8), np.float32)
        y = ops.conv2d(x, kernel)
        ops.conv2d_backward(x, kernel, y)
        ops.max_pool2d(x)
    """
    assert growth(body, warm_up=100, calls=2000) < 2**20


def test_networks_are_freed():
    body = """
        net = network()
        net.forward([images])
        net.train_step([images], [labels], losses, outputs=[np.empty((64, 10), np.float32)])
    """
    assert growth(body, warm_up=50, calls=500) < 2**20


def test_errors_leak_nothing():
    body = """
        try:
            net.train_step([images], [labels - 1], losses, optimizer=adam)
        except ValueError:
            pass
        else:
            raise AssertionError("labels of -1 were accepted")
    """
    assert growth(body, warm_up=100, calls=2000) < 2**20


def test_views_keep_the_network_alive():
    """The arrays of a network and of an optimizer stay valid after their owner is gone."""
    body = """
        kernel, m = network().parameters("dense").view(0), _core.Optimizer("adam", 1000).state["m"]
        gradients = network().gradients
        kernel[...] = 1
        assert kernel.sum() == kernel.size and not m.any() and not gradients.any()
    """
    assert growth(body, warm_up=50, calls=500) < 2**20
