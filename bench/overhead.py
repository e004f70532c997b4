"""What Python costs around the core: compares each method of a model with the call of the core that it makes.

    python bench/overhead.py                    # one thread, processor time
    python bench/overhead.py --rounds 9 --metrics-rounds 120

The two take turns, and the shortest time of several rounds counts, because other load on the machine can only make it
longer. How much longer a method takes than the core is the median of the rounds, with their range. The network of the
first lines is tiny, so that its own time does not hide what is measured.

The lines about metrics use the README's network. One model is compiled with each list of metrics in turn, so that all
of them compute in the same memory, and is trained for a moment before a short ``fit`` is measured. Every second round
goes through the lists in the opposite order. Printed is the median ratio to ``fit`` without metrics in the same round,
with the quartiles, for processor time and for wall time. The line "without metrics, again" measures the same thing as
the first one: its distance from zero says how far the others can be trusted.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import cnncore
from cnncore import Sequential, applications
from cnncore.layers import Dense
from host import describe_machine, machine

STEPS = 2000


def in_turns(rounds: int, *functions: Callable[[], Any]) -> list[list[float]]:
    """The processor times of each function in each round, in seconds; they take turns."""
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(rounds):
        for function, durations in zip(functions, times, strict=True):
            start = time.process_time()
            function()
            durations.append(time.process_time() - start)
    return times


def show(name: str, times: list[float], core: list[float] | None = None) -> None:
    """Print the least time of a step, and how much longer it takes than a step of the core."""
    line = f"{name:36}{1e6 * min(times) / STEPS:7.1f} us"
    if core is not None:
        more = [1e6 * (t - c) / STEPS for t, c in zip(times, core, strict=True)]
        line += f": {statistics.median(more):.1f} more ({min(more):.1f} to {max(more):.1f})"
    print(line)


def tiny_model() -> tuple[Any, np.ndarray, np.ndarray]:
    """A tiny network, and a batch for it."""
    model = Sequential([Dense(4, activation="relu", input_shape=(8,)), Dense(2)])
    model.compile("adam", "mse")
    rng = np.random.default_rng(0)
    x, y = rng.random((32, 8), np.float32), rng.random((32, 2), np.float32)
    model.train_on_batch(x, y)
    return model, x, y


def of_steps(rounds: int) -> None:
    """Compare ``fit``, an epoch, and ``train_on_batch`` with ``Network.train_step``."""
    model, x, y = tiny_model()
    network, rule = model.network, model.optimizer.rule
    losses = [cnncore.losses.get("mse").core((2,))]
    order = np.random.default_rng(1).permutation(32 * STEPS).reshape(STEPS, 32)
    many_x, many_y = np.tile(x, (STEPS, 1)), np.tile(y, (STEPS, 1))

    def core() -> None:
        for indices in order:
            network.train_step([many_x], [many_y], losses, [1.0], [None], indices, rule, None)

    def fit() -> None:
        model.fit(many_x, many_y, batch_size=32, verbose=0)

    def fit_with_bar() -> None:
        with contextlib.redirect_stderr(io.StringIO()):
            model.fit(many_x, many_y, batch_size=32, verbose=1)

    def epochs() -> None:
        model.fit(x, y, batch_size=32, epochs=STEPS, verbose=0)

    def on_batches() -> None:
        for _ in range(STEPS):
            model.train_on_batch(x, y)

    step, quiet, bar, epoch, on_batch = in_turns(rounds, core, fit, fit_with_bar, epochs, on_batches)
    show("a step of the core", step)
    show("a step in fit", quiet, step)
    show("a step in fit with a progress bar", bar, step)
    show("an epoch of one step", epoch, step)
    show("train_on_batch", on_batch, step)


def of_predictions(rounds: int) -> None:
    """Compare ``predict`` and a call for one sample with ``Network.forward_array``."""
    model, x, _ = tiny_model()
    network, one = model.network, x[:1]
    calls: list[Callable[[Any], Any]] = [network.forward_array, model.predict, model]

    def repeated(call: Callable[[Any], Any]) -> Callable[[], None]:
        def run() -> None:
            for _ in range(STEPS):
                call(one)

        return run

    forward, predict, call = in_turns(rounds, *map(repeated, calls))
    show("the core's forward pass, one sample", forward)
    show("predict", predict, forward)
    show("model(x)", call, forward)


def of_metrics(rounds: int) -> None:
    """Compare ``fit`` of the README's network with metrics and without."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (512, 28, 28, 1), np.uint8), rng.integers(0, 10, 512)
    model = applications.mnist_cnn()
    top_3 = cnncore.metrics.SparseTopKCategoricalAccuracy(3)
    cases: dict[str, list[Any]] = {
        "without metrics": [],
        "with accuracy": ["accuracy"],
        "with accuracy and top-3 accuracy": ["accuracy", top_3],
        "without metrics, again": [],
    }

    def run(metrics: list[Any]) -> tuple[float, float]:
        model.compile("adam", "sparse_categorical_crossentropy", metrics=metrics)
        model.fit(x[:64], y[:64], verbose=0)
        start = time.process_time(), time.perf_counter()
        model.fit(x, y, verbose=0)
        return time.process_time() - start[0], time.perf_counter() - start[1]

    times: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
    for i in range(rounds):
        for name in list(cases) if i % 2 == 0 else list(cases)[::-1]:
            times[name].append(run(cases[name]))
    first, *others = cases
    usual = statistics.median(cpu for cpu, _ in times[first])
    print(f"fit of the README's network with 512 images {first}: {1e3 * usual:.1f} ms of processor time")
    for name in others:
        spreads = []
        for clock, label in enumerate(("processor", "wall")):
            more = [100 * (t[clock] / w[clock] - 1) for t, w in zip(times[name], times[first], strict=True)]
            low, middle, high = statistics.quantiles(more, n=4)
            spreads.append(f"{label} time {middle:+.1f} % ({low:+.1f} to {high:+.1f})")
        print(f"{name:36}{', '.join(spreads)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--metrics-rounds", type=int, default=60, help="rounds of the lines about metrics (%(default)s)"
    )
    args = parser.parse_args()
    cnncore.set_num_threads(1)
    print(describe_machine(machine()))
    of_steps(args.rounds)
    of_predictions(args.rounds)
    of_metrics(args.metrics_rounds)


if __name__ == "__main__":
    main()
