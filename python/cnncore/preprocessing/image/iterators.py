"""Iterators over batches of randomly changed images. ``next`` never ends; `fit` asks for batches by number."""

from __future__ import annotations

import os
import threading
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._random import next_seed
from cnncore.utils.dataset import PyDataset
from cnncore.utils.image import array_to_img

__all__ = ["Iterator", "NumpyArrayIterator"]


class Iterator(PyDataset):
    """Base class of the iterators. It keeps the order of samples, and the random numbers that decide how they change.

    Parameters
    ----------
    n : int
        The number of samples.
    batch_size : int
    shuffle : bool
        Whether each epoch has another order.
    seed : int, optional
        The seed of the order and of all changes. As in Keras, the seed of batch number b, counted over all epochs, is
        ``seed + b``.
    """

    def __init__(self, n: int, batch_size: int, shuffle: bool, seed: int | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        owner = type(self).__name__
        self.n, self.batch_size = n, _checks.integer(batch_size, "batch_size", owner)
        self.shuffle, self.seed = shuffle, seed
        self.batch_index, self.total_batches_seen = 0, 0
        self.index_array: np.ndarray | None = None
        self.lock = threading.Lock()
        self._random = np.random.RandomState(next_seed() if seed is None else [seed, 1])

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray, random: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must make a batch of the samples in index_array")

    def _next_random(self) -> Any:
        """The source of random numbers for the next batch."""
        number = self.total_batches_seen
        self.total_batches_seen += 1
        if self.seed is None:
            return np.random.RandomState(self._random.randint(2**31))
        return np.random.RandomState(self.seed + number)

    def _set_index_array(self, random: Any) -> np.ndarray:
        self.index_array = random.permutation(self.n) if self.shuffle else np.arange(self.n)
        return self.index_array

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(f"[{type(self).__name__}] expected a batch below {len(self)}. Received: {index}")
        with self.lock:
            random = self._next_random()
            order = self._set_index_array(random) if self.index_array is None else self.index_array
        return self._get_batches_of_transformed_samples(
            order[self.batch_size * index : self.batch_size * (index + 1)], random
        )

    def on_epoch_end(self) -> None:
        """Draw a new order."""
        with self.lock:
            self._set_index_array(self._random)

    def reset(self) -> None:
        """Let ``next`` begin with the first batch again."""
        self.batch_index = 0

    def __iter__(self) -> Iterator:
        return self

    def __next__(self) -> Any:
        with self.lock:
            random = self._next_random()
            if self.batch_index == 0 or self.index_array is None:
                self._set_index_array(random)
            assert self.index_array is not None
            start = self.batch_index * self.batch_size
            self.batch_index = self.batch_index + 1 if start + self.batch_size < self.n else 0
            chosen = self.index_array[start : start + self.batch_size]
        return self._get_batches_of_transformed_samples(chosen, random)

    def next(self) -> Any:
        """The next batch. After the last batch of an epoch comes the first one of the next epoch."""
        return self.__next__()

    def _save(self, images: np.ndarray, indices: np.ndarray) -> None:
        """Write the images of a batch into ``save_to_dir``, if there is one."""
        directory = getattr(self, "save_to_dir", None)
        if not directory:
            return
        for image, index in zip(images, indices, strict=True):
            name = f"{self.save_prefix}_{index}_{self.total_batches_seen}.{self.save_format}"
            array_to_img(image, scale=True).save(os.path.join(directory, name))

    save_prefix = ""
    save_format = "png"


class NumpyArrayIterator(Iterator):
    """Batches of randomly changed images from arrays. ``ImageDataGenerator.flow`` makes it.

    Parameters
    ----------
    x, y, sample_weight
        The images, their labels and their weights.
    image_data_generator : ImageDataGenerator
        The generator that changes and normalizes the images.
    batch_size, shuffle, seed, save_to_dir, save_prefix, save_format, subset, ignore_class_split
        As in ``ImageDataGenerator.flow``.
    data_format : {"channels_last"}, optional
    dtype : {"float32"}, optional
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        image_data_generator: Any,
        batch_size: int = 32,
        shuffle: bool = False,
        sample_weight: Any = None,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        ignore_class_split: bool = False,
        dtype: Any = None,
    ) -> None:
        owner = "NumpyArrayIterator"
        images, others = (x[0], x[1]) if isinstance(x, (list, tuple)) else (x, [])
        arrays = [_checks.numeric_array(images, "x", owner)]
        if arrays[0].ndim != 4:
            raise ValueError(
                f"[{owner}] expected x of rank 4 (n, height, width, channels). Received: x.shape={arrays[0].shape}"
            )
        arrays += [np.asarray(item) for item in (others if isinstance(others, list) else [others])]
        extra = {"y": y, "sample_weight": sample_weight}
        named = {name: np.asarray(value) for name, value in extra.items() if value is not None}
        _checks.same_length(owner, **{f"x[{i}]" if i else "x": item for i, item in enumerate(arrays)}, **named)
        part = _subset(subset, image_data_generator._validation_split, len(arrays[0]))
        labels = named.get("y")
        if subset is not None and labels is not None and not ignore_class_split:
            _check_classes(labels, part)
        self.x, *self.x_misc = (item[part] for item in arrays)
        self.y = None if labels is None else labels[part]
        weights = named.get("sample_weight")
        self.sample_weight = None if weights is None else weights[part]
        self.image_data_generator = image_data_generator
        self.save_to_dir, self.save_prefix, self.save_format = save_to_dir, save_prefix, save_format
        super().__init__(len(self.x), batch_size, shuffle, seed)

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray, random: Any) -> Any:
        generator = self.image_data_generator
        batch = np.require(self.x[index_array], np.float32, "C")
        parameters = [generator.draw_transform(batch.shape[1:], random) for _ in index_array]
        batch = generator.standardize(generator.transform_images(batch, parameters))
        self._save(batch, index_array)
        x: Any = [batch, *(item[index_array] for item in self.x_misc)] if self.x_misc else batch
        if self.y is None:
            return x
        if self.sample_weight is None:
            return x, self.y[index_array]
        return x, self.y[index_array], self.sample_weight[index_array]


def _subset(subset: str | None, validation_split: float, n: int) -> slice:
    """Which samples belong to a subset. The validation part comes first."""
    if subset not in (None, "training", "validation"):
        raise ValueError(f'[flow] expected subset "training" or "validation". Received: subset={subset!r}')
    count = int(n * validation_split)
    if subset == "validation":
        return slice(0, count)
    return slice(count if subset == "training" else 0, n)


def _check_classes(y: np.ndarray, part: slice) -> None:
    inside = np.zeros(len(y), bool)
    inside[part] = True
    if not np.array_equal(np.unique(y[inside]), np.unique(y[~inside])):
        raise ValueError(
            "[flow] expected the same classes in both subsets. If the data is sorted by class, shuffle it first. "
            "ignore_class_split=True allows different classes. Received: different classes"
        )
