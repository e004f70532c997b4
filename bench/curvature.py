"""The time of a product with the curvature of a network, compared with that of a gradient of the same samples.

    python bench/curvature.py                          # the README's network, 1,000 images
    python bench/curvature.py --samples 5000 --threads 2

The figures are medians over rounds. In each round, the gradient and the products take turns, so that other load on the
machine affects all of them alike.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

import cnncore
from cnncore import Sequential, _core, layers
from host import describe_machine, machine

KINDS = ("gauss_newton", "hessian")


def readme_network() -> Sequential:
    """Two convolutions with pools, two dense layers: 225,034 weights."""
    return Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def measure(samples: int, rounds: int) -> dict[str, float]:
    """Seconds of the gradient and of each product."""
    model = readme_network()
    model.compile(loss="sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (samples, 28, 28, 1)).astype(np.uint8)
    y = rng.integers(0, 10, samples)
    network, loss = model.network, [_core.Loss("sparse_categorical_crossentropy")]
    v = rng.standard_normal(network.parameter_count).astype(np.float32)
    out = np.empty_like(v)
    calls = {"gradient": lambda: network.train_step([x], [y], loss, keep_state=True)}
    for kind in KINDS:
        calls[kind] = lambda kind=kind: network.curvature_product(kind, [x], [y], loss, v=v, out=out)
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name, call in calls.items():
            begin = time.perf_counter()
            call()
            if number:  # plans are made in the first round
                times[name].append(time.perf_counter() - begin)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    cnncore.set_num_threads(options.threads)
    print(describe_machine(machine()))
    seconds = measure(options.samples, options.rounds)
    for name, value in seconds.items():
        print(f"{name:14} {1e3 * value:8.1f} ms {value / seconds['gradient']:6.2f} gradients")


if __name__ == "__main__":
    main()
