"""The parts that all workers of ``bench/compare.py`` share: arguments, checks and the clock.

A worker is one process that measures one library in one setting and prints one line of JSON. It subclasses
``Peer`` and calls ``run``. All libraries start from the same weights and see the same arrays: images are float32 in
[0, 1], NHWC, and labels int64. The labels of an autoencoder are its inputs, as the same array.
"""

from __future__ import annotations

import abc
import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from layers import Model, Weights
from models import MODELS, initial_weights
from numpy_network import loss_of, reference_outputs
from precisions import PRECISIONS, round_operand

LEAST_STEPS = 80  # the steps that the slowest network needs until its loss has fallen clearly


Clock = Callable[[], float]
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "cpu": time.process_time}


class Peer(abc.ABC):
    """One library: a network of ``models.py``, built from given weights, trained with Adam and the model's loss."""

    version = ""

    @abc.abstractmethod
    def __init__(self, model: Model, weights: Weights, threads: int, variant: str, precision: str) -> None:
        """Build the network.

        Raises ImportError where the library is not installed.
        """

    def load(self, x: np.ndarray, y: np.ndarray) -> Any:
        """Convert a data set to the library's own form. This is not timed."""
        return x, y

    def train_epoch(self, data: Any, batch: int) -> float:
        """Train one epoch in random order, and return the mean loss."""
        raise TypeError(f"{type(self).__name__} only infers")

    @abc.abstractmethod
    def predict(self, x: np.ndarray) -> np.ndarray:
        """Probabilities, or the outputs of an autoencoder, from a NumPy array to a NumPy array."""


def _error_bounds(
    model: Model, weights: Weights, x: np.ndarray, expected: np.ndarray, precision: str
) -> tuple[float, float]:
    """The least and the largest error that the outputs of a library may have in this precision.

    In a reduced precision, the scale is the error of the reference if the operands of its products are rounded. A
    library rounds the same operands, so its largest error is the maximum of another sample of about the same
    distribution. It may also round results, or leave out the product of the low halves, which adds at most as many
    errors again: a factor of sqrt(2). The rest of the factor 4 allows for the difference between two such maxima. The
    errors of float32 sums are small compared with the scale as long as sqrt(terms) is below 2**8.

    Errors may be smaller if some layers stay in float32. The errors of float32 are about 2**-16 * sqrt(terms) times
    those of bfloat16. So an error below a sixteenth of the scale shows that a library ignored the precision.
    bfloat16_3x is too close to float32 for this check.
    """
    if precision == "float32":
        return 0.0, 1e-4 * max(1.0, float(np.abs(expected).max()))
    rounded = reference_outputs(model, weights, x, rounded=lambda operand: round_operand(operand, precision))
    scale = float(np.abs(rounded - expected).max())
    return scale / 16 if precision == "bfloat16" else 0.0, 4 * scale


def _check_outputs(peer: Peer, model: Model, weights: Weights, x: np.ndarray, precision: str) -> None:
    expected = reference_outputs(model, weights, x)
    least, most = _error_bounds(model, weights, x, expected, precision)
    error = float(np.abs(np.asarray(peer.predict(x)) - expected).max())
    if not least <= error < most:
        raise RuntimeError(
            f"outputs in {precision} differ from the NumPy reference by {error:.3g}; expected {least:.3g} to {most:.3g}"
        )


def _check_first_losses(peer: Peer, arrays: dict[str, np.ndarray], batch: int, expected: list[float]) -> None:
    """Train on the first images twice, and check the losses before and after the first step.

    Adam divides each gradient by its size. So tiny gradients, which consist of rounding errors, still change weights,
    and libraries add different constants to that size. Therefore the change of the loss may differ by a twentieth.
    """
    before, after = expected
    data = peer.load(*_part(arrays, batch))
    for step, wanted, tolerance in ((0, before, 1e-3 * max(1.0, before)), (1, after, 0.05 * abs(after - before))):
        loss = peer.train_epoch(data, batch)
        if not abs(loss - wanted) < tolerance:
            raise RuntimeError(
                f"the first batch's loss after {step} steps differs from the NumPy reference: "
                f"expected {wanted} within {tolerance:.2g}, got {loss}"
            )


