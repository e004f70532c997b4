"""``utils.data_utils`` of Keras 2. What it had is in ``cnncore.utils`` today."""

from cnncore._old_modules import leading_to

__getattr__ = leading_to("utils.data_utils", "cnncore.utils")
