"""Losses and metrics called on arrays, as functions and as objects."""

import numpy as np

from cnncore import backend as K
from cnncore import losses, metrics
from cnncore.utils import to_categorical

labels = np.array([0, 2, 1, 2])
predictions = np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7], [0.3, 0.5, 0.2], [0.6, 0.3, 0.1]], dtype="float32")
one_hot = to_categorical(labels, num_classes=3)

by_class = losses.categorical_crossentropy(one_hot, predictions)
by_label = losses.sparse_categorical_crossentropy(labels, predictions)
assert by_class.shape == (4,)
assert np.allclose(by_class, by_label)
assert np.allclose(losses.CategoricalCrossentropy()(one_hot, predictions), np.mean(by_class))
assert np.allclose(losses.mean_squared_error(one_hot, predictions), np.mean((one_hot - predictions) ** 2, axis=-1))
assert losses.get("huber") is not None
assert K.epsilon() == 1e-7
assert K.image_data_format() == "channels_last"

accuracy = metrics.SparseCategoricalAccuracy()
for row in range(4):
    accuracy.update_state(labels[row : row + 1], predictions[row : row + 1])
assert float(accuracy.result()) == 0.75
accuracy.reset_state()
top = metrics.TopKCategoricalAccuracy(k=2)
top.update_state(one_hot, predictions)
assert float(top.result()) == 0.75
auc = metrics.AUC()
auc.update_state([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
assert abs(float(auc.result()) - 0.75) < 0.01
