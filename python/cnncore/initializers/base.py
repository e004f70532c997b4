"""The base class of initializers, and the class that turns a function of a shape into an initializer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._random import generator, next_seed
from cnncore._registry import Registry

__all__ = ["CallableInitializer", "Initializer", "registry"]

registry: Registry[Initializer] = Registry("initializer")


class Initializer:
    """Base class of initializers.

    A subclass implements ``draw(shape, rng)``. If its constructor has arguments, it also implements ``get_config()``.

    Parameters
    ----------
    seed : int, optional
        With a seed, every call returns the same values. By default a model derives a seed for each weight from the seed
        of the model, and a call outside of a model uses a new seed, see :func:`cnncore.utils.set_random_seed`.

    Examples
    --------
    >>> import numpy as np
    >>> class Sevens(Initializer):
    ...     def draw(self, shape, rng):
    ...         return np.full(shape, 7.0)
    >>> Sevens()((2,))
    array([7., 7.], dtype=float32)
    """

    seed: int | None = None

    def __init__(self, seed: int | None = None) -> None:
        self.seed = None if seed is None else _checks.integer(seed, "seed", type(self).__name__, minimum=0)

    def __call__(self, shape: Sequence[int], seed: int | Sequence[int] | None = None, dtype: Any = None) -> np.ndarray:
        """Return an array of ``shape`` with float32 values.

        ``seed``, an int or a sequence of ints, is used if the initializer has no seed. ``dtype`` must be "float32".
        """
        _checks.dtype(dtype, type(self).__name__)
        if self.seed is not None:
            seed = self.seed
        elif seed is None:
            seed = next_seed()
        key = (seed,) if isinstance(seed, int) else tuple(seed)
        values = self.draw(tuple(shape), generator(*key))
        return np.require(values, np.float32, "C")  # np.ascontiguousarray would make (1,) of the shape ()

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Return an array of ``shape``, with random numbers from the generator ``rng`` if any are needed."""
        raise NotImplementedError(f"{type(self).__name__} must implement draw(shape, rng)")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor as a dict that can be written as JSON."""
        return {} if self.seed is None else {"seed": self.seed}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """Make an initializer from a dict that :meth:`get_config` returned."""
        return cls(**_checks.config(config, f"{cls.__name__}.from_config"))

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


class CallableInitializer(Initializer):
    """An initializer that calls a function of a shape.

    Parameters
    ----------
    function : callable
        Called as ``function(shape, dtype="float32")``, or as ``function(shape)`` if it has no argument ``dtype``.

    Examples
    --------
    >>> import numpy as np
    >>> CallableInitializer(lambda shape, dtype=None: np.eye(*shape))((2, 2))
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function
        parameters = inspect.signature(function).parameters.values()
        self._takes_dtype = any(p.name == "dtype" or p.kind is p.VAR_KEYWORD for p in parameters)

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        values = self.function(shape, dtype="float32") if self._takes_dtype else self.function(shape)
        values = _checks.numeric_array(values, "values", "initializers")
        if values.shape != shape:
            raise ValueError(
                f"[initializers] expected an array of shape {shape} from {self.function!r}. Received: {values.shape}"
            )
        return values

    def get_config(self) -> dict[str, Any]:
        return self.function.get_config() if hasattr(self.function, "get_config") else {}
