"""Where names and arguments differ between this package and Keras."""

from __future__ import annotations

__all__ = ["KINDS", "NOT_ACCEPTED", "OPERATIONS", "OWN_ARGUMENTS", "WITHOUT_COUNTERPART"]

# Arguments of layers that Keras does not have, and the values that mean what Keras does.
OWN_ARGUMENTS = {"precision": None, "input_shape": None, "derived_seed": None}

# Layers of this package that Keras has not; Lambda holds code in Keras' files, which is never read.
WITHOUT_COUNTERPART = ("Divide", "Reciprocal", "Lambda")

# Arguments that are objects, by the ending of their name, and the module of Keras that has these.
KINDS = {
    "initializer": "keras.initializers",
    "regularizer": "keras.regularizers",
    "constraint": "keras.constraints",
    "activation": "keras.layers",
}

# Operations that Keras' operators between tensors make.
OPERATIONS = ("Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Negative")

# Arguments that all layers have here, but these layers of Keras have not.
NOT_ACCEPTED = {"SpatialDropout1D": ("trainable",), "SpatialDropout2D": ("trainable",)}
