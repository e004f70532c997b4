"""A siamese network, which says whether two images are of the same class. Both pass through the same weights."""

from __future__ import annotations

from cnncore.applications._parts import chain
from cnncore.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D, maximum, minimum, subtract
from cnncore.layers.base import Layer
from cnncore.models import Model

__all__ = ["siamese"]


def siamese(
    rescale: bool = True, input_shape: tuple[int, int, int] = (28, 28, 1), embedding: Model | None = None
) -> Model:
    """A network that takes two images, and estimates the probability that both are of the same class.

    For images a and b the output is sigmoid(w |f(a) - f(b)| + c), where f is a network that both images pass through,
    and w and c are learned.

    Parameters
    ----------
    rescale : bool, default True
        Begin the shared network with ``Rescaling(1/255)``. This has no effect if ``embedding`` is given.
    input_shape : (height, width, channels), optional
        Another size of images. This has no effect if ``embedding`` is given.
    embedding : Model, optional
        The shared network f, which turns an image into a vector. By default it has two convolutions of 16 and 32
        filters with pooling, and a dense layer of 64 units; ``model.get_layer("embedding")`` returns it.

    Returns
    -------
    Model
        Two inputs (n, 28, 28, 1), output (n, 1): near 1 if both images are of the same class. Compile it with the loss
        "binary_crossentropy", and use label 1 for pairs of the same class and 0 for others. With the default network
        there are 56,129 parameters.

    Notes
    -----
    The shared weights, the weighted distance and the loss are those of G. Koch, R. Zemel, R. Salakhutdinov, "Siamese
    Neural Networks for One-shot Image Recognition", 2015. The network there is larger.

    Examples
    --------
    >>> model = siamese()
    >>> model.input_shape, model.output_shape
    ([(None, 28, 28, 1), (None, 28, 28, 1)], (None, 1))
    """
    if embedding is None:
        layers = [
            Conv2D(16, 3, activation="relu"),
            MaxPooling2D(2),
            Conv2D(32, 3, activation="relu"),
            MaxPooling2D(2),
            Flatten(),
            Dense(64, activation="sigmoid"),
        ]
        embedding = chain("embedding", input_shape, rescale, layers)
    elif not isinstance(embedding, Layer) or not hasattr(embedding, "input_shape"):
        raise TypeError(f"[siamese] expected `embedding` to be a model. Received: {type(embedding).__name__}")
    first, second = (Input(embedding.input_shape[1:], name=name) for name in ("first", "second"))
    a, b = embedding(first), embedding(second)
    distance = subtract([maximum([a, b]), minimum([a, b])])
    return Model([first, second], Dense(1, activation="sigmoid", name="same")(distance), name="siamese")
