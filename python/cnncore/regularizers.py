"""Penalties on weights and activities that are added to the loss: L1, L2, and both.

As in Keras, the penalties are ``l1 * sum(|x|)`` and ``l2 * sum(x^2)``, not divided by the number of values. The core
computes them, and their gradients, in the pass over all gradients that each training step makes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks
from cnncore._custom_objects import function_name, named_function
from cnncore._keras_names.errors import explain_missing
from cnncore._registry import Registry
from cnncore.differentiation import Traced, leaf_of

__all__ = [
    *("L1", "L1L2", "L2", "OrthogonalRegularizer", "Regularizer", "deserialize", "get", "l1", "l1_l2", "l2"),
    *("orthogonal_regularizer", "serialize"),
]

if not TYPE_CHECKING:
    __getattr__ = explain_missing("regularizers", __all__)

registry: Registry[Regularizer] = Registry("regularizer")


class Regularizer:
    """Base class of penalties. Those of this package have the form l1 * sum(|x|) + l2 * sum(x^2), which the C++ core
    computes. A subclass may define ``__call__`` with NumPy or :mod:`cnncore.ops`. It is then called in each step and
    differentiated automatically.

    Parameters
    ----------
    l1, l2 : float, default 0
        The factors of the two sums.

    Examples
    --------
    >>> L1L2(l1=0.1, l2=0.01)([1.0, -2.0])
    0.35
    """

    is_own = False  # whether the class has a __call__ of its own, which the core cannot compute

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.is_own = cls.__call__ is not Regularizer.__call__

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        owner = type(self).__name__
        self.l1 = _checks.number(l1, "l1", owner, minimum=0.0)
        self.l2 = _checks.number(l2, "l2", owner, minimum=0.0)

    def __call__(self, x: ArrayLike) -> float:
        """The penalty of ``x``, an array of any shape."""
        leaf = leaf_of(x) if hasattr(x, "trace_key") else x
        if isinstance(leaf, Traced):
            return self.l1 * np.abs(leaf).sum() + self.l2 * np.square(leaf).sum()  # type: ignore[no-any-return]
        array = np.asarray(x, np.float64)
        return float(self.l1 * np.abs(array).sum() + self.l2 * np.square(array).sum())

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor, ready for JSON."""
        return {} if self.is_own else {"l1": self.l1, "l2": self.l2}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Regularizer:
        """Inverse of :meth:`get_config`."""
        return cls(**_checks.config(config, f"{cls.__name__}.from_config"))

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


@registry.register("l1_l2")
class L1L2(Regularizer):
    """``l1 * sum(|x|) + l2 * sum(x^2)``.

    Parameters
    ----------
    l1, l2 : float, default 0
        The factors. The name "l1_l2", as an argument of a layer, means 0.01 for both.

    Examples
    --------
    >>> L1L2(l2=0.1)
    L1L2(l1=0.0, l2=0.1)
    >>> get("l1_l2")
    L1L2(l1=0.01, l2=0.01)
    """


@registry.register()
class L1(Regularizer):
    """``l1 * sum(|x|)``, with l1 = 0.01 by default."""

    def __init__(self, l1: float = 0.01) -> None:
        super().__init__(l1=0.01 if l1 is None else l1)

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


@registry.register()
class L2(Regularizer):
    """``l2 * sum(x^2)``, with l2 = 0.01 by default.

    Examples
    --------
    >>> L2(0.5)([3.0, 4.0])
    12.5
    """

    def __init__(self, l2: float = 0.01) -> None:
        super().__init__(l2=0.01 if l2 is None else l2)

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


