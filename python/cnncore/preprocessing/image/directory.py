"""Batches of randomly changed images from a directory with a folder for each class."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cnncore.preprocessing.image.files import ENDINGS, FilesIterator

__all__ = ["DirectoryIterator"]

_CLASS_MODES = ("categorical", "binary", "sparse", "input", None)


class DirectoryIterator(FilesIterator):
    """Batches of randomly changed images from a directory with a folder of pictures for each class. Needs Pillow.

    Parameters
    ----------
    directory : path
        The directory with the folders.
    image_data_generator : ImageDataGenerator
        The generator that changes and normalizes the images.
    target_size : (height, width), default (256, 256)
        The size to which all pictures are resized.
    color_mode : {"rgb", "rgba", "grayscale"}, default "rgb"
    classes : sequence of str, optional
        The names of the folders, in the order of the classes. By default all folders in alphabetical order.
    class_mode : {"categorical", "binary", "sparse", "input", None}, default "categorical"
        What the labels are: one-hot rows for "categorical", float32 numbers of the classes for "binary" and "sparse",
        and the images themselves for "input". With None there are no labels.
    batch_size : int, default 32
    shuffle : bool, default True
        Whether each epoch has another order.
    seed : int, optional
        The seed of the order and of all changes.
    data_format : {"channels_last"}, optional
    dtype : {"float32"}, optional
    save_to_dir, save_prefix, save_format : optional
        A directory into which the images of each batch are written, the beginning of their names, and their format.
    follow_links : bool, default False
        Whether to follow symbolic links to folders.
    subset : {"training", "validation"}, optional
        Which part of each class to use. The generator's ``validation_split`` is the share of the validation part, which
        comes first.
    interpolation : str, default "nearest"
        How pictures are resized, see ``load_img``.
    keep_aspect_ratio : bool, default False
        Whether to cut pictures to the proportions of ``target_size`` instead of distorting them.

    Attributes
    ----------
    samples, n : int
        The number of pictures.
    class_indices : dict of str to int
        The number of each class.
    classes : ndarray of int32
        The number of each picture's class.
    filenames, filepaths : list of str
    num_classes : int
    image_shape : (height, width, channels)

    Raises
    ------
    FileNotFoundError
        If the directory or the folder of a class is missing.
    ValueError
        If the mode is unknown.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        image_data_generator: Any,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: Any = None,
    ) -> None:
        owner = "flow_from_directory"
        if class_mode not in _CLASS_MODES:
            raise ValueError(
                f"[{owner}] expected class_mode categorical, binary, sparse, input or None. Received: {class_mode!r}"
            )
        self._keep_options(
            owner,
            directory,
            image_data_generator,
            target_size,
            color_mode,
            interpolation,
            keep_aspect_ratio,
            save_to_dir,
            save_prefix,
            save_format,
            subset,
        )
        self.class_mode = class_mode
        names = list(classes) if classes else class_folders(directory)
        self.class_indices = {name: index for index, name in enumerate(names)}
        self.num_classes = len(names)
        self.filenames, labels = self._list(names, follow_links)
        self.classes = np.array(labels, np.int32)
        self.samples = len(self.filenames)
        print(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        super().__init__(self.samples, batch_size, shuffle, seed)

    def _list(self, names: Sequence[str], follow_links: bool) -> tuple[list[str], list[int]]:
        files: list[str] = []
        labels: list[int] = []
        for index, name in enumerate(names):
            found = picture_files(Path(self.directory, name), follow_links)
            found = found[self._part(len(found))]
            files += [os.path.join(name, path) for path in found]
            labels += [index] * len(found)
        return files, labels

    @property
    def labels(self) -> np.ndarray:
        """The number of each picture's class."""
        return self.classes

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray, random: Any) -> Any:
        batch = self._images(index_array, random)
        chosen = self.classes[index_array]
        if self.class_mode is None:
            return batch
        if self.class_mode == "input":
            return batch, batch.copy()
        if self.class_mode == "categorical":
            return batch, np.eye(self.num_classes, dtype=np.float32)[chosen]
        return batch, chosen.astype(np.float32)


def class_folders(directory: str | os.PathLike[str]) -> list[str]:
    """The names of the folders in a directory, in alphabetical order."""
    return sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())


def picture_files(folder: Path, follow_links: bool = False, endings: tuple[str, ...] = ENDINGS) -> list[str]:
    """The paths of the pictures in a folder and in the folders inside it, relative to the folder and sorted."""
    if not folder.is_dir():
        raise FileNotFoundError(f"expected a folder of pictures. Received: {folder}")
    found = []
    for root, _, files in sorted(os.walk(folder, followlinks=follow_links), key=lambda entry: entry[0]):
        found += [
            os.path.relpath(os.path.join(root, name), folder)
            for name in sorted(files)
            if name.lower().endswith(endings)
        ]
    return found
