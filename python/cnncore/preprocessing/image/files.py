"""What iterators over picture files have in common."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from cnncore.preprocessing.image.iterators import Iterator
from cnncore.utils.image import img_to_array, load_img

__all__ = ["CHANNELS", "ENDINGS", "FilesIterator"]

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff")
CHANNELS = {"rgb": 3, "rgba": 4, "grayscale": 1}


class FilesIterator(Iterator):
    """Batches of randomly changed images from files. A subclass lists the files, and adds the labels to each batch.

    Parameters
    ----------
    owner : str
        The method that the user called. Error messages begin with it.
    directory : path
        The directory to which the names of files are relative.
    image_data_generator, target_size, color_mode, interpolation, keep_aspect_ratio, save_to_dir, save_prefix, \
    save_format, subset
        As in :class:`DirectoryIterator`.
    """

    filenames: list[str]

    def _keep_options(
        self,
        owner: str,
        directory: str | os.PathLike[str],
        image_data_generator: Any,
        target_size: tuple[int, int],
        color_mode: str,
        interpolation: str,
        keep_aspect_ratio: bool,
        save_to_dir: str | os.PathLike[str] | None,
        save_prefix: str,
        save_format: str,
        subset: str | None,
    ) -> None:
        if color_mode not in CHANNELS:
            raise ValueError(f"[{owner}] expected color_mode rgb, rgba or grayscale. Received: {color_mode!r}")
        if subset not in (None, "training", "validation"):
            raise ValueError(f'[{owner}] expected subset "training" or "validation". Received: subset={subset!r}')
        self.directory, self.image_data_generator = directory, image_data_generator
        self.target_size, self.color_mode = (int(target_size[0]), int(target_size[1])), color_mode
        self.image_shape = (*self.target_size, CHANNELS[color_mode])
        self.interpolation, self.keep_aspect_ratio = interpolation, keep_aspect_ratio
        self.save_to_dir, self.save_prefix, self.save_format = save_to_dir, save_prefix, save_format
        self.subset = subset

    @property
    def filepaths(self) -> list[str]:
        """The paths of all pictures."""
        return [os.path.join(self.directory, name) for name in self.filenames]

    def _part(self, count: int) -> slice:
        """Which of ``count`` pictures belong to the subset. The validation part comes first."""
        first = int(self.image_data_generator._validation_split * count) if self.subset else 0
        return slice(0, first) if self.subset == "validation" else slice(first, count)

    def _images(self, index_array: np.ndarray, random: Any) -> np.ndarray:
        """The changed and normalized pictures of a batch."""
        generator = self.image_data_generator
        batch = np.stack([self._load(index) for index in index_array])
        parameters = [generator.draw_transform(self.image_shape, random) for _ in index_array]
        images: np.ndarray = generator.standardize(generator.transform_images(batch, parameters))
        self._save(images, index_array)
        return images

    def _load(self, index: int) -> np.ndarray:
        path = os.path.join(self.directory, self.filenames[index])
        picture = load_img(path, self.color_mode, self.target_size, self.interpolation, self.keep_aspect_ratio)
        return img_to_array(picture)
