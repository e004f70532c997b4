"""Test accuracy on MNIST after training in each precision: the same network, seeds and order of images.

    python examples/precision_accuracy.py [--seeds 5] [--epochs 3] [--data-dir FOLDER]

The network is that of `cnncore train --data mnist`: 32 and 64 filters, 128 units. Its first convolution (one input
channel) and its last layer (10 units) are so small that they always compute in float32. The other two layers, which do
nearly all of the arithmetic, compute in the given precision. The table goes to stdout, progress to stderr.
"""

import argparse
import sys

import numpy as np

import cnncore
from cnncore.applications import mnist_cnn
from cnncore.datasets import mnist

PRECISIONS = ("float32", "bfloat16_3x", "bfloat16")


def accuracy(precision: str, seed: int, data: tuple, epochs: int, batch_size: int) -> float:
    """Share of test images recognized by a network trained from `seed`, in percent."""
    (x_train, y_train), (x_test, y_test) = data
    cnncore.utils.set_random_seed(seed)
    model = mnist_cnn()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], precision=precision)
    model.fit(x_train, y_train, batch_size=batch_size, epochs=epochs, verbose=0)
    return 100 * model.evaluate(x_test, y_test, verbose=0, return_dict=True)["accuracy"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="networks to train in each precision (%(default)s)")
    parser.add_argument("--epochs", type=int, default=3, help="passes over the images (%(default)s)")
    parser.add_argument("--batch-size", type=int, default=32, help="images in a batch (%(default)s)")
    parser.add_argument("--data-dir", help="directory of MNIST's files ($CNNCORE_DATA_DIR)")
    args = parser.parse_args()

    train, test = mnist.load_data(data_dir=args.data_dir)
    data = tuple((x[..., None], y) for x, y in (train, test))
    results: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    for seed in range(args.seeds):
        for precision, accuracies in results.items():
            accuracies.append(accuracy(precision, seed, data, args.epochs, args.batch_size))
            print(f"seed {seed}: {precision} {accuracies[-1]:.2f} %", file=sys.stderr, flush=True)

    print(f"{'precision':<12} {'mean':>7} {'min':>7} {'max':>7} {'std':>6}   test accuracy in %, {args.seeds} seeds")
    for precision, accuracies in results.items():
        spread = np.std(accuracies, ddof=1) if len(accuracies) > 1 else np.nan  # from seed to seed
        print(f"{precision:<12} {np.mean(accuracies):7.3f} {min(accuracies):7.2f} {max(accuracies):7.2f} {spread:6.3f}")


if __name__ == "__main__":
    main()
