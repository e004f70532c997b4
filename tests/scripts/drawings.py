"""Showing and copying a model: its summary, a drawing, its description as JSON, and copies made in three ways."""

import pickle

import numpy as np

from cnncore import Input, Model, layers
from cnncore.models import clone_model, model_from_json
from cnncore.utils import plot_model

inputs = Input(shape=(8, 8, 3), name="picture")
x = layers.Conv2D(4, 3, padding="same", activation="relu")(inputs)
x = layers.add([x, layers.Conv2D(4, 1)(inputs)])
outputs = layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling2D()(x))
model = Model(inputs=inputs, outputs=outputs, name="small")

lines = []
model.summary(line_length=90, print_fn=lines.append)
assert any("picture" in line for line in "\n".join(lines).splitlines())
assert "small" in repr(model)
plot_model(model, to_file="model.png", show_shapes=True)
with open("model.png", "rb") as file:
    assert file.read(4) == b"\x89PNG"

pictures = np.random.rand(3, 8, 8, 3).astype("float32")
expected = model.predict(pictures, verbose=0)
again = pickle.loads(pickle.dumps(model))
assert np.array_equal(again.predict(pictures, verbose=0), expected)
for other in (model_from_json(model.to_json()), clone_model(model)):
    other.set_weights(model.get_weights())
    assert np.array_equal(other.predict(pictures, verbose=0), expected)
