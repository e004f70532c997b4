"""The same bits at any number of threads."""

import os
import subprocess
import sys

import numpy as np
import pytest

import checking
from cnncore import _core, ops
from reference_network import AvgPool2d, Chain, Conv2d, Dense, Flatten, Layer, MaxPool2d, Rescaling

THREADS = (1, 2, 3, 8)
PRECISIONS = ("float32", "bfloat16_3x", "bfloat16")


class Dropout(Layer):
    def lower(self, graph, x, name):
        return graph.add("dropout", [x], name, rate=0.25, seed=7)


def conv(filters, **params):
    return Conv2d(filters, activation="relu", **params)


SMALL_CNN = [
    Rescaling(1 / 255),
    conv(8),
    MaxPool2d(),
    conv(16),
    MaxPool2d(),
    Flatten(),
    Dropout(),
    Dense(32, activation="relu"),
    Dense(10, activation="softmax"),
]
# Every other path: padding, strides, groups, overlapping and average pools, tanh.
MIXED_CNN = [
    Rescaling(1 / 255),
    Conv2d(6, (5, 5), padding=((2, 2), (2, 2)), activation="tanh"),
    MaxPool2d((3, 3), (2, 2)),
    Conv2d(12, groups=2, strides=(1, 2), activation="sigmoid"),
    Conv2d(12, groups=12, padding=((1, 1), (1, 1)), activation="relu"),
    AvgPool2d(),
    Flatten(),
    Dense(10, activation="softmax"),
]
SEED_MODEL = [
    Rescaling(1 / 255),
    conv(32),
    MaxPool2d(),
    conv(64),
    MaxPool2d(),
    Flatten(),
    Dense(128, activation="relu"),
    Dense(10, activation="softmax"),
]
# Layers with channels enough for a reduced precision: Winograd and not, pooled and not, every activation.
WIDE_CNN = [
    Rescaling(1 / 255),
    conv(16),
    conv(32, padding=((1, 1), (1, 1))),
    conv(32, padding=((1, 1), (1, 1))),
    MaxPool2d(),
    Conv2d(32, (4, 2), padding=((1, 2), (1, 0)), activation="tanh"),
    Conv2d(32, strides=(1, 2), activation="sigmoid"),
    Flatten(),
    Dropout(),
    Dense(64, activation="relu"),
    Dense(40, activation="relu"),
    Dense(10, activation="softmax"),
]


def adam(size):
    return _core.Optimizer("adam", size)


def train(input_shape, layers, batch, make_optimizer, steps, precision="float32"):
    """Train from fixed weights on fixed images: (losses, parameters, state, predictions)."""
    rng = np.random.default_rng(0)
    chain = Chain(input_shape, layers)
    chain.initialize(rng, exact=False)
    network = chain.network
    network.precision = precision
    x = rng.integers(0, 256, (100, *input_shape), dtype=np.uint8)
    y = rng.integers(0, 10, 100)
    optimizer = make_optimizer(network.parameters.size)
    optimizer.learning_rate = 0.01
    outputs = np.empty((batch, 10), np.float32)
    losses = []
    for _ in range(steps):
        indices = rng.integers(0, 100, batch)
        loss = network.train_step(x, y, indices, "sparse_categorical_crossentropy", False, optimizer, None, outputs)
        losses.append(loss)
    assert np.isfinite(losses).all()
    return np.array(losses), network.parameters.copy(), list(optimizer.state.values()), network.forward(x)


def assert_same_bits(run):
    with checking.num_threads(THREADS[0]):
        expected = run()
    for threads in THREADS[1:]:
        with checking.num_threads(threads):
            actual = run()
        for left, right in zip(actual, expected, strict=True):
            np.testing.assert_array_equal(left, right, err_msg=f"{threads} threads")


@pytest.mark.parametrize("batch", [32, 100, 7, 1])
@pytest.mark.parametrize("layers", [SMALL_CNN, MIXED_CNN], ids=["small", "mixed"])
def test_hundred_steps(layers, batch):
    assert_same_bits(lambda: train((14, 14, 1), layers, batch, adam, steps=100))


