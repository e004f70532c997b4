"""Embedding, which replaces whole numbers by vectors of weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks, constraints, initializers, regularizers
from cnncore.layers.base import Layer, Shape, WeightSpec, registry

__all__ = ["Embedding"]


@registry.register()
class Embedding(Layer):
    """Replace each whole number by a vector of weights: y = embeddings[x].

    It serves, for example, to pass a class label to a network. The layer calls Python in every step.

    Parameters
    ----------
    input_dim : int
        The number of vectors. The inputs are whole numbers from 0 to ``input_dim - 1``.
    output_dim : int
        The length of each vector.
    embeddings_initializer : default "uniform"
    embeddings_regularizer, embeddings_constraint : optional
    mask_zero : bool, default False
        Whether recurrent layers that follow leave out the steps whose number is 0, see :class:`Masking`.
    weights : list of one array, optional
        The initial vectors, in an array of shape (input_dim, output_dim).
    input_length : int, optional
        An argument of Keras 2: how many whole numbers a sample has, if this is the first layer of a model.
        ``input_length=n`` stands for ``input_shape=(n,)``.
    **kwargs
        ``name``, ``trainable`` and ``input_shape``, see :class:`Layer`.

    Raises
    ------
    ValueError
        When the layer is called, if the inputs are not whole numbers from 0 to ``input_dim - 1``.

    Examples
    --------
    >>> layer = Embedding(10, 4)
    >>> layer(np.array([[1], [3]])).shape
    (2, 1, 4)
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        *,
        input_length: int | None = None,
        **kwargs: Any,
    ) -> None:
        if input_length is not None and "input_shape" not in kwargs:
            kwargs["input_shape"] = (input_length,)
        super().__init__(weights=weights, **kwargs)
        self.input_dim = _checks.integer(input_dim, "input_dim", "Embedding")
        self.output_dim = _checks.integer(output_dim, "output_dim", "Embedding")
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = _checks.boolean(mask_zero, "mask_zero", "Embedding")

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return which numbers are not 0 if ``mask_zero``, otherwise None."""
        return np.asarray(inputs) != 0 if self.mask_zero else None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape, self.output_dim)

    def weight_specs(self, input_shape: Shape) -> list[WeightSpec]:
        return [
            WeightSpec(
                "embeddings",
                (self.input_dim, self.output_dim),
                self.embeddings_initializer,
                regularizer=self.embeddings_regularizer,
                constraint=self.embeddings_constraint,
            )
        ]

    @property
    def embeddings(self) -> Any:
        """The vectors, of shape (input_dim, output_dim)."""
        return self._weight("embeddings")

    def call(self, inputs: Any) -> Any:
        return np.asarray(self.embeddings)[self._numbers(inputs)]

    def backward(self, inputs: Any, dy: np.ndarray) -> Any:
        """Return zeros for the numbers, and for each vector the sum of the gradients of all its uses."""
        gradient = np.zeros((self.input_dim, self.output_dim), np.float32)
        np.add.at(gradient, self._numbers(inputs), dy)
        return np.zeros(np.shape(inputs), np.float32), [gradient] if self._specs[0].trainable else []

    def _numbers(self, inputs: Any) -> np.ndarray:
        values = np.asarray(inputs)
        with np.errstate(invalid="ignore"):  # NaN becomes a number that differs from it, which is refused below
            numbers = values.astype(np.int64)
        if numbers.size and ((numbers != values).any() or numbers.min() < 0 or numbers.max() >= self.input_dim):
            raise ValueError(
                f'Layer "{self.name}": expected whole numbers from 0 to {self.input_dim - 1}. '
                f"Received: values from {values.min()} to {values.max()}"
            )
        return numbers

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "mask_zero": self.mask_zero,
            "embeddings_initializer": initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": regularizers.serialize(self.embeddings_regularizer),
            "embeddings_constraint": constraints.serialize(self.embeddings_constraint),
        }
