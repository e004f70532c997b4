"""Data sets of pictures in folders. Needs Pillow: ``pip install "cnncore[image]"``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from cnncore._images import centred_crop, padded_to_aspect_ratio, resize
from cnncore._random import next_seed
from cnncore.differentiation import Array
from cnncore.utils.dataset_words import BatchedPictures
from cnncore.utils.image import img_to_array, load_img, pillow
from cnncore.utils.image_folders import (
    ENDINGS,
    OWNER,
    check_arguments,
    check_counted,
    check_split,
    checked_options,
    find_pictures,
)

__all__ = ["ImageDataset", "image_dataset_from_directory"]


def image_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: list[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: Any = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    verbose: bool = True,
) -> Any:
    """A data set of the pictures in a directory, for `fit`.

    Parameters
    ----------
    directory : path
        With ``labels="inferred"`` it must have a folder for each class. Otherwise all pictures in it are used.
    labels : "inferred", None or list of int, default "inferred"
        "inferred" means the folders, and None no labels. A list has a label for each picture, in the alphabetical order
        of their paths.
    label_mode : {"int", "categorical", "binary", None}, default "int"
        "int" gives int32 numbers, "categorical" one-hot float32 rows, "binary" float32 numbers 0 and 1 of shape (n, 1),
        and None no labels.
    class_names : list of str, optional
        The names of the folders in the order of the classes. By default the order is alphabetical.
    color_mode : {"rgb", "rgba", "grayscale"}, default "rgb"
    batch_size : int, default 32
        None gives single images.
    image_size : int or (height, width), default (256, 256)
        The size to which all pictures are resized.
    shuffle : bool, default True
        Whether each epoch has another order. With False the order is alphabetical.
    seed : int, optional
        The seed of the shuffling and of the split.
    validation_split : float in (0, 1), optional
        The share of the pictures that is used for validation.
    subset : {"training", "validation", "both"}, optional
        Which part to return; "both" returns a list of the two. This needs `validation_split`, and for one part of
        shuffled pictures also `seed`.
    interpolation : {"bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"}, default "bilinear"
        How pictures are resized.
    follow_links : bool, default False
        Follow symbolic links to folders.
    crop_to_aspect_ratio, pad_to_aspect_ratio : bool, default False
        Cut pictures, or put black around them, instead of distorting them.
    data_format : {"channels_last"}, optional
    verbose : bool, default True
        Print how many pictures were found.

    Returns
    -------
    ImageDataset or list of two
        Each batch is ``(images, labels)``, or ``images`` without labels. Images are float32 of shape
        (n, height, width, channels), with values from 0 to 255.

    Raises
    ------
    ImportError
        If Pillow is missing.
    FileNotFoundError
        If the directory is missing.
    ValueError
        If an argument makes no sense, or there are no pictures.

    Examples
    --------
    >>> data = image_dataset_from_directory("flowers", image_size=(64, 64))  # doctest: +SKIP
    >>> model.fit(data, epochs=3)  # doctest: +SKIP
    """
    pillow()
    options = checked_options(color_mode, image_size, interpolation, crop_to_aspect_ratio, pad_to_aspect_ratio)
    check_arguments(label_mode, class_names, labels, data_format, batch_size)
    check_split(validation_split, subset, shuffle, seed)
    if labels is None or label_mode is None:
        labels, label_mode = None, None
    paths, numbers, names = find_pictures(directory, labels, class_names, follow_links)
    if label_mode in ("categorical", "binary") and numbers is not None and not isinstance(labels, str):
        check_counted(numbers, len(names or ()))
    if not paths:
        raise ValueError(f"[{OWNER}] expected pictures ({', '.join(ENDINGS)}) in {directory}. Received: none")
    if label_mode == "binary" and len(names or ()) != 2:
        raise ValueError(f'[{OWNER}] expected two classes for label_mode="binary". Received: {names}')
    if verbose:
        print(f"Found {len(paths)} files" + (f" belonging to {len(names)} classes." if names is not None else "."))
    seed = next_seed() if seed is None else seed
    order = np.arange(len(paths))
    if shuffle:
        np.random.RandomState(seed).shuffle(order)
    held_out = int((validation_split or 0) * len(paths))
    parts = {"training": order[: len(order) - held_out], "validation": order[len(order) - held_out :]}

    def make(name: str | None) -> ImageDataset:
        chosen = order if name is None else parts[name]
        if not len(chosen):
            raise ValueError(f"[{OWNER}] expected pictures for the {name} subset. Received: none of {len(paths)}")
        if verbose and name is not None:
            print(f"Using {len(chosen)} files for {name}.")
        own = None if numbers is None else numbers[chosen]
        again = shuffle and not (subset == "both" and name == "validation")
        files = [paths[i] for i in chosen]
        return ImageDataset(files, own, names, label_mode, batch_size, seed if again else None, options)

    return [make("training"), make("validation")] if subset == "both" else make(subset)


class ImageDataset(BatchedPictures):
    """Batches of pictures, which are read from their files when a batch is asked for.

    :func:`image_dataset_from_directory` makes it.

    Attributes
    ----------
    class_names : list of str or None
    file_paths : list of str
        The paths of all pictures, in their order before the first epoch's shuffling.
    """

    def __init__(
        self,
        file_paths: list[str],
        labels: np.ndarray | None,
        class_names: list[str] | None,
        label_mode: str | None,
        batch_size: int | None,
        shuffle_seed: int | None,
        options: dict[str, Any],
    ) -> None:
        super().__init__()
        self.file_paths, self.class_names, self.batch_size = file_paths, class_names, batch_size
        self._labels = None if labels is None else _encode(labels, label_mode, len(class_names or ()))
        self._options = options
        self._shuffle_seed, self._epoch = shuffle_seed, 0
        self._cache: dict[int, np.ndarray] | None = None
        self._functions: list[Callable[..., Any]] = []
        self._batches: Sequence[int] | None = (
            None  # the numbers of the batches that `take` and `skip` left; None means all
        )
        self._order = self._new_order()

    def _new_order(self) -> np.ndarray:
        order = np.arange(len(self.file_paths))
        if self._shuffle_seed is not None:
            np.random.default_rng([self._shuffle_seed, self._epoch]).shuffle(order)
        return order

    def __len__(self) -> int:
        if self._batches is not None:
            return len(self._batches)
        return -(-len(self.file_paths) // (self.batch_size or 1))

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(f"[ImageDataset] expected a batch below {len(self)}. Received: {index}")
        index = index if self._batches is None else self._batches[index]
        size = self.batch_size or 1
        chosen = self._order[index * size : (index + 1) * size]
        images = np.stack([self._image(int(i)) for i in chosen])
        labels = None if self._labels is None else self._labels[chosen]
        if self.batch_size is None:
            images, labels = images[0], None if labels is None else labels[0]
        images, labels = np.asarray(images).view(Array), None if labels is None else np.asarray(labels).view(Array)
        batch = images if labels is None else (images, labels)
        for function in self._functions:
            batch = function(*batch) if isinstance(batch, tuple) else function(batch)
        return batch

    def __iter__(self) -> Iterator[Any]:
        yield from super().__iter__()
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        """Draw another order."""
        self._epoch += 1
        self._order = self._new_order()

    def _image(self, index: int) -> np.ndarray:
        if self._cache is None:
            return _read(self.file_paths[index], **self._options)
        if index not in self._cache:
            self._cache[index] = _read(self.file_paths[index], **self._options)
        return self._cache[index]


def _read(path: str, color_mode: str, size: tuple[int, int], interpolation: str, crop: bool, pad: bool) -> np.ndarray:
    image = img_to_array(load_img(path, color_mode))[None]
    if crop:
        image = centred_crop(image, *size)
    elif pad:
        image = padded_to_aspect_ratio(image, *size, 0.0)
    result: np.ndarray = resize(image, *size, interpolation)[0]
    return result


def _encode(labels: np.ndarray, label_mode: str | None, classes: int) -> np.ndarray:
    if label_mode == "categorical":
        rows: np.ndarray = np.eye(classes, dtype=np.float32)[labels]
        return rows
    if label_mode == "binary":
        return labels.astype(np.float32)[:, None]
    return labels.astype(np.int32)
