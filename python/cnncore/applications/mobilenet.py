"""MobileNet, version 1: with Keras' arguments, and with a quarter of the filters as in MLPerf Tiny."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from cnncore import _checks, regularizers
from cnncore.applications._parts import conv_bn, image_input
from cnncore.layers import (
    Activation,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    Input,
    ReLU,
    Reshape,
    ZeroPadding2D,
)
from cnncore.models import Model

__all__ = ["MobileNet", "mobilenet_025"]

_FILTERS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)


def _blocks(alpha: float) -> Iterator[tuple[int, int]]:
    """The filters and strides of the 13 blocks. A block that doubles the number of filters halves the image."""
    before = _FILTERS[0]
    for filters in _FILTERS:
        yield int(filters * alpha), 2 if filters > before else 1
        before = filters


def MobileNet(  # noqa: N802 (Keras' name)
    input_shape: tuple[int, int, int] | None = None,
    alpha: float = 1.0,
    depth_multiplier: int = 1,
    dropout: float = 1e-3,
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> Model:
    """MobileNet with Keras' arguments, layers and names of layers.

    The values of images should be from -1 to 1, as Keras' ``mobilenet.preprocess_input`` makes them. The model has no
    ``Rescaling`` layer.

    Parameters
    ----------
    input_shape : (height, width, channels), optional
        (224, 224, 3) by default.
    alpha : float, default 1.0
        The factor of the number of filters of each layer. The products are rounded down.
    depth_multiplier : int, default 1
        The number of depthwise filters for each channel.
    dropout : float, default 1e-3
        The rate of the dropout in front of the last layer.
    include_top : bool, default True
        Whether the model ends with the layers that classify.
    weights : str or path, optional
        A file to load weights from (``load_weights``). None, the default, draws random ones. Keras' default,
        "imagenet", is refused: no trained weights come with this package.
    input_tensor : KerasTensor, optional
        The result of ``Input``, instead of ``input_shape``.
    pooling : "avg", "max" or None, default None
        With ``include_top=False``: how the last image is pooled to a vector. With None it is not pooled.
    classes : int, default 1000
    classifier_activation : str or callable, default "softmax"
    name : str, optional
        The name of the model. By default it says alpha and the height of the images, such as "mobilenet_1.00_224".

    Returns
    -------
    Model
        The output has shape (n, classes) with ``include_top``, (n, 1024 alpha) with ``pooling``, and otherwise
        (n, height / 32, width / 32, 1024 alpha).

    Raises
    ------
    ValueError
        If the arguments make no sense, or ``weights="imagenet"``.

    Notes
    -----
    Source: A. G. Howard and others, "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision
    Applications", 2017, arXiv:1704.04861.

    Examples
    --------
    >>> MobileNet((96, 96, 3), alpha=0.25).count_params()
    475544
    """
    _check_arguments(alpha, depth_multiplier, pooling, weights)
    if input_tensor is None:
        input_tensor = Input((224, 224, 3) if input_shape is None else input_shape)
    x = Conv2D(int(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="conv1")(input_tensor)
    x = ReLU(6.0, name="conv1_relu")(BatchNormalization(name="conv1_bn")(x))
    for number, (filters, strides) in enumerate(_blocks(alpha), start=1):
        x = _separable(x, number, filters, strides, depth_multiplier)
    if include_top:
        x = GlobalAveragePooling2D(keepdims=True)(x)
        x = Dropout(dropout, name="dropout")(x)
        x = Conv2D(classes, 1, padding="same", name="conv_preds")(x)
        x = Reshape((classes,), name="reshape_2")(x)
        x = Activation(classifier_activation, name="predictions")(x)
    elif pooling is not None:
        x = (GlobalAveragePooling2D() if pooling == "avg" else GlobalMaxPooling2D())(x)
    model = Model(input_tensor, x, name=name or f"mobilenet_{alpha:.2f}_{input_tensor.shape[1]}")
    if weights is not None:
        model.load_weights(weights)
    return model


def _check_arguments(alpha: float, depth_multiplier: int, pooling: str | None, weights: Any) -> None:
    owner = "MobileNet"
    if _checks.number(alpha, "alpha", owner, minimum=0.0) * 32 < 1:
        raise ValueError(f"[{owner}] expected `alpha` to be at least 1/32. Received: {alpha=}")
    _checks.integer(depth_multiplier, "depth_multiplier", owner)
    if pooling not in (None, "avg", "max"):
        raise ValueError(f'[{owner}] expected `pooling` to be None, "avg" or "max". Received: {pooling=}')
    if isinstance(weights, str) and weights == "imagenet":
        raise ValueError(
            f"[{owner}] expected `weights` to be None (random weights) or a file of weights: no trained weights come "
            f"with this package. Received: {weights=}"
        )


def _separable(x: Any, number: int, filters: int, strides: int, depth_multiplier: int) -> Any:
    """A depthwise 3x3 and a 1x1 convolution, each with batch normalization and ReLU6."""
    if strides == 2:
        x = ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{number}")(x)
    x = DepthwiseConv2D(
        3,
        strides=strides,
        padding="same" if strides == 1 else "valid",
        depth_multiplier=depth_multiplier,
        use_bias=False,
        name=f"conv_dw_{number}",
    )(x)
    x = ReLU(6.0, name=f"conv_dw_{number}_relu")(BatchNormalization(name=f"conv_dw_{number}_bn")(x))
    x = Conv2D(filters, 1, padding="same", use_bias=False, name=f"conv_pw_{number}")(x)
    return ReLU(6.0, name=f"conv_pw_{number}_relu")(BatchNormalization(name=f"conv_pw_{number}_bn")(x))


def mobilenet_025(
    rescale: bool = True, input_shape: tuple[int, int, int] = (96, 96, 3), classes: int = 2, l2: float = 1e-4
) -> Model:
    """MobileNet with a quarter of the filters, the network for visual wake words of MLPerf Tiny: 221,794 parameters.

    Unlike :func:`MobileNet` it has ReLU instead of ReLU6, biases in all convolutions, and a dense layer at the end.

    Parameters
    ----------
    rescale : bool, default True
        Begin with ``Rescaling(1/255)``, which has no parameters.
    input_shape : (height, width, channels), optional
        Another size of images, at least 32x32.
    classes : int, default 2
        By default two: with a person in the picture, and without.
    l2 : float, default 1e-4
        The kernels of convolutions add ``l2`` times the sum of their squares to the loss, as in the source.

    Returns
    -------
    Model
        Input (n, 96, 96, 3), output (n, 2) probabilities, unless other sizes are given.

    Notes
    -----
    Source: MLPerf Tiny (arXiv:2106.07597) and its repository mlcommons/tiny, which requires an accuracy of 80 % on
    Visual Wake Words. The network is that of arXiv:1704.04861.

    Examples
    --------
    >>> mobilenet_025().count_params()
    221794
    """
    regularizer = regularizers.L2(l2)
    options: dict[str, Any] = {"kernel_initializer": "he_normal", "kernel_regularizer": regularizer}
    image, x = image_input(input_shape, rescale)
    x = conv_bn(x, 8, 3, strides=2, **options)
    for filters, strides in _blocks(0.25):
        x = DepthwiseConv2D(
            3,
            strides=strides,
            padding="same",
            depthwise_initializer="he_normal",
            depthwise_regularizer=regularizer,
        )(x)
        x = ReLU()(BatchNormalization()(x))
        x = conv_bn(x, filters, 1, **options)
    height, width = x.shape[1:3]
    x = Flatten()(AveragePooling2D((height, width))(x))
    return Model(image, Dense(classes, activation="softmax")(x), name="mobilenet_025")
