"""What every worker of ``bench/compare.py`` shares: arguments, the model's weights, the checks and the clock.

A worker is one process that measures one library in one setting and prints one line of JSON. It subclasses
``Peer`` and calls ``run``. All libraries start from the same weights and see the same arrays: images are float32 in
[0, 1], shape (n, 28, 28, 1), labels int64.
"""

from __future__ import annotations

import abc
import argparse
import json
import resource
import statistics
import time
from typing import Any

import numpy as np

Weights = list[np.ndarray]  # kernel, bias of conv2d, conv2d_1, dense, dense_1; HWIO and (in, out)
WEIGHT_SHAPES = [(3, 3, 1, 32), (32,), (3, 3, 32, 64), (64,), (1600, 128), (128,), (128, 10), (10,)]


class Peer(abc.ABC):
    """One library: the model of the README, built from given weights, trained with Adam and cross-entropy."""

    version = ""

    @abc.abstractmethod
    def __init__(self, weights: Weights, threads: int, variant: str) -> None:
        """Build the model. Raises ImportError where the library is not installed."""

    def load(self, x: np.ndarray, y: np.ndarray) -> Any:
        """Put a data set into the library's own form; not timed."""
        return x, y

    def train_epoch(self, data: Any, batch: int) -> float:
        """Train one shuffled epoch, return the mean loss."""
        raise TypeError(f"{type(self).__name__} only infers")

    @abc.abstractmethod
    def predict(self, x: np.ndarray) -> np.ndarray:
        """Probabilities, NumPy in and NumPy out."""


def initial_weights() -> Weights:
    """Glorot-uniform kernels and zero biases from a fixed seed."""
    rng = np.random.default_rng(0)
    weights = []
    for shape in WEIGHT_SHAPES:
        field = int(np.prod(shape[:-2]))
        limit = np.sqrt(6.0 / (field * (shape[-2] + shape[-1]))) if len(shape) > 1 else 0.0
        weights.append(rng.uniform(-limit, limit, shape).astype(np.float32))
    return weights


def reference_probabilities(weights: Weights, x: np.ndarray) -> np.ndarray:
    """Compute the model's output in NumPy, float64: what every library is checked against."""

    def conv_relu_pool(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
        patches = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))  # n, y, x, c, ky, kx
        z = np.maximum(np.einsum("nyxcij,ijcf->nyxf", patches, kernel, optimize=True) + bias, 0)
        n, h, w, f = z.shape
        return z[:, : h // 2 * 2, : w // 2 * 2].reshape(n, h // 2, 2, w // 2, 2, f).max(axis=(2, 4))

    k1, b1, k2, b2, k3, b3, k4, b4 = (w.astype(np.float64) for w in weights)
    h = conv_relu_pool(conv_relu_pool(x.astype(np.float64), k1, b1), k2, b2).reshape(len(x), -1)
    logits = np.maximum(h @ k3 + b3, 0) @ k4 + b4
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _check_outputs(peer: Peer, weights: Weights, x: np.ndarray) -> None:
    expected = reference_probabilities(weights, x)
    error = float(np.abs(np.asarray(peer.predict(x)) - expected).max())
    if not error < 1e-4:
        raise RuntimeError(f"outputs differ from the NumPy reference by {error:.3g}; expected less than 1e-4")


def measure_training(peer: Peer, arrays: dict[str, np.ndarray], batch: int, seconds: float) -> dict[str, Any]:
    """Whole epochs until the time is over; images a second, and a check that the model has learnt."""
    x, y = arrays["x_train"], arrays["y_train"]
    images = len(x) // batch * batch  # no short batch: some libraries compile once per shape
    if images == 0:
        raise ValueError(f"a data set of at least one batch ({batch}) is needed. Received: {len(x)} images")
    peer.train_epoch(peer.load(x[: 4 * batch], y[: 4 * batch]), batch)  # caches, compilation
    data = peer.load(x[:images], y[:images])
    losses: list[float] = []
    start = time.perf_counter()
    while time.perf_counter() - start < seconds or not losses:
        losses.append(peer.train_epoch(data, batch))
    elapsed = time.perf_counter() - start

    accuracy = float((peer.predict(arrays["x_test"]).argmax(axis=1) == arrays["y_test"]).mean())
    if not (losses[-1] < 0.9 * np.log(10) and accuracy > 0.5):
        raise RuntimeError(f"the model has not learnt: loss {losses[-1]:.3f}, accuracy {accuracy:.3f}")
    return {"images_per_second": len(losses) * images / elapsed, "loss": losses[-1], "accuracy": accuracy}


def measure_inference(peer: Peer, arrays: dict[str, np.ndarray], batch: int, seconds: float) -> dict[str, Any]:
    """Calls of ``predict`` on one batch until the time is over; from the median time of a call."""
    x = np.ascontiguousarray(np.resize(arrays["x_test"], (batch, 28, 28, 1)))
    for _ in range(3):
        peer.predict(x)
    times: list[float] = []
    start = time.perf_counter()
    while time.perf_counter() - start < seconds or len(times) < 3:
        before = time.perf_counter()
        peer.predict(x)
        times.append(time.perf_counter() - before)
    median = statistics.median(times)
    return {"images_per_second": batch / median, "microseconds_per_call": median * 1e6, "calls": len(times)}


def run(peer_class: type[Peer]) -> None:
    """Measure as the command line says; print one line of JSON."""
    parser = argparse.ArgumentParser(description="One measurement for bench/compare.py, as one line of JSON.")
    parser.add_argument("--task", choices=["train", "infer"], default="train")
    parser.add_argument("--variant", default="")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--data", required=True, help=".npz with x_train, y_train, x_test, y_test; uint8 images")
    args = parser.parse_args()

    weights = initial_weights()
    try:
        peer = peer_class(weights, args.threads, args.variant)
    except ImportError as error:
        print(json.dumps({"missing": str(error)}))
        return
    with np.load(args.data) as file:
        arrays = {name: file[name] for name in file.files}
    for name in ("x_train", "x_test"):
        arrays[name] = (arrays[name].reshape(-1, 28, 28, 1) / 255.0).astype(np.float32)
    _check_outputs(peer, weights, arrays["x_test"][:8])
    measure = measure_training if args.task == "train" else measure_inference
    result = measure(peer, arrays, args.batch, args.seconds)
    result |= {"version": peer.version, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
    print(json.dumps(result))
