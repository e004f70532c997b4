"""Save a model after some epochs, load it, and continue the training where it stopped."""

import numpy as np

from cnncore import layers, utils
from cnncore.models import Sequential, load_model

utils.set_random_seed(1)
x, y = np.random.rand(80, 4).astype("float32"), np.random.randint(0, 2, 80)


def build():
    utils.set_random_seed(2)
    model = Sequential([layers.Dense(8, "relu", input_shape=(4,)), layers.Dropout(0.2), layers.Dense(2, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


whole = build()
whole.fit(x, y, epochs=4, verbose=0)
part = build()
part.fit(x, y, epochs=2, verbose=0)
part.save("model.safetensors")
again = load_model("model.safetensors")
again.fit(x, y, epochs=4, initial_epoch=2, verbose=0)
assert all(np.array_equal(a, b) for a, b in zip(whole.get_weights(), again.get_weights(), strict=True))
