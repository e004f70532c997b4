"""A generative adversarial network: a discriminator that is frozen inside the combined model."""

import numpy as np

from cnncore.datasets import mnist5k
from cnncore.layers import (
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Dense,
    Dropout,
    Flatten,
    Input,
    LeakyReLU,
    Reshape,
)
from cnncore.models import Model, Sequential
from cnncore.optimizers import Adam

LATENT = 16

generator = Sequential(
    [
        Dense(7 * 7 * 16, input_dim=LATENT),
        LeakyReLU(0.2),
        Reshape((7, 7, 16)),
        BatchNormalization(momentum=0.8),
        Conv2DTranspose(16, 4, strides=2, padding="same"),
        LeakyReLU(0.2),
        Conv2DTranspose(1, 4, strides=2, padding="same", activation="tanh"),
    ]
)
discriminator = Sequential(
    [
        Conv2D(16, 3, strides=2, padding="same", input_shape=(28, 28, 1)),
        LeakyReLU(0.2),
        Dropout(0.3),
        Flatten(),
        Dense(1, activation="sigmoid"),
    ]
)
discriminator.compile(loss="binary_crossentropy", optimizer=Adam(2e-4, beta_1=0.5), metrics=["accuracy"])
discriminator.trainable = False
noise_input = Input(shape=(LATENT,))
combined = Model(noise_input, discriminator(generator(noise_input)))
combined.compile(loss="binary_crossentropy", optimizer=Adam(2e-4, beta_1=0.5))

(x_train, _), _ = mnist5k.load_data()
x_train = (x_train[..., None].astype("float32") - 127.5) / 127.5
batch = 32
valid, fake = np.ones((batch, 1)), np.zeros((batch, 1))
for _ in range(5):
    real = x_train[np.random.randint(0, len(x_train), batch)]
    images = generator.predict(np.random.normal(0, 1, (batch, LATENT)), verbose=0)
    real_loss = discriminator.train_on_batch(real, valid)
    fake_loss = discriminator.train_on_batch(images, fake)
    before = discriminator.get_weights()
    generator_loss = combined.train_on_batch(np.random.normal(0, 1, (batch, LATENT)), valid)
    assert all(np.array_equal(a, b) for a, b in zip(before, discriminator.get_weights(), strict=True))
assert np.isfinite([*np.add(real_loss, fake_loss), generator_loss]).all()
