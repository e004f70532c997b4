"""Train a network with six convolutions on CIFAR-10.

    python examples/cifar10.py [--epochs 10] [--data-dir FOLDER]

Without --data-dir or CNNCORE_DATA_DIR, the data set is downloaded, checked and cached, which needs
pip install "cnncore[data]".
"""

import argparse

from cnncore.applications import cifar10_cnn
from cnncore.datasets import cifar10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=10, help="passes over the images (%(default)s)")
    parser.add_argument("--batch-size", type=int, default=128, help="images in a batch (%(default)s)")
    parser.add_argument("--data-dir", help="directory of CIFAR-10's files ($CNNCORE_DATA_DIR)")
    args = parser.parse_args()

    (x_train, y_train), (x_test, y_test) = cifar10.load_data(data_dir=args.data_dir)
    model = cifar10_cnn()  # its first layer scales the uint8 images to 0..1
    model.summary()
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x_train, y_train, batch_size=args.batch_size, epochs=args.epochs, validation_data=(x_test, y_test))


if __name__ == "__main__":
    main()
