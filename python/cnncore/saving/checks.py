"""Checks of the arguments with which models and weights are saved and loaded."""

from __future__ import annotations

import os
from typing import Any

from cnncore.layers.base import Layer
from cnncore.saving.limits import printable

__all__ = ["H5_ENDINGS", "check_format", "check_model", "check_target", "ends_with"]

H5_ENDINGS = (".h5", ".hdf5")


def check_model(model: Any, owner: str) -> None:
    """Raise a TypeError if ``model`` is no model."""
    if not isinstance(model, Layer) or not hasattr(model, "named_weights"):
        raise TypeError(f"[{owner}] expected a model. Received: {type(model).__name__}")


def check_target(filepath: str | os.PathLike[str], overwrite: bool, owner: str) -> None:
    """Raise an error if a file of this name cannot be written: its name is wrong, or it exists and must be kept."""
    check_format(filepath, owner)
    if not overwrite and os.path.exists(filepath):
        raise FileExistsError(f"[{owner}] the file exists, and overwrite=False: {os.fspath(filepath)!r}")


def check_format(filepath: str | os.PathLike[str], owner: str) -> None:
    """Refuse a name that belongs to another kind of file. As in Keras, .weights.h5 files have only weights."""
    if not isinstance(filepath, (str, os.PathLike)):
        raise TypeError(f"[{owner}] expected the name of a file. Received: {type(filepath).__name__}")
    path = os.fspath(filepath)
    wrong = ".keras" if owner == "save_weights" else ".weights.h5"
    if owner == "load_weights" or not ends_with(path, wrong):
        return
    use = (
        ".weights.h5 for Keras"
        if owner == "save_weights"
        else ".keras or .h5 for Keras; files that end in .weights.h5 hold weights alone"
    )
    raise ValueError(f"[{owner}] expected a name that ends in .safetensors, or in {use}. Received: {printable(path)!r}")


def ends_with(filepath: str | os.PathLike[str], *endings: str) -> bool:
    """Whether the name of a file has one of these endings, in any case."""
    return str(os.fspath(filepath)).lower().endswith(endings)
