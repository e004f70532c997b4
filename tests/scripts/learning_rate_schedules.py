"""A schedule object, a scheduler callback, and setting the rate by hand."""

import numpy as np

from cnncore import callbacks, layers, optimizers
from cnncore.models import Sequential

x = np.random.rand(64, 3).astype("float32")
y = x @ np.ones((3, 1), "float32")


def scheduler(epoch):
    return 0.1 if epoch < 2 else 0.1 * float(np.exp(-0.1 * (epoch - 1)))


model = Sequential([layers.Dense(1, input_shape=(3,))])
model.compile(optimizers.SGD(learning_rate=0.1, momentum=0.9), "mse")
history = model.fit(x, y, epochs=4, verbose=0, callbacks=[callbacks.LearningRateScheduler(scheduler)])
np.testing.assert_allclose(history.history["learning_rate"], [scheduler(epoch) for epoch in range(4)], rtol=1e-6)

decay = optimizers.schedules.ExponentialDecay(0.1, decay_steps=4, decay_rate=0.5)
model.compile(optimizers.SGD(learning_rate=decay), "mse")
model.fit(x, y, epochs=1, batch_size=16, verbose=0)
np.testing.assert_allclose(float(model.optimizer.learning_rate), 0.05, rtol=1e-6)

model.compile(optimizers.Adam(0.01), "mse")
model.optimizer.learning_rate = 0.001
model.fit(x, y, verbose=0)
