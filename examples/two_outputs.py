"""A network with two outputs: which digit is in the picture, and where it is.

    python examples/two_outputs.py [--epochs 20] [--quick]

Digits are put at random places on a larger picture. Both outputs use the same convolutions; each output has its own
last layers and its own loss. The losses are multiplied by `loss_weights` and added.
"""

import argparse

import numpy as np

import cnncore
from cnncore import Input, Model
from cnncore.datasets import mnist5k
from cnncore.layers import Conv2D, Dense, Flatten, MaxPooling2D, Rescaling

SIZE, ROOM = 44, 16  # pixels: the size of the picture, and how far a digit may be moved on it


def make_model() -> Model:
    picture = Input((SIZE, SIZE, 1), name="picture")
    x = Rescaling(1 / 255)(picture)
    for filters in (16, 32, 32):
        x = MaxPooling2D()(Conv2D(filters, 3, padding="same", activation="relu")(x))
    x = Flatten()(x)
    digit = Dense(10, activation="softmax", name="digit")(Dense(64, activation="relu")(x))
    place = Dense(2, name="place")(Dense(64, activation="relu")(x))
    return Model(picture, {"digit": digit, "place": place})


def place_at_random(x: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (n, 44, 44, 1), and how far each digit is moved down and to the right (n, 2), as a share of ROOM."""
    moves = rng.integers(0, ROOM + 1, (len(x), 2))
    pictures = np.zeros((len(x), SIZE, SIZE, 1), np.uint8)
    for picture, image, (down, right) in zip(pictures, x, moves, strict=True):
        picture[down : down + 28, right : right + 28, 0] = image
    return pictures, (moves / ROOM).astype(np.float32)


def main(arguments: list[str] | None = None) -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=20, help="passes over the pictures (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="five epochs")
    args = parser.parse_args(arguments)
    cnncore.utils.set_random_seed(0)
    rng = np.random.default_rng(0)

    (x, y), (x_test, y_test) = mnist5k.load_data()
    pictures, places = place_at_random(x, rng)
    test_pictures, test_places = place_at_random(x_test, rng)

    model = make_model()
    model.compile(
        "adam",
        loss={"digit": "sparse_categorical_crossentropy", "place": "mse"},
        loss_weights={"digit": 1.0, "place": 10.0},
        metrics={"digit": ["accuracy"], "place": ["mae"]},
    )
    epochs = 5 if args.quick else args.epochs
    model.fit(pictures, {"digit": y, "place": places}, batch_size=32, epochs=epochs, verbose=2)

    results = model.evaluate(test_pictures, {"digit": y_test, "place": test_places}, verbose=0, return_dict=True)
    accuracy, pixels = results["digit_accuracy"], ROOM * results["place_mae"]
    print(f"digit: {accuracy:.1%} right; place: wrong by {pixels:.2f} pixels on average")
    return {"accuracy": accuracy, "pixels": pixels}


if __name__ == "__main__":
    main()
