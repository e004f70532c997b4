"""Models: graphs of layers, chains of layers, and what makes new ones out of old ones.

A model has two halves. One computes: ``structure`` has its layers and the network of the core behind them. The other
trains: ``training`` has what ``compile`` sets and the loop of ``fit``, ``data`` makes batches of what users pass, and
``own`` runs classes with steps of their own. ``fitting``, ``inference`` and ``products`` have the public methods.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncore._keras_names.errors import missing
from cnncore.models.cloning import clone_model, model_from_json
from cnncore.models.model import Model
from cnncore.models.sequential import Sequential

if TYPE_CHECKING:
    from cnncore.saving import load_model, save_model

__all__ = ["Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]


def __getattr__(name: str) -> Any:
    if name in ("load_model", "save_model"):
        # later: the libraries for files are slow to import, and most programs do not need them
        from cnncore import saving

        return getattr(saving, name)
    raise missing("models", name, __all__)
