"""Models: ``Model``, a graph of layers, and ``Sequential``, a chain of them."""

from typing import Any

from cnncore.models.cloning import clone_model, model_from_json
from cnncore.models.model import Model
from cnncore.models.sequential import Sequential

__all__ = ["Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]


def __getattr__(name: str) -> Any:
    if name in ("load_model", "save_model"):  # files stand on models
        from cnncore import saving

        return getattr(saving, name)
    raise AttributeError(f"module 'cnncore.models' has no attribute {name!r}")
