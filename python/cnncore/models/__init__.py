"""Models: ``Sequential``, a chain of layers, and its base ``Model``."""

from cnncore.models._chain_model import Model
from cnncore.models._chain_sequential import Sequential

__all__ = ["Model", "Sequential"]
