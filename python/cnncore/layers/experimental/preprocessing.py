"""An old path of layers: they are in ``cnncore.layers`` today."""

from cnncore.layers._old_paths import leading_to_layers

__getattr__ = leading_to_layers("experimental.preprocessing")
