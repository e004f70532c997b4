"""The register of activation functions, and how the core computes each of them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from cnncore._checks import Float32
from cnncore._registry import Registry
from cnncore.differentiation import pullback

__all__ = ["Definition", "OwnFunction", "activation", "define", "functions"]

F = TypeVar("F", bound=Callable[..., Any])

functions: Registry[Any] = Registry("activation")


class Definition(NamedTuple):
    """The name of an activation function, and the arguments that ``functools.partial`` fixed for it."""

    name: str
    arguments: dict[str, Any]


def activation(*parameters: str, aliases: tuple[str, ...] = ()) -> Callable[[F], F]:
    """Return a decorator that registers an activation function under its name and ``aliases``.

    ``parameters`` are the names of those arguments of the function that the core takes, too. When the registered
    function is called on a symbolic tensor, it makes an ``Activation`` layer.
    """

    def register(function: F) -> F:
        @functools.wraps(function)
        def on_arrays_or_tensors(x: Any, *args: Any, **kwargs: Any) -> Any:
            if hasattr(x, "activated"):  # a symbolic tensor
                arguments = inspect.signature(function).bind(x, *args, **kwargs).arguments
                options = {name: value for name, value in arguments.items() if name != "x"}
                return x.activated(
                    functools.partial(on_arrays_or_tensors, **options) if options else on_arrays_or_tensors
                )
            return function(x, *args, **kwargs)

        on_arrays_or_tensors.parameters = parameters  # type: ignore[attr-defined]
        functions.register_function(on_arrays_or_tensors, function.__name__, *aliases)
        return on_arrays_or_tensors  # type: ignore[return-value]

    return register


def define(function: Callable[..., Any] | None) -> Definition | None:
    """Describe a function of this package, or a ``functools.partial`` of one. Return None for other functions."""
    if function is None:  # users assign None to remove the activation of a layer
        return Definition("linear", {})
    plain = function.func if isinstance(function, functools.partial) else function
    name = getattr(plain, "__name__", "")
    if functions.known_class(name) is not plain:
        return None
    if not isinstance(function, functools.partial):
        return Definition(name, {})
    if function.args or not set(function.keywords) <= set(plain.parameters):
        return None
    defaults = {key: item.default for key, item in inspect.signature(plain).parameters.items()}
    return Definition(name, {key: value for key, value in function.keywords.items() if value != defaults[key]})


class OwnFunction:
    """The functions by which the core calls an activation function that a user wrote."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def forward(self, arrays: Sequence[Float32], training: bool) -> Float32:
        """Call the function on a batch."""
        return np.array(self._function(arrays[0]), np.float32, order="C")

    def backward(self, arrays: Sequence[Float32], dy: Float32) -> list[Float32]:
        """Compute the gradient of the input. Raises a NotDifferentiableError if it cannot be found."""
        return [np.array(dx, np.float32, order="C") for dx in pullback(self._function, arrays[:1])[1](dy)]
