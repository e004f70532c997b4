"""Preprocessing of texts and time series for small networks, beside what is left of it in Keras."""

import json

import numpy as np
import pytest

from cnncore import Sequential, layers, preprocessing, utils
from cnncore.preprocessing.sequence import TimeseriesGenerator, pad_sequences
from cnncore.preprocessing.text import Tokenizer, text_to_word_sequence, tokenizer_from_json

TEXTS = ["The cat sat on the mat.", "A dog, a cat; a Bird!", "the dog\tsat", ["Listed", "the", "dog"], ""]


def legacy(module):
    pytest.importorskip("torch")
    pytest.importorskip("keras")
    return pytest.importorskip(f"keras.src.legacy.preprocessing.{module}")


OPTIONS = [
    {},
    {"num_words": 5},
    {"num_words": 5, "oov_token": "?"},
    {"lower": False, "filters": "."},
    {"char_level": True},
    {"analyzer": lambda text: text.split("a")},
    {"split": ","},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: ",".join(options))
def test_tokenizer_is_that_of_keras(options):
    texts = [text for text in TEXTS if isinstance(text, str)] if options.get("char_level") else TEXTS
    ours, theirs = Tokenizer(**options), legacy("text").Tokenizer(**options)
    for tokenizer in (ours, theirs):
        tokenizer.fit_on_texts(texts[:2])
        tokenizer.fit_on_texts(texts[2:])
    assert list(ours.word_index.items()) == list(theirs.word_index.items())
    for name in ("index_word", "word_counts", "word_docs", "document_count"):
        assert getattr(ours, name) == getattr(theirs, name), name
    new = ["the cat and another dog", "cat cat"]
    sequences = ours.texts_to_sequences(new)
    assert sequences == theirs.texts_to_sequences(new)
    assert ours.sequences_to_texts(sequences) == theirs.sequences_to_texts(sequences)
    for mode in ("binary", "count", "freq", "tfidf"):
        expected = theirs.texts_to_matrix(new, mode)
        np.testing.assert_allclose(ours.texts_to_matrix(new, mode), expected, err_msg=mode)
    if "analyzer" not in options:
        copy = tokenizer_from_json(ours.to_json())
        assert copy.texts_to_sequences(new) == sequences
        assert copy.get_config() == ours.get_config()
        read = tokenizer_from_json(theirs.to_json())
        assert read.texts_to_sequences(new) == sequences
        assert json.loads(ours.to_json())["class_name"] == "Tokenizer"


def test_words_of_a_text():
    assert text_to_word_sequence("A cat,\na DOG.") == ["a", "cat", "a", "dog"]
    assert text_to_word_sequence("A-b c", filters="-", lower=False) == ["A", "b", "c"]
    with pytest.raises(ValueError, match="expected `num_words`, or fit_on_texts before"):
        Tokenizer().texts_to_matrix(["a"])


def test_texts_for_a_network():
    """As Keras 2 scripts do: tokenize, pad, and train a network with an embedding and convolutions."""
    texts, y = ["good film", "bad film", "a good one", "a bad one"] * 8, np.array([1, 0, 1, 0] * 8)
    tokenizer = Tokenizer(num_words=10)
    tokenizer.fit_on_texts(texts)
    x = pad_sequences(tokenizer.texts_to_sequences(texts), maxlen=4)
    utils.set_random_seed(1)
    model = Sequential([layers.Embedding(10, 8), layers.Conv1D(8, 2), layers.GlobalMaxPooling1D(), layers.Dense(1)])
    model.add(layers.Activation("sigmoid"))
    model.compile("rmsprop", "binary_crossentropy", metrics=["acc"])
    assert model.fit(x, y, epochs=30, batch_size=8, verbose=0).history["acc"][-1] == 1


