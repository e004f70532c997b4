"""Models to files and back. A loaded model is complete and checked, or there is none."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from cnncore import _checks, _core
from cnncore.models import Model, Sequential

from .format import ModelFile, Tensors, read_file, write_file

_MODEL_CLASSES: dict[str, type[Sequential]] = {"Sequential": Sequential}

# Tensors are named like the weights, "conv2d/kernel"; the optimizer's vectors are cut in the same way and have its
# name in front: "optimizer/m/conv2d/kernel". So a file does not depend on how the core lays out its buffers.
_OPTIMIZER = "optimizer"


def save_model(model: Model, filepath: str | os.PathLike[str]) -> None:
    """Write the whole model to one file: layers, weights, seed and, if it is compiled, the state of training.

    Training that goes on with the loaded model gives bit for bit what it would have given without the interruption.

    Parameters
    ----------
    model : Model
        A model whose input shape is known.
    filepath : path
        Where to write; any name, ``.safetensors`` is suggested. An existing file is replaced atomically: after a
        failure, whatever it is, the old content is intact.

    Raises
    ------
    ValueError
        The model has no weights yet, weights that are not finite, or a part that cannot be described in a file (a
        function as metric or as learning rate; `save_weights` still works).
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
    tensors = _split(model.network.parameters, model.network.slots)
    training = None
    if model.compiled:
        state = model.optimizer.state
        training = {"compile": model.get_compile_config(), "step": model.optimizer.step, "state": sorted(state)}
        for name, vector in state.items():
            tensors |= _split(vector, model.network.slots, f"{_OPTIMIZER}/{name}/")
    config = {
        "kind": "model",
        "class_name": _class_name(model),
        "config": model.get_config(),
        "training": training,
        "network_step": model.network.step,
        "metadata": getattr(model, "metadata", {}),
        "cnncore_version": _core.__version__,
    }
    write_file(filepath, config, tensors)


def load_model(filepath: str | os.PathLike[str], compile: bool = True) -> Sequential:  # noqa: A002 (Keras' name)
    """Read a model written by :func:`save_model`.

    Parameters
    ----------
    filepath : path
        The file.
    compile : bool, default True
        Restore the optimizer with its state, loss and metrics, if the model had them.

    Returns
    -------
    Sequential
        The model, with bit-equal weights.

    Raises
    ------
    ValueError
        The file is truncated, corrupted or of another kind, names a class that is not known, or holds tensors that are
        missing, superfluous, not float32, not finite, or of a shape that does not fit the layers.
    OSError
        The file cannot be opened.
    """
    path = os.fspath(filepath)
    file = read_file(filepath)
    if file.config is None or file.config.get("kind") != "model":
        received = "another program's file" if file.config is None else f"a file of {file.config.get('kind')}"
        raise ValueError(f"{path}: expected a whole model, as save_model writes it. Received: {received}")
    try:
        model = _build(file.config)
        _restore(model, file, compile)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path}: {error}") from error
    return model


def save_weights(model: Model, filepath: str | os.PathLike[str]) -> None:
    """Write only the weights to a file.

    Parameters
    ----------
    model : Model
        A model whose input shape is known.
    filepath : path
        Where to write, as for :func:`save_model`.

    Raises
    ------
    ValueError
        The model has no weights yet, or weights that are not finite.
    OSError
        The file cannot be written.
    """
    config = {"kind": "weights", "cnncore_version": _core.__version__}
    write_file(filepath, config, _split(model.network.parameters, model.network.slots))


def load_weights(model: Model, filepath: str | os.PathLike[str]) -> None:
    """Read weights into a model. All are checked before the first is written.

    Parameters
    ----------
    model : Model
        A model whose input shape is known, with the layers and names of the saved one.
    filepath : path
        A file of :func:`save_weights` or :func:`save_model`, or any safetensors file with the names of this model's
        weights (``conv2d/kernel``, ...).

    Raises
    ------
    ValueError
        The file is truncated or corrupted, or its tensors do not fit the model; the message says which.
    OSError
        The file cannot be opened.
    """
    path = os.fspath(filepath)
    file = read_file(filepath)
    expected = {slot.name: tuple(slot.shape) for slot in model.network.slots}
    whole_model = file.config is not None and file.config.get("kind") == "model"
    ignored = f"{_OPTIMIZER}/" if whole_model else None
    tensors = {
        name: tensor
        for name, tensor in file.tensors.items()
        if name in expected or ignored is None or not name.startswith(ignored)
    }
    try:
        _check_tensors(tensors, expected)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    _join(tensors, model.network.slots, out=model.network.parameters)


