"""The Wasserstein GAN with gradient penalty of Keras' guide, whose loss has gradients of gradients."""

import numpy as np

import cnncore
from cnncore import GradientTape, Input, Sequential, layers, ops

RNG = np.random.default_rng(11)


class WGAN(cnncore.Model):
    """The model of Keras' guide "Wasserstein GAN with gradient penalty", for vectors in the place of images."""

    def __init__(self, discriminator, generator, latent_dim, discriminator_extra_steps=2, gp_weight=10.0):
        super().__init__()
        self.discriminator, self.generator, self.latent_dim = discriminator, generator, latent_dim
        self.d_steps, self.gp_weight = discriminator_extra_steps, gp_weight

    def compile(self, d_optimizer, g_optimizer, d_loss_fn, g_loss_fn):
        super().compile()
        self.d_optimizer, self.g_optimizer = d_optimizer, g_optimizer
        self.d_loss_fn, self.g_loss_fn = d_loss_fn, g_loss_fn

    def gradient_penalty(self, batch_size, real_images, fake_images):
        alpha = cnncore.random.uniform([batch_size, 1, 1, 1], 0.0, 1.0)
        interpolated = real_images + alpha * (fake_images - real_images)
        with GradientTape() as gp_tape:
            gp_tape.watch(interpolated)
            pred = self.discriminator(interpolated, training=True)
        grads = gp_tape.gradient(pred, [interpolated])[0]
        norm = ops.sqrt(ops.sum(ops.square(grads), axis=[1, 2, 3]))
        return ops.mean((norm - 1.0) ** 2)

    def train_step(self, real_images):
        if isinstance(real_images, tuple):
            real_images = real_images[0]
        batch_size = ops.shape(real_images)[0]
        for _ in range(self.d_steps):
            latent = cnncore.random.normal(shape=(batch_size, self.latent_dim))
            with GradientTape() as tape:
                fake_images = self.generator(latent, training=True)
                fake_logits = self.discriminator(fake_images, training=True)
                real_logits = self.discriminator(real_images, training=True)
                d_cost = self.d_loss_fn(real_img=real_logits, fake_img=fake_logits)
                gp = self.gradient_penalty(batch_size, real_images, fake_images)
                d_loss = d_cost + gp * self.gp_weight
            d_gradient = tape.gradient(d_loss, self.discriminator.trainable_variables)
            self.d_optimizer.apply_gradients(zip(d_gradient, self.discriminator.trainable_variables, strict=True))
        latent = cnncore.random.normal(shape=(batch_size, self.latent_dim))
        with GradientTape() as tape:
            gen_img_logits = self.discriminator(self.generator(latent, training=True), training=True)
            g_loss = self.g_loss_fn(gen_img_logits)
        gen_gradient = tape.gradient(g_loss, self.generator.trainable_variables)
        self.g_optimizer.apply_gradients(zip(gen_gradient, self.generator.trainable_variables, strict=True))
        return {"d_loss": d_loss, "g_loss": g_loss, "gp": gp}


def test_the_guide_on_wgan_gp():
    discriminator = Sequential(
        [
            Input((8, 8, 1)),
            layers.Conv2D(8, 3, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Dropout(0.3),
            layers.Flatten(),
            layers.Dropout(0.2),
            layers.Dense(1),
        ]
    )
    generator = Sequential(
        [
            Input((4,)),
            layers.Dense(4 * 4 * 4, use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Reshape((4, 4, 4)),
            layers.UpSampling2D(2),
            layers.Conv2D(1, 3, padding="same", activation="tanh"),
        ]
    )
    model = WGAN(discriminator, generator, latent_dim=4)
    model.compile(
        d_optimizer=cnncore.optimizers.Adam(0.005, beta_1=0.5, beta_2=0.9),
        g_optimizer=cnncore.optimizers.Adam(0.001, beta_1=0.5, beta_2=0.9),
        d_loss_fn=lambda real_img, fake_img: ops.mean(fake_img) - ops.mean(real_img),
        g_loss_fn=lambda fake_img: -ops.mean(fake_img),
    )
    images = np.clip(RNG.normal(0.5, 0.2, (96, 8, 8, 1)), -1, 1).astype(np.float32)
    history = model.fit(images, batch_size=32, epochs=8, verbose=0).history
    assert np.isfinite(history["gp"]).all()
    assert history["d_loss"][-1] < history["d_loss"][0]
    assert history["gp"][-1] < 0.5  # the gradients of the discriminator have lengths near 1
