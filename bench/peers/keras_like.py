"""The network through Keras' interface, which cnncore has too: ``fit`` and ``predict_on_batch``."""

from __future__ import annotations

from typing import Any

import numpy as np
from common import Peer
from models import Conv, Model, Pool, Weights


class KerasLikePeer(Peer):
    """What Keras and cnncore share; subclasses import the library and call ``build``."""

    def build(
        self, sequential: Any, layers: Any, model: Model, weights: Weights, softmax: Any = "softmax", **settings: Any
    ) -> None:
        """Stack the layers and compile with `settings`; `softmax` is the activation of the last layer."""
        pools = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}
        self.model = sequential([layers.Input(model.input_shape)])
        activations = {"relu": "relu", "tanh": "tanh", "softmax": softmax}
        for layer, x in model.with_inputs():
            if isinstance(layer, Conv):
                own = layers.Conv2D(layer.filters, layer.kernel, padding=layer.padding, activation=layer.activation)
            elif isinstance(layer, Pool):
                own = pools[layer.kind](2)
            else:
                own = layers.Dense(layer.units, activation=activations[layer.activation])
                if len(x) == 3:
                    self.model.add(layers.Flatten())
            self.model.add(own)
        self.model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", **settings)
        self.model.set_weights(weights)

    def train_epoch(self, data: Any, batch: int) -> float:
        history = self.model.fit(*data, batch_size=batch, epochs=1, verbose=0)
        return float(history.history["loss"][-1])

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.model.predict_on_batch(x))
