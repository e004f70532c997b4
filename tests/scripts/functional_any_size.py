"""The guide to the functional API with images of any size: encoder and decoder, shared layers, models as layers."""

import numpy as np

import cnncore as keras
from cnncore import layers

keras.utils.set_random_seed(3)
encoder_input = keras.Input(shape=(None, None, 1), name="original_img")
x = layers.Conv2D(8, 3, activation="relu", padding="same")(encoder_input)
x = layers.Conv2D(8, 3, activation="relu", padding="same")(x)
x = layers.MaxPooling2D(2)(x)
x = layers.Conv2D(8, 3, activation="relu", padding="same")(x)
encoder_output = layers.Conv2D(4, 3, activation="relu", padding="same")(x)
encoder = keras.Model(encoder_input, encoder_output, name="encoder")
encoder.summary(print_fn=lambda line: None)
assert encoder.output_shape == (None, None, None, 4)

decoder_input = keras.Input(shape=(None, None, 4), name="encoded_img")
x = layers.Conv2DTranspose(8, 3, activation="relu", padding="same")(decoder_input)
x = layers.UpSampling2D(2)(x)
decoder_output = layers.Conv2DTranspose(1, 3, padding="same")(x)
decoder = keras.Model(decoder_input, decoder_output, name="decoder")

autoencoder_input = keras.Input(shape=(None, None, 1), name="img")
decoded = decoder(encoder(autoencoder_input))
autoencoder = keras.Model(autoencoder_input, decoded, name="autoencoder")
autoencoder.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])


class Pictures(keras.utils.PyDataset):
    """Batches of pictures, of another size each."""

    sizes = ((16, 16), (24, 20), (12, 32))

    def __len__(self):
        return 6

    def __getitem__(self, index):
        height, width = self.sizes[index % 3]
        pictures = np.random.default_rng(index).random((8, height, width, 1), np.float32)
        pictures = np.cumsum(pictures - 0.5, axis=1) / 4
        return pictures, pictures


history = autoencoder.fit(Pictures(), epochs=15, validation_data=Pictures(), verbose=0)
assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]
assert autoencoder.evaluate(Pictures(), verbose=0, return_dict=True)["mae"] > 0

# a classifier of the codes, which shares the encoder
features = layers.GlobalAveragePooling2D()(encoder(autoencoder_input))
features = layers.Dropout(0.2)(layers.Dense(16, activation="relu")(features))
prediction = layers.Dense(2, activation="softmax")(features)
classifier = keras.Model(autoencoder_input, prediction)
encoder.trainable = False
classifier.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
frozen = encoder.get_weights()
for size in (16, 20, 30):
    pictures = np.random.default_rng(size).random((12, size, size + 2, 1), np.float32)
    classifier.fit(pictures, np.arange(12) % 2, batch_size=4, verbose=0)
    assert classifier.predict(pictures, verbose=0).shape == (12, 2)
for before, after in zip(frozen, encoder.get_weights(), strict=True):
    np.testing.assert_array_equal(before, after)

# an average of models, and two images of different sizes


def get_model():
    inputs = keras.Input(shape=(None, None, 1))
    return keras.Model(inputs, layers.Conv2D(4, 3, strides=2, padding="same")(inputs))


ensemble = keras.Model(encoder_input, layers.average([get_model()(encoder_input) for _ in range(3)]))
assert ensemble.predict(np.zeros((1, 10, 14, 1)), verbose=0).shape == (1, 5, 7, 4)
other = keras.Input((None, None, 1), name="other")
score = layers.Dense(1)(layers.concatenate([layers.GlobalMaxPooling2D()(encoder(t)) for t in (encoder_input, other)]))
pair = keras.Model([encoder_input, other], score)
assert pair.predict([np.zeros((3, 10, 14, 1)), np.zeros((3, 6, 6, 1))], verbose=0).shape == (3, 1)
autoencoder.save("autoencoder.keras")
again = keras.models.load_model("autoencoder.keras")
pictures = Pictures()[1][0]
np.testing.assert_allclose(again.predict(pictures, verbose=0), autoencoder.predict(pictures, verbose=0), rtol=1e-5)
