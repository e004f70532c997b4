"""The network of O'Shea and Nash."""

from __future__ import annotations

from cnncore.applications._parts import chain
from cnncore.layers import Conv2D, Dense, Flatten, MaxPooling2D
from cnncore.models import Sequential

__all__ = ["oshea_nash"]


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
    return chain(
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
