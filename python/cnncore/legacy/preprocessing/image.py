"""The same as :mod:`cnncore.preprocessing.image`."""

from cnncore.preprocessing.image import *  # noqa: F403
from cnncore.preprocessing.image import __all__ as __all__
