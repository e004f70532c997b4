"""Gradients of functions that users write with NumPy, such as the function of a Lambda, an activation or a loss.

:func:`pullback` calls such a function with objects that record each NumPy function that is called on them. From this
record it computes the gradients of the arguments, given the gradient of the result. NumPy passes calls of its functions
to the objects, by the protocols ``__array_ufunc__`` and ``__array_function__``. A :class:`GradientTape` records in the
same way what is computed inside a ``with`` block, including calls of models.
"""

from cnncore.differentiation import arranging, compositions, elementwise, functions, places  # noqa: F401 (imported to register gradients)
from cnncore.differentiation.array import Array, as_array, seen
from cnncore.differentiation.backward import backward, pullback
from cnncore.differentiation.state import (
    collector_of,
    current_recording,
    is_bound,
    is_pulled_back,
    is_recording_backward,
    keeping_gradients,
    leaf_of,
    recording_into,
)
from cnncore.differentiation.tape import GradientTape
from cnncore.differentiation.traced import NotDifferentiableError, Traced, first_order, value_of

__all__ = [
    "Array",
    "GradientTape",
    "NotDifferentiableError",
    "Traced",
    "as_array",
    "backward",
    "collector_of",
    "current_recording",
    "first_order",
    "is_bound",
    "is_pulled_back",
    "is_recording_backward",
    "keeping_gradients",
    "leaf_of",
    "pullback",
    "recording_into",
    "seen",
    "value_of",
]
