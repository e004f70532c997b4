"""A process that has trained can fork, and its children can train, though OpenMP's threads do not survive a fork."""

import subprocess
import sys
import textwrap

import pytest

# A network large enough that its steps are split over threads; its second convolution is one of bfloat16 tiles where a
# CPU has a unit for them. The permission to use AMX's is one of the process, which its children inherit.
PREAMBLE = """
import hashlib, multiprocessing, os, sys
import numpy as np
from cnncore import _core
_core.set_num_threads(4)

graph = _core.GraphBuilder()
x = graph.input((28, 28, 1))
x = graph.add("conv2d", [x], "conv", filters=32, kernel_size=(3, 3), activation="relu")
x = graph.add("max_pool2d", [x], "pool", pool_size=(2, 2), strides=(2, 2))
x = graph.add("conv2d", [x], "strided", filters=32, kernel_size=(3, 3), strides=(2, 2), activation="relu")
x = graph.add("reshape", [x], "flatten", shape=(int(np.prod(graph.output_shape(x))),))
x = graph.add("dense", [x], "dense", units=10, activation="softmax")
network = _core.Network(graph, [x])
loss = _core.Loss("sparse_categorical_crossentropy")
rng = np.random.default_rng(0)
network.set_parameters((0.05 * rng.standard_normal(network.parameter_count)).astype(np.float32))
adam = _core.Optimizer("adam", network.parameter_count)
images, labels = rng.integers(0, 256, (64, 28, 28, 1), dtype=np.uint8), rng.integers(0, 10, 64)

def train(steps=3):
    outputs = np.empty((64, 10), np.float32)
    for _ in range(steps):
        network.train_step([images], [labels], [loss], optimizer=adam, outputs=[outputs])
    return hashlib.sha256(network.forward([images])[0].tobytes()).hexdigest()
"""


def run(body: str) -> str:
    """Run a script in a process of its own. If it hangs, the test fails."""
    script = PREAMBLE + textwrap.dedent(body)
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("precision", ["float32", "bfloat16_3x", "bfloat16"])
def test_fit_fork_fit(precision):
    """The child continues its training and gets the same bits as the parent."""
    out = run(f"""
        network.precision = {precision!r}
        train()
        sys.stdout.flush()
        child = os.fork()
        line = ("child " if child == 0 else "parent ") + train() + "\\n"
        os.write(1, line.encode())  # at once, so that the two do not mix
        if child == 0:
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        print("parent again", train())
    """)
    hashes = {line.rsplit(" ", 1)[0]: line.rsplit(" ", 1)[1] for line in out.splitlines()}
    assert set(hashes) == {"child", "parent", "parent again"}
    assert hashes["child"] == hashes["parent"] != hashes["parent again"]


def test_fork_of_a_fork():
    out = run("""
        train()
        for _ in range(3):
            if child := os.fork():
                sys.exit(os.waitpid(child, 0)[1])
            result = train()
        print(result)
    """)
    assert len(out.split()) == 1


def test_fork_before_any_training():
    out = run("""
        if child := os.fork():
            assert os.waitpid(child, 0)[1] == 0
        print(train(), flush=True)
    """)
    first, second = out.split()
    assert first == second


@pytest.mark.parametrize("tasks", [4])
def test_multiprocessing_by_fork(tasks):
    out = run(f"""
        train()
        with multiprocessing.get_context("fork").Pool(2, maxtasksperchild=1) as pool:
            results = pool.map(train, [2] * {tasks}, chunksize=1)
        print(*results, train(2))
    """)
    results = out.split()
    assert len(results) == tasks + 1
    assert len(set(results)) == 1


AFTER_TORCH = """
import os, sys
{before}
import torch
torch.set_num_threads(4)
x = torch.randn(4_000_000)
for _ in range(3):
    x = x.sin()  # shared by the threads of OpenMP
{between}
child = os.fork()
if child == 0:
    import numpy as np
    import cnncore
    from cnncore.layers import Conv2D, Dense, Flatten
    cnncore.set_num_threads(4)
    model = cnncore.Sequential([Conv2D(16, 3, input_shape=(28, 28, 1)), Flatten(), Dense(10)])
    model.compile("sgd", "mse")
    images = np.ones((128, 28, 28, 1), np.float32)
    model.fit(images, np.ones((128, 10)), batch_size=128, verbose=0)
    model.predict(images, verbose=0)
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
print("both")
"""


@pytest.mark.parametrize(("before", "between"), [("", ""), ("", "import cnncore"), ("import cnncore", "")])
def test_first_use_in_a_child_of_a_process_that_used_openmp(before, between):
    """PyTorch and this package load one libgomp, whose threads the child does not have."""
    pytest.importorskip("torch")
    script = AFTER_TORCH.format(before=before, between=between)
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "both\n", done.stderr


def test_a_child_of_one_thread_may_use_many():
    """The pool of threads can only be lost if the parent had other threads. Otherwise the child may use many."""
    out = run("""
        import threading
        _core.set_num_threads(1)
        train(1)
        child = os.fork()
        if child == 0:
            _core.set_num_threads(3)
            train(1)
            os.write(1, str(len(os.listdir("/proc/self/task"))).encode())
            os._exit(0)
        os.waitpid(child, 0)
    """)
    assert int(out) >= 3
