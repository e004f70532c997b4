"""Data sets: 5,000 MNIST digits inside the package, the full sets from disk or the network, and file readers.

>>> from cnncore.datasets import mnist5k
>>> (x_train, y_train), (x_val, y_val) = mnist5k.load_data()
>>> x_train.shape, x_val.shape
((4000, 28, 28), (1000, 28, 28))
"""

from typing import TYPE_CHECKING

from cnncore._keras_names.errors import explain_missing
from cnncore.datasets import cifar10, cifar100, emnist, fashion_mnist, kmnist, mnist, mnist5k
from cnncore.datasets.idx import load_idx
from cnncore.datasets.npz import load_npz

__all__ = [
    "cifar10",
    "cifar100",
    "emnist",
    "fashion_mnist",
    "kmnist",
    "load_idx",
    "load_npz",
    "mnist",
    "mnist5k",
]

if not TYPE_CHECKING:
    __getattr__ = explain_missing("datasets", __all__)
