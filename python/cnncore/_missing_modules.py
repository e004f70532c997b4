"""Modules that Keras has and this package does not have. The error for importing one gives the reason."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["explain_missing_modules"]


class _Explaining:
    """A finder of modules that finds none. Python asks it last, and its error gives the reason if one is known."""

    @staticmethod
    def find_spec(fullname: str, path: Any = None, target: Any = None) -> None:
        """Raise a ModuleNotFoundError with the reason why ``cnncore`` has no module of that name, if one is known."""
        package, _, rest = fullname.partition(".")
        if package != "cnncore":
            return
        from cnncore._not_here import why_no_module

        reason = why_no_module(rest)
        if reason is not None:
            raise ModuleNotFoundError(f"No module named {fullname!r}: {reason}", name=fullname)


def explain_missing_modules() -> None:
    """From now on, errors for missing modules give the reason."""
    sys.meta_path.append(_Explaining)
