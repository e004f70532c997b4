"""ImageDataGenerator: statistics of the data, random changes, two subsets, and a loop by hand."""

from cnncore.datasets import mnist5k
from cnncore.layers import Conv2D, Dense, Flatten, MaxPooling2D
from cnncore.models import Sequential
from cnncore.preprocessing.image import ImageDataGenerator
from cnncore.utils import to_categorical

(x_train, y_train), _ = mnist5k.load_data()
x_train, y_train = x_train[:600, ..., None].astype("float32"), to_categorical(y_train[:600], 10)

datagen = ImageDataGenerator(
    featurewise_center=True,
    featurewise_std_normalization=True,
    rotation_range=10,
    width_shift_range=0.1,
    height_shift_range=0.1,
    zoom_range=0.1,
    validation_split=0.2,
)
datagen.fit(x_train)

model = Sequential()
model.add(Conv2D(8, (3, 3), activation="relu", input_shape=(28, 28, 1)))
model.add(MaxPooling2D((2, 2)))
model.add(Flatten())
model.add(Dense(10, activation="softmax"))
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])

history = model.fit(
    datagen.flow(x_train, y_train, batch_size=32, subset="training"),
    validation_data=datagen.flow(x_train, y_train, batch_size=32, subset="validation"),
    epochs=4,
    verbose=0,
)
assert history.history["loss"][-1] < history.history["loss"][0]
assert len(history.history["val_accuracy"]) == 4

batches = 0
for x_batch, y_batch in datagen.flow(x_train, y_train, batch_size=32):
    model.train_on_batch(x_batch, y_batch)
    batches += 1
    if batches >= len(x_train) / 32:
        break  # the generator never ends by itself
assert batches == 19
