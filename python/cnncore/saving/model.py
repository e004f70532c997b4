"""Save models and load them. Loading returns a complete and checked model, or raises an error."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any

from cnncore import _checks, _core
from cnncore._custom_objects import custom_object_scope
from cnncore._structure import map_structure
from cnncore.layers.base import registry
from cnncore.layers.base.memory import memory_of_layers, restore_layers
from cnncore.saving.checks import H5_ENDINGS, check_format, check_model, check_target, ends_with
from cnncore.saving.format import ModelFile, Tensors, read_file, write_file
from cnncore.saving.keras_file import read_keras_model, write_keras_model
from cnncore.saving.keras_h5 import read_h5_model, write_h5_model
from cnncore.saving.keras_optimizer import warn_of_lost_state
from cnncore.saving.limits import only_value_errors
from cnncore.saving.matching import assign, matching_weights
from cnncore.saving.training_state import (
    LAYERS_MEMORY,
    OPTIMIZER,
    OPTIMIZER_MEMORY,
    memory_of,
    restore_optimizer,
    training_state,
)

__all__ = [
    "load_model",
    "save_model",
]


def save_model(
    model: Any, filepath: str | os.PathLike[str], overwrite: bool = True, include_optimizer: bool = True
) -> None:
    """Write the whole model to one file: layers, weights, seed and, if it is compiled, the state of training.

    If training continues with the loaded model, it gives the same bits as without the interruption. If another thread
    trains the model during the call, the file has the state between two of its steps.

    Parameters
    ----------
    model : Model
        A model whose input shape is known.
    filepath : path
        Where to write. Names that end in ``.keras``, ``.h5`` or ``.hdf5`` make files for Keras, which contain no seeds
        and nothing that Keras does not have. HDF5 files have no state of an optimizer, and ``.keras`` files none of
        Adafactor, Lamb, Muon and the Newton-type optimizers; a warning says when such a state is left out. Any other
        name makes a safetensors file; ``.safetensors`` is usual. An existing file is replaced atomically: after any
        failure, its old content is intact.
    overwrite : bool, default True
        If False, an existing file is an error.
    include_optimizer : bool, default True
        Whether to save the state of training.

    Raises
    ------
    ValueError
        The shape of the model's input is not known, weights are not finite, or a part cannot be described in a file (a
        function as metric or as learning rate; `save_weights` still works). Or the ending of the name is that of
        another kind of file.
    FileExistsError
        The file exists and ``overwrite`` is False.
    OSError
        The file cannot be written.

    Examples
    --------
    >>> from cnncore.applications import lenet5
    >>> save_model(lenet5(), "/no/such/directory/lenet5.safetensors")
    Traceback (most recent call last):
        ...
    FileNotFoundError: [Errno 2] cannot write: No such file or directory: '/no/such/directory/lenet5.safetensors'
    """
    check_model(model, "save_model")
    check_target(filepath, overwrite, "save")
    if model.has_unsaved_losses:
        warnings.warn(
            "[save_model] files have no losses that `model.add_loss` added: call it again after loading. A loss that a "
            "layer adds in its `call` comes back with the layer.",
            UserWarning,
            stacklevel=3,
        )
    if ends_with(filepath, ".keras", *H5_ENDINGS):
        write = write_keras_model if ends_with(filepath, ".keras") else write_h5_model
        write(model, filepath, include_optimizer)
        if include_optimizer:
            warn_of_lost_state(model, old=ends_with(filepath, *H5_ENDINGS))
        return
    with model.step_lock:
        weights = model.named_weights()
        tensors: Tensors = {name: variable.numpy() for name, variable in weights.items()}
        training, state = training_state(model, weights) if include_optimizer and model.compiled else (None, {})
        memory, arrays = memory_of_layers(model, LAYERS_MEMORY)
        config = {
            "kind": "model",
            **registry.serialize(model),
            "input_shapes": map_structure(lambda tensor: list(tensor.shape[1:]), model.input),
            "weights": list(weights),
            "training": training,
            "network_step": model.steps_done,
            "memory": memory,
            "metadata": model.metadata,
            "cnncore_version": _core.__version__,
        }
    write_file(filepath, config, tensors | state | arrays)


def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,  # noqa: A002 (Keras' name)
    safe_mode: bool = True,
    *,
    max_bytes: int | None = None,
) -> Any:
    """Read a model written by :func:`save_model`, by Keras 3 (``.keras``, ``.h5``) or by Keras 2 (``.h5``).

    Nothing in a file is ever executed or imported, and reading needs memory in proportion to the file's size.

    Parameters
    ----------
    filepath : path
        The file.
    custom_objects : dict of str to class or function, optional
        Layers, losses and functions by name, for names that are not this package's own.
    compile : bool, default True
        Whether to compile the model as it was, with the state of the optimizer, if the file has it.
    safe_mode : bool, default True
        Accepted for compatibility with Keras: reading is always safe.
    max_bytes : int, optional
        Largest file that is read; 4 GiB by default.

    Returns
    -------
    Sequential or Model
        The model, with bit-equal weights.

    Raises
    ------
    ValueError
        The file is truncated, corrupted, too large or of another kind, names a class that is not known, or holds
        tensors that are missing, superfluous, not float32, not finite, or of a shape that does not fit the layers.
    OSError
        The file cannot be opened.
    """
    check_format(filepath, "load_model")
    if ends_with(filepath, ".keras", *H5_ENDINGS):
        read = read_keras_model if ends_with(filepath, ".keras") else read_h5_model
        with only_value_errors(filepath), custom_object_scope(custom_objects):
            return read(filepath, compile, max_bytes)
    file = read_file(filepath, max_bytes)
    with only_value_errors(filepath), custom_object_scope(custom_objects):
        if file.config is None or file.config.get("kind") != "model":
            received = "another program's file" if file.config is None else f"a file of {file.config.get('kind')}"
            raise ValueError(f"expected a whole model, as save_model writes it. Received: {received}")
        model = _build(file.config)
        _restore(model, file, compile)
    return model


# --- details ----------------------------------------------------------------------------------------------------------
def _build(config: Mapping[str, Any]) -> Any:
    """The model that `config` describes; its weights are not allocated yet."""
    model: Any = registry.deserialize({"class_name": _entry(config, "class_name"), "config": _entry(config, "config")})
    if not hasattr(type(model), "named_weights"):
        raise ValueError(f"expected a model. Received: a {type(model).__name__}")
    if not model.built and config.get("input_shapes") is not None:
        model.build_for_shapes(_tuples(config["input_shapes"]))
    return model


def _tuples(structure: Any) -> Any:
    """The same structure of lists and dicts, with each shape as a tuple."""
    if isinstance(structure, dict):
        return {key: _tuples(value) for key, value in structure.items()}
    if isinstance(structure, list) and structure and all(isinstance(item, (list, dict)) for item in structure):
        return [_tuples(item) for item in structure]
    return _checks.shape_of_sample(structure, "input_shapes", "load_model")


def _restore(model: Any, file: ModelFile, compile: bool) -> None:  # noqa: A002
    """Give a model the weights of a file, and with ``compile`` also the state of its training."""
    config = file.config or {}
    training = _entry(config, "training")
    # Shapes are known from the layers alone: sizes that the file cannot fill are found before anything of that size is
    # allocated.
    weights = model.named_weights()
    vectors = _entry(training, "state") if training else []
    prefixes = tuple(f"{OPTIMIZER}/{vector}/" for vector in vectors)
    state = {name: tensor for name, tensor in file.tensors.items() if prefixes and name.startswith(prefixes)}
    memory = memory_of(training.get("memory", {}) if training else {}, file.tensors)
    arrays = {name: tensor for name, tensor in file.tensors.items() if name.startswith(f"{LAYERS_MEMORY}/")}
    others = {*state, *arrays, *(f"{OPTIMIZER_MEMORY}/{name}" for name in memory)}
    rest = {name: tensor for name, tensor in file.tensors.items() if name not in others}
    found = matching_weights(weights, rest, config.get("weights"), skip_mismatch=False, by_name=False)
    assign(weights, found)
    model.steps_done = _checks.integer(_entry(config, "network_step"), "network_step", "load_model", minimum=0)
    restore_layers(model, config.get("memory", {}), arrays)
    metadata = config.get("metadata", {})
    model.metadata = dict(metadata) if isinstance(metadata, dict) else {}
    if not (compile and training):
        return
    model.compile_from_config(_entry(training, "compile"))
    step = _checks.integer(_entry(training, "step"), "step", "load_model", minimum=0)
    if vectors or step:
        saved_as = {id(tensor): name for name, tensor in rest.items()}
        names = {(id(v.layer), v.index): saved_as[id(found[name])] for name, v in weights.items()}
        restore_optimizer(model, names, vectors, state, step, memory)


def _entry(config: Any, name: str) -> Any:
    if not isinstance(config, Mapping) or name not in config:
        raise ValueError(f"expected its description to have an entry {name!r}")
    return config[name]
