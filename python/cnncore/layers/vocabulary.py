"""What StringLookup and IntegerLookup have in common: a vocabulary, and the numbers of words in it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.graph.tensor import Array, is_symbolic
from cnncore.layers.base import Layer, Shape

__all__ = ["Lookup", "batches_of", "refuse_tensors"]

_LEFT_OUT = -1  # the number of the mask token where the result is a vector, to which it adds nothing
_MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")


class Lookup(Layer):
    """What the two layers have in common. A vocabulary begins with the tokens that are no words: the one that masks, if
    there is one and the output is numbers, and the one that stands for all words outside of the vocabulary.
    """

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary: Any,
        idf_weights: Any,
        invert: bool,
        output_mode: str,
        pad_to_max_tokens: bool,
        sparse: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        owner = type(self).__name__
        if isinstance(output_mode, str):
            output_mode = {"binary": "multi_hot", "tf-idf": "tf_idf"}.get(output_mode, output_mode)
        self.max_tokens = None if max_tokens is None else _checks.integer(max_tokens, "max_tokens", owner)
        self.num_oov_indices = _checks.integer(num_oov_indices, "num_oov_indices", owner, minimum=0)
        self.output_mode = _checks.choice(output_mode, "output_mode", owner, _MODES)
        self.mask_token, self.oov_token = mask_token, oov_token
        self.invert = _checks.boolean(invert, "invert", owner)
        self.pad_to_max_tokens = _checks.boolean(pad_to_max_tokens, "pad_to_max_tokens", owner)
        if self.num_oov_indices > 1:
            raise ValueError(
                f"[{owner}] expected num_oov_indices=1 or 0: words outside of the vocabulary are not hashed here. "
                f"Received: num_oov_indices={num_oov_indices}"
            )
        if sparse:
            raise ValueError(f"[{owner}] expected sparse=False: arrays are dense here. Received: sparse={sparse!r}")
        if self.invert and self.output_mode != "int":
            raise ValueError(f'[{owner}] expected output_mode="int" with invert=True. Received: {output_mode!r}')
        self._words: list[Any] = []
        self._numbers: dict[Any, int] = {}
        self._idf: np.ndarray | None = None
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    # --- the vocabulary -------------------------------------------------------------------------------------------
    @property
    def _special(self) -> list[Any]:
        masks = [self.mask_token] if self.mask_token is not None and self.output_mode == "int" else []
        return masks + [self.oov_token] * self.num_oov_indices

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The words in the order of their numbers, by default after the tokens that are no words."""
        return [*(self._special if include_special_tokens else []), *self._words]

    def vocabulary_size(self) -> int:
        """The number of words, and of tokens that are no words."""
        return len(self._special) + len(self._words)

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Choose the words.

        Parameters
        ----------
        vocabulary : sequence, or path
            The words in the order of their numbers, with or without the tokens that are no words; or the name of a file
            with a word in each line.
        idf_weights : array_like, optional
            The factor of each word, for ``output_mode="tf_idf"``.

        Raises
        ------
        ValueError
            If a word occurs twice.
        """
        if isinstance(vocabulary, (str, os.PathLike)):
            vocabulary = Path(vocabulary).read_text(encoding="utf-8").splitlines()
        words = self._plain(_checks.listed(vocabulary, "vocabulary", type(self).__name__))
        special = self._special
        weights = (
            None if idf_weights is None else _checks.numbers(np.ravel(idf_weights), "idf_weights", type(self).__name__)
        )
        if special and words[: len(special)] == special:
            words = words[len(special) :]
            weights = weights if weights is None or len(weights) == len(words) else weights[len(special) :]
        wrong = [word for word, count in Counter(words).items() if count > 1 or word in special]
        if wrong:
            raise ValueError(
                f'Layer "{self.name}": expected each word once, and none of {special} among them. Received: '
                f"{wrong[0]!r}"
            )
        if self.max_tokens is not None and len(words) + len(special) > self.max_tokens:
            raise ValueError(
                f'Layer "{self.name}": expected at most {self.max_tokens} tokens (max_tokens). Received: '
                f"{len(words) + len(special)}"
            )
        if (self.output_mode == "tf_idf") != (weights is not None) or (weights and len(weights) != len(words)):
            raise ValueError(
                f'Layer "{self.name}": expected a number for each word in `idf_weights` with output_mode="tf_idf", and '
                f"none otherwise. Received: {0 if weights is None else len(weights)} for {len(words)} words"
            )
        self._keep(words, weights)

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Take the words of a data set, the most frequent ones first, and in reverse alphabetical order among those
        that are equally frequent.

        Parameters
        ----------
        data : array_like, or iterable of batches
            Words. Arrays have the batch axis in front.
        batch_size : int, optional
            Accepted for compatibility with Keras, and not used.
        steps : int, optional
            How many batches of an iterable are used; all by default.
        """
        self.adapt_to(
            self._plain(row) for batch in batches_of(data, steps, type(self).__name__) for row in np.asarray(batch)
        )

    def adapt_to(self, documents: Iterable[Sequence[Any]]) -> None:
        """Take the words of ``documents``, which are lists of words."""
        counts, found_in, number = Counter[Any](), Counter[Any](), 0
        for words in documents:
            counts.update(words)
            found_in.update(set(words))
            number += 1
        if not counts:
            raise ValueError(f"[{type(self).__name__}] expected data with at least one word. Received: none")
        for token in (self.mask_token, self.oov_token):
            counts.pop(token, None)
        order = sorted(counts, key=lambda word: (counts[word], word), reverse=True)
        if self.max_tokens is not None:
            order = order[: max(self.max_tokens - len(self._special), 0)]
        weights = [float(np.log(1 + number / (1 + found_in[word]))) for word in order]
        self._keep(order, weights if self.output_mode == "tf_idf" else None)

    def _keep(self, words: list[Any], weights: list[float] | None) -> None:
        start = len(self._special)
        self._words = words
        self._numbers = {word: number for number, word in enumerate(words, start)}
        if self.mask_token is not None:
            self._numbers[self.mask_token] = 0 if self.output_mode == "int" else _LEFT_OUT
        mean = float(np.mean(weights)) if weights else 0.0
        self._idf = None if weights is None else np.array([mean] * start + weights, np.float32)

    # --- calls ----------------------------------------------------------------------------------------------------
    def __call__(self, inputs: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        if is_symbolic(inputs):
            return super().__call__(inputs, **kwargs)
        return np.asarray(self.call(inputs)).view(Array)

    def call(self, inputs: Any) -> Any:
        """The numbers of words, or with ``invert`` the words of numbers."""
        values = np.asarray(inputs)
        shape: tuple[int, ...] = values.shape
        if self.invert:
            vocabulary, count = self.get_vocabulary(), self.vocabulary_size()
            words = [
                vocabulary[number] if 0 <= number < count else self.oov_token
                for number in values.astype(np.int64).ravel().tolist()
            ]
            return np.array(words).reshape(shape)
        numbers = np.array(self.numbers_of(self._plain(values)), np.int64).reshape(shape)
        if self.output_mode == "int":
            return numbers
        if self.output_mode == "one_hot":
            flat = numbers[..., 0] if len(shape) > 1 and shape[-1] == 1 else numbers
            return np.eye(self._depth, dtype=np.float32)[flat] * (flat != _LEFT_OUT)[..., np.newaxis]
        rows = numbers.reshape(-1, shape[-1] if shape else 1).tolist()
        return self.encoded(rows).reshape(*shape[:-1], self._depth)

    def numbers_of(self, words: Iterable[Any]) -> list[int]:
        """The numbers of words in the vocabulary."""
        if not self._words:
            raise ValueError(
                f'Layer "{self.name}": expected a vocabulary: call adapt(data) or set_vocabulary(words) before. '
                "Received: none"
            )
        unknown = len(self._special) - 1 if self.num_oov_indices else None
        numbers = [self._numbers.get(word, unknown) for word in words]
        if unknown is None and None in numbers:
            raise ValueError(
                f'Layer "{self.name}": expected words of the vocabulary only, since num_oov_indices=0. Received: '
                f"{next(word for word in words if word not in self._numbers)!r}"
            )
        return numbers  # type: ignore[return-value]

    def encoded(self, rows: Iterable[Sequence[int]]) -> Any:
        """A vector for each row of numbers, as ``output_mode`` says."""
        arrays = [np.asarray(row, np.int64) for row in rows]
        counts = np.array([np.bincount(row[row != _LEFT_OUT], minlength=self._depth) for row in arrays], np.float32)
        if self.output_mode == "multi_hot":
            return np.minimum(counts, 1)
        if self._idf is None:
            return counts
        return counts * np.pad(self._idf, (0, self._depth - len(self._idf)))

    @property
    def _depth(self) -> int:
        return self.max_tokens if self.pad_to_max_tokens and self.max_tokens else self.vocabulary_size()

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape = tuple(input_shape)
        if self.output_mode == "int":
            return shape
        if self.output_mode == "one_hot" and not (len(shape) > 1 and shape[-1] == 1):
            return (*shape, self._depth)
        return (*shape[:-1], self._depth)

    def _plain(self, values: Any) -> list[Any]:
        """Words as a list of objects that can be compared."""
        raise NotImplementedError(f"{type(self).__name__} must implement _plain(values)")

    def get_config(self) -> dict[str, Any]:
        start = len(self._special)
        return {
            **super().get_config(),
            "max_tokens": self.max_tokens,
            "num_oov_indices": self.num_oov_indices,
            "mask_token": self.mask_token,
            "oov_token": self.oov_token,
            "vocabulary": self._words or None,
            "idf_weights": None if self._idf is None else self._idf[start:].tolist(),
            "invert": self.invert,
            "output_mode": self.output_mode,
            "pad_to_max_tokens": self.pad_to_max_tokens,
            "sparse": False,
        }


def refuse_tensors(layer: Layer, inputs: Any) -> None:
    """Words cannot enter a model, which computes with numbers."""
    if is_symbolic(inputs):
        raise ValueError(
            f'Layer "{layer.name}": expected words as an array or a list, since a model computes with numbers: call '
            "the layer on the data, and give the model its result. Received: a symbolic tensor"
        )


def batches_of(data: Any, steps: int | None, owner: str) -> Iterator[Any]:
    """The batches of a data set, or an array as one batch. If batches are tuples (x, y), their x."""
    if isinstance(data, (list, tuple, np.ndarray)) or hasattr(data, "__array__"):
        yield np.asarray(data)
        return
    if not isinstance(data, Iterable) or isinstance(data, (str, bytes)):
        raise TypeError(f"[{owner}] expected an array, a list, or an iterable of batches. Received: {data!r:.80}")
    for number, batch in enumerate(data):
        if steps is not None and number >= steps:
            return
        yield batch[0] if isinstance(batch, tuple) else batch
