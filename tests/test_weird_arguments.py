"""Arguments that make no sense, as one types them by mistake: errors say what was expected."""

import numpy as np
import pytest

import layer_cases
from cnncore import (
    Input,
    InputSpec,
    KerasTensor,
    Model,
    Sequential,
    activations,
    device,
    initializers,
    losses,
    metrics,
    ops,
    random,
    utils,
)
from cnncore.callbacks import CallbackList
from cnncore.layers import LSTM, Dense, Flatten, Lambda, MaxPooling2D
from cnncore.optimizers.schedules import PiecewiseConstantDecay

ONES = np.ones((2, 3), np.float32)

CALLS = {
    "a kind that is no name": (lambda: ops.activation(ONES, (8, 8)), "expected `kind` to be a name"),
    "merge": (lambda: ops.merge([ONES, ONES], 3), "expected `kind` to be a name"),
    "merge_backward": (lambda: ops.merge_backward([ONES, ONES], ONES, None), "expected `kind` to be a name"),
    "sgd_update": (lambda: ops.sgd_update("same", ONES), "expected `params` to be an array of float32"),
    "adam_update": (lambda: ops.adam_update(ONES, None, [1], ONES, step=1), "expected `m` to be an array of float32"),
    "log_softmax": (lambda: ops.log_softmax(ONES, axis=5), "expected `axis`"),
    "one_hot": (lambda: ops.one_hot([0, 7], 3), r"whole numbers from 0 to 2. Received: labels from 0 to 7"),
    "top k": (lambda: metrics.sparse_top_k_categorical_accuracy([1], ONES[:1], "x"), "expected `k` to be an integer"),
    "dice": (lambda: losses.dice("ab", ONES), "expected y_true to hold real numbers"),
    "tversky": (lambda: losses.tversky(ONES, ONES, axis="x"), "expected `axis` to be an integer"),
    "a label that is no class": (
        lambda: losses.categorical_generalized_cross_entropy([3, 0], ONES, 0.5),
        r"expected labels in \[0, 3\).*Received: labels from 0 to 3",
    ),
    "a threshold beyond 1": (lambda: metrics.AUC(thresholds=[2.0]), r"expected `thresholds` in \[0, 1\]"),
    "a threshold that is a word": (
        lambda: metrics.Precision(thresholds="high"),
        "expected `thresholds` to be a number",
    ),
    "no thresholds": (lambda: metrics.Precision(thresholds=[]), "one or more numbers in"),
    "a limit that is no power of 2": (
        lambda: metrics.IoU(5, [5]),
        r"expected `target_class_ids` >= 0 and <= 4. Received: target_class_ids=5",
    ),
    "a size that is no pair": (lambda: utils.smart_resize(np.ones((2, 2, 3)), "big"), "expected `size` to be an int"),
    "num_labels": (lambda: metrics.AUC(multi_label=True, num_labels=-1), "expected `num_labels` >= 1"),
    "other columns": (lambda: metrics.AUC(multi_label=True, num_labels=2)(ONES, ONES), "with 2 columns, as before"),
    "too few label_weights": (lambda: metrics.AUC(label_weights=[1.0])(ONES, ONES), "one of `label_weights` for each"),
    "sample_weight": (lambda: metrics.F1Score()(ONES, ONES, [1, 2, 3]), "expected sample_weight for predictions of"),
    "deserialize": (lambda: activations.deserialize(3), "expected a name or a dict"),
    "serialize": (lambda: initializers.serialize(ONES), "expected an object with get_config"),
    "normalize": (lambda: utils.normalize(3.0), "expected an array. Received: the number 3.0"),
    "plot_model": (lambda: utils.plot_model("model"), "expected a model. Received: str"),
    "find_learning_rate": (lambda: utils.find_learning_rate(3, ONES, ONES), "expected a model. Received: int"),
    "correlation": (lambda: metrics.pearson_correlation(ONES, ONES, axis=4), "expected `axis`"),
    "a shape that is a text": (lambda: InputSpec(shape="a"), "expected `shape` to be a tuple of integers and None"),
    "a tensor without sizes": (lambda: KerasTensor("a"), "expected `shape` to be a tuple of integers and None"),
    "a device that is a number": (lambda: device(3), "expected 'cpu', the only device"),
    "lambda's arguments": (lambda: Lambda(np.tanh, arguments="abc"), "`arguments` to be a dict. Received: .*'abc'"),
    "no list of classes": (lambda: metrics.IoU(5, None), "`target_class_ids` to be a list. Received: .*None"),
    "label_weights": (lambda: metrics.AUC(label_weights="a"), "expected label_weights to hold real numbers"),
    "boundaries": (lambda: PiecewiseConstantDecay(3, [1]), "`boundaries` to be a list. Received: boundaries=3"),
    "callbacks": (lambda: CallbackList(3), "`callbacks` to be a list. Received: callbacks=3"),
    "a seed that is a text": (lambda: LSTM(3, seed="a"), "`seed` to be an integer. Received: seed='a'"),
    "no samples to split": (lambda: utils.split_dataset("abc", 0.5), "with an axis of samples"),
    "a mean that is a text": (lambda: random.normal((2,), mean="a"), r"\[normal\] expected arguments.*mean='a'"),
    "pixels": (lambda: utils.img_to_array("abc"), r"\[img_to_array\] .* Received: 'abc'"),
    "lambda": (lambda: Lambda(np.tanh).compute_output_shape((None, 3)), "has no `output_shape`"),
}


