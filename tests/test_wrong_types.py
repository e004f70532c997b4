"""Arguments of a wrong type, and results of users' functions that are no numbers: errors name the function, what it
expected and what it received. test_weird_arguments.py has values that make no sense.
"""

import numpy as np
import pytest

from cnncore import (
    Input,
    Sequential,
    applications,
    backend,
    callbacks,
    constraints,
    curvature,
    initializers,
    layers,
    losses,
    metrics,
    mixed_precision,
    optimizers,
    plotting,
    regularizers,
    set_num_threads,
    testing,
    tree,
    utils,
)
from cnncore.layers import Dense
from cnncore.preprocessing import image, text

ARRAY = np.ones((2, 3), np.float32)

# id: (call, exception, the beginning of the message)
REFUSED = {
    "name of a layer": (lambda: layers.Add(name=ARRAY), ValueError, "[Add] expected `name` to be a non-empty string"),
    "name of a model": (lambda: Sequential(name=ARRAY), ValueError, "[Sequential] expected `name`"),
    "a shape of arrays": (lambda: layers.Embedding(3, 3, input_length=ARRAY), TypeError, "[Embedding] expected"),
    "groups": (lambda: layers.GroupNormalization(groups=ARRAY), TypeError, "[GroupNormalization] expected `groups`"),
    "renorm": (lambda: layers.BatchNormalization(renorm=ARRAY), TypeError, "[BatchNormalization] expected `renorm`"),
    "mean": (
        lambda: layers.Normalization(mean=np.nan, variance=1.0),
        ValueError,
        "[Normalization] expected `mean` to be finite numbers.",
    ),
    "variance": (
        lambda: layers.Normalization(mean=0.0, variance=-1.0),
        ValueError,
        "[Normalization] expected `variance` to be finite numbers that are not negative",
    ),
    "axes of a spec": (lambda: layers.InputSpec(axes=3), TypeError, "[InputSpec] expected `axes` to be a dict"),
    "output_mode": (lambda: layers.IntegerLookup(output_mode=[None]), ValueError, "[IntegerLookup] expected `output_"),
    "idf_weights": (
        lambda: layers.IntegerLookup(vocabulary=[], idf_weights=[None]),
        TypeError,
        "[IntegerLookup] expected `idf_weights` to be a number",
    ),
    "mode of a flip": (lambda: layers.RandomFlip(mode=ARRAY), ValueError, "[RandomFlip] expected `mode` to be one of"),
    "fill_mode": (lambda: layers.RandomShear(0.1, fill_mode=ARRAY), ValueError, "[RandomShear] expected `fill_mode`"),
    "data_format": (
        lambda: layers.RandomGrayscale(0.1, data_format=ARRAY),
        ValueError,
        "[RandomGrayscale] expected `data_format`",
    ),
    "policy": (lambda: mixed_precision.Policy(ARRAY), ValueError, "[DTypePolicy] expected one of float32"),
    "a class as a constraint": (lambda: Dense(3, kernel_constraint=int), TypeError, "[constraint] expected an object"),
    "a class as a regularizer": (lambda: regularizers.get(int), TypeError, "[regularizer] expected an object"),
    "a class as a loss": (lambda: losses.get(dict), TypeError, "[loss] expected an object"),
    "a class as an optimizer": (lambda: optimizers.get(int), TypeError, "[optimizer] expected an object"),
    "a name of no loss": (lambda: losses.get("abc"), ValueError, "[loss] Unknown loss 'abc'"),
    "a constraint of no name": (lambda: constraints.get(""), ValueError, "[constraint] Unknown constraint ''"),
    "file of logs": (lambda: callbacks.CSVLogger(ARRAY), TypeError, "[CSVLogger] expected `filename` to be a string"),
    "bytes": (lambda: callbacks.CSVLogger(b"x"), TypeError, "[CSVLogger] expected `filename` to be a string or a path"),
    "backup_dir": (lambda: callbacks.BackupAndRestore(3), TypeError, "[BackupAndRestore] expected `backup_dir`"),
    "filepath": (lambda: callbacks.ModelCheckpoint(3), TypeError, "[ModelCheckpoint] expected `filepath`"),
    "log_dir": (lambda: callbacks.TensorBoard(ARRAY), TypeError, "[TensorBoard] expected `log_dir`"),
    "update_freq": (
        lambda: callbacks.TensorBoard(update_freq=ARRAY),
        TypeError,
        "[TensorBoard] expected `update_freq`",
    ),
    "mode": (lambda: callbacks.EarlyStopping(mode=ARRAY), ValueError, "[EarlyStopping] expected `mode` to be one of"),
    "progress": (lambda: callbacks.CallbackList(progress=3), TypeError, "[fit] expected `callbacks` to be a list"),
    "add_history": (lambda: callbacks.CallbackList(add_history=ARRAY), TypeError, "[fit] expected `add_history`"),
    "stateful_metrics": (lambda: utils.Progbar(3, stateful_metrics=3), TypeError, "[Progbar] expected `stateful_"),
    "a registered name": (lambda: utils.get_registered_object(3), TypeError, "[get_registered_object] expected a name"),
    "directory": (
        lambda: utils.image_dataset_from_directory(ARRAY),
        TypeError,
        "[image_dataset_from_directory] expected `directory`",
    ),
    "color_mode": (
        lambda: utils.image_dataset_from_directory(".", color_mode=[]),
        ValueError,
        "[image_dataset_from_directory] expected `color_mode`",
    ),
    "a picture": (lambda: utils.load_img(1), TypeError, "[load_img] expected `path` to be a string or a path"),
    "interpolation": (lambda: utils.load_img("x", interpolation=ARRAY), ValueError, "[load_img] expected `interpolati"),
    "a picture to write": (lambda: utils.save_img(3, np.ones((2, 2, 3))), TypeError, "[save_img] expected `path`"),
    "file_format": (
        lambda: utils.save_img("x.png", np.ones((2, 2, 3)), file_format=3),
        TypeError,
        "[save_img] expected `file_format`",
    ),
    "a type of numbers": (lambda: utils.standardize_dtype(ARRAY), TypeError, "[standardize_dtype] expected the name"),
    "a model": (lambda: curvature.loss_landscape(3, ARRAY, ARRAY), TypeError, "[loss_landscape] expected a model"),
    "embedding": (lambda: applications.siamese(embedding=3), TypeError, "[siamese] expected `embedding`"),
    "rescale": (lambda: applications.lenet5(rescale=ARRAY), TypeError, "[lenet5] expected `rescale` to be True or"),
    "classes": (lambda: plotting.confusion_matrix([1], ["a"], 3), ValueError, "[confusion_matrix] expected arguments"),
    "seed": (lambda: testing.check_gradients(Dense(1), (2,), seed=-1), ValueError, "[check_gradients] expected `seed`"),
    "a flat sequence": (lambda: tree.pack_sequence_as(2, 3), TypeError, "[pack_sequence_as] expected `flat_sequence`"),
    "fans": (lambda: initializers.compute_fans(3), TypeError, "[compute_fans] expected arguments that fit"),
    "threads": (
        lambda: set_num_threads("a"),
        TypeError,
        "[set_num_threads] expected an integer. Received",
    ),
    "too many threads": (lambda: set_num_threads(10**30), ValueError, "[set_num_threads] expected a number of 32 bits"),
    "K.abs": (lambda: backend.abs("a"), TypeError, "[abs] expected arguments that fit"),
    "K.sum": (lambda: backend.sum(ARRAY, axis=7), ValueError, "[sum] expected arguments that fit"),
    "K.reverse": (lambda: backend.reverse(ARRAY, 7), ValueError, "[reverse] expected arguments that fit"),
    "K.batch_dot": (lambda: backend.batch_dot(3, 3), TypeError, "[batch_dot] expected arguments that fit"),
    "an image": (lambda: image.random_zoom(ARRAY, 3), TypeError, "[random_zoom] expected arguments that fit"),
    "a text": (lambda: text.text_to_word_sequence(None), TypeError, "[text_to_word_sequence] expected arguments"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_errors_say_who_expected_what_and_what_was_received(name):
    call, exception, beginning = REFUSED[name]
    with pytest.raises(exception) as raised:
        call()
    assert str(raised.value).startswith(beginning)
    assert "Received: " in str(raised.value)


def trained(**options):
    model = Sequential([Input((3,)), Dense(1, **options)])
    model.compile("sgd", "mse")
    return model.fit(ARRAY, ARRAY[:, :1], verbose=0)


class Imaginary(regularizers.Regularizer):
    def __call__(self, x):
        return 1j


class Nothing(regularizers.Regularizer):
    def __call__(self, x):
        return None


@pytest.mark.parametrize("penalty", [lambda x: 1j, lambda x: None, Imaginary(), Nothing()])
@pytest.mark.parametrize("where", ["kernel_regularizer", "activity_regularizer"])
def test_penalties_that_are_no_real_numbers_are_refused(penalty, where):
    with pytest.raises(TypeError, match=r"expected a regularizer to return real numbers. Received: (1j|None)"):
        trained(**{where: penalty})


@pytest.mark.parametrize("result", [None, "high", 1j, {}])
def test_results_of_metrics_that_are_no_numbers_are_refused(result):
    class Odd(metrics.Metric):
        def update_state(self, y_true, y_pred, sample_weight=None):
            pass

        def result(self):
            return result

    model = Sequential([Input((3,)), Dense(1)])
    model.compile("sgd", "mse", metrics=[Odd(name="odd")])
    with pytest.raises(TypeError, match=r"\[odd\] expected the metric's result\(\) to return a number or an array"):
        model.fit(ARRAY, ARRAY[:, :1], verbose=0)


CLASSES = [Dense, losses.MeanSquaredError, metrics.Mean, optimizers.Adam, initializers.Zeros, constraints.NonNeg]


@pytest.mark.parametrize("kind", [*CLASSES, regularizers.L2, optimizers.schedules.CosineDecay])
@pytest.mark.parametrize("config", [None, "abc", ARRAY, [1]])
def test_configs_that_are_no_dicts_are_refused(kind, config):
    with pytest.raises(TypeError, match=rf"\[{kind.__name__}.from_config\] expected `config` to be a dict. Received"):
        kind.from_config(config)


def built():
    layer = Dense(2)
    layer.build((None, 3))
    return layer


METHODS = {
    "assign_add": (lambda: built().kernel.assign_add(np.ones((5, 2))), ValueError, "an array that broadcasts to the"),
    "assign_sub": (lambda: built().kernel.assign_sub("abc"), TypeError, "expected value to hold real numbers"),
    "add_weight": (lambda: Dense(2).add_weight(shape=3), TypeError, r"\[Dense.add_weight\] expected `shape` to be a"),
    "a weight's name": (lambda: Dense(2).add_weight((3,), name=[1]), TypeError, "expected `name` to be a string"),
    "set_weights": (lambda: built().set_weights(np.array(1.0)), TypeError, r"expected a list of arrays"),
    "gradients": (lambda: optimizers.SGD().apply_gradients([ARRAY]), TypeError, "to be pairs of a gradient and a va"),
    "no gradients": (lambda: optimizers.SGD().apply_gradients(3), TypeError, "expected `grads_and_vars` to be a list"),
    "steps": (lambda: layers.Normalization().adapt([ARRAY], steps={}), TypeError, "expected `steps` to be an integer"),
    "no samples": (lambda: layers.Normalization().adapt(ARRAY[:0]), ValueError, "data of at least one sample. Rec"),
    "arguments of compile": (
        lambda: Sequential().compile_from_config("a"),
        TypeError,
        "expected `config` to be a dict",
    ),
}


@pytest.mark.parametrize("name", METHODS)
def test_methods_refuse_wrong_arguments(name):
    call, exception, message = METHODS[name]
    with pytest.raises(exception, match=message) as raised:
        call()
    assert "Received: " in str(raised.value)


def test_batches_without_samples_are_left_out_of_statistics():
    layer = layers.Normalization()
    layer.adapt(iter([ARRAY[:0], ARRAY, 3 * ARRAY, ARRAY[:0]]))
    np.testing.assert_allclose(layer.mean.ravel(), 2.0)
    np.testing.assert_allclose(layer.variance.ravel(), 1.0)
