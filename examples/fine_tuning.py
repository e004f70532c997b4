"""Teach a trained network new classes with few images: train first its last layer alone, then all layers.

    python examples/fine_tuning.py [--images 3] [--quick]

A network learns the digits 0 to 4 from all of their images. Then it has to learn 5 to 9, from only three images of
each:

1. Its convolutions are kept and frozen, and only a new last layer is trained.
2. The convolutions are unfrozen, and all layers are trained with a small learning rate.

For comparison, a new network of the same kind is trained on the same few images.
"""

import argparse

import numpy as np

import cnncore
from cnncore import Sequential
from cnncore.datasets import mnist5k
from cnncore.layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D, Rescaling
from cnncore.optimizers import Adam


def make_base() -> Sequential:
    """From an image to 800 features."""
    layers = [
        Input((28, 28, 1)),
        Rescaling(1 / 255),
        Conv2D(16, 3, activation="relu"),
        MaxPooling2D(),
        Conv2D(32, 3, activation="relu"),
        MaxPooling2D(),
        Flatten(),
        Dropout(0.3),
    ]
    return Sequential(layers, name="base")


def learn(base: Sequential, x: np.ndarray, y: np.ndarray, epochs: int, rate: float) -> Sequential:
    """The base with a new last layer for five classes, trained on images x and labels y from 0 to 4."""
    model = Sequential([base, Dense(5, activation="softmax")])
    model.compile(Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=16, epochs=epochs, verbose=0)
    return model


def main(arguments: list[str] | None = None) -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=3, help="images of each new digit (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="four epochs in place of eight at the beginning")
    args = parser.parse_args(arguments)
    cnncore.utils.set_random_seed(0)
    epochs = 4 if args.quick else 8

    (x, y), (x_test, y_test) = mnist5k.load_data()
    x, x_test = x[..., None], x_test[..., None]  # the axis of the channel
    old, test = y < 5, y_test >= 5
    few = np.concatenate([np.flatnonzero(y == digit)[: args.images] for digit in range(5, 10)])
    new_images, new_labels = x[few], y[few] - 5

    base = make_base()
    learn(base, x[old], y[old], epochs, rate=1e-3)

    def accuracy(model: Sequential) -> float:
        return model.evaluate(x_test[test], y_test[test] - 5, verbose=0, return_dict=True)["accuracy"]

    result = {}
    base.trainable = False
    model = learn(base, new_images, new_labels, epochs=30, rate=1e-2)
    result["last layer alone"] = accuracy(model)

    base.trainable = True
    small_steps = Adam(1e-4)  # change the trained weights only a little
    model.compile(small_steps, "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(new_images, new_labels, batch_size=16, epochs=30, verbose=0)
    result["then everything"] = accuracy(model)

    result["from nothing"] = accuracy(learn(make_base(), new_images, new_labels, epochs=60, rate=1e-3))

    print(f"{args.images} images of each of the digits 5 to 9; accuracy on {test.sum()} others:")
    for name, value in result.items():
        print(f"  {name:<17} {value:.1%}")
    return result


if __name__ == "__main__":
    main()