def test_as_many_threads_as_shards():
    """A batch of 512 has 64 shards. Each of 64 threads may take one, and the bits are those of one thread."""

    def run():
        return train((14, 14, 1), SMALL_CNN, 512, adam, steps=2)

    with checking.num_threads(1):
        expected = run()
    with checking.num_threads(64):
        actual = run()
    for left, right in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("batch", [32, 7])
def test_steps_of_the_seed_model(batch, precision):
    assert_same_bits(lambda: train((28, 28, 1), SEED_MODEL, batch, adam, 25, precision))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", checking.KNOWN_ISAS)
@pytest.mark.parametrize("layers", [SEED_MODEL, MIXED_CNN, WIDE_CNN], ids=["seed", "mixed", "wide"])
def test_one_image(layers, name, precision):
    """Threads share the layers of one image, and leave out what is zero: the bits are those of a batch."""
    rng = np.random.default_rng(0)
    shape = (28, 28, 1) if layers is SEED_MODEL else (48, 48, 1)  # enough work to be shared
    with checking.forced_isa(name):
        chain = Chain(shape, layers)
        chain.initialize(rng, exact=False)
        chain.network.precision = precision
        images = rng.random((5, *shape), dtype=np.float32)
        whole = chain.network.forward(images)
        assert_same_bits(lambda: [chain.network.forward(images[i : i + 1]) for i in range(5)])
        alone = np.concatenate([chain.network.forward(images[i : i + 1]) for i in range(5)])
        np.testing.assert_array_equal(alone, whole)
        with checking.num_threads(3):  # slices of two and of one
            np.testing.assert_array_equal(chain.network.forward(images), whole)


@pytest.mark.parametrize("name", checking.FLOAT32_ISAS)
def test_one_image_through_a_residual_network(name):
    """Threads share sums of layers between convolutions, and each reads rows that others have written."""

    def conv(graph, x, layer, **options):
        y = graph.add("conv2d", [x], layer, filters=32, kernel_size=(3, 3), **options)
        return graph.add("activation", [y], layer + "_relu", kind="relu")

    rng = np.random.default_rng(0)
    image = rng.random((1, 23, 30, 16), dtype=np.float32)
    with checking.forced_isa(name):
        graph = _core.GraphBuilder()
        x = graph.input(image.shape[1:])
        same = {"padding": ((1, 1), (1, 1))}
        first = conv(graph, x, "first", **same)
        second = conv(graph, conv(graph, first, "second", **same), "third", **same)
        total = graph.add("activation", [graph.add("add", [first, second], "sum")], "sum_relu", kind="relu")
        left = conv(graph, total, "left", strides=(2, 2), **same)
        right = conv(graph, total, "right", strides=(2, 2), padding=((0, 2), (2, 0)))
        network = _core.Network(graph, [graph.add("add", [left, right], "end")])
        network.set_parameters(rng.normal(0, 0.1, network.parameter_count).astype(np.float32))
        assert_same_bits(lambda: network.forward([image]))


def test_hundred_steps_of_sgd():
    def sgd(size):
        return _core.Optimizer("sgd", size, momentum=0.9, nesterov=True)

    assert_same_bits(lambda: train((14, 14, 1), SMALL_CNN, 33, sgd, steps=100))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", checking.KNOWN_ISAS)
def test_every_isa(name, precision):
    if precision == "float32" and name not in checking.FLOAT32_ISAS:
        pytest.skip("has the float32 kernels of avx512")
    networks, steps = ((SMALL_CNN, MIXED_CNN, WIDE_CNN), 5) if precision == "float32" else ((WIDE_CNN,), 3)
    with checking.forced_isa(name):
        for layers in networks:
            assert_same_bits(lambda layers=layers: train((14, 14, 1), layers, 33, adam, steps, precision))


def test_changing_the_number_of_threads_midway():
    """A network does not remember the number of threads that it began with."""
    chain = Chain((14, 14, 1), SEED_MODEL)
    chain.initialize(np.random.default_rng(0), exact=False)
    x = np.random.default_rng(1).integers(0, 256, (50, 14, 14, 1), dtype=np.uint8)
    assert_same_bits(lambda: chain.network.forward(x))


