"""Logs whose values are also found by their names in Keras 2."""

from __future__ import annotations

import warnings
from typing import Any

__all__ = ["NamedValues"]

# Both names of a pair have the same meaning. Which one is in the logs depends on the arguments of compile.
_PAIRS = (
    ("acc", "accuracy"),
    ("lr", "learning_rate"),
    ("mse", "mean_squared_error"),
    ("mae", "mean_absolute_error"),
)
_OTHER = dict(_PAIRS) | {new: old for old, new in _PAIRS}


class NamedValues(dict[str, Any]):
    """A dict of the logs in which ``values["acc"]`` and ``values.get("acc")`` find "accuracy" if there is no "acc",
    with a DeprecationWarning.

    The same holds for "lr" and "learning_rate", "mse" and "mean_squared_error", "mae" and "mean_absolute_error", the
    other way round, and with ``val_`` in front. ``in``, ``keys()`` and the like use the true names only.

    Examples
    --------
    >>> import warnings
    >>> values = NamedValues(accuracy=[0.5])
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     values["acc"], values.get("val_acc")
    ([0.5], None)
    """

    def __missing__(self, name: str) -> Any:
        other = self._other(name, stacklevel=3)
        if other is None:
            raise KeyError(name)
        return self[other]

    def get(self, name: str, default: Any = None) -> Any:
        """The value, or ``default``."""
        if name in self:
            return self[name]
        other = self._other(name, stacklevel=3)
        return default if other is None else self[other]

    def _other(self, name: Any, stacklevel: int) -> str | None:
        stem = name.removeprefix("val_") if isinstance(name, str) else ""
        if stem not in _OTHER:
            return None
        other = str(name[: len(name) - len(stem)]) + _OTHER[stem]
        if other not in self:
            return None
        message = f"The logs have no {name!r}, but {other!r}, which means the same."
        warnings.warn(message, DeprecationWarning, stacklevel=stacklevel)
        return other

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)  # pickling gives a plain dict
