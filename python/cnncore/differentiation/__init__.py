"""Gradients of functions written in NumPy: a Lambda, an activation or a loss of one's own can be trained through.

:func:`pullback` calls a function with arrays that remember what is done to them, and leads a gradient of the result
back to the arguments. NumPy itself makes that possible: it asks its arguments how a function of it treats them.
"""

from cnncore.differentiation import elementwise, functions  # noqa: F401 (they register what NumPy can do)
from cnncore.differentiation.traced import NotDifferentiableError, Traced, leaf_of, pullback

__all__ = ["NotDifferentiableError", "Traced", "leaf_of", "pullback"]
