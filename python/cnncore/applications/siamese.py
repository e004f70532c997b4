"""A siamese network: two images, one set of weights, and whether they show the same."""

from __future__ import annotations

from cnncore.applications._parts import chain
from cnncore.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D, maximum, minimum, subtract
from cnncore.models import Model

__all__ = ["siamese"]


def siamese(
    rescale: bool = True, input_shape: tuple[int, int, int] = (28, 28, 1), embedding: Model | None = None
) -> Model:
    """Two images through the same network; from the distance of their features, how probably they are of one class.

    The output is sigmoid(w |f(a) - f(b)| + c), in which f is the shared network, and w and c are learned.

    Parameters
    ----------
    rescale : bool, default True
        Begin the shared network with ``Rescaling(1/255)``. Without meaning where ``embedding`` is given.
    input_shape : (height, width, channels), optional
        Another size of images. Where ``embedding`` is given, its input counts.
    embedding : Model, optional
        The shared network, from an image to a vector. By default two convolutions of 16 and 32 filters with pooling and
        a dense layer of 64 units; ``model.get_layer("embedding")`` gives it back.

    Returns
    -------
    Model
        Two inputs (n, 28, 28, 1), output (n, 1): near 1 where both are of one class. Compile it with the loss
        "binary_crossentropy" and labels 1 for pairs of one class, else 0. 56,129 parameters with the default network.

    Notes
    -----
    Source: G. Koch, R. Zemel, R. Salakhutdinov, "Siamese Neural Networks for One-shot Image Recognition", 2015: the
    shared weights, the weighted distance and the loss; its network is larger.

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
    first, second = (Input(embedding.input_shape[1:], name=name) for name in ("first", "second"))
    a, b = embedding(first), embedding(second)
    distance = subtract([maximum([a, b]), minimum([a, b])])
    return Model([first, second], Dense(1, activation="sigmoid", name="same")(distance), name="siamese")
