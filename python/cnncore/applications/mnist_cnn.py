"""The convolutional network of many tutorials for MNIST."""

from __future__ import annotations

from cnncore.applications._parts import chain
from cnncore.layers import Conv2D, Dense, Flatten, MaxPooling2D
from cnncore.models import Sequential

__all__ = ["mnist_cnn"]


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
    Source: the sample code of G. Pavuluri, "Introduction to Convolutional Neural Networks" (blog post). The same
    network is in many Keras tutorials.

    Examples
    --------
    >>> [type(layer).__name__ for layer in mnist_cnn(rescale=False).layers]
    ['Conv2D', 'MaxPooling2D', 'Conv2D', 'MaxPooling2D', 'Flatten', 'Dense', 'Dense']
    """
    return chain(
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
