"""The path of new optimizers in Keras 2.9 to 2.12: what it had is in ``cnncore.optimizers`` today."""

from cnncore._old_modules import leading_to

__getattr__ = leading_to("optimizers.experimental", "cnncore.optimizers")