@pytest.mark.parametrize("name", CALLS)
def test_functions_refuse_weird_arguments(name):
    call, message = CALLS[name]
    with pytest.raises((ValueError, TypeError), match=message):
        call()


@pytest.mark.parametrize("metric", [metrics.ConfusionMatrix(), metrics.F1Score(), metrics.R2Score()])
def test_metrics_refuse_a_batch_with_other_columns(metric):
    metric.update_state(ONES, ONES)
    with pytest.raises(ValueError, match="with 3 columns, as before"):
        metric.update_state(ONES[:, :2], ONES[:, :2])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("thresholds", [0.5, [0.0, 0.5, 1.0], [0.2, 0.7]])
def test_a_prediction_that_is_not_a_number_is_above_no_threshold(thresholds):
    found = metrics.TruePositives(thresholds)([1, 1], [np.nan, 0.9])
    assert np.array_equal(found, np.less(thresholds, 0.9))


@pytest.mark.parametrize("loss", [losses.dice, losses.tversky])
def test_losses_of_regions_take_lists(loss):
    assert abs(float(loss([[1.0, 0.0]], [[0.5, 0.5]])) - 0.5) < 1e-6


ON_MODELS = {
    "predict": (lambda m: m.predict([None]), "to hold real numbers. Received: x.dtype=object"),
    "forward": (lambda m: m.network.forward([None]), r"\[forward\] expected a list of arrays. Received: .* NoneType"),
    "forward of an array": (
        lambda m: m.network.forward(ONES),
        r"\[forward\] expected a list of arrays. Received: a nda",
    ),
    "train_step": (lambda m: m.network.train_step([None], None, None), r"\[train_step\] expected a list of arrays"),
    "get_layer": (lambda m: m.get_layer(index="adam"), "expected `index` to be an integer"),
    "get_layer by a number": (lambda m: m.get_layer(3), "expected a name. Received: 3"),
    "summary": (lambda m: m.summary(print_fn=3), "expected `print_fn` to be a function"),
    "summary's length": (lambda m: m.summary(line_length=float("inf")), "expected `line_length` to be an integer"),
    "summary's positions": (lambda m: m.summary(positions=3), "expected `positions` as a list"),
    "set_weights": (lambda m: m.set_weights(3), "expected a list of arrays. Received: int"),
    "save": (lambda m: m.save(3), "expected the name of a file. Received: int"),
    "save_weights": (lambda m: m.save_weights(None), "expected the name of a file. Received: NoneType"),
    "load_weights": (lambda m: m.load_weights(object()), "expected the name of a file. Received: object"),
    "build": (lambda m: m.build(3), "expected `input_shape` as a tuple"),
    "compute_output_shape": (
        lambda m: m.compute_output_shape("channels_first"),
        "expected a shape with the batch axis",
    ),
    "compute_output_shape of a number": (lambda m: m.compute_output_shape(1), "expected a shape with the batch axis"),
}


@pytest.mark.parametrize("name", ON_MODELS)
def test_models_refuse_weird_arguments(name):
    call, message = ON_MODELS[name]
    model = Sequential([Dense(2, input_shape=(3,))])
    model.compile("sgd", "mse")
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        call(model)
    assert "incompatible function arguments" not in str(caught.value)


@pytest.mark.parametrize("layers", [[Flatten], [MaxPooling2D, Flatten]])
def test_training_of_a_model_without_weights(layers):
    model = Sequential([Input((4, 4, 1)), *[layer() for layer in layers]], name="plain")
    model.compile("adam", "mse")
    x = np.ones((2, 4, 4, 1), np.float32)
    y = model.predict(x, verbose=0)
    for train in (lambda: model.fit(x, y, verbose=0), lambda: model.train_on_batch(x, y)):
        with pytest.warns(UserWarning, match=r"The model 'plain' has no trainable weights"):
            train()
    assert model.evaluate(x, y, verbose=0) == 0.0


SINGLE = {case.make().__class__.__name__: case for case in layer_cases.CASES if not isinstance(case.inputs, list)}


@pytest.mark.parametrize("name", SINGLE)
def test_a_list_where_one_tensor_belongs(name):
    """The merging layer was forgotten."""
    case = SINGLE[name]
    shape = case.shapes[0]
    for inputs in ([Input(shape), Input(shape)], (Input(shape),) * 2, [np.ones((2, *shape), np.float32)] * 2):
        with pytest.raises(ValueError, match=r"expected one tensor as its input\. Received: a"):
            case.make()(inputs)
    layer = case.make()
    a, b = Input(shape), Input(shape)
    with pytest.raises(ValueError, match=r"expected one tensor as its input\. Received: a"):
        Model([a, b], layer([a, b]))
