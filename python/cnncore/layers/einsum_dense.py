"""EinsumDense, a dense layer whose sums are described by an equation."""

from __future__ import annotations

import math
import re
import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore import _checks, activations
from cnncore.initializers import VarianceScaling
from cnncore.layers.base import Shape, WeightSpec, registry
from cnncore.layers.base.weighted import Weighted
from cnncore.layers.weights.variable import Variable

__all__ = ["EinsumDense"]


@registry.register()
class EinsumDense(Weighted):
    """Compute y = activation(einsum(equation, x, kernel) + bias). The layer calls NumPy in every step.

    Parameters
    ----------
    equation : str
        Such as "abc,cd->abd": the axes of the input, of the kernel, and of the output. The first axis is that of the
        batch. "..." stands for axes that are kept as they are.
    output_shape : int or sequence of int
        The sizes of the axes of the output, without the batch and those that "..." stands for. None stands for a size
        that the input says.
    activation : optional
    bias_axes : str, optional
        The axes of the output along which the bias has values of its own. There is no bias by default.
    kernel_initializer, bias_initializer : default "glorot_uniform" and "zeros"
    kernel_regularizer, bias_regularizer, kernel_constraint, bias_constraint : optional
    **kwargs
        ``name``, ``trainable``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Examples
    --------
    >>> layer = EinsumDense("abc,cd->abd", output_shape=(None, 8), bias_axes="d")
    >>> layer(np.ones((2, 5, 3), np.float32)).shape
    (2, 5, 8)
    """

    def __init__(
        self,
        equation: str,
        output_shape: Any,
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.equation = _checked_equation(equation)
        given = list(output_shape) if isinstance(output_shape, (list, tuple)) else [output_shape]
        self.partial_output_shape = tuple(
            None if size is None else _checks.integer(size, "output_shape", "EinsumDense") for size in given
        )
        self.activation = activations.get(activation, "EinsumDense")
        self.bias_axes = bias_axes
        self._keep_weight_options(
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )

    def _terms(self, rank: int) -> tuple[str, str, str]:
        """Return the letters of the input, the kernel and the output, with letters for the axes of "..."."""
        inputs, kernel, output = re.split(r",|->", self.equation)
        if "..." in inputs:
            used = set(self.equation)
            free = [letter for letter in string.ascii_uppercase if letter not in used]
            letters = "".join(free[: max(rank - len(inputs) + 3, 0)])
            inputs, output = inputs.replace("...", letters), output.replace("...", letters)
        if len(inputs) != rank:
            raise ValueError(
                f'Layer "{self.name}": expected an input of rank {len(inputs)} for the equation {self.equation!r}. '
                f"Received: rank {rank}"
            )
        return inputs, kernel, output

    def _sizes(self, input_shape: Shape) -> dict[str, Any]:
        """Return the size of the axis that each letter stands for."""
        inputs, kernel, output = self._terms(len(input_shape))
        sizes = dict(zip(inputs, input_shape, strict=True))
        given = re.split(r"->", self.equation)[1].replace("...", "")
        given = given if "->..." in self.equation else given[1:]
        if len(given) != len(self.partial_output_shape):
            raise ValueError(
                f'Layer "{self.name}": expected {len(given)} sizes in `output_shape` for the equation '
                f"{self.equation!r}. Received: output_shape={self.partial_output_shape}"
            )
        for letter, size in zip(given, self.partial_output_shape, strict=True):
            if size is not None and sizes.get(letter) not in (None, size):
                raise ValueError(
                    f'Layer "{self.name}": expected the size {sizes[letter]} for axis {letter!r}, as in the input. '
                    f"Received: output_shape={self.partial_output_shape}"
                )
            sizes[letter] = sizes.get(letter) if size is None else size
        unknown = [letter for letter in kernel + output if letter not in sizes]
        if unknown:
            raise ValueError(
                f'Layer "{self.name}": expected each axis of the kernel and the output to be one of the input or of '
                f"`output_shape`. Received: equation={self.equation!r}, unknown {unknown}"
            )
        return sizes

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        sizes = self._sizes(input_shape)
        return tuple(sizes[letter] for letter in self._terms(len(input_shape))[2])

    def weight_specs(self, input_shape: Shape) -> list[WeightSpec]:
        sizes, (_, kernel, output) = self._sizes(input_shape), self._terms(len(input_shape))
        spec = self._spec("kernel", [sizes[letter] for letter in kernel])
        if isinstance(spec.initializer, VarianceScaling):
            made = [axis for axis, letter in enumerate(kernel) if letter in output]
            summed = [axis for axis, letter in enumerate(kernel) if letter not in output]
            spec = spec._replace(initializer=spec.initializer.of_axes(summed, made))
        specs = [spec]
        if self.bias_axes:
            if not set(self.bias_axes) <= set(output):
                raise ValueError(
                    f'Layer "{self.name}": expected `bias_axes` to be axes of the output {output!r}. '
                    f"Received: bias_axes={self.bias_axes!r}"
                )
            first = min(output.find(letter) for letter in self.bias_axes)
            specs.append(
                self._spec("bias", [sizes[letter] if letter in self.bias_axes else 1 for letter in output[first:]])
            )
        return specs

    @property
    def kernel(self) -> Variable:
        """The weights that the input is multiplied with."""
        return self._weight("kernel")

    @property
    def bias(self) -> Variable | None:
        """The weights that are added; None without ``bias_axes``."""
        return self._weight("bias") if self.bias_axes else None

    def call(self, inputs: Any) -> Any:
        terms = self._terms(len(inputs.shape))
        product = _product(terms, inputs, self.kernel)
        return self.activation(product if self.bias is None else product + self.bias)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "equation": self.equation,
            "output_shape": list(self.partial_output_shape),
            "activation": activations.serialize(self.activation),
            "bias_axes": self.bias_axes,
        }


