"""Parts that several of the networks are built from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnncore import _checks
from cnncore.layers import BatchNormalization, Conv2D, Input, ReLU, Rescaling
from cnncore.layers.base import Layer
from cnncore.models import Sequential

__all__ = ["chain", "conv_bn", "image_input"]


def chain(name: str, input_shape: tuple[int, ...], rescale: bool, layers: Sequence[Layer]) -> Sequential:
    """A model of layers one after another. With ``rescale`` it begins with ``Rescaling(1/255)``.

    Examples
    --------
    >>> from cnncore.layers import Flatten
    >>> [type(layer).__name__ for layer in chain("flat", (4, 4, 1), True, [Flatten()]).layers]
    ['Rescaling', 'Flatten']
    """
    first = [Rescaling(1.0 / 255)] if _checks.boolean(rescale, "rescale", name) else []
    return Sequential([Input(input_shape), *first, *layers], name=name)


def image_input(input_shape: tuple[int, ...], rescale: bool) -> tuple[Any, Any]:
    """The input of a graph, and the tensor to go on with: with ``rescale`` the input scaled to [0, 1], else the input.

    Examples
    --------
    >>> image, scaled = image_input((8, 8, 3), rescale=True)
    >>> scaled.shape
    (None, 8, 8, 3)
    """
    image = Input(input_shape)
    return image, Rescaling(1.0 / 255)(image) if _checks.boolean(rescale, "rescale", "applications") else image


def conv_bn(x: Any, filters: int, kernel_size: int | tuple[int, int], relu: bool = True, **options: Any) -> Any:
    """Convolution with padding "same", batch normalization and, unless ``relu=False``, ReLU.

    Examples
    --------
    >>> from cnncore import Input
    >>> conv_bn(Input((8, 8, 3)), 4, 3, strides=2).shape
    (None, 4, 4, 4)
    """
    x = BatchNormalization()(Conv2D(filters, kernel_size, padding="same", **options)(x))
    return ReLU()(x) if relu else x