@pytest.mark.parametrize("precision", PRECISIONS[1:])
@pytest.mark.parametrize("n", [1, 5, 64])
def test_products_of_reduced_precision(n, precision):
    rng = np.random.default_rng(n)
    x = rng.standard_normal((n, 11, 10, 16)).astype(np.float32)
    kernel = rng.standard_normal((3, 3, 16, 18)).astype(np.float32)
    dy = rng.standard_normal((n, 11, 10, 18)).astype(np.float32)
    flat, matrix = x.reshape(n, -1), rng.standard_normal((1760, 40)).astype(np.float32)
    options = {"precision": precision}

    def run():
        y = ops.conv2d(x, kernel, padding="same", **options)
        grads = ops.conv2d_backward(x, kernel, dy, padding="same", **options)
        product = ops.dense(flat, matrix, **options)
        return y, *grads, product, *ops.dense_backward(flat, matrix, product, **options)

    assert_same_bits(run)


@pytest.mark.parametrize("n", [1, 5, 64])
def test_ops_have_the_same_bits_at_any_number_of_threads(n):
    rng = np.random.default_rng(n)
    x = rng.standard_normal((n, 11, 10, 6)).astype(np.float32)
    kernel = rng.standard_normal((3, 3, 6, 18)).astype(np.float32)
    dy = rng.standard_normal((n, 11, 10, 18)).astype(np.float32)
    flat, matrix = x.reshape(n, -1), rng.standard_normal((660, 40)).astype(np.float32)

    def run():
        y = ops.conv2d(x, kernel, padding="same")
        pooled = ops.max_pool2d(y, 3, 2), ops.avg_pool2d(y, 3, 2)
        back = ops.max_pool2d_backward(y, pooled[0], pool_size=3, strides=2)
        loss, dlogits = ops.softmax_cross_entropy(flat, np.arange(n) % 660)
        grads = ops.conv2d_backward(x, kernel, dy, padding="same")
        product = ops.dense(flat, matrix)
        return y, *pooled, back, *grads, product, *ops.dense_backward(flat, matrix, product), np.array(loss), dlogits

    assert_same_bits(run)


def test_number_of_threads():
    before = _core.get_num_threads()
    assert _core.default_num_threads() >= 1
    with checking.num_threads(3):
        assert _core.get_num_threads() == 3
    assert _core.get_num_threads() == before
    for bad in (0, -1):
        with pytest.raises(ValueError, match="threads"):
            _core.set_num_threads(bad)
    assert _core.get_num_threads() == before


LIMITED = """
import resource, sys
import os
import subprocess
import sys

import numpy as np
import cnncore
from cnncore.layers import Conv2D, Dense, Flatten

model = cnncore.Sequential([Conv2D(16, 3, input_shape=(28, 28, 1), activation="relu"), Flatten(), Dense(10)])
model.compile("sgd", "mse")
images, targets = np.ones((256, 28, 28, 1), np.float32), np.ones((256, 10), np.float32)
cnncore.set_num_threads(1)
model.fit(images, targets, verbose=0)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + {room} * 2**20,) * 2)
cnncore.set_num_threads(1024)
expected = model.predict(images, verbose=0)
cnncore.set_num_threads(1)
assert np.array_equal(model.predict(images, verbose=0), expected)
print("the same")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="address spaces are limited on Linux")
@pytest.mark.parametrize("room", [100, 300, 1000])
def test_more_threads_than_memory_has_room_for(room):
    """If a thread could not be started, OpenMP would end the process."""
    command = [sys.executable, "-c", LIMITED.format(room=room)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "the same\n", done.stderr


@pytest.mark.skipif(_core.default_num_threads() < 2, reason="needs two processors")
@pytest.mark.parametrize("setting", ["OMP_PROC_BIND=true", "OMP_PLACES=cores", "OMP_PROC_BIND=spread"])
def test_threads_that_are_bound_to_processors(setting):
    """OpenMP binds the first thread to one processor, which does not mean that there is no other."""
    name, value = setting.split("=")
    command = [sys.executable, "-c", "from cnncore import _core; print(_core.default_num_threads())"]
    environment = {key: text for key, text in os.environ.items() if not key.startswith("OMP_")} | {name: value}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=True)
    assert int(done.stdout) >= 2
