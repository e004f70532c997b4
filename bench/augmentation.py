"""Flip and shift batches of images: cnncore's layers against torchvision's v2 transforms and Keras' layers.

    python bench/augmentation.py                      # 128 images of 32x32x3, all cores of this process
    python bench/augmentation.py --threads 1 --batch 64

Every library that is installed is measured, in turns, in this process. cnncore, Keras and "torchvision, each image"
give every image a flip and a shift of its own; "torchvision, one for all" gives the whole batch the same ones, which is
less than what training needs. The first batch of each is checked: every image must be the original, shifted by at most
4 pixels and flipped or not (bilinear shifts of Keras and cnncore are checked by their mean only).
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable, Iterator

import numpy as np

from host import describe_machine, machine

SHIFT = 4


def cnncore_ways(images: np.ndarray, threads: int) -> Iterator[tuple[str, bool, Callable[[], np.ndarray]]]:
    """Whole-pixel shifts, which are copies, and Keras' bilinear ones."""
    import cnncore
    from cnncore.layers import RandomFlip, RandomTranslation
    from cnncore.layers.augmentation import augment_batch

    cnncore.set_num_threads(threads)
    size = images.shape[1]
    flip = RandomFlip("horizontal", seed=1)
    whole = RandomTranslation(SHIFT / size, SHIFT / size, fill_mode="constant", interpolation="nearest", seed=1)
    between = RandomTranslation(SHIFT / size, SHIFT / size, fill_mode="constant", seed=1)
    values = images.astype(np.float32)
    yield "cnncore", True, lambda: augment_batch([flip, whole], images)[0]
    yield "cnncore, bilinear", False, lambda: augment_batch([flip, between], images)[0]
    yield "cnncore, bilinear, float32", False, lambda: augment_batch([flip, between], values)[0]


def torchvision_ways(images: np.ndarray, threads: int) -> Iterator[tuple[str, bool, Callable[[], np.ndarray]]]:
    """A transform per image, as data sets apply it, and one per batch."""
    import torch
    from torchvision.transforms import v2

    torch.set_num_threads(threads)
    transform = v2.Compose([v2.RandomHorizontalFlip(), v2.RandomCrop(images.shape[1], padding=SHIFT)])
    batch = torch.from_numpy(images.transpose(0, 3, 1, 2).copy())
    yield (
        "torchvision, each image",
        True,
        lambda: torch.stack([transform(image) for image in batch]).permute(0, 2, 3, 1).numpy(),
    )
    yield "torchvision, one for all", True, lambda: transform(batch).permute(0, 2, 3, 1).numpy()


def keras_ways(images: np.ndarray, threads: int) -> Iterator[tuple[str, bool, Callable[[], np.ndarray]]]:
    """Keras' layers, on whatever backend it is set to."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    if keras.backend.backend() == "torch":
        import torch

        torch.set_num_threads(threads)
    share = SHIFT / images.shape[1]
    flip = keras.layers.RandomFlip("horizontal", seed=1)
    for interpolation in ("bilinear", "nearest"):
        shift = keras.layers.RandomTranslation(share, share, fill_mode="constant", interpolation=interpolation, seed=1)

        def run(shift: keras.layers.Layer = shift) -> np.ndarray:
            result = shift(flip(images, training=True), training=True)
            return np.asarray(keras.ops.convert_to_numpy(result))

        yield f"keras ({keras.backend.backend()}), {interpolation}", interpolation == "nearest", run


def check(images: np.ndarray, result: np.ndarray, whole_pixels: bool) -> None:
    """Raise AssertionError unless every image is the original, flipped or not and shifted."""
    assert result.shape == images.shape
    if not whole_pixels:
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
        ), f"image {n} is no shift of the original"


def measure(ways: dict[str, Callable[[], np.ndarray]], rounds: int, seconds: float) -> dict[str, list[float]]:
    """Microseconds per batch of each, a figure per round; the libraries take turns."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, run in ways.items():
            run()
            durations = []
            end = time.perf_counter() + seconds
            while time.perf_counter() < end or len(durations) < 3:
                start = time.perf_counter()
                run()
                durations.append(time.perf_counter() - start)
            times[name].append(1e6 * statistics.median(durations))
    return times


def main() -> None:
    """Print a line for each library and how many times longer it takes than cnncore's copies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3, help="per library and round")
    args = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.threads])
    images = np.random.default_rng(0).integers(1, 256, (args.batch, args.size, args.size, 3), dtype=np.uint8)
    ways: dict[str, Callable[[], np.ndarray]] = {}
    for source in (cnncore_ways, torchvision_ways, keras_ways):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for name, whole_pixels, run in source(images, args.threads):
                    check(images, run(), whole_pixels)
                    ways[name] = run
        except (ImportError, RuntimeError) as error:
            print(f"{source.__name__.removesuffix('_ways')} is left out: {error}")
    times = measure(ways, args.rounds, args.seconds)
    print(describe_machine(machine()))
    print(f"{args.batch} images of {args.size}x{args.size}x3, {args.threads} threads, us a batch: median (range)")
    own = statistics.median(times["cnncore"])
    for name, values in times.items():
        median = statistics.median(values)
        print(f"{name:30} {median:9.0f} ({min(values):.0f}-{max(values):.0f})  {median / own:6.1f} x cnncore's time")


if __name__ == "__main__":
    main()
