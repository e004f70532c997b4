"""Flip and shift batches of images: measures cnncore's layers, torchvision's v2 transforms and Keras' layers.

    python bench/augmentation.py                        # 128 images of 32x32x3, one thread, processor time
    python bench/augmentation.py --threads 2 --clock wall
    python bench/augmentation.py --python torchvision=~/other/bin/python    # a library of another environment
    python bench/augmentation.py --training --threads 1 2    # the speed of fit with these layers, and without

Every library is measured in a process of its own, and the libraries take turns over several rounds. Images have the
layout that each library prefers, so that nothing is converted. cnncore, Keras and "torchvision, each image" give every
image a flip and a shift of its own. "torchvision, one for all" gives the whole batch the same ones, which is less than
training needs. The first batch of each is checked: every image must be the original, shifted by at most 4 pixels and
perhaps flipped. Of bilinear shifts, only the mean is checked.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from host import describe_machine, machine

SHIFT = 4
PEERS = ["cnncore", "torchvision", "keras"]
CLOCKS: dict[str, Callable[[], float]] = {"cpu": time.process_time, "wall": time.perf_counter}


class Way(NamedTuple):
    """A way to change a batch: ``run`` is measured; ``result`` makes NHWC images of what it returns."""

    label: str
    kind: str  # "whole pixels" or "bilinear"
    run: Callable[[], Any]
    result: Callable[[Any], np.ndarray]


def cnncore_ways(images: np.ndarray, threads: int) -> Iterator[Way]:
    """Shifts by whole pixels, which are copies, and bilinear shifts, as Keras makes them."""
    import cnncore
    from cnncore.layers import RandomFlip, RandomTranslation
    from cnncore.layers.augmentation import augment_batch

    cnncore.set_num_threads(threads)
    share = SHIFT / images.shape[1]
    flip = RandomFlip("horizontal", seed=1)
    for kind, interpolation in (("whole pixels", "nearest"), ("bilinear", "bilinear")):
        shift = RandomTranslation(share, share, fill_mode="constant", interpolation=interpolation, seed=1)

        def run(shift: Any = shift) -> np.ndarray:
            return augment_batch([flip, shift], images)[0]

        yield Way("cnncore", kind, run, np.asarray)


def torchvision_ways(images: np.ndarray, threads: int) -> Iterator[Way]:
    """A transform per image, as data sets apply it, and one per batch."""
    import torch

    torch.set_num_threads(threads)
    # The transforms are made of PyTorch's own operators. torchvision describes operators of its compiled half as well,
    # which a build for another PyTorch cannot load; without that description its import succeeds.
    torch.library.register_fake = lambda *_, **__: lambda function: function
    from torchvision.transforms import v2

    transform = v2.Compose([v2.RandomHorizontalFlip(), v2.RandomCrop(images.shape[1], padding=SHIFT)])
    batch = torch.from_numpy(images.transpose(0, 3, 1, 2).copy())

    def each() -> Any:
        return torch.stack([transform(image) for image in batch])

    def result(changed: Any) -> np.ndarray:
        return np.ascontiguousarray(changed.permute(0, 2, 3, 1).numpy())

    yield Way("torchvision, each image", "whole pixels", each, result)
    yield Way("torchvision, one for all", "whole pixels", lambda: transform(batch), result)


def keras_ways(images: np.ndarray, threads: int) -> Iterator[Way]:
    """Keras' layers, on the backend that KERAS_BACKEND names, or PyTorch."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    if keras.backend.backend() == "torch":
        import torch

        torch.set_num_threads(threads)
    share = SHIFT / images.shape[1]
    flip = keras.layers.RandomFlip("horizontal", seed=1)
    batch = keras.ops.convert_to_tensor(images)
    for kind, interpolation in (("whole pixels", "nearest"), ("bilinear", "bilinear")):
        shift = keras.layers.RandomTranslation(share, share, fill_mode="constant", interpolation=interpolation, seed=1)

        def run(shift: Any = shift) -> Any:
            return shift(flip(batch, training=True), training=True)

        yield Way(f"keras ({keras.backend.backend()})", kind, run, lambda y: np.asarray(keras.ops.convert_to_numpy(y)))


def check(images: np.ndarray, result: np.ndarray, kind: str) -> None:
    """Raise AssertionError unless every image is the original, flipped or not and shifted."""
    assert result.shape == images.shape
    if kind != "whole pixels":
        assert abs(float(result.mean()) - float(images.mean())) < 0.2 * float(images.mean())
        return
    size = images.shape[1]
    padded = np.pad(images, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)))
    for n, image in enumerate(result[:8]):
        assert any(
            np.array_equal(image, np.flip(p, 1) if flip else p)
            for flip in (False, True)
            for dy in range(2 * SHIFT + 1)
            for dx in range(2 * SHIFT + 1)
            for p in [padded[n, dy : dy + size, dx : dx + size]]
        ), f"image {n} is not a shift of the original"


def typical_time(run: Callable[[], Any], seconds: float, clock: Callable[[], float]) -> float:
    """The median time of a call, in microseconds."""
    durations = []
    end = clock() + seconds
    while clock() < end or len(durations) < 3:
        start = clock()
        run()
        durations.append(clock() - start)
    return 1e6 * statistics.median(durations)


