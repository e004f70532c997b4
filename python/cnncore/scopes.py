"""Names of Keras that scripts write around their models, which change nothing here: device, name_scope, version."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

__all__ = ["device", "name_scope", "version"]


def device(device_name: str) -> contextlib.AbstractContextManager[None]:
    """Accept the name of the CPU, on which everything is computed.

    Parameters
    ----------
    device_name : str
        Such as "cpu" or "cpu:0".

    Raises
    ------
    ValueError
        For another device.

    Examples
    --------
    >>> with device("cpu:0"):
    ...     pass
    """
    if not isinstance(device_name, str) or "cpu" not in device_name.lower():
        raise ValueError(f"[device] expected 'cpu', the only device. Received: device_name={device_name!r}")
    return contextlib.nullcontext()


@contextlib.contextmanager
def name_scope(name: str, **kwargs: Any) -> Iterator[None]:
    """Accept a ``name`` for a part of a model. Layers have the names that they are given.

    Examples
    --------
    >>> with name_scope("encoder"):
    ...     pass
    """
    if not isinstance(name, str):
        raise TypeError(f"[name_scope] expected `name` to be a text. Received: {type(name).__name__}")
    yield


def version() -> str:
    """Return the version of this package.

    Examples
    --------
    >>> version().count(".") >= 1
    True
    """
    from cnncore import __version__

    return __version__