def _product(terms: tuple[str, str, str], x: Any, kernel: Any) -> Any:
    """Compute einsum. If the last axes of x are the first ones of the kernel, it is a product of two matrices."""
    inputs, weights, output = terms
    for count in range(1, len(weights)):
        kept, summed, made = inputs[: len(inputs) - count], weights[:count], weights[count:]
        if inputs[len(inputs) - count :] == summed and output == kept + made and not set(summed) & set(output):
            size = math.prod(kernel.shape[:count])
            rows, columns = np.reshape(x, (-1, size)), np.reshape(kernel, (size, -1))
            return np.reshape(np.matmul(rows, columns), (*x.shape[: len(kept)], *kernel.shape[count:]))
    return np.einsum(f"{inputs},{weights}->{output}", x, kernel)


def _checked_equation(equation: Any) -> str:
    text = equation.replace(" ", "") if isinstance(equation, str) else ""
    pattern = r"(\.\.\.)?[a-zA-Z]+(\.\.\.)?"
    if not re.fullmatch(rf"{pattern},[a-zA-Z]+->{pattern}", text) or ("..." in text) != (text.count("...") == 2):
        raise ValueError(
            '[EinsumDense] expected `equation` to describe the input, the kernel and the output, as in "abc,cd->abd". '
            f"Received: equation={equation!r}"
        )
    return text


def letters(count: int, start: int = 0) -> str:
    """Return the ``count`` letters of the alphabet from number ``start`` on, for equations."""
    return string.ascii_lowercase[start : start + count]


def projection(kept: int, summed: int, made: Sequence[int]) -> tuple[str, str]:
    """Return the equation and the bias axes of a layer that keeps the first axes of its input and sums over the last.

    Parameters
    ----------
    kept, summed : int
        How many axes are kept, with that of the batch, and how many are summed.
    made : sequence of int
        The sizes of the new axes.
    """
    first, middle, last = letters(kept), letters(summed, kept), letters(len(made), kept + summed)
    return f"{first}{middle},{middle}{last}->{first}{last}", last
