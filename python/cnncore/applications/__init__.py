"""Small networks under their usual names, ready to compile and fit.

Each function returns a new, uncompiled model with random weights. Most networks for images begin with a ``Rescaling``
layer (``rescale=True``, the default), so that they take images as they are, uint8 from 0 to 255. With
``rescale=False``, scale the images to [0, 1] yourself. ``docs/applications.md`` says how well and how fast each of the
networks learns.

>>> from cnncore import applications
>>> applications.mnist_cnn().count_params()
225034
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncore._keras_names.errors import explain_missing
from cnncore.applications.autoencoder import dense_autoencoder
from cnncore.applications.cifar10_cnn import cifar10_cnn, cifar10_cnn_bn
from cnncore.applications.ds_cnn import ds_cnn
from cnncore.applications.lenet5 import lenet5
from cnncore.applications.mnist_cnn import mnist_cnn
from cnncore.applications.mobilenet import MobileNet, mobilenet_025
from cnncore.applications.oshea_nash import oshea_nash
from cnncore.applications.resnet import resnet8, resnet20
from cnncore.applications.siamese import siamese

__all__ = [
    "MobileNet",
    "cifar10_cnn",
    "cifar10_cnn_bn",
    "dense_autoencoder",
    "ds_cnn",
    "lenet5",
    "mnist_cnn",
    "mobilenet_025",
    "oshea_nash",
    "resnet8",
    "resnet20",
    "siamese",
]

if not TYPE_CHECKING:
    __getattr__ = explain_missing("applications", __all__)
