"""Learn whether two images show the same digit, and recognize digits by comparing them with examples.

    python examples/siamese.py [--epochs 10] [--quick]

Both images go through the same small network, with the same weights, and its two outputs are compared. The network is
trained on pairs of images that show the same digit or different ones. Afterwards it can recognize digits, although it
was never told which image shows which digit: a new image is compared with five examples of each digit, and gets the
name of those that are most similar.
"""

import argparse

import numpy as np

import cnncore
from cnncore.applications import siamese
from cnncore.datasets import mnist5k


def make_pairs(y: np.ndarray, pairs: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices of the first and the second images, and 1 for pairs of the same class, which are half of them, else 0."""
    of_class = [np.flatnonzero(y == label) for label in range(10)]
    first = rng.integers(0, len(y), pairs)
    same = np.arange(pairs) % 2
    other_class = (y[first] + rng.integers(1, 10, pairs)) % 10
    second_class = np.where(same, y[first], other_class)
    second = np.array([rng.choice(of_class[label]) for label in second_class])
    return first, second, same.astype(np.float32)


def main(arguments: list[str] | None = None) -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=10, help="passes over the pairs (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="fewer pairs, four epochs")
    args = parser.parse_args(arguments)
    cnncore.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    pairs, epochs = (8_000, 4) if args.quick else (20_000, args.epochs)

    (x, y), (x_test, y_test) = mnist5k.load_data()
    x, x_test = x[..., None], x_test[..., None]  # the axis of the channel
    first, second, same = make_pairs(y, pairs, rng)

    model = siamese()
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.fit([x[first], x[second]], same, batch_size=64, epochs=epochs, verbose=0 if args.quick else 2)

    first, second, same = make_pairs(y_test, 2_000, rng)
    of_pairs = model.evaluate([x_test[first], x_test[second]], same, verbose=0, return_dict=True)["accuracy"]
    print(f"pairs of new images: {of_pairs:.1%} right (guessing: 50 %)")

    examples = np.concatenate([np.flatnonzero(y == digit)[:5] for digit in range(10)])  # five of each digit
    new, example = np.repeat(np.arange(200), 50), np.tile(examples, 200)  # every new image with every example
    similar = model.predict([x_test[new], x[example]], batch_size=500, verbose=0).reshape(200, 10, 5)
    of_digits = (similar.mean(axis=2).argmax(axis=1) == y_test[:200]).mean()
    print(f"digits named after five examples of each: {of_digits:.1%} right (guessing: 10 %)")
    return {"pairs": of_pairs, "digits": float(of_digits)}


if __name__ == "__main__":
    main()
