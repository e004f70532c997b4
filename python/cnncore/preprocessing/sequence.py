"""``preprocessing.sequence`` of Keras."""

from cnncore.utils.sequences import pad_sequences

__all__ = ["pad_sequences"]