def _class_name(model: Model) -> str:
    for name, model_class in _MODEL_CLASSES.items():
        if isinstance(model, model_class):
            return name
    raise TypeError(f"expected a {' or '.join(_MODEL_CLASSES)}. Received: {type(model).__name__}")


def _build(config: Mapping[str, Any]) -> Sequential:
    """The model that `config` describes; its weights are not allocated yet."""
    class_name = _entry(config, "class_name")
    if class_name not in _MODEL_CLASSES:
        raise ValueError(f"expected a model of class {' or '.join(_MODEL_CLASSES)}. Received: {class_name!r}")
    return _MODEL_CLASSES[class_name].from_config(_entry(config, "config"))


def _entry(config: Any, name: str) -> Any:
    if not isinstance(config, Mapping) or name not in config:
        raise ValueError(f"expected its description to have an entry {name!r}")
    return config[name]


def _restore(model: Sequential, file: ModelFile, compile: bool) -> None:  # noqa: A002
    training = _entry(file.config, "training")
    # From the layers alone: sizes that the file cannot fill must be found before anything of that size is allocated.
    weights = {
        f"{layer.name}/{spec.name}": spec.shape
        for layer in model.layers
        for spec in layer.weight_specs(layer.input_shape)
    }
    vectors = _entry(training, "state") if training else []
    state = {f"{_OPTIMIZER}/{vector}/{name}": shape for vector in vectors for name, shape in weights.items()}
    _check_tensors(file.tensors, weights | state)
    network = model.network
    _join(file.tensors, network.slots, out=network.parameters)
    network.step = _checks.integer(_entry(file.config, "network_step"), "network_step", "load_model", minimum=0)
    metadata = (file.config or {}).get("metadata", {})
    model.metadata = dict(metadata) if isinstance(metadata, dict) else {}  # type: ignore[attr-defined]
    if not (compile and training):
        return
    model.compile_from_config(_entry(training, "compile"))
    step = _checks.integer(_entry(training, "step"), "step", "load_model", minimum=0)
    if vectors or step:
        size = network.parameters.size
        model.optimizer.build(size, owner=model, slots=network.slots)
        loaded: dict[str, Any] = {"step": np.int64(step)}
        for vector in vectors:
            loaded[vector] = np.zeros(size, np.float32)
            _join(file.tensors, network.slots, f"{_OPTIMIZER}/{vector}/", out=loaded[vector])
        model.optimizer.load_state_dict(loaded)


def _check_tensors(tensors: Tensors, expected: Mapping[str, tuple[int, ...]]) -> None:
    missing, superfluous = sorted(expected.keys() - tensors.keys()), sorted(tensors.keys() - expected.keys())
    if missing:
        raise ValueError(f"expected the tensors of the model's layers. Missing: {', '.join(missing)}")
    if superfluous:
        raise ValueError(f"expected only the tensors of the model's layers. Superfluous: {', '.join(superfluous)}")
    for name, shape in expected.items():
        if tensors[name].shape != tuple(shape):
            raise ValueError(f"tensor {name!r}: expected shape {tuple(shape)}. Received: {tensors[name].shape}")


def _split(vector: np.ndarray, slots: Iterable[_core.ParameterSlot], prefix: str = "") -> Tensors:
    """Views of a flat vector by name, without the gaps between them."""
    return {
        f"{prefix}{slot.name}": vector[slot.offset : slot.offset + int(np.prod(slot.shape))].reshape(slot.shape)
        for slot in slots
    }


def _join(tensors: Tensors, slots: Iterable[_core.ParameterSlot], prefix: str = "", *, out: np.ndarray) -> None:
    """Inverse of :func:`_split`: write the tensors to their places in `out`."""
    for name, view in _split(out, slots, prefix).items():
        view[...] = tensors[name]
