"""Conditions on weights, which are applied after every update: MaxNorm, MinMaxNorm, NonNeg, UnitNorm.

Norms are taken over ``axis``, as in Keras: 0 means over the inputs of each unit of a dense kernel (inputs, units), and
``[0, 1, 2]`` means over the kernel of each filter of a convolution (height, width, channels, filters).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks
from cnncore._checks import Float32
from cnncore._custom_objects import function_name
from cnncore._keras_names.errors import missing
from cnncore._registry import Registry

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]

registry: Registry[Constraint] = Registry("constraint")

_EPSILON = np.float32(1e-7)  # added to norms before a division, as in Keras

Axis = int | Sequence[int]


class Constraint:
    """Base class of constraints. A subclass implements ``__call__(w)``, which returns weights that meet the condition.

    Examples
    --------
    A condition of your own:

    >>> import numpy as np
    >>> class AtMostOne(Constraint):
    ...     def __call__(self, w):
    ...         return np.minimum(w, 1.0)
    >>> AtMostOne()([0.5, 3.0])
    array([0.5, 1. ])
    """

    def __call__(self, w: ArrayLike) -> np.ndarray:
        """Weights that meet the condition, of the same shape as ``w``."""
        raise NotImplementedError(f"{type(self).__name__} must implement __call__(w)")

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor, ready for JSON."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constraint:
        """Inverse of :meth:`get_config`."""
        return cls(**_checks.config(config, f"{cls.__name__}.from_config"))


def _norms(w: Float32, axis: Axis) -> Float32:
    axes = axis if isinstance(axis, int) else tuple(axis)
    if np.ndim(w) and not all(-np.ndim(w) <= item < np.ndim(w) for item in np.atleast_1d(axes)):
        raise ValueError(f"[constraint] expected weights that have the axis {axis}. Received: shape {np.shape(w)}")
    return np.asarray(np.sqrt(np.square(w).sum(axis=axes, keepdims=True)), np.float32)


def _check_axis(axis: Any, owner: str) -> int | list[int]:
    if isinstance(axis, (list, tuple)):
        return [_checks.integer(item, "axis", owner, -8, 8) for item in axis]
    return _checks.integer(axis, "axis", owner, -8, 8)


@registry.register("max_norm", "maxnorm")
class MaxNorm(Constraint):
    """Scale weights down to the norm ``max_value`` if their norm is larger (Srivastava et al., 2014, section 5.1).

    Parameters
    ----------
    max_value : float, default 2
    axis : int or sequence of int, default 0
        Axes over which norms are taken.

    Examples
    --------
    >>> MaxNorm(max_value=1.0)([[3.0, 0.1], [4.0, 0.0]]).round(3)
    array([[0.6, 0.1],
           [0.8, 0. ]], dtype=float32)
    """

    def __init__(self, max_value: float = 2, axis: Axis = 0) -> None:
        self.max_value = _checks.number(max_value, "max_value", "MaxNorm", minimum=0.0)
        self.axis = _check_axis(axis, "MaxNorm")

    def __call__(self, w: ArrayLike) -> Float32:
        w = np.asarray(w, np.float32)
        norms = _norms(w, self.axis)
        return np.asarray(w * (np.minimum(norms, np.float32(self.max_value)) / (_EPSILON + norms)))

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "axis": self.axis}


@registry.register("non_neg", "nonneg")
class NonNeg(Constraint):
    """Set negative weights to 0.

    Examples
    --------
    >>> NonNeg()([-1.0, 2.0])
    array([0., 2.], dtype=float32)
    """

    def __call__(self, w: ArrayLike) -> Float32:
        return np.maximum(np.asarray(w, np.float32), 0)


@registry.register("unit_norm", "unitnorm")
class UnitNorm(Constraint):
    """Scale weights to a norm of 1.

    Parameters
    ----------
    axis : int or sequence of int, default 0
        Axes over which norms are taken.

    Examples
    --------
    >>> UnitNorm()([[3.0], [4.0]])
    array([[0.6],
           [0.8]], dtype=float32)
    """

    def __init__(self, axis: Axis = 0) -> None:
        self.axis = _check_axis(axis, "UnitNorm")

    def __call__(self, w: ArrayLike) -> Float32:
        w = np.asarray(w, np.float32)
        return np.asarray(w / (_EPSILON + _norms(w, self.axis)))

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}


@registry.register("min_max_norm", "minmaxnorm")
class MinMaxNorm(Constraint):
    """Scale weights so that their norm comes closer to the range from ``min_value`` to ``max_value``.

    Parameters
    ----------
    min_value : float, default 0
    max_value : float, default 1
    rate : float, default 1
        How close it comes in one application: the norm becomes ``rate * clipped + (1 - rate) * norm``.
    axis : int or sequence of int, default 0
        Axes over which norms are taken.

    Examples
    --------
    >>> MinMaxNorm(min_value=0.5, max_value=1.0)([[3.0, 0.1], [4.0, 0.0]]).round(3)
    array([[0.6, 0.5],
           [0.8, 0. ]], dtype=float32)
    """

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Axis = 0) -> None:
        self.min_value = _checks.number(min_value, "min_value", "MinMaxNorm", minimum=0.0)
        self.max_value = _checks.number(max_value, "max_value", "MinMaxNorm", minimum=self.min_value)
        self.rate = _checks.number(rate, "rate", "MinMaxNorm", minimum=0.0)
        self.axis = _check_axis(axis, "MinMaxNorm")

    def __call__(self, w: ArrayLike) -> Float32:
        w = np.asarray(w, np.float32)
        norms = _norms(w, self.axis)
        rate = np.float32(self.rate)
        clipped = np.clip(norms, np.float32(self.min_value), np.float32(self.max_value))
        return np.asarray(w * ((rate * clipped + (1 - rate) * norms) / (_EPSILON + norms)))

    def get_config(self) -> dict[str, Any]:
        return {"min_value": self.min_value, "max_value": self.max_value, "rate": self.rate, "axis": self.axis}


max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm


def get(identifier: Any) -> Constraint | None:
    """A constraint from an object, a class, a name such as "non_neg", a function of an array, a config, or None.

    Parameters
    ----------
    identifier : Constraint, type, str, callable, dict or None
    """
    if identifier is None or isinstance(identifier, Constraint):
        return identifier
    if isinstance(identifier, str):
        return get(registry.named(identifier))
    if callable(identifier) and not isinstance(identifier, type):
        return identifier  # type: ignore[no-any-return]
    return registry.get(identifier)


def serialize(constraint: Constraint | Callable[[Any], Any] | None) -> dict[str, Any] | str | None:
    """``{"class_name", "config"}`` of ``constraint``; the name of a function, which must have one; None of None."""
    if constraint is not None and not isinstance(constraint, Constraint):
        return function_name(constraint, "constraint")
    return None if constraint is None else registry.serialize(constraint)


def deserialize(config: dict[str, Any] | None, custom_objects: Mapping[str, Any] | None = None) -> Constraint | None:
    """Inverse of :func:`serialize`; an unknown class is a ValueError.

    Parameters
    ----------
    config : dict or None
    custom_objects : dict of str to class or function, optional
        Classes and functions by name, for names that are not this package's own.
    """
    return None if config is None else registry.deserialize(config, custom_objects)


_OLD_NAMES = {"maxnorm": "max_norm", "nonneg": "non_neg", "unitnorm": "unit_norm"}


def __getattr__(name: str) -> Any:
    if name in _OLD_NAMES:
        warnings.warn(f"constraints.{name} is called {_OLD_NAMES[name]} today.", DeprecationWarning, stacklevel=2)
        return globals()[_OLD_NAMES[name]]
    raise missing("constraints", name, __all__)
