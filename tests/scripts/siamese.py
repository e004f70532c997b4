"""A siamese network: one base network on two inputs, a distance in a Lambda, a contrastive loss written with K."""

import numpy as np

from cnncore import backend as K
from cnncore.datasets import mnist5k
from cnncore.layers import Dense, Dropout, Flatten, Input, Lambda
from cnncore.models import Model
from cnncore.optimizers import RMSprop


def euclidean_distance(vectors):
    x, y = vectors
    return K.sqrt(K.maximum(K.sum(K.square(x - y), axis=1, keepdims=True), K.epsilon()))


def contrastive_loss(y_true, y_pred):
    margin = 1.0
    return K.mean(y_true * K.square(y_pred) + (1.0 - y_true) * K.square(K.maximum(margin - y_pred, 0.0)))


def accuracy(y_true, y_pred):
    return K.mean(K.equal(y_true, K.cast(y_pred < 0.5, y_true.dtype)))


def base_network(input_shape):
    inputs = Input(shape=input_shape)
    x = Flatten()(inputs)
    x = Dense(64, activation="relu")(x)
    x = Dropout(0.1)(x)
    return Model(inputs, Dense(32, activation="relu")(x))


(x_train, y_train), _ = mnist5k.load_data()
x_train, y_train = x_train[:2000].astype("float32") / 255, y_train[:2000]
rng = np.random.default_rng(0)
order = rng.permutation(len(x_train))
left, right = np.arange(len(x_train)), order
half = len(x_train) // 2
by_class = [np.flatnonzero(y_train == label) for label in range(10)]
right[:half] = [rng.choice(by_class[label]) for label in y_train[:half]]
same = (y_train[left] == y_train[right]).astype("float32")

base = base_network((28, 28))
input_a, input_b = Input(shape=(28, 28)), Input(shape=(28, 28))
distance = Lambda(euclidean_distance)([base(input_a), base(input_b)])
model = Model([input_a, input_b], distance)
model.compile(loss=contrastive_loss, optimizer=RMSprop(), metrics=[accuracy])
history = model.fit([x_train[left], x_train[right]], same, batch_size=128, epochs=4, verbose=0)
assert history.history["loss"][-1] < 0.6 * history.history["loss"][0]
distances = model.predict([x_train[left], x_train[right]], verbose=0).ravel()
assert distances[same == 1].mean() < 0.8 * distances[same == 0].mean()
