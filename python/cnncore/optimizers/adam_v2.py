"""An old path of Keras: what it had is in ``cnncore.optimizers`` today."""

from cnncore._old_modules import leading_to

__getattr__ = leading_to("optimizers.adam_v2", "cnncore.optimizers")
