"""Gradients of functions that users write in NumPy: a Lambda, an activation or a loss can be trained with them.

:func:`pullback` calls a function with arrays that record what is done to them, and then computes the gradients of the
arguments from a gradient of the result. NumPy lets such arrays define what its functions do with them.
"""

from cnncore.differentiation import arranging, elementwise, functions  # noqa: F401 (they register what NumPy can do)
from cnncore.differentiation.traced import NotDifferentiableError, Traced, leaf_of, pullback, value_of

__all__ = ["NotDifferentiableError", "Traced", "leaf_of", "pullback", "value_of"]
