"""A script for Keras 2: old module paths, lr= and decay=, maxnorm, acc, K.function. Each old name gives a warning."""

import warnings

import numpy as np

warnings.simplefilter("ignore", DeprecationWarning)

from cnncore.layers.advanced_activations import LeakyReLU, PReLU
from cnncore.layers.convolutional import Convolution2D, MaxPooling2D, ZeroPadding2D
from cnncore.layers.core import Activation, Dense, Dropout, Flatten
from cnncore.layers.normalization import BatchNormalization

from cnncore import backend as K
from cnncore.constraints import maxnorm
from cnncore.models import Sequential
from cnncore.optimizers import SGD
from cnncore.utils import np_utils

K.clear_session()
rows, columns = 16, 16
shape = (3, rows, columns) if K.image_data_format() == "channels_first" else (rows, columns, 3)
rng = np.random.default_rng(7)
X = rng.random((60, *shape)).astype("float32")
Y = np_utils.to_categorical(rng.integers(0, 4, 60), 4)

model = Sequential()
model.add(ZeroPadding2D((1, 1), input_shape=shape))
model.add(Convolution2D(8, (3, 3), kernel_initializer="he_uniform", kernel_constraint=maxnorm(3)))
model.add(LeakyReLU(alpha=0.1))
model.add(BatchNormalization(axis=-1, momentum=0.9, epsilon=1e-5))
model.add(MaxPooling2D(pool_size=(2, 2), strides=(2, 2)))
model.add(Flatten())
model.add(Dense(32, kernel_constraint=maxnorm(3)))
model.add(PReLU())
model.add(Dropout(0.5))
model.add(Dense(4))
model.add(Activation("softmax"))
model.compile(loss="categorical_crossentropy", optimizer=SGD(lr=0.01, momentum=0.9, decay=0.001), metrics=["acc"])
history = model.fit(X, Y, validation_data=(X, Y), epochs=2, batch_size=20, verbose=0)
assert sorted(history.history) == ["acc", "loss", "val_acc", "val_loss"]
kernel, bias = model.layers[1].get_weights()
assert np.sqrt((kernel**2).sum(axis=0)).max() < 3.0001
features = K.function([model.layers[0].input], [model.layers[4].output])
assert features([X[:2]])[0].shape == (2, 8, 8, 8)
