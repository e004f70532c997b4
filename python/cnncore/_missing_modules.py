"""Modules that Keras has and this package does not have: importing them says why."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["explain_missing_modules"]


class _Explaining:
    """A finder of modules that finds none. It comes last, and its error has the reason if there is one."""

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
    """Let imports of missing modules say why, from now on."""
    sys.meta_path.append(_Explaining)
