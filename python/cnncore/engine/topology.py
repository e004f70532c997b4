"""An old path of Keras: what it had is in ``cnncore.layers`` and ``cnncore`` today."""

from cnncore._old_modules import leading_to

__getattr__ = leading_to("engine.topology", "cnncore.layers", "cnncore")
