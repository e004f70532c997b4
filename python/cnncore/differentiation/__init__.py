"""Gradients of what users write in NumPy: a Lambda, an activation or a loss can be trained with them.

:func:`pullback` calls a function with arrays that record what is done to them, and then computes the gradients of the
arguments from a gradient of the result. NumPy lets such arrays define what its functions do with them. A
:class:`GradientTape` records in the same way what is computed inside a ``with`` block, calls of models included.
"""

from cnncore.differentiation import arranging, elementwise, functions  # noqa: F401 (they register what NumPy can do)
from cnncore.differentiation.array import Array, seen
from cnncore.differentiation.state import current_recording, is_bound, leaf_of, recording_into
from cnncore.differentiation.tape import GradientTape
from cnncore.differentiation.traced import NotDifferentiableError, Traced, pullback, value_of

__all__ = [
    "Array",
    "GradientTape",
    "NotDifferentiableError",
    "Traced",
    "current_recording",
    "is_bound",
    "leaf_of",
    "pullback",
    "recording_into",
    "seen",
    "value_of",
]
