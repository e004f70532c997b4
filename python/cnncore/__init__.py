"""Small convolutional networks on a CPU: Keras' API over a C++ core (OpenMP, SIMD).

>>> from cnncore import Sequential
>>> from cnncore.layers import Conv2D, Dense, Flatten, MaxPooling2D
>>> model = Sequential([Conv2D(8, 3, activation="relu", input_shape=(28, 28, 1)), MaxPooling2D(), Flatten(), Dense(10)])
>>> model.output_shape
(None, 10)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from cnncore._core import __version__, get_num_threads, set_num_threads
from cnncore._keras_names.finder import find_keras_modules

if TYPE_CHECKING:
    from cnncore import (
        activations,
        applications,
        backend,
        callbacks,
        constraints,
        curvature,
        datasets,
        initializers,
        layers,
        legacy,
        losses,
        metrics,
        mixed_precision,
        models,
        ops,
        optimizers,
        preprocessing,
        regularizers,
        saving,
        testing,
        utils,
    )
    from cnncore.differentiation import GradientTape
    from cnncore.errors import TrainingError
    from cnncore.graph.tensor import KerasTensor
    from cnncore.initializers import Initializer
    from cnncore.layers import Input
    from cnncore.layers.base import Layer
    from cnncore.layers.input_spec import InputSpec
    from cnncore.layers.weights.variable import Variable
    from cnncore.losses import Loss
    from cnncore.metrics import Metric
    from cnncore.mixed_precision import DTypePolicy
    from cnncore.models import Model, Sequential
    from cnncore.optimizers import Optimizer
    from cnncore.regularizers import Regularizer
    from cnncore.scopes import device, name_scope, version

__all__ = [
    "DTypePolicy",
    "GradientTape",
    "Initializer",
    "Input",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Regularizer",
    "Sequential",
    "TrainingError",
    "Variable",
    "__version__",
    "activations",
    "applications",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "curvature",
    "datasets",
    "device",
    "get_num_threads",
    "initializers",
    "layers",
    "legacy",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "name_scope",
    "ops",
    "optimizers",
    "preprocessing",
    "random",
    "regularizers",
    "saving",
    "set_num_threads",
    "testing",
    "tree",
    "utils",
    "version",
    "wrappers",
]

# ``import cnncore`` only loads the core. Every other name is loaded when it is first used. These are not modules; the
# table says in which module each of them is.
_HOME = {
    "DTypePolicy": "mixed_precision",
    "InputSpec": "layers.input_spec",
    "KerasTensor": "graph.tensor",
    "Variable": "layers.weights",
    "device": "scopes",
    "name_scope": "scopes",
    "version": "scopes",
    "GradientTape": "differentiation",
    "Initializer": "initializers",
    "Input": "layers",
    "Layer": "layers",
    "Loss": "losses",
    "Metric": "metrics",
    "Model": "models",
    "Optimizer": "optimizers",
    "Regularizer": "regularizers",
    "Sequential": "models",
    "TrainingError": "errors",
}


find_keras_modules()


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(f"cnncore.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    if name in __all__:
        return importlib.import_module(f"cnncore.{name}")
    from cnncore._keras_names.errors import missing

    raise missing("", name, __all__)


def __dir__() -> list[str]:
    return __all__
