"""``utils.vis_utils`` of Keras 2. What it had is in ``cnncore.utils`` today."""

from cnncore._old_modules import leading_to

__getattr__ = leading_to("utils.vis_utils", "cnncore.utils")
