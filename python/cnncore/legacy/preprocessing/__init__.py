"""The same as :mod:`cnncore.preprocessing`."""

from cnncore.legacy.preprocessing import image

__all__ = ["image"]
