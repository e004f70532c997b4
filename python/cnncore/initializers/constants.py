"""Initializers without randomness: Zeros, Ones, Constant, Identity, Dirac."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.initializers.base import Initializer, registry

__all__ = ["Constant", "Dirac", "Identity", "Ones", "Zeros"]


class _Fixed(Initializer):
    def __init__(self) -> None:
        super().__init__()

    def get_config(self) -> dict[str, Any]:
        return {}


@registry.register("zero")
class Zeros(_Fixed):
    """Zeros everywhere; the default for biases."""

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return np.zeros(shape)


@registry.register("one")
class Ones(_Fixed):
    """Ones everywhere; the default for the factors ``gamma`` of normalization layers."""

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return np.ones(shape)


@registry.register()
class Constant(_Fixed):
    """The same value everywhere.

    Parameters
    ----------
    value : float or array_like, default 0
        An array is broadcast to the shape of the weight.

    Examples
    --------
    >>> Constant(0.5)((2,))
    array([0.5, 0.5], dtype=float32)
    """

    def __init__(self, value: Any = 0.0) -> None:
        super().__init__()
        is_array = isinstance(value, (list, tuple, np.ndarray))
        array = _checks.numeric_array(value, "value", "Constant") if is_array else None
        self.value: Any = _checks.number(value, "value", "Constant") if array is None else array.tolist()

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        try:
            return np.broadcast_to(np.asarray(self.value), shape)
        except ValueError:
            raise ValueError(
                f"[Constant] expected a value that broadcasts to the shape of the weight, {shape}. "
                f"Received: an array of shape {np.shape(self.value)}"
            ) from None

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value}


@registry.register("identity_initializer", "identityinitializer")
class Identity(_Fixed):
    """The identity matrix times a number, for the kernels of dense layers.

    Parameters
    ----------
    gain : float, default 1
        The value on the diagonal.

    Examples
    --------
    >>> Identity()((2, 3))
    array([[1., 0., 0.],
           [0., 1., 0.]], dtype=float32)
    """

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.gain = _checks.number(gain, "gain", "Identity")

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        if len(shape) != 2:
            raise ValueError(
                f"[Identity] expected a weight of rank 2 (for convolutions use Dirac). Received: shape={shape}"
            )
        return self.gain * np.eye(shape[0], shape[1])

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}


@registry.register()
class Dirac(_Fixed):
    """A kernel with which a convolution returns its input.

    The weight from channel i to filter i is 1 in the centre of the kernel; all other weights are 0. Keras does not have
    this initializer; in PyTorch it is called ``dirac_``.

    Examples
    --------
    >>> Dirac()((3, 3, 2, 4))[1, 1]
    array([[1., 0., 0., 0.],
           [0., 1., 0., 0.]], dtype=float32)
    """

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        if len(shape) < 3:
            raise ValueError(f"[Dirac] expected the kernel of a convolution. Received: shape={shape}")
        values = np.zeros(shape)
        values[tuple(size // 2 for size in shape[:-2])] = np.eye(shape[-2], shape[-1])
        return values
