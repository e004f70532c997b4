"""What Python's import statement does for modules of Keras that are not files of this package.

Python asks :class:`Finder` last. Old modules are made when they are imported. For modules that are missing, the error
gives the reason.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["Finder", "find_keras_modules"]


class Finder:
    """A finder and loader of modules, as :data:`sys.meta_path` lists them."""

    @classmethod
    def find_spec(cls, fullname: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        """Return how to make an old module, or raise a ModuleNotFoundError if it is known why a module is missing."""
        package, _, rest = fullname.partition(".")
        if package != "cnncore":
            return None
        from cnncore._keras_names.errors import why_no_module
        from cnncore._keras_names.moved import MOVED

        if rest in MOVED:
            is_package = any(other.startswith(f"{rest}.") for other in MOVED)
            return ModuleSpec(fullname, cls, is_package=is_package)  # type: ignore[arg-type]
        reason = why_no_module(rest)
        if reason is not None:
            raise ModuleNotFoundError(f"No module named {fullname!r}: {reason}", name=fullname)
        return None

    @staticmethod
    def create_module(spec: ModuleSpec) -> ModuleType:
        """Make an old module."""
        from cnncore._keras_names.moved import moved_module

        return moved_module(spec.name)

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        """Do nothing: the module is complete."""


def find_keras_modules() -> None:
    """From now on, Python's import statement finds old modules and explains missing ones."""
    sys.meta_path.append(Finder)
