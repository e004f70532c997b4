"""A train_step with a layer that adds to the loss, a model called its network, and gradient ascent on a picture."""

import cnncore as keras
from cnncore import layers, ops
from cnncore.datasets import mnist5k

keras.utils.set_random_seed(1)
(x_train, _), _ = mnist5k.load_data()
x_train = x_train[:512].reshape(-1, 784).astype("float32") / 255


class Quantizer(layers.Layer):
    def __init__(self, codes, size, **kwargs):
        super().__init__(**kwargs)
        self.codes = codes
        self.embeddings = self.add_weight(shape=(size, codes), initializer="random_uniform", name="embeddings")

    def call(self, x):
        distances = ops.sum(x**2, axis=1, keepdims=True) + ops.sum(self.embeddings**2, axis=0)
        distances = distances - 2 * ops.matmul(x, self.embeddings)
        chosen = ops.one_hot(ops.argmin(distances, axis=1), self.codes)
        quantized = ops.matmul(chosen, ops.transpose(self.embeddings))
        self.add_loss(ops.mean((ops.stop_gradient(x) - quantized) ** 2))
        self.add_loss(0.25 * ops.mean((ops.stop_gradient(quantized) - x) ** 2))
        return x + ops.stop_gradient(quantized - x)


class Trainer(keras.Model):
    def __init__(self):
        super().__init__()
        x = keras.Input((784,))
        h = layers.Dense(4)(layers.Dense(32, activation="tanh")(x))
        self.network = keras.Model(x, layers.Dense(784)(Quantizer(16, 4)(h)))
        self.tracker = keras.metrics.Mean(name="loss")

    @property
    def metrics(self):
        return [self.tracker]

    def train_step(self, x):
        with keras.GradientTape() as tape:
            loss = ops.mean((x - self.network(x, training=True)) ** 2) + sum(self.network.losses)
        gradients = tape.gradient(loss, self.network.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.network.trainable_variables, strict=True))
        self.tracker.update_state(loss)
        return {"loss": self.tracker.result()}


trainer = Trainer()
trainer.compile(optimizer=keras.optimizers.Adam(3e-3))
losses = trainer.fit(x_train, epochs=3, batch_size=64, verbose=0).history["loss"]
assert losses[-1] < losses[0]

encoder = keras.Model(trainer.network.input, trainer.network.layers[2].output)
image = keras.random.uniform((1, 784))
values = []
for _ in range(3):
    with keras.GradientTape() as tape:
        tape.watch(image)
        value = ops.mean(encoder(image))
    image += 5.0 * ops.normalize(tape.gradient(value, image))
    values.append(float(value))
assert values[-1] > values[0]
assert image[0].numpy().shape == (784,)
