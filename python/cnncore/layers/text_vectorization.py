"""TextVectorization, which makes numbers of texts."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._custom_objects import function_name, named_function
from cnncore.graph.tensor import Array
from cnncore.layers.base import Layer, Shape, registry
from cnncore.layers.lookup import StringLookup
from cnncore.layers.vocabulary import batches_of, refuse_tensors

__all__ = ["TextVectorization"]

_PUNCTUATION = re.compile(f"[{re.escape(string.punctuation)}]")
_STANDARDIZE = ("lower_and_strip_punctuation", "lower", "strip_punctuation")
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)  # as in Keras, other letters stay as they are


@registry.register()
class TextVectorization(Layer):
    """Make numbers of texts: divide them into words, and replace the words by their numbers in a vocabulary.

    Texts cannot enter a model. Call this layer on the data before; the model, which often begins with an
    :class:`Embedding`, gets its result.

    Parameters
    ----------
    max_tokens : int, optional
        The largest size of the vocabulary, with the tokens that are no words.
    standardize : {"lower_and_strip_punctuation", "lower", "strip_punctuation", None} or callable
        What is done to texts first. A function gets an array of texts and returns one.
    split : {"whitespace", "character", None} or callable, default "whitespace"
        Where texts are divided. A function gets a list of texts, and returns a list of words for each.
    ngrams : int or tuple of int, optional
        Take sequences of so many words as words, too: 2 stands for (1, 2).
    output_mode : {"int", "multi_hot", "count", "tf_idf"}, default "int"
        "int": the numbers of the words in their order, padded with 0. The others are a vector for each text, see
        :class:`StringLookup`.
    output_sequence_length : int, optional
        The number of words of each text, for "int"; by default that of the longest text of a call.
    pad_to_max_tokens, vocabulary, idf_weights, sparse, encoding
        As for :class:`StringLookup`.
    ragged : bool, default False
        Must be False.
    **kwargs
        ``name`` and ``dtype``, see :class:`Layer`.

    Examples
    --------
    >>> texts = ["The cat sat.", "The dog sat, too!"]
    >>> vectorize = TextVectorization(output_sequence_length=5)
    >>> vectorize.adapt(texts)
    >>> vectorize.get_vocabulary()
    ['', '[UNK]', 'the', 'sat', 'too', 'dog', 'cat']
    >>> vectorize(["The cow sat"]).tolist()
    [[2, 1, 3, 0, 0]]
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: str | Callable[[Any], Any] | None = "lower_and_strip_punctuation",
        split: str | Callable[[Any], Any] | None = "whitespace",
        ngrams: int | Sequence[int] | None = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        owner = type(self).__name__
        if isinstance(standardize, str):
            _checks.choice(standardize, "standardize", owner, _STANDARDIZE)
        if isinstance(split, str):
            _checks.choice(split, "split", owner, ("whitespace", "character"))
        if ragged:
            raise ValueError(f"[{owner}] expected ragged=False: arrays are dense here. Received: ragged={ragged!r}")
        if output_mode == "one_hot" or (output_mode != "int" and output_sequence_length is not None):
            raise ValueError(
                f'[{owner}] expected `output_mode` to be "int", "multi_hot", "count" or "tf_idf", and '
                f'`output_sequence_length` only with "int". Received: {output_mode=}, {output_sequence_length=}'
            )
        self.standardize, self.split = standardize, split
        widths = range(1, _checks.integer(ngrams, "ngrams", owner) + 1) if isinstance(ngrams, int) else ngrams or (1,)
        self.ngrams = tuple(_checks.integers(list(widths), "ngrams", owner))
        length = output_sequence_length
        self.output_sequence_length = (
            None if length is None else _checks.integer(length, "output_sequence_length", owner)
        )
        self._lookup = StringLookup(
            max_tokens,
            mask_token="",
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            output_mode=output_mode,
            pad_to_max_tokens=pad_to_max_tokens,
            sparse=sparse,
            encoding=encoding,
            name=f"{self.name}_lookup",
        )

    # --- the vocabulary -------------------------------------------------------------------------------------------
    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Take the words of a data set, see :meth:`StringLookup.adapt`.

        Parameters
        ----------
        data : list or array of str, or iterable of such batches
        batch_size : int, optional
            Accepted for compatibility with Keras, and not used.
        steps : int, optional
            How many batches of an iterable are used; all by default.
        """
        self._lookup.adapt_to(
            words for batch in batches_of(data, steps, type(self).__name__) for words in self._words(batch)
        )

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """The words in the order of their numbers, by default after the tokens that are no words."""
        return self._lookup.get_vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """The number of words, and of tokens that are no words."""
        return self._lookup.vocabulary_size()

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Choose the words, see :meth:`StringLookup.set_vocabulary`."""
        self._lookup.set_vocabulary(vocabulary, idf_weights)

    # --- calls ----------------------------------------------------------------------------------------------------
    def __call__(self, inputs: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        refuse_tensors(self, inputs)
        single = isinstance(inputs, (str, bytes)) or np.ndim(inputs) == 0
        result = self._vectors([inputs] if single else inputs)
        return np.asarray(result[0] if single else result).view(Array)

    def _vectors(self, texts: Any) -> Any:
        """The result for several texts."""
        numbers = [self._lookup.numbers_of(words) for words in self._words(texts)]
        if self._lookup.output_mode != "int":
            return self._lookup.encoded(numbers)
        longest = max(map(len, numbers), default=0)
        length = longest if self.output_sequence_length is None else self.output_sequence_length
        result = np.zeros((len(numbers), length), np.int64)
        for row, values in zip(result, numbers, strict=True):
            row[: len(values)] = values[:length]
        return result

    def _words(self, texts: Any) -> list[list[str]]:
        """The words of each text."""
        shape = np.shape(np.asarray(texts, object))
        if self.split is not None and (len(shape) > 2 or shape[1:] not in ((), (1,))):
            raise ValueError(
                f'Layer "{self.name}": expected texts in an array of shape (texts,) or (texts, 1). Received: shape '
                f"{shape}"
            )
        plain: Any = self._lookup._plain(texts)
        if callable(self.standardize):
            plain = [str(text) for text in self.standardize(np.array(plain))]
        elif self.standardize is not None:
            if self.standardize != "strip_punctuation":
                plain = [text.translate(_LOWER) for text in plain]
            if self.standardize != "lower":
                plain = [_PUNCTUATION.sub("", text) for text in plain]
        if callable(self.split):
            words = [list(map(str, found)) for found in self.split(plain)]
        elif self.split is None:
            words = np.array(plain, object).reshape(shape[0], -1).tolist()
        else:
            words = [text.split() if self.split == "whitespace" else list(text) for text in plain]
        return words if self.ngrams == (1,) else [self._with_sequences(found) for found in words]

    def _with_sequences(self, words: list[str]) -> list[str]:
        return [
            " ".join(words[start : start + width]) for width in self.ngrams for start in range(len(words) - width + 1)
        ]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if self._lookup.output_mode == "int":
            return (input_shape[0], self.output_sequence_length)
        return (input_shape[0], self._lookup.compute_output_shape((None, None))[-1])

    def get_config(self) -> dict[str, Any]:
        inner = self._lookup.get_config()
        kept = ("max_tokens", "output_mode", "pad_to_max_tokens", "vocabulary", "idf_weights", "sparse", "encoding")
        return {
            **super().get_config(),
            "standardize": _named(self.standardize),
            "split": _named(self.split),
            "ngrams": None if self.ngrams == (1,) else list(self.ngrams),
            "output_sequence_length": self.output_sequence_length,
            "ragged": False,
            **{name: inner[name] for name in kept},
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TextVectorization:
        names = {key: config[key] for key in ("standardize", "split")}
        functions = {
            key: named_function(value["function"], "TextVectorization") if isinstance(value, dict) else value
            for key, value in names.items()
        }
        return cls(**{**config, **functions})


def _named(function: Any) -> Any:
    return {"function": function_name(function, "TextVectorization")} if callable(function) else function
