"""Initializers, which make the initial weights of layers. The random numbers come from NumPy's generator PCG64.

Each initializer is a class, such as ``HeNormal``, which is also available as ``he_normal``. Arguments of layers also
take its name, ``"he_normal"``.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from cnncore._custom_objects import custom_object, custom_object_scope
from cnncore._keras_names.errors import missing
from cnncore.initializers.base import CallableInitializer, Initializer, registry
from cnncore.initializers.constants import Constant, Dirac, Identity, Ones, Zeros
from cnncore.initializers.random import Orthogonal, RandomNormal, RandomUniform, TruncatedNormal
from cnncore.initializers.scaling import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
    compute_fans,
)

zeros, ones, constant, identity, dirac = Zeros, Ones, Constant, Identity, Dirac
random_normal, random_uniform, truncated_normal, orthogonal = RandomNormal, RandomUniform, TruncatedNormal, Orthogonal
variance_scaling, glorot_normal, glorot_uniform = VarianceScaling, GlorotNormal, GlorotUniform
he_normal, he_uniform, lecun_normal, lecun_uniform = HeNormal, HeUniform, LecunNormal, LecunUniform
IdentityInitializer, OrthogonalInitializer = Identity, Orthogonal

__all__ = [
    "Constant",
    "Dirac",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "compute_fans",
    "constant",
    "deserialize",
    "dirac",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]


def get(identifier: Any) -> Initializer:
    """Return the initializer that ``identifier`` describes.

    Parameters
    ----------
    identifier : Initializer, type, str, dict or callable
        An initializer; a class or its name, of which an object with default arguments is made; a description as
        :func:`serialize` returns it; or a function that returns an array of a shape. The function is called as
        ``function(shape, dtype="float32")``, or as ``function(shape)`` if it has no argument ``dtype``.

    Raises
    ------
    ValueError
        For an unknown name.
    TypeError
        If ``identifier`` is something else.

    Examples
    --------
    >>> import numpy as np
    >>> get("he_normal"), get(lambda shape: 7.0 * np.ones(shape))((2,))
    (HeNormal(seed=None), array([7., 7.], dtype=float32))
    """
    name = identifier.get("class_name") if isinstance(identifier, dict) else identifier
    own = custom_object(name) if isinstance(name, str) else None
    if own is not None and not isinstance(own, type):
        identifier = own  # a function, or an object
    elif isinstance(identifier, (str, dict, type)):
        identifier = registry.get(identifier)
    if isinstance(identifier, Initializer) and type(identifier).__call__ is Initializer.__call__:
        return identifier
    if callable(identifier):
        return CallableInitializer(identifier)
    return registry.get(identifier)


def serialize(initializer: Initializer) -> dict[str, Any]:
    """Describe an initializer by a dict with the keys ``class_name`` and ``config``.

    A function is described by its name. :func:`deserialize` then needs the function in ``custom_objects``.
    """
    if isinstance(initializer, CallableInitializer):
        function = initializer.function
        name = getattr(function, "__name__", type(function).__name__)
        return {"class_name": name, "config": initializer.get_config()}
    return registry.serialize(initializer)


def deserialize(config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Initializer:
    """Make an initializer from its description.

    Parameters
    ----------
    config : dict
        As :func:`serialize` returns it.
    custom_objects : dict of str to class or function, optional
        What the names in ``config`` mean that are not names of this package.

    Raises
    ------
    ValueError
        If the class is not known.
    """
    with custom_object_scope(custom_objects):
        return get(config)


_OLD_NAMES = {"normal": "random_normal", "uniform": "random_uniform", "zero": "zeros", "one": "ones"}


def __getattr__(name: str) -> Any:
    if name in _OLD_NAMES:
        warnings.warn(f"initializers.{name} is called {_OLD_NAMES[name]} today.", DeprecationWarning, stacklevel=2)
        return globals()[_OLD_NAMES[name]]
    raise missing("initializers", name, __all__)