def work(args: argparse.Namespace) -> None:
    """In a process of its own: check and measure one library, and print its times as JSON."""
    warnings.simplefilter("ignore")
    ways = {"cnncore": cnncore_ways, "torchvision": torchvision_ways, "keras": keras_ways}[args.worker]
    pixels = np.random.default_rng(0).integers(1, 256, (args.batch, args.size, args.size, 3), dtype=np.uint8)
    times = []
    for dtype in ("uint8", "float32"):
        images = pixels.astype(dtype)
        for way in ways(images, args.threads[0]):
            check(images, way.result(way.run()), way.kind)
            times.append([way.label, way.kind, dtype, typical_time(way.run, args.seconds, CLOCKS[args.clock])])
    print(json.dumps(times))


def train(args: argparse.Namespace) -> None:
    """In a process of its own: samples a second of ``fit`` without and with the layers, as JSON."""
    import cnncore
    from cnncore import Sequential
    from cnncore.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D, RandomFlip, RandomTranslation, Rescaling

    cnncore.set_num_threads(args.threads[0])
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (16 * args.batch, args.size, args.size, 3), dtype=np.uint8)
    y = rng.integers(0, 10, len(x))
    share = SHIFT / args.size
    changes = [RandomFlip("horizontal"), RandomTranslation(share, share, fill_mode="constant", interpolation="nearest")]

    def model(first: list[Any]) -> Any:
        convolutions = [Conv2D(32, 3, activation="relu"), MaxPooling2D(), Conv2D(64, 3, activation="relu")]
        inputs = [Input((args.size, args.size, 3)), *first, Rescaling(1 / 255)]
        network = Sequential([*inputs, *convolutions, MaxPooling2D(), Flatten(), Dense(10, activation="softmax")])
        network.compile("adam", "sparse_categorical_crossentropy")
        network.fit(x, y, batch_size=args.batch, verbose=0)
        return network

    plain, augmented = model([]), model(changes)
    clock = CLOCKS[args.clock]
    speeds: dict[str, list[float]] = {"without": [], "with": []}
    for _ in range(args.rounds):
        for name, network in (("without", plain), ("with", augmented)):
            start = clock()
            network.fit(x, y, batch_size=args.batch, verbose=0)
            speeds[name].append(len(x) / (clock() - start))
    print(json.dumps(speeds))


def in_a_process(args: argparse.Namespace, worker: str, threads: int) -> Any:
    """What a worker prints. None, after a message, if its library is missing."""
    pythons = dict(item.split("=", 1) for item in args.python)
    python = os.path.expanduser(pythons.get(worker, sys.executable))
    options = [f"--{name}={getattr(args, name)}" for name in ("batch", "size", "rounds", "seconds", "clock")]
    command = [python, str(Path(__file__)), f"--worker={worker}", f"--threads={threads}", *options]

    def bind() -> None:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])

    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command, env=environment, preexec_fn=bind, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit code {done.returncode}"
        if "AssertionError" in reason:
            raise SystemExit(f"{worker} failed: {reason}")
        print(f"{worker} is left out: {reason}")
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def compare(args: argparse.Namespace, threads: int) -> None:
    """Print a line for each library, kind of shift and type of image."""
    times: dict[tuple[str, str, str], list[float]] = {}
    peers = list(args.peers)
    for _ in range(args.rounds):
        for peer in list(peers):
            measured = in_a_process(args, peer, threads)
            if measured is None:
                peers.remove(peer)
                continue
            for label, kind, dtype, value in measured:
                times.setdefault((kind, dtype, label), []).append(value)
    images = f"{args.batch} images of {args.size}x{args.size}x3"
    print(f"{images}, threads: {threads}, us a batch ({args.clock} time): median (range)")
    for kind, dtype, label in sorted(times, key=lambda key: key[:2]):
        values = times[kind, dtype, label]
        own = statistics.median(times.get((kind, dtype, "cnncore"), values))
        median, span = statistics.median(values), f"({min(values):.0f}-{max(values):.0f})"
        print(f"{kind:13} {dtype:8} {label:25} {median:8.0f} {span:15} {median / own:6.1f} x cnncore's time")


def compare_training(args: argparse.Namespace, threads: int) -> None:
    """Print the speed of ``fit`` with the layers, and its ratio to the speed without them."""
    speeds = in_a_process(args, "training", threads)
    if speeds is not None:
        without, augmented = max(speeds["without"]), max(speeds["with"])
        ratios = [a / b for a, b in zip(speeds["with"], speeds["without"], strict=True)]
        print(
            f"training, threads: {threads}, {args.clock} time, the best of {args.rounds} rounds: "
            f"{without:.0f} images/s without, {augmented:.0f} with: {100 * augmented / without:.0f} % "
            f"(of single rounds {100 * min(ratios):.0f} to {100 * max(ratios):.0f} %)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=PEERS)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--seconds", type=float, default=0.3, help="time for each library, kind of shift, type and round"
    )
    parser.add_argument("--clock", choices=CLOCKS, default=None, help="default: cpu for one thread, else wall")
    parser.add_argument("--python", nargs="+", default=[], metavar="PEER=PATH", help="Python interpreters of peers")
    parser.add_argument("--training", action="store_true", help="measure fit instead of the layers alone")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        return train(args) if args.worker == "training" else work(args)
    print(describe_machine(machine()))
    given = args.clock
    for threads in args.threads:
        args.clock = given or ("cpu" if threads == 1 else "wall")
        (compare_training if args.training else compare)(args, threads)
    return None


if __name__ == "__main__":
    main()
