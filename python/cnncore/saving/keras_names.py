"""Names and arguments that differ between this package and Keras."""

from __future__ import annotations

__all__ = [
    "ACTIVATION_LAYERS",
    "KINDS",
    "NOT_ACCEPTED",
    "NOT_IN_TRAINING_BY_DEFAULT",
    "OWN_ARGUMENTS",
    "WRAPPED",
]

# Arguments of layers that Keras does not have, each with the value for which the layer does the same as in Keras.
OWN_ARGUMENTS = {"precision": None, "input_shape": None, "derived_seed": None}

# Arguments that are objects: the ending of their name, and the module of Keras that has such objects.
KINDS = {
    "initializer": "keras.initializers",
    "regularizer": "keras.regularizers",
    "constraint": "keras.constraints",
    "activation": "keras.layers",
}

# Arguments that all layers have in this package, but which these layers do not have in Keras.
NOT_ACCEPTED = {"SpatialDropout1D": ("trainable",), "SpatialDropout2D": ("trainable",)}

# Arguments of layers that are layers, or lists of layers.
WRAPPED = ("layer", "backward_layer", "cell", "cells")

# Activation functions with arguments. In Keras only layers can have these arguments.
ACTIVATION_LAYERS = {"relu": "ReLU", "leaky_relu": "LeakyReLU", "elu": "ELU", "softmax": "Softmax"}

# Layers whose ``call`` has the argument ``training=False`` in Keras. Keras 3 writes this default into each call in a
# file as if it were given, but ``fit`` replaces it.
NOT_IN_TRAINING_BY_DEFAULT = (
    "AdditiveAttention",
    "AlphaDropout",
    "Attention",
    "ConvLSTM2D",
    "Dropout",
    "GRU",
    "GaussianDropout",
    "GaussianNoise",
    "LSTM",
    "RNN",
    "SimpleRNN",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpectralNormalization",
)
