"""Describe images of digits by 16 numbers each, and draw them again from these numbers.

    python examples/autoencoder.py [--epochs 20] [--picture digits.png] [--quick]

The encoder turns an image into a code of 16 numbers, and the decoder turns the code into an image. Both are trained
together, with the image itself as the target. The picture shows digits that were not used for training in its upper
row, and what the decoder draws in its lower row. It needs matplotlib: pip install "cnncore[plot]".
"""

import argparse

import numpy as np

import cnncore
from cnncore import Input, Model, Sequential
from cnncore.datasets import mnist5k
from cnncore.layers import Conv2D, Conv2DTranspose, Dense, Flatten, Reshape

CODE = 16


def make_encoder() -> Sequential:
    layers = [
        Input((28, 28, 1)),
        Conv2D(16, 3, strides=2, padding="same", activation="relu"),  # 14x14
        Conv2D(32, 3, strides=2, padding="same", activation="relu"),  # 7x7
        Flatten(),
        Dense(CODE),
    ]
    return Sequential(layers, name="encoder")


def make_decoder() -> Sequential:
    layers = [
        Input((CODE,)),
        Dense(7 * 7 * 32, activation="relu"),
        Reshape((7, 7, 32)),
        Conv2DTranspose(16, 3, strides=2, padding="same", activation="relu"),  # 14x14
        Conv2DTranspose(1, 3, strides=2, padding="same", activation="sigmoid"),  # 28x28, 0 to 1
    ]
    return Sequential(layers, name="decoder")


def draw(path: str, images: np.ndarray, reconstructions: np.ndarray) -> None:
    """A picture of images (n, 28, 28, 1) in the upper row and their reconstructions in the lower one."""
    import matplotlib.image

    rows = [np.concatenate(list(row[..., 0]), axis=1) for row in (images, reconstructions)]
    matplotlib.image.imsave(path, np.concatenate(rows).repeat(3, axis=0).repeat(3, axis=1), cmap="gray", vmin=0, vmax=1)


def main(arguments: list[str] | None = None) -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=20, help="passes over the images (%(default)s)")
    parser.add_argument("--picture", metavar="FILE", help="where to save the picture, such as digits.png")
    parser.add_argument("--quick", action="store_true", help="four epochs")
    args = parser.parse_args(arguments)
    cnncore.utils.set_random_seed(0)

    (x, _), (x_test, _) = mnist5k.load_data()
    x, x_test = x[..., None].astype(np.float32) / 255, x_test[..., None].astype(np.float32) / 255

    encoder, decoder = make_encoder(), make_decoder()
    image = Input((28, 28, 1))
    model = Model(image, decoder(encoder(image)))
    model.compile("adam", "mse")
    epochs = 4 if args.quick else args.epochs
    model.fit(x, x, batch_size=32, epochs=epochs, verbose=0 if args.quick else 2)

    code = encoder.predict(x_test, verbose=0)  # the parts can be used on their own
    reconstructed = decoder.predict(code, verbose=0)
    error = float(np.mean((reconstructed - x_test) ** 2))
    error_of_mean = float(np.mean((x.mean(axis=0) - x_test) ** 2))
    print(f"mean squared error of new images: {error:.4f} ({error_of_mean:.4f} for the mean image)")
    if args.picture:
        draw(args.picture, x_test[::50], reconstructed[::50])
        print(f"{args.picture}: 20 new images, and below them what the network draws from {CODE} numbers each")
    return {"error": error, "error of the mean image": error_of_mean}


if __name__ == "__main__":
    main()
