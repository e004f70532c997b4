"""What regularizers and ``add_loss`` add to the losses of training and evaluation, compared with an installed Keras."""

import numpy as np
import pytest

import cnncore

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


def own_losses(library):
    """Classes with a ``compute_loss`` of their own, by what they do about the penalties of the model."""

    class Nothing(library.Model):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return library.ops.mean(library.ops.square(library.ops.convert_to_tensor(y) - y_pred))

    class Sum(Nothing):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return super().compute_loss(x, y, y_pred, sample_weight) + sum(self.losses)

    class Super(library.Model):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return 2.0 * super().compute_loss(x, y, y_pred, sample_weight)

    return {"not defined": library.Model, "nothing": Nothing, "sum": Sum, "super": Super}


def penalized(library, kind, loss):
    """A model of class ``own_losses[loss]`` with penalties of some kind."""
    ops, layers = library.ops, library.layers

    class AddsSum(layers.Layer):
        def call(self, x):
            self.add_loss(0.1 * ops.sum(ops.square(x)))
            return x

    class AddsMean(layers.Layer):
        def call(self, x):
            self.add_loss(0.1 * ops.mean(ops.square(x)))
            return x

    options = {"kernel_initializer": library.initializers.Constant(0.3)}
    if kind in ("kernel", "all"):
        options["kernel_regularizer"] = "l2"
    if kind in ("activity", "all"):
        options["activity_regularizer"] = library.regularizers.L2(0.01)
    inputs = library.Input((6,))
    hidden = layers.Dense(4, **options)(inputs)
    if kind in ("sum", "all"):
        hidden = AddsSum()(hidden)
    if kind == "mean":
        hidden = AddsMean()(hidden)
    model = own_losses(library)[loss](inputs, layers.Dense(1, kernel_initializer="ones")(hidden))
    model.compile(library.optimizers.SGD(0.01), "mse")
    return model


@pytest.mark.parametrize("loss", own_losses(cnncore))
@pytest.mark.parametrize("kind", ["kernel", "activity", "sum", "mean", "all"])
def test_penalties_of_training_and_evaluation(kind, loss):
    keras = pytest.importorskip("keras")
    rng = np.random.default_rng(0)
    x, y = rng.random((70, 6)).astype("float32"), rng.random((70, 1)).astype("float32")
    results = []
    for library in (cnncore, keras):
        model = penalized(library, kind, loss)
        history = model.fit(x, y, epochs=2, validation_data=(x, y), shuffle=False, verbose=0).history
        found = [history["loss"], history["val_loss"], model.evaluate(x, y, verbose=0)]
        found += [model.evaluate(x, y, batch_size=20, verbose=0), model.train_on_batch(x[:10], y[:10])]
        results.append([np.ravel(float_of(value)) for value in found] + [np.ravel(w) for w in model.get_weights()])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-6)


def float_of(value):
    return [float(item) for item in value] if isinstance(value, list) else float(value)