@pytest.mark.parametrize(
    "options",
    [
        {"length": 3},
        {"length": 6, "sampling_rate": 2, "batch_size": 4},
        {"length": 4, "stride": 3, "batch_size": 2, "reverse": True},
        {"length": 2, "start_index": 5, "end_index": 17, "batch_size": 5},
    ],
    ids=str,
)
def test_windows_are_those_of_keras(options):
    data, targets = np.random.default_rng(0).random((30, 2)), np.arange(30)
    ours = TimeseriesGenerator(data, targets, **options)
    theirs = legacy("sequence").TimeseriesGenerator(data, targets, **options)
    assert len(ours) == len(theirs)
    for index in range(len(ours)):
        for mine, other in zip(ours[index], theirs[index], strict=True):
            np.testing.assert_array_equal(mine, other)
    drawn = TimeseriesGenerator(data, targets, shuffle=True, batch_size=8, length=5)[0]
    for window, target in zip(*drawn, strict=True):
        np.testing.assert_array_equal(window, data[target - 5 : target])
    with pytest.raises(ValueError, match=r"\[TimeseriesGenerator\] expected a window before the last step"):
        TimeseriesGenerator(data, targets, length=40)


def test_data_sets_of_windows():
    data = np.random.default_rng(0).random((50, 3)).astype("float32")
    targets = data[12:, :1]
    make = preprocessing.timeseries_dataset_from_array
    windows = make(data[:-12], targets, sequence_length=5, sampling_rate=2, sequence_stride=3, batch_size=4)
    batches = [(x.numpy(), y.numpy()) for x, y in windows]
    x, y = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    assert len(windows) == len(batches) == 3
    for number, start in enumerate(range(0, 30, 3)):
        np.testing.assert_array_equal(x[number], data[start : start + 9 : 2])
        np.testing.assert_array_equal(y[number], targets[start])
    assert len(x) == 10
    part = make(data, None, 4, batch_size=None, start_index=10, end_index=20)
    np.testing.assert_array_equal(np.stack(list(part)), [data[start : start + 4] for start in range(10, 17)])
    mixed, again = (make(data, data, 4, shuffle=True, seed=3, batch_size=60) for _ in range(2))
    ((inputs, first),) = mixed
    np.testing.assert_array_equal(inputs[:, 0], first)
    np.testing.assert_array_equal(next(iter(again))[0], inputs)
    assert not np.array_equal(first, data[:47])
    model = Sequential([layers.Conv1D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(1)])
    model.compile("adam", "mse")
    history = model.fit(windows, epochs=3, validation_data=windows, verbose=0).history
    assert len(history["val_loss"]) == 3
    assert model.predict(windows).shape == (10, 1)
    with pytest.raises(ValueError, match="a series into which a window fits"):
        make(data[:3], None, 4)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda: Tokenizer(filters=3), "expected `filters` to be a str. Received: filters=3"),
        (lambda: Tokenizer(oov_token=3), "expected `oov_token` to be a str. Received: oov_token=3"),
        (lambda: Tokenizer().fit_on_texts(None), "expected a list of texts. Received: None"),
        (lambda: Tokenizer().fit_on_texts([1, 2]), "expected texts, or lists of words. Received: 1"),
        (lambda: Tokenizer().texts_to_sequences([["a", 2]]), r"lists of words. Received: \['a', 2\]"),
        (lambda: tokenizer_from_json("{}"), "expected the JSON of Tokenizer.to_json. Received: '{}'"),
        (lambda: tokenizer_from_json(None), "expected the JSON of Tokenizer.to_json. Received: None"),
        (lambda: TimeseriesGenerator(None, None, 2), "to hold real numbers. Received: data.dtype=object"),
        (lambda: TimeseriesGenerator(3, [1], 2), "data to be an array with an axis. Received: data=3"),
        (lambda: utils.timeseries_dataset_from_array("a", None, 2), "to hold real numbers. Received: data.dtype=<U1"),
        (lambda: utils.timeseries_dataset_from_array([1, 2], 3, 2), "targets to be an array with an axis"),
    ],
)
def test_arguments_that_make_no_sense(use, message):
    with pytest.raises((TypeError, ValueError), match=message):
        use()
