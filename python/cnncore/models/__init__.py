"""Models: ``Sequential``, a chain of layers, and its base ``Model``."""

from cnncore.models.model import Model
from cnncore.models.sequential import Sequential

__all__ = ["Model", "Sequential"]
