"""Calls of layers on arrays: ``layer(x)`` computes at once, with a network of the core that the layer keeps.

``eager`` is where such a call begins. While a tape is open, ``recorded`` notes the call and computes its backward pass
in the core, and ``recording`` calls the layers of a model one by one where the core cannot do that.
``second_derivatives`` computes gradients of gradients, for which ``input_probe`` gives inputs directions.
"""

__all__ = ["eager", "input_probe", "recorded", "recording", "second_derivatives"]
