"""Words and categories as numbers. Keras' own layers need TensorFlow: what is expected here is what its pages say."""

import pickle

import numpy as np
import pytest

import cnncore
from cnncore import Input, Model, Sequential, layers, saving
from cnncore.layers.base import registry

TEXTS = ["The cat sat on the mat.", "A dog, a cat; a bird!", "The dog sat"]


def test_words_by_number_and_frequency():
    """The most frequent words come first, and in reverse alphabetical order among equals."""
    lookup = layers.StringLookup()
    lookup.adapt(np.array([["a", "b", "a"], ["c", "a", "b"], ["d", "e", "d"]]))
    assert lookup.get_vocabulary() == ["[UNK]", "a", "d", "b", "e", "c"]
    assert lookup.get_vocabulary(include_special_tokens=False) == ["a", "d", "b", "e", "c"]
    assert lookup.vocabulary_size() == 6
    numbers = lookup([["a", "x"], [b"d", "c"]])
    assert (numbers.tolist(), numbers.dtype) == ([[1, 0], [2, 5]], np.int64)
    back = layers.StringLookup(vocabulary=lookup.get_vocabulary(), invert=True)
    assert back(numbers).tolist() == [["a", "[UNK]"], ["d", "c"]]
    short = layers.StringLookup(max_tokens=3)
    short.adapt(iter([(["a", "b", "a"], 0), (["b", "c"], 1)]))
    assert short.get_vocabulary() == ["[UNK]", "b", "a"]
    masked = layers.StringLookup(vocabulary=["a", "b"], mask_token="")
    assert masked.get_vocabulary() == ["", "[UNK]", "a", "b"]
    assert masked(["", "b", "x"]).tolist() == [0, 3, 1]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("one_hot", [[0, 0, 1, 0], [0, 0, 1, 0], [1, 0, 0, 0]]),
        ("multi_hot", [1, 0, 1, 0]),
        ("count", [1, 0, 2, 0]),
        ("tf_idf", [1 * 0.5, 0, 2 * 0.75, 0]),
    ],
)
def test_vectors(mode, expected):
    weights = [0.25, 0.75, 0.5] if mode == "tf_idf" else None
    lookup = layers.StringLookup(vocabulary=["a", "b", "c"], idf_weights=weights, output_mode=mode)
    result = lookup([["b", "b", "x"]])
    np.testing.assert_allclose(result, [expected])
    assert lookup.compute_output_shape((None, 3)) == (None, *result.shape[1:])
    masking = layers.StringLookup(vocabulary=["a", "b", "c"], idf_weights=weights, output_mode=mode, mask_token="m")
    np.testing.assert_array_equal(masking([["m"]]), np.zeros((1, 4)))  # it is left out


def test_weights_of_rare_words_are_larger():
    """log(1 + documents / (1 + documents with the word)), and their mean for other words."""
    lookup = layers.TextVectorization(output_mode="tf_idf")
    lookup.adapt(["a b", "a c", "a a"])
    rare, frequent = np.log(1 + 3 / 2), np.log(1 + 3 / 4)
    assert lookup.get_vocabulary() == ["[UNK]", "a", "c", "b"]
    mean = (2 * rare + frequent) / 3
    np.testing.assert_allclose(lookup(["a a c x"]), [[mean, 2 * frequent, rare, 0]], rtol=1e-6)


def test_texts():
    vectorize = layers.TextVectorization(max_tokens=6, output_sequence_length=4)
    vectorize.adapt(TEXTS)
    assert vectorize.get_vocabulary() == ["", "[UNK]", "the", "a", "sat", "dog"]
    expected = [[2, 1, 4, 1], [3, 5, 3, 1], [2, 5, 4, 0]]
    for texts in (TEXTS, np.array(TEXTS), np.array(TEXTS)[:, None], [text.encode() for text in TEXTS]):
        result = vectorize(texts)
        assert (result.numpy().tolist(), result.dtype) == (expected, np.int64)
    assert vectorize("dog sat").tolist() == [5, 4, 0, 0]
    assert vectorize.compute_output_shape((None,)) == (None, 4)
    loose = layers.TextVectorization(vocabulary=["the", "dog"])
    assert loose(["dog", "the dog x the"]).tolist() == [[3, 0, 0, 0], [2, 3, 1, 2]]


