"""StringLookup and IntegerLookup, which replace words and categories by their numbers in a vocabulary."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.layers.base import registry
from cnncore.layers.vocabulary import Lookup, refuse_tensors

__all__ = ["IntegerLookup", "StringLookup"]


@registry.register()
class StringLookup(Lookup):
    """Replace words by their numbers in a vocabulary.

    Words cannot enter a model. Call this layer on the data before; the model gets its result.

    Parameters
    ----------
    max_tokens : int, optional
        The largest size of the vocabulary, with the tokens that are no words.
    num_oov_indices : {1, 0}, default 1
        Whether there is a number for all words outside of the vocabulary; without it they are an error.
    mask_token : str, optional
        A word that has the number 0.
    oov_token : str, default "[UNK]"
        What ``get_vocabulary`` calls words outside of the vocabulary.
    vocabulary : list of str or path, optional
        The words, or a file with a word in each line. Otherwise call :meth:`adapt`.
    idf_weights : array_like, optional
        The factor of each word, for ``output_mode="tf_idf"``.
    invert : bool, default False
        Whether to replace numbers by words instead.
    output_mode : {"int", "one_hot", "multi_hot", "count", "tf_idf"}, default "int"
        "int" are the numbers. The others are vectors of the size of the vocabulary, see :class:`CategoryEncoding`;
        "tf_idf" multiplies "count" by ``idf_weights``.
    pad_to_max_tokens : bool, default False
        Whether vectors have the size ``max_tokens`` instead.
    sparse : bool, default False
        Must be False.
    encoding : str, default "utf-8"
        How words that are bytes are read.
    **kwargs
        ``name`` and ``dtype``, see :class:`Layer`.

    Examples
    --------
    >>> lookup = StringLookup(vocabulary=["cat", "dog"])
    >>> lookup(["dog", "cat", "cow"]).tolist(), lookup.get_vocabulary()
    ([2, 1, 0], ['[UNK]', 'cat', 'dog'])
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        **kwargs: Any,
    ) -> None:
        self.encoding = encoding
        options = (idf_weights, invert, output_mode, pad_to_max_tokens, sparse)
        super().__init__(max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, *options, **kwargs)

    def __call__(self, inputs: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        refuse_tensors(self, inputs)
        return super().__call__(inputs, **kwargs)

    def _plain(self, values: Any) -> list[Any]:
        items = np.asarray(values, object).ravel().tolist()
        wrong = next((item for item in items if not isinstance(item, (str, bytes))), None)
        if wrong is not None:
            raise TypeError(f"[{type(self).__name__}] expected words, as str or bytes. Received: {wrong!r:.80}")
        return [item.decode(self.encoding) if isinstance(item, bytes) else str(item) for item in items]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "encoding": self.encoding}


@registry.register()
class IntegerLookup(Lookup):
    """Replace whole numbers, such as the codes of categories, by their numbers in a vocabulary.

    Parameters
    ----------
    max_tokens, num_oov_indices, vocabulary, idf_weights, invert, output_mode, pad_to_max_tokens, sparse
        As for :class:`StringLookup`.
    mask_token : int, optional
        A number that becomes 0.
    oov_token : int, default -1
        What ``get_vocabulary`` calls numbers outside of the vocabulary.
    vocabulary_dtype : str, default "int64"
        Accepted for compatibility with Keras.
    **kwargs
        ``name``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Examples
    --------
    >>> lookup = IntegerLookup()
    >>> lookup.adapt([[12], [1138], [42], [12]])
    >>> lookup([[12], [42], [7]]).tolist(), lookup.get_vocabulary()
    ([[1], [3], [0]], [-1, 12, 1138, 42])
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        **kwargs: Any,
    ) -> None:
        self.vocabulary_dtype = vocabulary_dtype
        options = (idf_weights, invert, output_mode, pad_to_max_tokens, sparse)
        super().__init__(max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, *options, **kwargs)

    def backward(self, inputs: Any, dy: np.ndarray) -> np.ndarray:
        """Return zeros: numbers have no gradient."""
        return np.zeros(np.shape(inputs), np.float32)

    def _plain(self, values: Any) -> list[Any]:
        owner = type(self).__name__
        numbers = _checks.numeric_array(values, "values", owner).ravel()
        if not np.array_equal(numbers, np.rint(numbers)):
            raise ValueError(f"[{owner}] expected whole numbers. Received: {values!r:.80}")
        return numbers.astype(np.int64).tolist()  # type: ignore[no-any-return]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "vocabulary_dtype": self.vocabulary_dtype}
