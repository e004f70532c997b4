"""Layers that nobody makes by name: computing with symbolic tensors makes them.

``operators`` has those of ``x + y`` and the like, ``array_function`` those of NumPy functions, whose ``result_size`` is
limited. ``loss_rows`` is the layer of a loss that is called on tensors, ``added_loss`` that of ``add_loss``.
"""

__all__ = ["added_loss", "array_function", "loss_rows", "operators", "result_size"]
