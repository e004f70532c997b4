"""Residual networks for small colour images: ResNet-8 and ResNet-20."""

from __future__ import annotations

from typing import Any

from cnncore import regularizers
from cnncore.applications._parts import conv_bn, image_input
from cnncore.layers import Add, AveragePooling2D, Conv2D, Dense, Flatten, GlobalAveragePooling2D, ReLU
from cnncore.models import Model

__all__ = ["resnet8", "resnet20"]


def resnet8(
    rescale: bool = True, input_shape: tuple[int, int, int] = (32, 32, 3), classes: int = 10, l2: float = 1e-4
) -> Model:
    """ResNet-8, the network for image classification of MLPerf Tiny: 78,666 parameters.

    A convolution comes first, then three residual blocks of 16, 32 and 64 filters. The second and the third block halve
    the image.

    Parameters
    ----------
    rescale : bool, default True
        Begin with ``Rescaling(1/255)``, which has no parameters. (In the source, the network takes values from 0 to
        255.)
    input_shape : (height, width, channels), optional
        Another size of images.
    classes : int, default 10
    l2 : float, default 1e-4
        The kernels of convolutions add ``l2`` times the sum of their squares to the loss, as in the source.

    Returns
    -------
    Model
        Input (n, 32, 32, 3), output (n, 10) probabilities, unless other sizes are given.

    Notes
    -----
    Source: C. Banbury and others, "MLPerf Tiny Benchmark", 2021, arXiv:2106.07597, and its repository mlcommons/tiny,
    which requires an accuracy of 85 % on CIFAR-10. The shortcut of a block that halves the image is a 1x1 convolution.

    Examples
    --------
    >>> resnet8().count_params()
    78666
    """
    options: dict[str, Any] = {"kernel_initializer": "he_normal", "kernel_regularizer": regularizers.L2(l2)}
    image, x = image_input(input_shape, rescale)
    x = conv_bn(x, 16, 3, **options)
    for filters, strides in ((16, 1), (32, 2), (64, 2)):
        y = conv_bn(x, filters, 3, strides=strides, **options)
        y = conv_bn(y, filters, 3, relu=False, **options)
        if strides != 1:
            x = Conv2D(filters, 1, strides=strides, padding="same", **options)(x)
        x = ReLU()(Add()([x, y]))
    height, width = x.shape[1:3]
    x = Flatten()(AveragePooling2D((height, width))(x))
    return Model(image, Dense(classes, activation="softmax", kernel_initializer="he_normal")(x), name="resnet8")


def resnet20(
    rescale: bool = True, input_shape: tuple[int, int, int] = (32, 32, 3), classes: int = 10, l2: float = 1e-4
) -> Model:
    """ResNet-20 for CIFAR-10: 0.27 million parameters in 19 convolutions and a dense layer.

    A convolution of 16 filters comes first, then nine residual blocks: three of 16, three of 32 and three of 64
    filters. The first block of 32 filters and the first block of 64 filters halve the image.

    Parameters
    ----------
    rescale : bool, default True
        Begin with ``Rescaling(1/255)``, which has no parameters.
    input_shape : (height, width, channels), optional
        Another size of images.
    classes : int, default 10
    l2 : float, default 1e-4
        All kernels add ``l2`` times the sum of their squares to the loss. This is the weight decay of the source.

    Returns
    -------
    Model
        Input (n, 32, 32, 3), output (n, 10) probabilities, unless other sizes are given. 272,474 trainable parameters
        and 1,568 moving statistics.

    Notes
    -----
    Source: K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", 2015, section 4.2; table 6
    there reports an error of 8.75 %. Where the size changes, shortcuts are the paper's option B, a 1x1 convolution with
    batch normalization. With option A, which fills up with zeros, there would be 2,752 parameters less.

    Examples
    --------
    >>> sum(int(weight.size) for weight in resnet20().trainable_weights)
    272474
    """
    regularizer = regularizers.L2(l2)
    options: dict[str, Any] = {
        "use_bias": False,
        "kernel_initializer": "he_normal",
        "kernel_regularizer": regularizer,
    }
    image, x = image_input(input_shape, rescale)
    x = conv_bn(x, 16, 3, **options)
    for filters in (16, 32, 64):
        for block in range(3):
            strides = 2 if block == 0 and filters > 16 else 1
            y = conv_bn(x, filters, 3, strides=strides, **options)
            y = conv_bn(y, filters, 3, relu=False, **options)
            if strides != 1:
                x = conv_bn(x, filters, 1, relu=False, strides=strides, **options)
            x = ReLU()(Add()([x, y]))
    x = GlobalAveragePooling2D()(x)
    outputs = Dense(classes, activation="softmax", kernel_initializer="he_normal", kernel_regularizer=regularizer)(x)
    return Model(image, outputs, name="resnet20")
