"""Models: graphs of layers, chains of layers, and what makes new ones out of old ones."""

from cnncore.models.cloning import clone_model, model_from_json
from cnncore.models.model import Model
from cnncore.models.sequential import Sequential
from cnncore.saving import load_model, save_model

__all__ = ["Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]
