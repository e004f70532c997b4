"""A residual network: blocks that learn what to add to their input.

    python examples/residual.py [--blocks 2] [--epochs 10] [--quick]

A block adds its input to the output of two convolutions. If these change the size of the image, a 1x1 convolution
brings the input to the same size. Networks with dozens of such blocks can be trained, because the gradient has a short
way back through the additions. `cnncore.applications` has ResNet-8 and ResNet-20.
"""

import argparse

import cnncore
from cnncore import Input, Model
from cnncore.datasets import mnist5k
from cnncore.layers import Activation, Add, BatchNormalization, Conv2D, Dense, GlobalAveragePooling2D, Rescaling


def residual_block(x, filters: int, strides: int = 1):
    """relu(f(x) + x), with f two convolutions and their batch normalization."""
    y = Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
    y = Activation("relu")(BatchNormalization(momentum=0.9)(y))
    y = Conv2D(filters, 3, padding="same", use_bias=False)(y)
    y = BatchNormalization(momentum=0.9)(y)
    if y.shape != x.shape:
        x = Conv2D(filters, 1, strides=strides, padding="same")(x)
    return Activation("relu")(Add()([x, y]))


def make_model(blocks: int) -> Model:
    """``blocks`` blocks each of 8, 16 and 32 filters, for images of 28, 14 and 7 pixels."""
    image = Input((28, 28, 1))
    x = Conv2D(8, 3, padding="same", activation="relu")(Rescaling(1 / 255)(image))
    for filters in (8, 16, 32):
        for block in range(blocks):
            x = residual_block(x, filters, strides=2 if block == 0 and filters > 8 else 1)
    return Model(image, Dense(10, activation="softmax")(GlobalAveragePooling2D()(x)))


def main(arguments: list[str] | None = None) -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=2, help="number of blocks of each size (%(default)s)")
    parser.add_argument("--epochs", type=int, default=10, help="passes over the images (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="one block of each size, two epochs")
    args = parser.parse_args(arguments)
    cnncore.utils.set_random_seed(0)
    blocks, epochs = (1, 2) if args.quick else (args.blocks, args.epochs)

    (x, y), (x_test, y_test) = mnist5k.load_data()
    model = make_model(blocks)
    model.summary()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x[..., None], y, batch_size=32, epochs=epochs, validation_data=(x_test[..., None], y_test), verbose=2)
    accuracy = model.evaluate(x_test[..., None], y_test, verbose=0, return_dict=True)["accuracy"]
    print(f"{accuracy:.1%} of the validation images recognized")
    return {"accuracy": accuracy}


if __name__ == "__main__":
    main()
