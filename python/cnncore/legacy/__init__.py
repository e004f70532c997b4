"""Names of earlier versions of Keras."""

__all__ = []
