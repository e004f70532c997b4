"""An old path of Keras: what it had is in ``cnncore.utils`` today."""

from cnncore._old_modules import leading_to

__getattr__ = leading_to("utils.vis_utils", "cnncore.utils")
