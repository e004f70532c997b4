"""Save the weights of a model and load them."""

from __future__ import annotations

import os
import warnings
from typing import Any

from cnncore import _core
from cnncore.saving.checks import H5_ENDINGS, check_format, check_model, check_target, ends_with
from cnncore.saving.format import Tensors, read_file, write_file
from cnncore.saving.keras_file import read_keras_weights, write_keras_weights
from cnncore.saving.keras_h5 import write_h5_weights
from cnncore.saving.limits import only_value_errors
from cnncore.saving.matching import assign, matching_weights, warn_of_skipped
from cnncore.saving.training_state import LAYERS_MEMORY, OPTIMIZER

__all__ = ["load_weights", "save_weights"]


def save_weights(model: Any, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write only the weights to a file.

    Parameters
    ----------
    model : Model
        A model whose input shape is known.
    filepath : path
        Where to write, as for :func:`save_model`.
    overwrite : bool, default True
        If False, an existing file is an error.

    Raises
    ------
    ValueError
        The shape of the model's input is not known, weights are not finite, or the ending of the name is that of
        another kind of file.
    FileExistsError
        The file exists and ``overwrite`` is False.
    OSError
        The file cannot be written.
    """
    check_model(model, "save_weights")
    check_target(filepath, overwrite, "save_weights")
    if ends_with(filepath, ".weights.h5"):
        write_keras_weights(model, filepath)
        return
    if ends_with(filepath, *H5_ENDINGS):
        warnings.warn(
            "Files with weights alone end in .weights.h5 today. This one is written in the form of Keras 2.",
            DeprecationWarning,
            stacklevel=3,
        )
        write_h5_weights(model, filepath)
        return
    with model.step_lock:
        tensors: Tensors = {name: variable.numpy() for name, variable in model.named_weights().items()}
    write_file(filepath, {"kind": "weights", "weights": list(tensors), "cnncore_version": _core.__version__}, tensors)


def load_weights(
    model: Any,
    filepath: str | os.PathLike[str],
    skip_mismatch: bool = False,
    by_name: bool = False,
    *,
    max_bytes: int | None = None,
) -> None:
    """Read weights into a model. All are checked before the first is written.

    Weights are matched by their names. If names differ only in their numbers, as ``dense`` and ``dense_1`` do when
    other models were made before, weights are matched by their order.

    Parameters
    ----------
    model : Model
        A model whose input shape is known, with the layers of the saved one.
    filepath : path
        A file of :func:`save_weights` or :func:`save_model`, any safetensors file with the names of this model's
        weights (``conv2d/kernel``, ...), or a file of Keras (``.keras``, ``.h5``), where layers are matched by their
        order.
    skip_mismatch : bool, default False
        Whether to leave those weights as they are that the file does not have, or has with another shape. A warning
        names them.
    by_name : bool, default False
        Whether to read only the weights whose names are both in the file and in the model. There is a warning if
        there are none.
    max_bytes : int, optional
        Largest file that is read; 4 GiB by default.

    Raises
    ------
    ValueError
        The file is truncated or corrupted, or its tensors do not fit the model; the message says which.
    OSError
        The file cannot be opened.
    """
    check_model(model, "load_weights")
    check_format(filepath, "load_weights")
    if ends_with(filepath, ".keras", *H5_ENDINGS):
        with only_value_errors(filepath), model.step_lock:
            read_keras_weights(model, filepath, max_bytes, skip_mismatch, by_name)
        return
    file = read_file(filepath, max_bytes)
    with only_value_errors(filepath):
        weights = model.named_weights()
        tensors = dict(file.tensors)
        if file.config is not None and file.config.get("kind") == "model":
            others = (f"{OPTIMIZER}/", f"{LAYERS_MEMORY}/")
            tensors = {k: v for k, v in tensors.items() if k in weights or not k.startswith(others)}
        order = None if file.config is None else file.config.get("weights")
        found = matching_weights(weights, tensors, order, skip_mismatch, by_name)
    with model.step_lock:
        assign(weights, found)
    missing = [name for name in weights if name not in found and (name in tensors or not by_name)]
    warn_of_skipped(missing, nothing=by_name and not found)
