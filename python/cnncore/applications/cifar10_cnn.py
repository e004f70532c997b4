"""Two networks of pairs of convolutions for small colour images, without and with batch normalization."""

from __future__ import annotations

from cnncore.applications._parts import chain
from cnncore.layers import BatchNormalization, Conv2D, Dense, Flatten, MaxPooling2D, ReLU
from cnncore.layers.base import Layer
from cnncore.models import Sequential

__all__ = ["cifar10_cnn", "cifar10_cnn_bn"]


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
    The pattern is that of VGG, on a smaller scale: pairs of 3x3 convolutions with padding "same", after each of which
    the size of the image is halved and the number of filters doubled (K. Simonyan, A. Zisserman, "Very Deep
    Convolutional Networks for Large-Scale Image Recognition", 2014).

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
    return chain("cifar10_cnn", input_shape, rescale, layers)


def cifar10_cnn_bn(
    rescale: bool = True, input_shape: tuple[int, int, int] = (32, 32, 3), classes: int = 10
) -> Sequential:
    """The network of :func:`cifar10_cnn` with batch normalization after each convolution, before its ReLU.

    The convolutions have no bias, because the normalization would subtract it again.

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
        Input (n, 32, 32, 3), output (n, 10) probabilities, unless other sizes are given. 551,018 trainable parameters
        and 896 moving statistics.

    Notes
    -----
    Source of the normalization: S. Ioffe, C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by
    Reducing Internal Covariate Shift", 2015.

    Examples
    --------
    >>> cifar10_cnn_bn().count_params()
    551914
    """
    layers: list[Layer] = []
    for filters in (32, 64, 128):
        for _ in range(2):
            layers += [Conv2D(filters, kernel_size=3, padding="same", use_bias=False), BatchNormalization(), ReLU()]
        layers.append(MaxPooling2D(pool_size=2))
    layers += [Flatten(), Dense(128, activation="relu"), Dense(classes, activation="softmax")]
    return chain("cifar10_cnn_bn", input_shape, rescale, layers)
