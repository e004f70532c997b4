"""Graphs of layers: symbolic tensors, the calls that connect them, and the way from them to a network of the core.

``protocols`` says what a graph needs of a layer, so that nothing here imports layers. ``tensor`` has symbolic tensors
and the calls that made them, ``function`` all calls between some inputs and outputs, and ``call_record`` what is noted
while layers are called. ``lowering`` makes the network, with the help of ``axes`` and ``masks``. ``unknown_sizes``
handles sizes that are None, and ``loss_terms`` what layers add to the loss.
"""

__all__ = [
    "axes",
    "call_record",
    "function",
    "loss_terms",
    "lowering",
    "masks",
    "protocols",
    "tensor",
    "unknown_sizes",
]
