"""Callbacks that the user writes: batch hooks, logs, and stopping the training."""

import numpy as np

from cnncore import callbacks, layers
from cnncore.models import Sequential


class LossHistory(callbacks.Callback):
    def on_train_begin(self, logs={}):  # noqa: B006 (as tutorials write it)
        self.losses = []

    def on_batch_end(self, batch, logs={}):  # noqa: B006
        self.losses.append(logs.get("loss"))


class StopWhenGood(callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if logs["loss"] < 0.05:
            print("\nGood enough: stopping.")
            self.model.stop_training = True

    def on_test_begin(self, logs=None):
        self.tested = True


x = np.linspace(-1, 1, 64, dtype="float32")[:, None]
model = Sequential([layers.Dense(1, input_shape=(1,))])
model.compile(optimizer="sgd", loss="mse")
losses, stop = LossHistory(), StopWhenGood()
history = model.fit(
    x, 3 * x, epochs=500, batch_size=16, verbose=0, callbacks=[losses, stop], validation_data=(x, 3 * x)
)
assert len(history.epoch) < 500
assert len(losses.losses) == 4 * len(history.epoch)
assert stop.tested
