"""Checks of the arguments that every layer takes."""

from __future__ import annotations

import inspect
from typing import Any

from cnncore import _checks
from cnncore._suggestions import nearest

__all__ = ["checked_name", "declared_shape", "given_arguments", "unknown_argument"]

_SHAPE_ARGUMENTS = ("input_shape", "input_dim", "batch_input_shape", "batch_shape")


def checked_name(name: Any, owner: str) -> str:
    """Return ``name``, which must be a string that files and messages can show."""
    if not isinstance(name, str) or not name or "/" in name or not name.isprintable():
        raise ValueError(
            f"[{owner}] expected `name` to be a non-empty string of printable characters without '/'. "
            f"Received: {str(name)[:80]!r}"
        )
    return name


def declared_shape(kwargs: dict[str, Any], owner: str) -> tuple[Any, ...] | None:
    """Remove the argument that gives the shape of a sample from ``kwargs``, and return the shape, or None."""
    given = {key: kwargs.pop(key) for key in _SHAPE_ARGUMENTS if kwargs.get(key) is not None}
    for key in _SHAPE_ARGUMENTS:
        kwargs.pop(key, None)
    if not given:
        return None
    if len(given) > 1:
        raise ValueError(f"[{owner}] expected only one argument that gives the input's shape. Received: {given}")
    (key, value), *_ = given.items()
    if key == "input_dim":
        return (_checks.integer(value, key, owner),)
    if key in ("batch_input_shape", "batch_shape"):
        if not isinstance(value, (list, tuple)) or len(value) < 2:
            raise ValueError(
                f"[{owner}] expected `{key}` to be the batch axis, None, and the shape of a sample. "
                f"Received: {key}={value!r}"
            )
        value = tuple(value)[1:]
    elif isinstance(value, (list, tuple)) and len(value) > 3 and value[0] is None:  # samples have three axes at most
        raise ValueError(
            f"[{owner}] expected `input_shape` without the batch axis. Received: input_shape={value!r}. "
            f"Write input_shape={tuple(value[1:])!r}."
        )
    return _checks.shape_of_sample(value, key, owner)


def given_arguments(cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any] | None:
    """Return the arguments of a constructor by name, including defaults, or None if they cannot be kept in a file.

    That is so if one of them cannot be written as JSON, or cannot be passed by name.
    """
    signature = inspect.signature(cls.__init__)  # type: ignore[misc]
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    try:
        bound = signature.bind(None, *args, **kwargs)
    except TypeError:
        return None  # the arguments are wrong, and the constructor is about to say so
    bound.apply_defaults()
    if inspect.Parameter.POSITIONAL_ONLY in kinds:
        return None
    found: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        parameter = signature.parameters[name]
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            found |= value
        elif parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            if value:
                return None
        else:
            found[name] = value
    found.pop(next(iter(signature.parameters)), None)
    return found if _is_plain(found) else None


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (str, bool, int, float))


# The names that arguments had in Keras 1, and their names today.
_KERAS_1 = {
    **{"border_mode": "padding", "subsample": "strides", "nb_filter": "filters", "atrous_rate": "dilation_rate"},
    **{"nb_row": "kernel_size", "nb_col": "kernel_size", "filter_length": "kernel_size", "pool_length": "pool_size"},
    **{"init": "kernel_initializer", "W_regularizer": "kernel_regularizer", "b_regularizer": "bias_regularizer"},
    **{"W_constraint": "kernel_constraint", "b_constraint": "bias_constraint", "bias": "use_bias", "p": "rate"},
    **{"output_dim": "units", "dim_ordering": "data_format", "sigma": "stddev", "subsample_length": "strides"},
}


def unknown_argument(cls: type, argument: str) -> str:
    """Return the message for an argument that the constructor of a layer does not have."""
    if argument in _KERAS_1:
        return (
            f"[{cls.__name__}] {argument!r} is an argument of Keras 1: today it is called {_KERAS_1[argument]!r}. "
            f"Received: {argument}="
        )
    parameters = inspect.signature(cls.__init__).parameters  # type: ignore[misc]
    known = [name for name in parameters if name not in ("self", "args", "kwargs")]
    known += ["name", "trainable", "dtype", "activity_regularizer", *_SHAPE_ARGUMENTS]
    return f"[{cls.__name__}] unknown argument {argument!r}.{nearest(argument, known)} Received: {argument}="
