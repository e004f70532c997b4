"""A fast recipe for CIFAR-10, after Keller Jordan's airbench, made small enough that a CPU trains it in minutes.

    python examples/cifar10_recipe.py [--epochs 8] [--width 32] [--data-dir FOLDER] [--quick]

It learns quickly for these reasons:

1. The first convolution is not trained. Its filters are the principal components of small patches of the training
   images, each scaled to the same variance ("whitening"), so that the next layer gets uncorrelated numbers.
2. Batch normalization and GELU follow each of the other convolutions, whose first filters initially copy the input.
3. Muon updates the kernels; its rate rises, and then falls to zero. Smoothed labels keep the network from becoming too
   confident.
4. Each image is mirrored in every second epoch and shifted by up to two pixels. In the test, the outputs for six views
   of an image are averaged.

Source: K. Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024, arXiv:2404.00498, and its repository
KellerJordan/cifar10-airbench. bench/cifar10_recipe_torch.py is the same recipe in PyTorch and compares the two.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np

import cnncore
from cnncore import Sequential
from cnncore.datasets import cifar10
from cnncore.layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    Dense,
    GlobalMaxPooling2D,
    Input,
    MaxPooling2D,
    RandomTranslation,
    Rescaling,
)
from cnncore.losses import SparseCategoricalCrossentropy
from cnncore.optimizers import Muon
from cnncore.optimizers.schedules import OneCycle

BATCH, SMOOTHING, SHIFT = 250, 0.2, 2  # images in a batch; smoothing of labels; pixels of the largest shift
RATE, RISE, MOMENTUM, DECAY = 0.02, 0.23, 0.85, 0.01  # of Muon; RISE is the share of the steps in which the rate rises


def whitening(images: np.ndarray, size: int = 2) -> list[np.ndarray]:
    """Kernel and bias of a convolution that whitens patches of size x size: each filter and its negative."""
    channels = images.shape[3]
    patches = np.lib.stride_tricks.sliding_window_view(images / np.float32(255), (size, size), axis=(1, 2))
    patches = patches.transpose(0, 1, 2, 4, 5, 3).reshape(-1, size * size * channels)
    variances, directions = np.linalg.eigh(np.cov(patches, rowvar=False))
    filters = directions / np.sqrt(variances + 5e-4)
    filters = np.concatenate([filters, -filters], axis=1).astype(np.float32)
    return [filters.reshape(size, size, channels, -1), -patches.mean(axis=0) @ filters]


def identity(rng: np.random.Generator) -> Callable[..., np.ndarray]:
    """An initializer of kernels: the first filters copy the channels of the input, the others are random."""

    def kernel(shape: tuple[int, ...], dtype: str | None = None) -> np.ndarray:
        height, width, channels, filters = shape
        bound = 1 / np.sqrt(height * width * channels)
        values = rng.uniform(-bound, bound, shape).astype(np.float32)
        copies = np.arange(min(channels, filters))
        values[..., copies] = 0
        values[height // 2, width // 2, copies, copies] = 1
        return values

    return kernel


def make_model(images: np.ndarray, width: int, seed: int) -> Sequential:
    initializer = identity(np.random.default_rng(seed))

    def convolution(filters: int) -> Conv2D:
        return Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer=initializer)

    def normalization() -> BatchNormalization:
        return BatchNormalization(scale=False, momentum=0.6)

    shift = (SHIFT + 0.5) / images.shape[1]  # rounded to whole pixels: -2, -1, 0, 1 and 2 are equally frequent
    whiten = Conv2D(24, 2, activation="gelu", trainable=False)
    layers = [
        Input(images.shape[1:]),
        RandomTranslation(shift, shift, fill_mode="reflect", interpolation="nearest"),
        Rescaling(1 / 255),
        whiten,
    ]
    for filters in (width, 2 * width, 4 * width):
        layers += [convolution(filters), MaxPooling2D(), normalization(), Activation("gelu")]
        layers += [convolution(filters), normalization(), Activation("gelu")]
    layers += [GlobalMaxPooling2D(), Dense(10, use_bias=False, name="head"), Rescaling(1 / 9)]
    model = Sequential(layers, seed=seed)
    whiten.set_weights(whitening(images[:2000]))
    return model


def train(model: Sequential, x: np.ndarray, y: np.ndarray, epochs: int, seed: int, verbose: int = 0) -> None:
    """Train on images x uint8 (n, 32, 32, 3) and labels y (n, 1)."""
    rate = OneCycle(RATE, epochs * -(-len(x) // BATCH), warmup_fraction=RISE)
    optimizer = Muon(
        rate, weight_decay=DECAY, adam_weight_decay=DECAY, momentum=MOMENTUM, exclude_layers=["head"]
    )  # AdamW updates the head and all weights that are not kernels
    model.compile(
        optimizer, SparseCategoricalCrossentropy(from_logits=True, label_smoothing=SMOOTHING), metrics=["accuracy"]
    )
    mirrored = np.random.default_rng(seed).random(len(x)) < 0.5
    x = np.where(mirrored[:, None, None, None], x[:, :, ::-1], x)
    for epoch in range(epochs):
        model.fit(x, y, batch_size=BATCH, initial_epoch=epoch, epochs=epoch + 1, verbose=verbose)
        x = np.ascontiguousarray(x[:, :, ::-1])  # mirrored, for the next epoch


def predict(predict_logits: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    """Logits (n, 10), the mean over six views: the image itself, with double weight, and two shifts, each also
    mirrored.
    """
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="symmetric")
    height, width = x.shape[1:3]
    total = np.zeros((len(x), 10), np.float32)
    for weight, down, right in ((2, 1, 1), (1, 0, 0), (1, 2, 2)):
        view = padded[:, down : down + height, right : right + width]
        total += weight * (predict_logits(view) + predict_logits(np.ascontiguousarray(view[:, :, ::-1])))
    return total / 8


def main(arguments: list[str] | None = None) -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=8, help="passes over the images (%(default)s)")
    parser.add_argument("--width", type=int, default=32, help="filters of the first group (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the weights and the order of images (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="two epochs of 2,000 images with 8 filters")
    parser.add_argument("--data-dir", help="directory of CIFAR-10's files ($CNNCORE_DATA_DIR)")
    args = parser.parse_args(arguments)

    (x, y), (x_test, y_test) = cifar10.load_data(data_dir=args.data_dir)
    epochs, width = args.epochs, args.width
    if args.quick:
        x, y, epochs, width = x[:2000], y[:2000], 2, 8
    model = make_model(x, width, args.seed)
    start = time.perf_counter()
    train(model, x, y, epochs, args.seed, verbose=2)
    seconds = time.perf_counter() - start
    logits = predict(lambda images: model.predict(images, verbose=0), x_test)
    accuracy = float((logits.argmax(axis=1) == y_test.ravel()).mean())
    print(f"{accuracy:.2%} of {len(x_test):,} test images, after {epochs} epochs of {seconds / epochs:.2f} s each")
    return {"accuracy": accuracy, "seconds": seconds}


if __name__ == "__main__":
    cnncore.utils.set_random_seed(0)
    main()
