"""The sample code of "Introduction to Convolutional Neural Networks" (G. Pavuluri), with only its imports changed.

The lines after the summary of the model, which the document does not have, train it on the digits of the package.
"""

from cnncore import Sequential
from cnncore.datasets import mnist5k
from cnncore.layers import Conv2D, Dense, Flatten, MaxPooling2D

# Create the CNN model
model = Sequential()

# Convolutional layer with 32 filters, a 3x3 kernel, and ReLU activation
model.add(Conv2D(32, kernel_size=(3, 3), activation="relu", input_shape=(28, 28, 1)))

# Max pooling layer with 2x2 pool size
model.add(MaxPooling2D(pool_size=(2, 2)))

# Convolutional layer with 64 filters and a 3x3 kernel
model.add(Conv2D(64, kernel_size=(3, 3), activation="relu"))

# Max pooling layer
model.add(MaxPooling2D(pool_size=(2, 2)))

# Flatten the output
model.add(Flatten())

# Fully Connected layer
model.add(Dense(128, activation="relu"))

# Output layer with 10 neurons (for 10 classes) and softmax activation
model.add(Dense(10, activation="softmax"))

# Print a summary of the model
model.summary()

(x_train, y_train), (x_test, y_test) = mnist5k.load_data()
x_train, x_test = x_train[..., None] / 255.0, x_test[..., None] / 255.0  # (n, 28, 28, 1), 0 to 1

model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=32, epochs=5, validation_data=(x_test, y_test))
loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"test accuracy {accuracy:.3f}")
