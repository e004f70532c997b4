"""Small networks under their usual names, ready to compile and fit.

Each function returns a new, uncompiled :class:`cnncore.Sequential`. With ``rescale=True`` (the default) a ``Rescaling``
layer comes first, so that images go in as they are, uint8 from 0 to 255; without it, scale them to [0, 1] yourself.

>>> from cnncore import applications
>>> applications.mnist_cnn().count_params()
225034
"""

from __future__ import annotations

from collections.abc import Sequence

from .layers import AveragePooling2D, Conv2D, Dense, Flatten, Input, MaxPooling2D, Rescaling
from .layers.base import Layer
from .models import Sequential

__all__ = ["cifar10_cnn", "lenet5", "mnist_cnn", "oshea_nash"]


def mnist_cnn(rescale: bool = True, input_shape: tuple[int, int, int] = (28, 28, 1), classes: int = 10) -> Sequential:
    """Two convolutions with pooling and two dense layers: 225,034 parameters, for 28x28 grey images in 10 classes.

    Parameters
    ----------
    rescale : bool, default True
        Begin with ``Rescaling(1/255)``, which has no parameters.
    input_shape : (height, width, channels), optional
        Another size of images.
    classes : int, default 10

    Returns
    -------
    Sequential
        Input (n, 28, 28, 1), output (n, 10) probabilities, unless other sizes are given.

    Notes
    -----
    Source: G. Pavuluri, "Introduction to Convolutional Neural Networks" (blog post), the sample code; the same network
    is in many Keras tutorials.

    Examples
    --------
    >>> [type(layer).__name__ for layer in mnist_cnn(rescale=False).layers]
    ['Conv2D', 'MaxPooling2D', 'Conv2D', 'MaxPooling2D', 'Flatten', 'Dense', 'Dense']
    """
    return _model(
        "mnist_cnn",
        input_shape,
        rescale,
        [
            Conv2D(32, kernel_size=(3, 3), activation="relu"),
            MaxPooling2D(pool_size=(2, 2)),
            Conv2D(64, kernel_size=(3, 3), activation="relu"),
            MaxPooling2D(pool_size=(2, 2)),
            Flatten(),
            Dense(128, activation="relu"),
            Dense(classes, activation="softmax"),
        ],
    )


def lenet5(rescale: bool = True, input_shape: tuple[int, int, int] = (28, 28, 1), classes: int = 10) -> Sequential:
    """LeNet-5 as it is built today: 61,706 parameters, for 28x28 grey images in 10 classes.

    Parameters
    ----------
    rescale : bool, default True
        Begin with ``Rescaling(1/255)``, which has no parameters.
    input_shape : (height, width, channels), optional
        Another size of images.
    classes : int, default 10

    Returns
    -------
    Sequential
        Input (n, 28, 28, 1), output (n, 10) probabilities, unless other sizes are given.

    Notes
    -----
    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition",
    1998. Like the paper's network: the sizes of all layers, 5x5 kernels, tanh, average pooling; padding "same" stands
    for its 32x32 input. Unlike it, as usual: plain pooling without weights, a full second convolution, softmax output.

    Examples
    --------
    >>> lenet5().count_params()
    61706
    """
    return _model(
        "lenet5",
        input_shape,
        rescale,
        [
            Conv2D(6, kernel_size=5, padding="same", activation="tanh"),
            AveragePooling2D(pool_size=2),
            Conv2D(16, kernel_size=5, activation="tanh"),
            AveragePooling2D(pool_size=2),
            Flatten(),
            Dense(120, activation="tanh"),
            Dense(84, activation="tanh"),
            Dense(classes, activation="softmax"),
        ],
    )


def oshea_nash(rescale: bool = True, input_shape: tuple[int, int, int] = (28, 28, 1), classes: int = 10) -> Sequential:
    """The five-layer network of O'Shea and Nash: input, convolution, pooling, two fully-connected layers.

    Parameters
    ----------
    rescale : bool, default True
        Begin with ``Rescaling(1/255)``, which has no parameters.
    input_shape : (height, width, channels), optional
        Another size of images.
    classes : int, default 10

    Returns
    -------
    Sequential
        Input (n, 28, 28, 1), output (n, 10) probabilities, unless other sizes are given. 693,962 parameters.

    Notes
    -----
    Source: K. O'Shea, R. Nash, "An Introduction to Convolutional Neural Networks", arXiv:1511.08458, figure 2. The
    figure gives the layers and their activations but not their sizes: 32 filters of 3x3 and 128 units are our choice.

    Examples
    --------
    >>> oshea_nash().count_params()
    693962
    """
    return _model(
        "oshea_nash",
        input_shape,
        rescale,
        [
            Conv2D(32, kernel_size=3, activation="relu"),
            MaxPooling2D(pool_size=2),
            Flatten(),
            Dense(128, activation="relu"),
            Dense(classes, activation="softmax"),
        ],
    )


def cifar10_cnn(rescale: bool = True, input_shape: tuple[int, int, int] = (32, 32, 3), classes: int = 10) -> Sequential:
    """Three pairs of 3x3 convolutions with pooling, one hidden dense layer: for 32x32 colour images in 10 classes.

    Parameters
    ----------
    rescale : bool, default True
        Begin with ``Rescaling(1/255)``, which has no parameters.
    input_shape : (height, width, channels), optional
        Another size of images.
    classes : int, default 10

    Returns
    -------
    Sequential
        Input (n, 32, 32, 3), output (n, 10) probabilities, unless other sizes are given. 550,570 parameters.

    Notes
    -----
    The pattern (pairs of "same" 3x3 convolutions, halving sizes, doubling filters) is VGG's: K. Simonyan,
    A. Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2014, cut down to CIFAR-10.

    Examples
    --------
    >>> cifar10_cnn().count_params()
    550570
    """
    layers: list[Layer] = []
    for filters in (32, 64, 128):
        layers += [
            Conv2D(filters, kernel_size=3, padding="same", activation="relu"),
            Conv2D(filters, kernel_size=3, padding="same", activation="relu"),
            MaxPooling2D(pool_size=2),
        ]
    layers += [Flatten(), Dense(128, activation="relu"), Dense(classes, activation="softmax")]
    return _model("cifar10_cnn", input_shape, rescale, layers)


def _model(name: str, input_shape: tuple[int, ...], rescale: bool, layers: Sequence[Layer]) -> Sequential:
    first = [Rescaling(1.0 / 255)] if rescale else []
    return Sequential([Input(input_shape), *first, *layers], name=name)