def _part(arrays: dict[str, np.ndarray], count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first samples and labels to train on. If the labels are the inputs, both are the same array."""
    x = arrays["x_train"][:count]
    return x, x if arrays["y_train"] is arrays["x_train"] else arrays["y_train"][:count]


def _loss_and_accuracy(peer: Peer, model: Model, arrays: dict[str, np.ndarray]) -> tuple[float, float | None]:
    p, y = peer.predict(arrays["x_test"]), arrays["y_test"]
    accuracy = float((p.argmax(axis=1) == y).mean()) if model.loss == "crossentropy" else None
    return loss_of(model, p, y), accuracy


def measure_training(
    peer: Peer, model: Model, arrays: dict[str, np.ndarray], batch: int, seconds: float, clock: Clock
) -> dict[str, Any]:
    """Train whole epochs until the time is over. Returns images per second, after a check that the loss has fallen."""
    available = len(arrays["x_train"])
    images = available // batch * batch  # no short batch: some libraries compile once per shape
    if images == 0:
        raise ValueError(f"a data set of at least one batch ({batch}) is needed. Received: {available} images")
    loss_before, _ = _loss_and_accuracy(peer, model, arrays)
    first = peer.train_epoch(peer.load(*_part(arrays, min(images, 4 * batch))), batch)  # caches, compilation
    data = peer.load(*_part(arrays, images))
    losses: list[float] = []
    start = clock()
    while clock() - start < seconds or not losses:
        losses.append(peer.train_epoch(data, batch))
    elapsed = clock() - start
    timed = len(losses)
    while len(losses) * images < LEAST_STEPS * batch:
        losses.append(peer.train_epoch(data, batch))

    loss, accuracy = _loss_and_accuracy(peer, model, arrays)
    # With batch normalization, the test loss means little until the moving statistics have seen more steps.
    kind, before, after = ("training", first, losses[-1]) if model.has_batch_norm else ("test", loss_before, loss)
    if not after < 0.97 * before:
        raise RuntimeError(f"nothing learnt: the {kind} loss was {before:.3f} at first and is {after:.3f}")
    return {
        "images_per_second": timed * images / elapsed,
        "train_loss": losses[-1],
        "test_loss": loss,
        "accuracy": accuracy,
    }


def measure_inference(
    peer: Peer, model: Model, arrays: dict[str, np.ndarray], batch: int, seconds: float, clock: Clock
) -> dict[str, Any]:
    """Call ``predict`` on one batch until the time is over. The speed follows from the median time of a call."""
    x = np.ascontiguousarray(np.resize(arrays["x_test"], (batch, *arrays["x_test"].shape[1:])))
    for _ in range(3):
        p = peer.predict(x)
    if p.shape != (batch, *model.shapes[-1]) or not np.isfinite(p).all():
        raise RuntimeError(f"expected {batch} finite rows of outputs. Received: shape {p.shape}")
    times: list[float] = []
    start = clock()
    while clock() - start < seconds or len(times) < 3:
        before = clock()
        peer.predict(x)
        times.append(clock() - before)
    median = statistics.median(times)
    return {"images_per_second": batch / median, "microseconds_per_call": median * 1e6, "calls": len(times)}


def _peak_mb() -> float:
    """The most memory that this process has used. getrusage would also count the pages of its parent before exec."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(peer_class: type[Peer]) -> None:
    """Measure what the command line asks for, and print one line of JSON."""
    parser = argparse.ArgumentParser(description="One measurement for bench/compare.py, as one line of JSON.")
    parser.add_argument("--task", choices=["train", "infer"], default="train")
    parser.add_argument("--model", choices=MODELS, default="mnist_cnn")
    parser.add_argument("--variant", default="")
    parser.add_argument("--precision", choices=PRECISIONS, default="float32")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument(
        "--first-losses",
        type=float,
        nargs=2,
        help="the right losses of the first batch before and after a training step",
    )
    parser.add_argument("--data", required=True, help=".npz with x_train, y_train, x_test, y_test; uint8 images")
    args = parser.parse_args()

    model = MODELS[args.model]
    weights = initial_weights(model)
    with np.load(args.data) as file:
        arrays = {name: file[name] for name in file.files}
    for name in ("x_train", "x_test"):
        arrays[name] = arrays[name].reshape(-1, *model.input_shape) / np.float32(255)
    if model.loss == "mse":
        arrays |= {"y_train": arrays["x_train"], "y_test": arrays["x_test"]}
    try:
        peer = peer_class(model, weights, args.threads, args.variant, args.precision)
        peer.predict(arrays["x_test"][:8])
    except Exception as error:  # libraries raise different errors if this processor has no bfloat16 for them
        if args.precision == "float32" and not isinstance(error, ImportError):
            raise
        print(json.dumps({"missing": " ".join(str(error).split())[-300:]}))
        return
    _check_outputs(peer, model, weights, arrays["x_test"][:8], args.precision)
    if args.first_losses is not None and args.precision == "float32":
        calm = model.without_dropout()  # its training is not random, so that losses can be compared
        checked = peer if calm is model else peer_class(calm, weights, args.threads, args.variant, args.precision)
        _check_first_losses(checked, arrays, args.batch, args.first_losses)
    measure = measure_training if args.task == "train" else measure_inference
    result = measure(peer, model, arrays, args.batch, args.seconds, CLOCKS[args.clock])
    print(json.dumps(result | {"version": peer.version, "peak_mb": _peak_mb()}))
