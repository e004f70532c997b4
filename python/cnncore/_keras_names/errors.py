"""Errors for names that Keras has and this package does not have: they give the reason.

Modules and classes that are asked for such a name raise these errors.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from cnncore._keras_names.absent import MODULES, OLDER_LAYERS, REASONS
from cnncore._keras_names.moved import MOVED
from cnncore._suggestions import nearest

__all__ = [
    "explain_missing",
    "explain_missing_methods",
    "missing",
    "why_no_module",
    "why_no_name",
    "why_not_here",
]


def why_not_here(module: str, name: str) -> str | None:
    """Why a module of the package, or a class, does not have a name that Keras has. None if Keras does not have it
    either.

    Examples
    --------
    >>> why_not_here("layers", "ConvLSTM1D")
    'write ConvLSTM2D, with an axis of length 1 for sequences'
    """
    tables = [REASONS.get(module, {})] + ([OLDER_LAYERS] if module == "layers" else [])
    return next((reason for table in tables for reason, names in table.items() if name in names), None)


def why_no_module(path: str) -> str | None:
    """Explain why the package has no module ``path``, such as "applications.vgg16"; None for an unknown path.

    Examples
    --------
    >>> why_no_module("layers.cudnn_recurrent")
    'recurrent layers are in `cnncore.layers`'
    """
    for reason, paths in MODULES.items():
        if path in paths:
            return reason
    parent, _, name = path.rpartition(".")
    return why_not_here(parent, name)


def why_no_name(kind: str, name: str) -> str | None:
    """Explain why there is no optimizer, loss, layer, ... of a name that Keras knows, in lower or upper case.

    Examples
    --------
    >>> why_no_name("optimizer", "schedulefreeadamw")
    'use `AdamW` with `use_ema=True`'
    """
    groups = REASONS.get({"loss": "losses"}.get(kind, f"{kind}s"), {})
    wanted = name.lower()
    return next((reason for reason, names in groups.items() if wanted in (item.lower() for item in names)), None)


def missing(module: str, name: str, known: Iterable[str]) -> AttributeError | ImportError:
    r"""The error to raise if a module of the package is asked for a name that it does not have.

    Examples
    --------
    >>> missing("losses", "hubert", ["huber"])
    AttributeError('module \'cnncore.losses\' has no attribute \'hubert\'. Did you mean "huber"?')
    """
    reason = why_not_here(module, name)
    full = f"cnncore.{module}" if module else "cnncore"
    hint = "" if name.startswith("_") else nearest(name, known)
    because = f": {reason}" if reason else f".{hint}" if hint else ""
    if reason and _in_import_statement():  # it would replace the message of an AttributeError by its own
        return ImportError(f"cannot import name {name!r} from {full!r}{because}", name=full)
    return AttributeError(f"module {full!r} has no attribute {name!r}{because}")


def _in_import_statement() -> bool:
    """Whether the code that asked this package for a name is an import statement, ``from ... import name``."""
    import opcode

    frame = sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith("cnncore"):
        frame = frame.f_back
    return frame.f_code.co_code[frame.f_lasti] == opcode.opmap["IMPORT_FROM"]


class NotHere:
    """A stand-in for a method that Keras has and this package does not have. Its error gives the reason."""

    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason

    def __get__(self, instance: Any, owner: type[Any]) -> NoReturn:
        raise AttributeError(f"a {owner.__name__} has no attribute {self.name!r}: {self.reason}")


def explain_missing_methods(cls: type[Any], kind: str) -> None:
    """Put stand-ins into the class `cls` for the missing methods that ``REASONS[kind]`` lists."""
    for reason, names in REASONS[kind].items():
        for name in names:
            setattr(cls, name, NotHere(name, reason))


def explain_missing(module: str, known: Iterable[str]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a module that has the names it defines, and old modules of Keras inside it."""

    def get(name: str) -> Any:
        if f"{module}.{name}" in MOVED:
            return importlib.import_module(f"cnncore.{module}.{name}")
        raise missing(module, name, known)

    return get
