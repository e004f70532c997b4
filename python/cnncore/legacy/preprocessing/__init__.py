"""What is in :mod:`cnncore.preprocessing`."""

from . import image

__all__ = ["image"]
