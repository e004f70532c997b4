"""The data sets and models that have a name on the command line. Nothing slow is imported here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["BATCH_SIZE", "DATASETS", "DEFAULT_DATASET", "LARGE_BATCH_SIZE", "MODELS", "OPTIMIZERS", "Named"]

BATCH_SIZE = 32
LARGE_BATCH_SIZE = 2000  # for optimizers that search along a line, which small batches would mislead
DEFAULT_DATASET = "mnist5k"
MODELS = ("mnist_cnn", "lenet5", "oshea_nash", "cifar10_cnn")
OPTIMIZERS = (
    *("adam", "sgd", "adamw", "muon", "rmsprop", "nadam", "adamax", "adagrad", "adadelta", "ftrl", "lion", "lamb"),
    "adafactor",
    *("lbfgs", "kfac", "newton_cg", "levenberg_marquardt", "soap"),
)


class Named(NamedTuple):
    """A data set with a name, the options that may follow the name after a colon, and the number of classes of each."""

    description: str
    default_classes: int
    options: Mapping[str, int]
    contains: tuple[str, ...] = ()  # data sets whose held-out images are among the training images of this one

    def classes(self, option: str) -> int | None:
        """The number of classes, or None for an option that the data set will refuse when it is loaded."""
        return self.options.get(option) if option else self.default_classes


DATASETS = {
    "mnist5k": Named("5,000 handwritten digits, part of the package: no download", 10, {}),
    "mnist": Named("70,000 handwritten digits", 10, {}, contains=("mnist5k",)),
    "fashion_mnist": Named("70,000 pieces of clothing", 10, {}),
    "kmnist": Named("70,000 Japanese characters", 10, {}),
    "emnist": Named(
        "handwritten letters and digits; emnist:balanced (default), :byclass, :bymerge, :letters, :digits, :mnist",
        47,
        {"balanced": 47, "byclass": 62, "bymerge": 47, "letters": 26, "digits": 10, "mnist": 10},
    ),
    "cifar10": Named("60,000 colour photographs in 10 classes", 10, {}),
    "cifar100": Named(
        "60,000 colour photographs; cifar100:fine (default) or :coarse", 100, {"fine": 100, "coarse": 20}
    ),
}
