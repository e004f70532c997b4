"""Calls of layers on arrays: ``layer(x)`` computes at once, with a network of the core that the layer keeps.

``eager`` is where such a call begins. While a tape is open, ``with_tape`` records it, as a whole or layer by layer. A
call that is recorded as a whole is a ``recorded_call``: a network, made from a ``recorded_graph``, that computes the
call and later its backward pass. ``second_derivatives`` computes gradients of gradients, for which ``input_probe``
gives inputs directions.
"""

__all__ = ["eager", "input_probe", "recorded_call", "recorded_graph", "second_derivatives", "with_tape"]
