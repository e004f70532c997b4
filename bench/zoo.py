"""The networks of cnncore.applications: size, speed, and how well they learn in a few epochs, as a Markdown table.

    python bench/zoo.py [--models resnet8 ds_cnn] [--epochs 3] [--threads 2] [--clock wall] [--data-dir FOLDER]

Networks for 28x28 images are trained on the digits of the package, and networks for 32x32x3 images on CIFAR-10, if its
files are there. Of the others, only the speed is measured, on random numbers. All are trained in the same way: Adam
with a learning rate that falls along a cosine, batches of 64 uint8 images, no augmentation. The accuracy is that of the
final weights on the validation or test images.
"""

import argparse
import math
import time

import numpy as np

import cnncore
from cnncore import applications, layers
from cnncore.datasets import cifar10, mnist5k
from cnncore.optimizers import Adam
from cnncore.optimizers.schedules import CosineDecay

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
DIGITS = ("mnist_cnn", "lenet5", "oshea_nash")
COLOURS = ("cifar10_cnn", "cifar10_cnn_bn", "resnet8", "resnet20")
OTHERS = ("mobilenet_025", "ds_cnn", "dense_autoencoder", "siamese")
BATCH, RATE = 64, 2e-3


def multiply_adds(model) -> int:
    """The number of products that the convolutions and dense layers of a model need for one sample."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, cnncore.Model):
            total += multiply_adds(layer)
        elif isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D, layers.Dense)):
            positions = math.prod(layer.output_shape[1:-1])
            total += positions * math.prod(layer.get_weights()[0].shape)
    return total


def random_data(model, count: int):
    """Random inputs, targets that fit the model's output, and the name of a loss."""
    rng = np.random.default_rng(0)
    shapes = model.input_shape if isinstance(model.input_shape, list) else [model.input_shape]
    inputs = [rng.integers(0, 256, (count, *shape[1:]), dtype=np.uint8) for shape in shapes]
    if model.name == "dense_autoencoder":
        x = inputs[0].astype(np.float32) / 255
        return x, x, "mse"
    if model.name == "siamese":
        return inputs, rng.integers(0, 2, count).astype(np.float32), "binary_crossentropy"
    return inputs[0], rng.integers(0, model.output_shape[-1], count), "sparse_categorical_crossentropy"


def best_time(call, clock, rounds: int = 5) -> float:
    """Seconds of the fastest of some calls, after one that is not counted."""
    call()
    times = []
    for _ in range(rounds):
        start = clock()
        call()
        times.append(clock() - start)
    return min(times)


def speeds(name: str, clock) -> tuple[float, float]:
    """Microseconds per sample in training and in inference, batch 64."""
    model = getattr(applications, name)()
    x, y, loss = random_data(model, BATCH)
    model.compile("adam", loss)
    training = best_time(lambda: model.train_on_batch(x, y), clock)
    inference = best_time(lambda: model.predict_on_batch(x), clock)
    return 1e6 * training / BATCH, 1e6 * inference / BATCH


def accuracy(name: str, epochs: int, data_dir: str | None) -> float | None:
    """The accuracy on images that were not used for training. None if there is no data for the network."""
    if name in DIGITS:
        (x, y), (x_test, y_test) = mnist5k.load_data()
        x, x_test = x[..., None], x_test[..., None]
    elif name in COLOURS:
        try:
            (x, y), (x_test, y_test) = cifar10.load_data(data_dir=data_dir)
        except (FileNotFoundError, ImportError, OSError):
            return None
    else:
        return None
    cnncore.utils.set_random_seed(0)
    model = getattr(applications, name)()
    rate = CosineDecay(RATE, epochs * -(-len(x) // BATCH))
    model.compile(Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0)
    return float(model.evaluate(x_test, y_test, batch_size=500, verbose=0, return_dict=True)["accuracy"])


def main(arguments: list[str] | None = None) -> None:
    names = (*DIGITS, *COLOURS, *OTHERS)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=names, default=names)
    parser.add_argument("--epochs", type=int, default=3, help="0: speed only (%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="(%(default)s)")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: time of the process, for busy machines")
    parser.add_argument("--data-dir", help="directory of CIFAR-10's files ($CNNCORE_DATA_DIR)")
    args = parser.parse_args(arguments)
    if args.clock == "cpu" and args.threads > 1:
        parser.error("--clock cpu: expected --threads 1, because threads that wait take time as well")
    cnncore.set_num_threads(args.threads)
    print(
        "| network | parameters | million multiply-adds | training, us per sample | inference, us per sample "
        f"| test accuracy after {args.epochs} epochs |"
    )
    print("|---|---|---|---|---|---|")
    for name in args.models:
        model = getattr(applications, name)()
        training, inference = speeds(name, CLOCKS[args.clock])
        share = accuracy(name, args.epochs, args.data_dir) if args.epochs else None
        right = "" if share is None else f"{share:.1%}"
        size = f"{model.count_params():,} | {multiply_adds(model) / 1e6:.2f}"
        print(f"| `{name}` | {size} | {training:.0f} | {inference:.0f} | {right} |", flush=True)


if __name__ == "__main__":
    main()
