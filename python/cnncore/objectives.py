"""An old module of Keras. Its names are in ``cnncore.losses`` today."""

from cnncore._old_modules import leading_to

__getattr__ = leading_to("objectives", "cnncore.losses")
