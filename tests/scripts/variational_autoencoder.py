"""A variational autoencoder: a sampling Lambda, models inside a model, an encoder with three outputs."""

from cnncore import backend as K
from cnncore.datasets import mnist5k
from cnncore.layers import Dense, Input, Lambda
from cnncore.models import Model

(x_train, _), _ = mnist5k.load_data()
x_train = x_train[:2000].reshape(-1, 784).astype("float32") / 255


def sampling(args):
    z_mean, z_log_var = args
    noise = K.random_normal(shape=(K.shape(z_mean)[0], K.int_shape(z_mean)[1]))
    return z_mean + K.exp(0.5 * z_log_var) * noise


inputs = Input(shape=(784,), name="encoder_input")
x = Dense(128, activation="relu")(inputs)
z_mean = Dense(2, name="z_mean")(x)
z_log_var = Dense(2, name="z_log_var")(x)
z = Lambda(sampling, output_shape=(2,), name="z")([z_mean, z_log_var])
encoder = Model(inputs, [z_mean, z_log_var, z], name="encoder")

latent = Input(shape=(2,), name="z_sampling")
x = Dense(128, activation="relu")(latent)
decoder = Model(latent, Dense(784, activation="sigmoid")(x), name="decoder")

vae = Model(inputs, decoder(encoder(inputs)[2]), name="vae")
vae.compile(optimizer="adam", loss="binary_crossentropy")
history = vae.fit(x_train, x_train, epochs=4, batch_size=64, verbose=0)
assert history.history["loss"][-1] < history.history["loss"][0]
mean, log_var, _ = encoder.predict(x_train[:10], verbose=0)
assert mean.shape == log_var.shape == (10, 2)
assert decoder.predict(mean, verbose=0).shape == (10, 784)
