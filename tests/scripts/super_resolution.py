"""Super-resolution with an efficient sub-pixel network: trained on small crops, used on images of any size."""

import numpy as np

import cnncore as keras
from cnncore import layers, ops

upscale_factor, crop_size = 3, 24
input_size = crop_size // upscale_factor


class DepthToSpace(layers.Layer):
    def __init__(self, block_size, **kwargs):
        super().__init__(**kwargs)
        self.block_size = block_size

    def call(self, inputs):
        batch, height, width, depth = ops.shape(inputs)
        depth = depth // (self.block_size**2)
        x = ops.reshape(inputs, [batch, height, width, self.block_size, self.block_size, depth])
        x = ops.transpose(x, [0, 1, 3, 2, 4, 5])
        return ops.reshape(x, [batch, height * self.block_size, width * self.block_size, depth])

    def get_config(self):
        return {**super().get_config(), "block_size": self.block_size}


def get_model(upscale_factor=3, channels=1):
    conv_args = {"activation": "relu", "kernel_initializer": "orthogonal", "padding": "same"}
    inputs = keras.Input(shape=(None, None, channels))
    x = layers.Conv2D(16, 5, **conv_args)(inputs)
    x = layers.Conv2D(16, 3, **conv_args)(x)
    x = layers.Conv2D(8, 3, **conv_args)(x)
    x = layers.Conv2D(channels * (upscale_factor**2), 3, **conv_args)(x)
    outputs = DepthToSpace(upscale_factor)(x)
    return keras.Model(inputs, outputs)


class Quality(keras.callbacks.Callback):
    def __init__(self, image):
        super().__init__()
        self.image, self.shapes = image, []

    def on_epoch_end(self, epoch, logs=None):
        self.shapes.append(self.model.predict(self.image, verbose=0).shape)


keras.utils.set_random_seed(1)
rng = np.random.default_rng(0)
rows = np.linspace(0, 3, 64)
scenes = np.stack([np.outer(np.sin(rows * a), np.cos(rows * b)) for a, b in rng.uniform(0.5, 2, (20, 2))])[..., None]
scenes = ((scenes + 1) / 2).astype("float32")
corners = rng.integers(0, 64 - crop_size, (200, 2))
large = np.stack(
    [scenes[i % 20, top : top + crop_size, left : left + crop_size] for i, (top, left) in enumerate(corners)]
)
small = np.asarray(ops.image.resize(large, (input_size, input_size)))

model = get_model(upscale_factor)
model.summary(print_fn=lambda line: None)
assert model.output_shape == (None, None, None, 1)
assert model.count_params() == 416 + 2320 + 1160 + 657
checkpoint = keras.callbacks.ModelCheckpoint("best.keras", monitor="loss", mode="min", save_best_only=True)
quality = Quality(scenes[:1, ::3, ::3])
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.005), loss=keras.losses.MeanSquaredError())
history = model.fit(small, large, epochs=6, callbacks=[checkpoint, quality], validation_data=(small, large), verbose=0)
assert history.history["val_loss"][-1] < 0.3 * history.history["val_loss"][0]
assert quality.shapes == [(1, 66, 66, 1)] * 6
whole = model.predict(scenes[:2, :63:3, :48:3], verbose=0)
assert whole.shape == (2, 63, 48, 1)
best = keras.models.load_model("best.keras", custom_objects={"DepthToSpace": DepthToSpace})
assert best.predict(scenes[:2], verbose=0).shape == (2, 192, 192, 1)
