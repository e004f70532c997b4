"""An old module of Keras. Its names are in ``cnncore.layers`` and ``cnncore`` today."""

from cnncore._old_modules import leading_to

__getattr__ = leading_to("engine.topology", "cnncore.layers", "cnncore")
