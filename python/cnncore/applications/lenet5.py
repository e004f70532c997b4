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
    1998. Like the paper's network: the sizes of all layers, 5x5 kernels, tanh, average pooling; padding "same" stands
    for its 32x32 input. Unlike it, as usual: plain pooling without weights, a full second convolution, softmax output.

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
