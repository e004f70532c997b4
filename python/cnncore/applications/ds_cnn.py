"""DS-CNN: depthwise separable convolutions for spoken words."""

from __future__ import annotations

from cnncore import regularizers
from cnncore.applications._parts import conv_bn
from cnncore.layers import (
    AveragePooling2D,
    BatchNormalization,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    Input,
    ReLU,
)
from cnncore.models import Model

__all__ = ["ds_cnn"]


def ds_cnn(input_shape: tuple[int, int, int] = (49, 10, 1), classes: int = 12, l2: float = 1e-4) -> Model:
    """DS-CNN, the network for keyword spotting of MLPerf Tiny: 24,908 parameters.

    A 10x4 convolution comes first, then four pairs of a depthwise 3x3 and a 1x1 convolution, all with 64 filters.

    Parameters
    ----------
    input_shape : (time steps, coefficients, channels), default (49, 10, 1)
        The shape of a spectrogram: a second of sound in 49 steps of 10 MFCC coefficients.
    classes : int, default 12
        By default ten words, silence, and "something else".
    l2 : float, default 1e-4
        The kernels of convolutions add ``l2`` times the sum of their squares to the loss, as in the source.

    Returns
    -------
    Model
        Input (n, 49, 10, 1), output (n, 12) probabilities, unless other sizes are given.

    Notes
    -----
    Source: Y. Zhang, N. Suda, L. Lai, V. Chandra, "Hello Edge: Keyword Spotting on Microcontrollers", 2017,
    arXiv:1711.07128, in the form of MLPerf Tiny (arXiv:2106.07597), which requires an accuracy of 90 % on Speech
    Commands.

    Examples
    --------
    >>> ds_cnn().count_params()
    24908
    """
    regularizer = regularizers.L2(l2)
    inputs = Input(input_shape)
    x = conv_bn(inputs, 64, (10, 4), strides=2, kernel_regularizer=regularizer)
    x = Dropout(0.2)(x)
    for _ in range(4):
        x = DepthwiseConv2D(3, padding="same", depthwise_regularizer=regularizer)(x)
        x = ReLU()(BatchNormalization()(x))
        x = conv_bn(x, 64, 1, kernel_regularizer=regularizer)
    x = Dropout(0.4)(x)
    # The window has half the input's size, rounded down, so that of 25 rows the pool only reads 24. So does the source.
    x = AveragePooling2D((input_shape[0] // 2, input_shape[1] // 2))(x)
    return Model(inputs, Dense(classes, activation="softmax")(Flatten()(x)), name="ds_cnn")
