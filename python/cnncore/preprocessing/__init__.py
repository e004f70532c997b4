"""Preparation of data, as Keras' users know it: :mod:`cnncore.preprocessing.image`."""

from . import image

__all__ = ["image"]
