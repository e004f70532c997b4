"""``cnncore info``, and what --version, --cmakedir and --includedir print."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from cnncore import _core

__all__ = ["cmakedir", "includedir", "run", "version"]

_BFLOAT16 = {
    "amx": "multiplied by the CPU's AMX unit",
    "avx512_bf16": "multiplied by the CPU's AVX-512 BF16 instructions",
    "float32": "emulated in float32: no faster than float32",
}


def run(arguments: argparse.Namespace) -> int:
    """Print facts about this installation, and what it uses on this machine."""
    build = _core.build_info()
    rows = {
        "version": version(),
        "instruction sets": ", ".join(_core.available_isas()),
        "in use": _core.isa(),
        "bfloat16": _bfloat16(),
        "threads": str(_core.get_num_threads()),
        "compiler": build["compiler"],
        "OpenMP": build["openmp"],
        "compiled for": build["isas"],
        "NumPy": np.__version__,
        "module": _core.__file__,
    }
    for name, value in rows.items():
        print(f"{name + ':':<18}{value}")
    return 0


def _bfloat16() -> str:
    unit, *note = _core.bfloat16_unit().split(" ", 1)
    return " ".join([_BFLOAT16[unit], *note])


def version() -> str:
    """The version of the compiled module, which is that of the package."""
    return _core.__version__


def cmakedir() -> str:
    """The directory with cnncoreConfig.cmake."""
    return _installed("lib", "cmake", "cnncore")


def includedir() -> str:
    """The directory for the option -I of a compiler."""
    return _installed("include")


def _installed(*parts: str) -> str:
    # It is beside the compiled module; in an editable install the Python files are elsewhere.
    directory = Path(_core.__file__).parent.joinpath(*parts)
    if not directory.is_dir():
        raise FileNotFoundError(f"expected {directory}: the C++ files come with an installed package (pip install)")
    return str(directory)
