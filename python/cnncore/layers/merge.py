"""An old path of layers: they are in ``cnncore.layers`` today. In Keras 1 ``merge`` was a function."""

import sys
import types
from typing import Any, NoReturn

from cnncore.layers._old_paths import leading_to_layers

__getattr__ = leading_to_layers("merge")


class _Function(types.ModuleType):
    """The class of this module. A module of it can be called like the function of Keras 1, and raises an error."""

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(
            "[merge] merge(inputs, mode=...) is of Keras 1. Write layers.add(inputs) for 'sum', multiply for 'mul', "
            "average for 'ave', maximum for 'max', dot(inputs, axes=...) for 'dot', and concatenate(inputs, axis=...) "
            "for 'concat'."
        )


sys.modules[__name__].__class__ = _Function