@registry.register("orthogonal_regularizer")
class OrthogonalRegularizer(Regularizer):
    """A penalty for the rows or columns of a matrix that are not orthogonal to each other: ``factor`` times the mean of
    the magnitudes of their cosines.

    Parameters
    ----------
    factor : float, default 0.01
    mode : {"rows", "columns"}, default "rows"

    Examples
    --------
    >>> OrthogonalRegularizer(0.5)([[1.0, 0.0], [3.0, 4.0]])
    0.3
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = _checks.number(factor, "factor", "OrthogonalRegularizer", minimum=0.0)
        self.mode = _checks.choice(mode, "mode", "OrthogonalRegularizer", ("rows", "columns"))

    def __call__(self, x: Any) -> Any:
        if np.ndim(x) != 2:
            raise ValueError(
                "[OrthogonalRegularizer] expected a matrix, which the kernel of a Dense layer is. Received: shape "
                f"{np.shape(x)}"
            )
        leaf = leaf_of(x) if hasattr(x, "trace_key") else x
        values = leaf if isinstance(leaf, Traced) else np.asarray(x, np.float32)
        rows = values if self.mode == "rows" else values.T
        units = rows / np.sqrt(np.maximum(np.sum(np.square(rows), axis=1, keepdims=True), 1e-12))
        count = rows.shape[0]
        cosines = np.abs(units @ units.T) * (1.0 - np.eye(count, dtype=np.float32))
        penalty = self.factor * np.sum(cosines) / max(count * (count - 1), 1)
        return float(penalty) if isinstance(penalty, np.generic) else penalty

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "mode": self.mode}


@registry.register()
class FunctionRegularizer(Regularizer):
    """A function of the weights, or of a layer's outputs, as a penalty.

    Parameters
    ----------
    function : callable
        Returns a number, or an array that is summed. It computes in NumPy or :mod:`cnncore.ops`.

    Examples
    --------
    >>> FunctionRegularizer(lambda x: np.abs(x).max())(np.array([1.0, -2.0]))
    2.0
    """

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def __call__(self, x: Any) -> Any:
        value = sum_of_penalty(self.function(x), "regularizer")
        return float(value) if isinstance(value, np.generic) else value

    def get_config(self) -> dict[str, Any]:
        """The name of the function. To read a file, pass the function in ``custom_objects=`` or register it."""
        return {"function": function_name(self.function, "regularizer")}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FunctionRegularizer:
        return cls(named_function(config.get("function"), "regularizer"))


def sum_of_penalty(penalty: Any, owner: str) -> Any:
    """The sum of what a function of the user returned, which must be a number or an array of real numbers."""
    total = None if isinstance(penalty, (str, bytes)) else np.sum(penalty)
    if total is None or getattr(getattr(total, "dtype", None), "kind", "f") == "c":
        raise TypeError(f"[{owner}] expected a regularizer to return real numbers. Received: {penalty!r:.80}")
    return total


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer


def get(identifier: Any) -> Regularizer | None:
    """A regularizer from an object, a class, a function, a name such as "l1", "l2" or "l1_l2", a config, or None.

    Parameters
    ----------
    identifier : Regularizer, type, callable, str, dict or None

    Raises
    ------
    ValueError
        For an unknown name.
    TypeError
        For anything else.
    """
    if isinstance(identifier, type) and issubclass(identifier, Regularizer):
        identifier = identifier()
    if identifier is None or type(identifier).__call__ is Regularizer.__call__:
        return identifier  # type: ignore[no-any-return]
    if isinstance(identifier, str) and identifier.lower() in ("l1_l2", "l1l2"):
        return L1L2(l1=0.01, l2=0.01)
    if isinstance(identifier, str):
        return get(registry.named(identifier))
    if callable(identifier) and not isinstance(identifier, type):
        return identifier if isinstance(identifier, Regularizer) else FunctionRegularizer(identifier)
    return registry.get(identifier)


def serialize(regularizer: Regularizer | None) -> dict[str, Any] | None:
    """``{"class_name", "config"}`` of ``regularizer``; None of None."""
    return None if regularizer is None else registry.serialize(regularizer)


def deserialize(config: dict[str, Any] | None, custom_objects: Mapping[str, Any] | None = None) -> Regularizer | None:
    """Inverse of :func:`serialize`; an unknown class is a ValueError.

    Parameters
    ----------
    config : dict or None
    custom_objects : dict of str to class or function, optional
        Classes and functions by name, for names that are not this package's own.
    """
    return None if config is None else registry.deserialize(config, custom_objects)