@pytest.mark.parametrize(
    ("options", "text", "words"),
    [
        ({"standardize": None}, "The  Cat.", ["The", "Cat."]),
        ({"standardize": "lower"}, "The Cat É.", ["the", "cat", "É."]),
        ({"standardize": "strip_punctuation"}, "it's a-b_c!", ["its", "abc"]),
        ({"standardize": np.char.upper}, "the cat", ["THE", "CAT"]),
        ({"split": "character"}, "Ab", ["a", "b"]),
        ({"split": lambda texts: [text.split(",") for text in texts], "standardize": None}, "a b,c", ["a b", "c"]),
        ({"ngrams": 2}, "a b c", ["a", "b", "c", "a b", "b c"]),
        ({"ngrams": (2,)}, "a b c", ["a b", "b c"]),
        ({"split": None}, "a b", ["a b"]),
    ],
)
def test_how_texts_are_divided(options, text, words):
    vectorize = layers.TextVectorization(**options)
    vectorize.adapt([text])
    assert sorted(vectorize.get_vocabulary(include_special_tokens=False)) == sorted(set(words))
    assert [vectorize.get_vocabulary()[number] for number in vectorize([text])[0]] == words


def test_texts_before_a_network(tmp_path):
    """As scripts write it: vectorize, then train a network with an embedding and convolutions."""
    good, bad = ["a fine good film", "good fun"], ["a bad film", "bad dull bore"]
    texts, y = np.array((good + bad) * 10), np.array([1, 1, 0, 0] * 10)
    vectorize = layers.TextVectorization(max_tokens=20, output_sequence_length=6)
    vectorize.adapt(texts)
    x = vectorize(texts).numpy()
    cnncore.utils.set_random_seed(0)
    body = [layers.Embedding(20, 8), layers.Conv1D(8, 2, activation="relu"), layers.GlobalMaxPooling1D()]
    model = Sequential([*body, layers.Dense(1, activation="sigmoid")])
    model.compile(cnncore.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"])
    assert model.fit(x, y, epochs=5, verbose=0).history["accuracy"][-1] == 1
    assert (model.predict(vectorize(["a good bore of a film"])) >= 0).all()


def test_categories_in_a_model(tmp_path):
    lookup = layers.IntegerLookup(output_mode="one_hot", name="codes")
    lookup.adapt(np.array([[7], [700], [7], [70]]))
    assert lookup.get_vocabulary() == [-1, 7, 700, 70]
    codes = Input((1,))
    model = Model(codes, layers.Dense(2)(lookup(codes)))
    model.compile("sgd", "mse")
    x = np.array([[7], [70], [700], [1]])
    model.fit(x, np.zeros((4, 2)), verbose=0)
    kernel, bias = model.get_weights()
    assert kernel.shape == (4, 2)
    np.testing.assert_allclose(model.predict(x), kernel[[1, 3, 2, 0]] + bias, rtol=1e-6)
    model.save(tmp_path / "model.safetensors")
    loaded = saving.load_model(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
    numbers = layers.IntegerLookup(vocabulary=[5, 3], mask_token=0)
    assert numbers([0, 3, 5, 9]).tolist() == [0, 3, 2, 1]
    through = Model(codes, numbers(codes))
    np.testing.assert_array_equal(through.predict(np.array([[0], [3], [9]])), [[0], [3], [1]])


@pytest.mark.parametrize(
    "layer",
    [
        layers.StringLookup(vocabulary=["a", "b"], mask_token="", output_mode="multi_hot"),
        layers.IntegerLookup(vocabulary=[3, 5], invert=True),
        layers.TextVectorization(5, None, "character", 2, "tf_idf", vocabulary=["a", "b"], idf_weights=[1.0, 2.0]),
        layers.TextVectorization(standardize=np.char.upper, vocabulary=["a"]),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_copies_have_the_vocabulary(layer):
    x = [[1, 2, 9]] if isinstance(layer, layers.IntegerLookup) else ["a", "abz"]
    with cnncore.utils.custom_object_scope({"upper": np.char.upper}):
        copies = [registry.deserialize(registry.serialize(layer)), pickle.loads(pickle.dumps(layer))]
    for copy in copies:
        assert copy.get_vocabulary() == layer.get_vocabulary()
        np.testing.assert_array_equal(copy(x), layer(x))


def test_words_in_a_file(tmp_path):
    (tmp_path / "words.txt").write_text("a\nb\n")
    assert layers.StringLookup(vocabulary=tmp_path / "words.txt")(["b"]).tolist() == [2]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.StringLookup()(["a"]), r"expected a vocabulary: call adapt\(data\)"),
        (lambda: layers.StringLookup(vocabulary=["a", "a"]), "each word once.* Received: 'a'"),
        (lambda: layers.StringLookup(vocabulary=["a", "[UNK]"]), "each word once.* Received: '.UNK.'"),
        (lambda: layers.StringLookup(num_oov_indices=2), "are not hashed here. Received: num_oov_indices=2"),
        (lambda: layers.StringLookup(vocabulary=["a"], num_oov_indices=0)(["x"]), "num_oov_indices=0. Received: 'x'"),
        (lambda: layers.StringLookup(vocabulary=["a", "b"], max_tokens=2), "at most 2 tokens .* Received: 3"),
        (lambda: layers.StringLookup(vocabulary=["a"], output_mode="tf_idf"), "Received: 0 for 1 words"),
        (lambda: layers.StringLookup(invert=True, output_mode="count"), 'output_mode="int" with invert=True'),
        (lambda: layers.StringLookup(sparse=True), "sparse=False"),
        (lambda: layers.StringLookup()(Input((1,), dtype="string")), "call the layer on the data"),
        (lambda: layers.TextVectorization()(Input((1,), dtype="string")), "call the layer on the data"),
        (lambda: layers.TextVectorization(ragged=True), "ragged=False"),
        (lambda: layers.TextVectorization(output_mode="count", output_sequence_length=3), 'only with "int"'),
        (
            lambda: layers.TextVectorization(standardize="upper"),
            '`standardize` to be one of "lower_and_strip_punctuation"',
        ),
        (lambda: layers.TextVectorization(vocabulary=["a"])([["a", "b"]]), r"shape \(texts,\) or \(texts, 1\)"),
    ],
)
def test_what_makes_no_sense(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda: layers.StringLookup(vocabulary=3), "expected `vocabulary` to be a list. Received: vocabulary=3"),
        (lambda: layers.IntegerLookup(vocabulary=3), "expected `vocabulary` to be a list. Received: vocabulary=3"),
        (lambda: layers.StringLookup(vocabulary=["a", np.nan]), "expected words, as str or bytes. Received: nan"),
        (lambda: layers.StringLookup(vocabulary=["a"])([object]), "expected words, as str or bytes. Received: <class"),
        (lambda: layers.IntegerLookup(vocabulary=[1])([1.5]), r"expected whole numbers. Received: .*1.5"),
        (lambda: layers.IntegerLookup(vocabulary=[1])(["a"]), "to hold real numbers. Received: values.dtype=<U1"),
        (lambda: layers.StringLookup().adapt(None), "an iterable of batches. Received: None"),
        (lambda: layers.TextVectorization().adapt("a text"), "an iterable of batches. Received: 'a text'"),
        (lambda: layers.IntegerLookup().adapt([]), "at least one word. Received: none"),
        (lambda: layers.TextVectorization(ngrams=0), "`?ngrams`? .*Received: ngrams=0"),
    ],
)
def test_data_that_are_no_words(use, message):
    with pytest.raises((TypeError, ValueError), match=message):
        use()
