"""The networks of cnncore.applications: size, speed, and how well they learn in a few epochs, as a Markdown table.

    python bench/zoo.py [--models resnet8 ds_cnn] [--epochs 3] [--threads 2] [--clock wall] [--data-dir FOLDER]

All networks learn from the digits of the package or from CIFAR-10, if its files are there; also those that were made
for other data:

- ``mobilenet_025`` tells animals from vehicles in images of CIFAR-10 that are enlarged to 96x96 pixels,
- ``ds_cnn`` reads digits that are resampled to 49x10 values,
- ``siamese`` says whether two digits are the same,
- ``dense_autoencoder`` learns to reproduce all digits but the zeros, resampled to 32x20 = 640 values. Its result is the
  area under the ROC curve of telling zeros from the other test digits by the error of the reproduction.

All are trained in the same way: Adam with a learning rate that falls along a cosine, batches of 64, no augmentation.
Results are those of the final weights on images that were not used for training. Speed is measured on random numbers.
"""

import argparse
import math
import time

import numpy as np

import cnncore
from cnncore import applications, layers
from cnncore.datasets import cifar10, mnist5k
from cnncore.layers import Resizing
from cnncore.optimizers import Adam
from cnncore.optimizers.schedules import CosineDecay

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
DIGITS = ("mnist_cnn", "lenet5", "oshea_nash")
COLOURS = ("cifar10_cnn", "cifar10_cnn_bn", "resnet8", "resnet20", "mobilenet_025")
OTHERS = ("ds_cnn", "dense_autoencoder", "siamese")
BATCH, RATE = 64, 2e-3
DIGIT_EPOCHS, COLOUR_EPOCHS = 10, 5
ANIMALS = [2, 3, 4, 5, 6, 7]  # the labels of birds, cats, deer, dogs, frogs and horses


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


def digits(height: int = 28, width: int = 28):
    """Digits of another size, for training and for tests: values from 0 to 1, and labels."""
    resize = Resizing(height, width)
    return [(np.asarray(resize(x[..., None] / np.float32(255))), y) for x, y in mnist5k.load_data()]


def pairs(x, y, seed: int):
    """Pairs of images, and for each whether both have the same label. This is so for about half of them."""
    rng = np.random.default_rng(seed)
    wanted = np.where(rng.random(len(y)) < 0.5, y, (y + rng.integers(1, 10, len(y))) % 10)
    partners = np.array([rng.choice(np.flatnonzero(y == label)) for label in wanted])
    return [x, x[partners]], (y == y[partners]).astype(np.float32)


def colours(name: str, data_dir: str | None):
    """Images of CIFAR-10 for a network, for training and for tests."""
    data = cifar10.load_data(data_dir=data_dir)
    if name != "mobilenet_025":
        return data
    return [(x.repeat(3, axis=1).repeat(3, axis=2), np.isin(y, ANIMALS).astype(np.int64)) for x, y in data]


def data_for(name: str, data_dir: str | None):
    """What a network learns: data for training, data for tests, and a loss. None if the files are missing."""
    if name in COLOURS:
        try:
            return *colours(name, data_dir), "sparse_categorical_crossentropy"
        except (FileNotFoundError, ImportError, OSError):
            return None
    if name == "siamese":
        return *(pairs(255 * x, y, seed) for seed, (x, y) in enumerate(digits())), "binary_crossentropy"
    if name == "dense_autoencoder":
        (x, y), (x_test, y_test) = ((x.reshape(len(x), -1), y) for x, y in digits(32, 20))
        return (x[y != 0], x[y != 0]), (x_test, y_test), "mse"
    if name == "ds_cnn":
        return *digits(49, 10), "sparse_categorical_crossentropy"
    return *((x[..., None], y) for x, y in mnist5k.load_data()), "sparse_categorical_crossentropy"


def area_under_curve(positive, negative) -> float:
    """The share of pairs of a positive and a negative score in which the positive one is larger."""
    return float(np.mean(positive[:, None] > negative))


def result(name: str, epochs: int, data_dir: str | None) -> str:
    """Train a network, and say how well it does on images that it has not seen. Empty if there is no data for it."""
    data = data_for(name, data_dir)
    if data is None:
        return ""
    (x, y), (x_test, y_test), loss = data
    cnncore.utils.set_random_seed(0)
    model = getattr(applications, name)()
    rate = CosineDecay(RATE, epochs * -(-len(y) // BATCH))
    model.compile(Adam(rate), loss, metrics=[] if loss == "mse" else ["accuracy"])
    model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0)
    if loss == "mse":
        errors = np.mean((np.asarray(model.predict(x_test, verbose=0)) - x_test) ** 2, axis=1)
        return f"AUC {area_under_curve(errors[y_test == 0], errors[y_test != 0]):.3f}"
    return f"{model.evaluate(x_test, y_test, batch_size=500, verbose=0, return_dict=True)['accuracy']:.1%}"


def main(arguments: list[str] | None = None) -> None:
    names = (*DIGITS, *COLOURS, *OTHERS)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=names, default=names)
    epochs = f"0: speed only ({COLOUR_EPOCHS} for CIFAR-10, {DIGIT_EPOCHS} for digits)"
    parser.add_argument("--epochs", type=int, help=epochs)
    parser.add_argument("--threads", type=int, default=2, help="(%(default)s)")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: time of the process, for busy machines")
    parser.add_argument("--data-dir", help="directory of CIFAR-10's files ($CNNCORE_DATA_DIR)")
    args = parser.parse_args(arguments)
    if args.clock == "cpu" and args.threads > 1:
        parser.error("--clock cpu: expected --threads 1, because threads that wait take time as well")
    cnncore.set_num_threads(args.threads)
    print(
        "| network | parameters | million multiply-adds | training, us per sample | inference, us per sample "
        "| epochs | test accuracy |"
    )
    print("|---|---|---|---|---|---|---|")
    for name in args.models:
        model = getattr(applications, name)()
        training, inference = speeds(name, CLOCKS[args.clock])
        epochs = args.epochs if args.epochs is not None else COLOUR_EPOCHS if name in COLOURS else DIGIT_EPOCHS
        learned = result(name, epochs, args.data_dir) if epochs else ""
        size = f"{model.count_params():,} | {multiply_adds(model) / 1e6:.2f}"
        print(f"| `{name}` | {size} | {training:.0f} | {inference:.0f} | {epochs} | {learned} |", flush=True)


if __name__ == "__main__":
    main()
