"""The first tutorial everybody reads: a small convolutional network, softmax at the end, fit, evaluate, predict."""

import numpy as np

from cnncore import layers, utils
from cnncore.datasets import mnist5k
from cnncore.models import Sequential

(x_train, y_train), (x_test, y_test) = mnist5k.load_data()
x_train = x_train[:600].astype("float32").reshape(-1, 28, 28, 1) / 255
x_test = x_test[:200].astype("float32").reshape(-1, 28, 28, 1) / 255
y_train, y_test = utils.to_categorical(y_train[:600], 10), utils.to_categorical(y_test[:200], 10)

model = Sequential()
model.add(layers.Conv2D(8, kernel_size=(3, 3), activation="relu", input_shape=(28, 28, 1)))
model.add(layers.MaxPooling2D(pool_size=(2, 2)))
model.add(layers.Dropout(0.25))
model.add(layers.Flatten())
model.add(layers.Dense(10, activation="softmax"))
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=32, epochs=3, verbose=1, validation_data=(x_test, y_test))

score = model.evaluate(x_test, y_test, verbose=0)
print("Test loss:", score[0])
print("Test accuracy:", score[1])
assert score[1] > 0.6
assert np.argmax(model.predict(x_test[:5]), axis=1).shape == (5,)
