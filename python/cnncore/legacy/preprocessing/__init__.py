"""The same as :mod:`cnncore.preprocessing`."""

from . import image

__all__ = ["image"]
