"""An old path of layers: they are in ``cnncore.layers`` today."""

from cnncore.layers.experimental import preprocessing

__all__ = ["preprocessing"]
