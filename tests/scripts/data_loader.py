"""PyTorch makes the batches, cnncore trains."""

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from cnncore import layers
from cnncore.models import Sequential

x = torch.rand(64, 5)
y = (x.sum(dim=1) > 2.5).long()
loader = DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True)
model = Sequential([layers.Dense(2, activation="softmax", input_shape=(5,))])
model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(loader, epochs=2, validation_data=(x, y), verbose=0)
assert len(history.history["val_loss"]) == 2
assert np.isfinite(model.predict(x)).all()
