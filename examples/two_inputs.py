"""A network with two inputs, an image of a digit and a number, that says whether the digit is larger than the number.

    python examples/two_inputs.py [--epochs 10] [--quick]

The image goes through convolutions, whose output is concatenated with the number, and dense layers decide. A guess by
the number alone is right about three times out of four; for the rest, the network has to read the image.
"""

import argparse

import numpy as np

import cnncore
from cnncore import Input, Model
from cnncore.datasets import mnist5k
from cnncore.layers import Conv2D, Dense, Flatten, MaxPooling2D, Rescaling, concatenate


def make_model() -> Model:
    image = Input((28, 28, 1), name="image")
    number = Input((1,), name="number")
    x = Rescaling(1 / 255)(image)
    x = MaxPooling2D()(Conv2D(16, 3, activation="relu")(x))
    x = MaxPooling2D()(Conv2D(32, 3, activation="relu")(x))
    x = Dense(32, activation="relu")(Flatten()(x))
    x = concatenate([x, number])
    x = Dense(32, activation="relu")(x)
    return Model(inputs=[image, number], outputs=Dense(1, activation="sigmoid", name="larger")(x))


def with_numbers(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Inputs by name and labels 0 or 1: each image gets a number from 0 to 8 at random."""
    number = rng.integers(0, 9, len(y))
    return {"image": x[..., None], "number": number[:, None].astype(np.float32)}, (y > number).astype(np.float32)


def main(arguments: list[str] | None = None) -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=10, help="passes over the images (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="six epochs")
    args = parser.parse_args(arguments)
    cnncore.utils.set_random_seed(0)
    rng = np.random.default_rng(0)

    (x, y), (x_test, y_test) = mnist5k.load_data()
    inputs, labels = with_numbers(x, y, rng)
    test_inputs, test_labels = with_numbers(x_test, y_test, rng)

    model = make_model()
    model.summary()
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.fit(inputs, labels, batch_size=32, epochs=6 if args.quick else args.epochs, verbose=2)
    accuracy = model.evaluate(test_inputs, test_labels, verbose=0, return_dict=True)["accuracy"]
    without_image = ((test_inputs["number"][:, 0] < 4.5) == test_labels).mean()
    print(f"{accuracy:.1%} right (by the number alone: {without_image:.1%})")
    return {"accuracy": accuracy, "without the image": float(without_image)}


if __name__ == "__main__":
    main()
