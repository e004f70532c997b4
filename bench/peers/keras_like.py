"""Networks in Keras' API, which cnncore has, too: ``fit`` and ``predict_on_batch``."""

from __future__ import annotations

from typing import Any

import numpy as np
from common import Peer
from layers import (
    BATCH_NORM_EPSILON,
    BATCH_NORM_MOMENTUM,
    Activate,
    Add,
    BatchNorm,
    Conv,
    Dense,
    DepthwiseConv,
    Dropout,
    GlobalAveragePool,
    Layer,
    Model,
    Pool,
    Weights,
)

LOSSES = {"crossentropy": "sparse_categorical_crossentropy", "mse": "mean_squared_error"}


def _own_layer(layers: Any, layer: Layer, softmax: Any) -> Any:
    """Make the library's layer of that name."""
    if isinstance(layer, Conv):
        return layers.Conv2D(
            layer.filters,
            layer.kernel,
            strides=layer.stride,
            padding=layer.padding,
            activation=layer.activation,
            use_bias=layer.use_bias,
        )
    if isinstance(layer, DepthwiseConv):
        return layers.DepthwiseConv2D(layer.kernel, strides=layer.stride, padding=layer.padding)
    if isinstance(layer, BatchNorm):
        return layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, epsilon=BATCH_NORM_EPSILON)
    if isinstance(layer, Activate):
        return layers.Activation(layer.activation)
    if isinstance(layer, Pool):
        return (layers.MaxPooling2D if layer.kind == "max" else layers.AveragePooling2D)(layer.size)
    if isinstance(layer, GlobalAveragePool):
        return layers.GlobalAveragePooling2D()
    if isinstance(layer, Add):
        return layers.Add()
    if isinstance(layer, Dropout):
        return layers.Dropout(layer.rate)
    return layers.Dense(layer.units, activation=softmax if layer.activation == "softmax" else layer.activation)


class KerasLikePeer(Peer):
    """The part that the peers for Keras and cnncore share. Subclasses import the library and call ``build``."""

    def build(self, library: Any, model: Model, weights: Weights, softmax: Any = "softmax", **settings: Any) -> None:
        """Connect the layers and compile with `settings`; `softmax` is the activation of the last layer."""
        layers = library.layers
        values = [layers.Input(model.input_shape)]
        own_layers = []
        for node, (layer, x) in zip(model.nodes, model.with_inputs(), strict=True):
            own_layers.append(_own_layer(layers, layer, softmax))
            inputs = [values[i] for i in node.inputs]
            if isinstance(layer, Dense) and len(x) == 3:
                inputs = [layers.Flatten()(inputs[0])]
            values.append(own_layers[-1](inputs if isinstance(layer, Add) else inputs[0]))
        self.model = library.Model(values[0], values[-1])
        self.model.compile(optimizer="adam", loss=LOSSES[model.loss], **settings)
        for own, arrays in zip(own_layers, weights, strict=True):
            own.set_weights(arrays)

    def train_epoch(self, data: Any, batch: int) -> float:
        history = self.model.fit(*data, batch_size=batch, epochs=1, verbose=0)
        return float(history.history["loss"][-1])

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.model.predict_on_batch(x))
