"""Modules that only older versions of Keras have. Their names are found elsewhere, with a DeprecationWarning."""

from __future__ import annotations

import importlib
import types
import warnings
from typing import Any, NoReturn

__all__ = ["MOVED", "Merge", "MovedModule", "moved_module"]

# Old modules of this package, and where their names are today.
MOVED: dict[str, tuple[str, ...]] = {
    "callbacks.callbacks": ("cnncore.callbacks",),
    "engine": ("cnncore", "cnncore.layers"),
    "engine.base_layer": ("cnncore.layers", "cnncore"),
    "engine.input_layer": ("cnncore.layers", "cnncore"),
    "engine.input_spec": ("cnncore.layers",),
    "engine.sequential": ("cnncore",),
    "engine.topology": ("cnncore.layers", "cnncore"),
    "engine.training": ("cnncore", "cnncore.layers"),
    "layers.advanced_activations": ("cnncore.layers",),
    "layers.convolutional": ("cnncore.layers",),
    "layers.core": ("cnncore.layers",),
    "layers.embeddings": ("cnncore.layers",),
    "layers.experimental": ("cnncore.layers",),
    "layers.experimental.preprocessing": ("cnncore.layers",),
    "layers.merge": ("cnncore.layers",),
    "layers.noise": ("cnncore.layers",),
    "layers.normalization": ("cnncore.layers",),
    "layers.normalization.batch_normalization": ("cnncore.layers",),
    "layers.normalization.layer_normalization": ("cnncore.layers",),
    "layers.pooling": ("cnncore.layers",),
    "objectives": ("cnncore.losses",),
    "optimizers.adam_v2": ("cnncore.optimizers",),
    "optimizers.experimental": ("cnncore.optimizers",),
    "optimizers.gradient_descent_v2": ("cnncore.optimizers",),
    "optimizers.legacy": ("cnncore.optimizers",),
    "optimizers.rmsprop_v2": ("cnncore.optimizers",),
    "optimizers.schedules.learning_rate_schedule": ("cnncore.optimizers.schedules",),
    "utils.all_utils": ("cnncore.utils",),
    "utils.data_utils": ("cnncore.utils",),
    "utils.generic_utils": ("cnncore.utils",),
    "utils.image_utils": ("cnncore.utils", "cnncore.preprocessing"),
    "utils.np_utils": ("cnncore.utils",),
    "utils.vis_utils": ("cnncore.utils",),
}


class MovedModule(types.ModuleType):
    """An old module. Attributes that it is asked for are looked up in the modules that have them today."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        errors: list[Exception] = []
        for place in _places(self):
            try:
                found = getattr(importlib.import_module(place), name)
            except (AttributeError, ImportError) as error:
                errors.append(error)
                continue
            message = f"{self.__name__}.{name} is called {place}.{name} today."
            warnings.warn(message, DeprecationWarning, stacklevel=2)
            return found
        raise errors[0]

    def __dir__(self) -> list[str]:
        return sorted({name for place in _places(self) for name in importlib.import_module(place).__all__})


class Merge(MovedModule):
    """``layers.merge``, which was also a function in Keras 1."""

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(
            "[merge] merge(inputs, mode=...) is of Keras 1. Write layers.add(inputs) for 'sum', multiply for 'mul', "
            "average for 'ave', maximum for 'max', dot(inputs, axes=...) for 'dot', and concatenate(inputs, axis=...) "
            "for 'concat'."
        )


def moved_module(name: str) -> MovedModule:
    """Make the old module ``name``, such as "cnncore.layers.core"."""
    kind = Merge if name == "cnncore.layers.merge" else MovedModule
    return kind(name, f"An old module of Keras. Its names are in {' and '.join(MOVED[_path(name)])} today.")


def _path(name: str) -> str:
    return name.partition(".")[2]


def _places(module: MovedModule) -> tuple[str, ...]:
    return MOVED[_path(module.__name__)]
