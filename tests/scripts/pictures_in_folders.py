"""Pictures in a folder for each class: written, read back, split, and trained on."""

from pathlib import Path

import numpy as np

from cnncore import Sequential, layers, utils

rng = np.random.default_rng(0)
for name, channel in (("red", 0), ("blue", 2)):
    Path("pictures", name).mkdir(parents=True)
    for i in range(20):
        image = rng.integers(0, 100, (20, 24, 3))
        image[..., channel] += 120
        utils.save_img(f"pictures/{name}/{i}.png", image, scale=False)

train_ds, val_ds = utils.image_dataset_from_directory(
    "pictures", validation_split=0.25, subset="both", seed=1, image_size=(16, 16), batch_size=8
)
assert train_ds.class_names == ["blue", "red"]
for images, labels in train_ds:
    assert images.shape[1:] == (16, 16, 3)
    assert labels.ndim == 1

model = Sequential(
    [
        layers.Input((16, 16, 3)),
        layers.RandomFlip("horizontal"),
        layers.Rescaling(1.0 / 255),
        layers.Conv2D(4, 3, activation="relu"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(2, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.optimizer.learning_rate = 0.02
model.fit(train_ds, validation_data=val_ds, epochs=15, verbose=0)
assert model.evaluate(val_ds, verbose=0)[1] > 0.9

one = utils.img_to_array(utils.load_img("pictures/red/0.png", target_size=(16, 16)))
assert model.predict(one[None], verbose=0).argmax() == 1
