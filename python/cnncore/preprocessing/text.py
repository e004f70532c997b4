"""``preprocessing.text`` of Keras 2: texts as numbers of words. Today there is :class:`layers.TextVectorization`."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._refusals import names_itself

__all__ = ["Tokenizer", "text_to_word_sequence", "tokenizer_from_json"]

_FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
_MODES = ("binary", "count", "tfidf", "freq")


@names_itself
def text_to_word_sequence(input_text: str, filters: str = _FILTERS, lower: bool = True, split: str = " ") -> list[str]:
    """Divide a text into words.

    Parameters
    ----------
    input_text : str
    filters : str
        Characters that are replaced by ``split``.
    lower : bool, default True
        Whether the words are in lower case.
    split : str, default " "
        Where the text is divided.

    Examples
    --------
    >>> text_to_word_sequence("A cat, a dog.")
    ['a', 'cat', 'a', 'dog']
    """
    text = input_text.lower() if lower else input_text
    text = text.translate({ord(character): split for character in filters})
    return [word for word in text.split(split) if word]


class Tokenizer:
    """Replace words by numbers, of which the most frequent words have the smallest. 0 is no word.

    Parameters
    ----------
    num_words : int, optional
        Only words whose number is smaller are used.
    filters, lower, split
        As for :func:`text_to_word_sequence`.
    char_level : bool, default False
        Whether each character is a word.
    oov_token : str, optional
        A word, with the number 1, for all words that are not used. By default they are left out.
    analyzer : callable, optional
        Divides a text into words.

    Attributes
    ----------
    word_index, index_word : dict
        The number of each word, and the word of each number.
    word_counts, word_docs : dict
        How often each word occurs, and in how many texts.
    document_count : int
        The number of texts.

    Examples
    --------
    >>> tokenizer = Tokenizer(oov_token="?")
    >>> tokenizer.fit_on_texts(["The cat sat.", "The dog"])
    >>> tokenizer.word_index
    {'?': 1, 'the': 2, 'cat': 3, 'sat': 4, 'dog': 5}
    >>> tokenizer.texts_to_sequences(["The dog barks"])
    [[2, 5, 1]]
    """

    def __init__(
        self,
        num_words: int | None = None,
        filters: str = _FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
        analyzer: Callable[[Any], Sequence[str]] | None = None,
    ) -> None:
        self.num_words = None if num_words is None else _checks.integer(num_words, "num_words", "Tokenizer")
        for name, value in {"filters": filters, "split": split, "oov_token": oov_token}.items():
            if not isinstance(value, str) and not (value is None and name == "oov_token"):
                raise TypeError(f"[Tokenizer] expected `{name}` to be a str. Received: {name}={value!r}")
        self.filters, self.lower, self.split = filters, lower, split
        self.char_level, self.oov_token, self.analyzer = char_level, oov_token, analyzer
        self.word_counts: dict[str, int] = {}
        self.word_docs: dict[str, int] = {}
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}
        self.document_count = 0

    def fit_on_texts(self, texts: Iterable[Any]) -> None:
        """Count the words of texts, or of lists of words, and number them."""
        counts, documents = Counter(self.word_counts), Counter(self.word_docs)
        for text in _iterable(texts):
            words = self._words(text)
            counts.update(words)
            documents.update(set(words))
            self.document_count += 1
        self.word_counts, self.word_docs = dict(counts), dict(documents)
        special = [] if self.oov_token is None else [self.oov_token]
        order = special + sorted(counts, key=lambda word: counts[word], reverse=True)
        self.word_index = {word: number for number, word in enumerate(dict.fromkeys(order), 1)}
        self.index_word = {number: word for word, number in self.word_index.items()}

    def texts_to_sequences(self, texts: Iterable[Any]) -> list[list[int]]:
        """The numbers of the words of each text."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts: Iterable[Any]) -> Iterator[list[int]]:
        """The same for one text after another."""
        unknown = None if self.oov_token is None else self.word_index.get(self.oov_token)
        for text in _iterable(texts):
            found = (self.word_index.get(word) for word in self._words(text))
            used = (unknown if number is None or not self._is_used(number) else number for number in found)
            yield [number for number in used if number is not None]

    def sequences_to_texts(self, sequences: Iterable[Sequence[int]]) -> list[str]:
        """Texts of the words of numbers."""
        texts = []
        for numbers in sequences:
            found = (self.index_word.get(int(number)) if self._is_used(int(number)) else None for number in numbers)
            words = (self.oov_token if word is None else word for word in found)
            texts.append(" ".join(word for word in words if word is not None))
        return texts

    def texts_to_matrix(self, texts: Iterable[Any], mode: str = "binary") -> np.ndarray:
        """A row for each text, see :meth:`sequences_to_matrix`."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(self, sequences: Sequence[Sequence[int]], mode: str = "binary") -> np.ndarray:
        """A row for each sequence of numbers, with a column for each word.

        ``mode`` says what is in it: whether the word occurs ("binary"), how often ("count"), its share ("freq"), or how
        often by how rare it is ("tfidf").
        """
        _checks.choice(mode, "mode", "Tokenizer", _MODES)
        if not self.num_words and not self.word_index:
            raise ValueError("[Tokenizer] expected `num_words`, or fit_on_texts before. Received: neither")
        columns = self.num_words or len(self.word_index) + 1
        matrix = np.zeros((len(sequences), columns))
        for row, numbers in zip(matrix, sequences, strict=True):
            for number, count in Counter(number for number in numbers if number < columns).items():
                if mode == "tfidf":
                    documents = self.word_docs.get(self.index_word.get(number, ""), 0)
                    row[number] = (1 + math.log(count)) * math.log(1 + self.document_count / (1 + documents))
                else:
                    row[number] = {"binary": 1, "count": count, "freq": count / len(numbers)}[mode]
        return matrix

    def get_config(self) -> dict[str, Any]:
        """The arguments, and what the texts said."""
        names = ("num_words", "filters", "lower", "split", "char_level", "oov_token", "document_count")
        counted = ("word_counts", "word_docs", "word_index", "index_word")
        return {name: getattr(self, name) for name in names} | {
            name: json.dumps(getattr(self, name)) for name in counted
        }

    def to_json(self, **kwargs: Any) -> str:
        """JSON that :func:`tokenizer_from_json` reads."""
        return json.dumps({"class_name": "Tokenizer", "config": self.get_config()}, **kwargs)

    def _is_used(self, number: int) -> bool:
        return not self.num_words or number < self.num_words

    def _words(self, text: Any) -> Sequence[str]:
        parts = text if isinstance(text, (list, tuple)) else [text]
        if self.analyzer is None and not all(isinstance(part, str) for part in parts):
            raise TypeError(f"[Tokenizer] expected texts, or lists of words. Received: {text!r:.80}")
        if self.char_level or isinstance(text, (list, tuple)):
            plain = [part.lower() for part in text] if self.lower else text
            return list(plain)
        if self.analyzer is not None:
            return self.analyzer(text)
        return text_to_word_sequence(text, self.filters, self.lower, self.split)


def _iterable(texts: Any) -> Iterable[Any]:
    if not isinstance(texts, Iterable):
        raise TypeError(f"[Tokenizer] expected a list of texts. Received: {texts!r:.80}")
    return texts


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """Inverse of :meth:`Tokenizer.to_json`. Raises ValueError if the text does not come from there."""
    names = ("word_counts", "word_docs", "word_index", "index_word")
    try:
        config = json.loads(json_string)["config"]
        counted = {name: json.loads(config.pop(name)) for name in names}
        counted["index_word"] = {int(number): word for number, word in counted["index_word"].items()}
        document_count = config.pop("document_count")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(
            f"[tokenizer_from_json] expected the JSON of Tokenizer.to_json. Received: {json_string!r:.80}"
        ) from None
    config.pop("index_docs", None)
    tokenizer = Tokenizer(**config)
    vars(tokenizer).update(counted, document_count=document_count)
    return tokenizer
