"""LeNet-5."""

from __future__ import annotations

from cnncore.applications._parts import chain
from cnncore.layers import AveragePooling2D, Conv2D, Dense, Flatten
from cnncore.models import Sequential

__all__ = ["lenet5"]


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
    1998. As in the paper are the sizes of all layers, the 5x5 kernels, tanh and average pooling. Padding "same" on
    28x28 images replaces the paper's 32x32 input. As in most implementations, pooling has no weights, each filter of
    the second convolution reads all channels, and the output is a softmax; in the paper these three are different.

    Examples
    --------
    >>> lenet5().count_params()
    61706
    """
    return chain(
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
