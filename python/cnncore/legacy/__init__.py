"""Modules under their paths in earlier versions of Keras."""

__all__ = []
