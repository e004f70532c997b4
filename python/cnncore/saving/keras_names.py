"""Where names and arguments differ between this package and Keras."""

from __future__ import annotations

__all__ = ["ACTIVATION_LAYERS", "KINDS", "NOT_ACCEPTED", "OWN_ARGUMENTS"]

# Arguments of layers that Keras does not have, and the values that mean what Keras does.
OWN_ARGUMENTS = {"precision": None, "input_shape": None, "derived_seed": None}

# Arguments that are objects, by the ending of their name, and the module of Keras that has these.
KINDS = {
    "initializer": "keras.initializers",
    "regularizer": "keras.regularizers",
    "constraint": "keras.constraints",
    "activation": "keras.layers",
}

# Arguments that all layers have here, but these layers of Keras have not.
NOT_ACCEPTED = {"SpatialDropout1D": ("trainable",), "SpatialDropout2D": ("trainable",)}

# Activation functions whose arguments only layers of Keras have.
ACTIVATION_LAYERS = {"relu": "ReLU", "leaky_relu": "LeakyReLU", "elu": "ELU", "softmax": "Softmax"}
