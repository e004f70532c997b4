"""An old module of Keras. Its names are in ``cnncore`` and ``cnncore.layers`` today."""

from cnncore._old_modules import leading_to

__getattr__ = leading_to("engine.training", "cnncore", "cnncore.layers")
