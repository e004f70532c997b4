"""ImageDataGenerator: batches of images that are changed at random and normalized."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._random import next_seed
from cnncore.preprocessing.image.dataframe import DataFrameIterator
from cnncore.preprocessing.image.directory import DirectoryIterator
from cnncore.preprocessing.image.iterators import NumpyArrayIterator
from cnncore.preprocessing.image.normalization import Normalization
from cnncore.preprocessing.image.random_changes import RandomChanges
from cnncore.preprocessing.image.transforms import check_fill_mode

__all__ = ["ImageDataGenerator"]

_OWNER = "ImageDataGenerator"


class ImageDataGenerator(RandomChanges, Normalization):
    """Batches of randomly changed and normalized images.

    Parameters
    ----------
    featurewise_center, featurewise_std_normalization : bool, default False
        Whether to subtract the mean of each channel over the data set, and whether to divide by the standard deviation.
        `fit` computes them.
    samplewise_center, samplewise_std_normalization : bool, default False
        The same with the mean and the standard deviation of each image.
    zca_whitening : bool, default False
        Whether to multiply each image, as a vector, by a matrix that makes the pixels of the data set uncorrelated
        (Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009). `fit` computes it.
    zca_epsilon : float, default 1e-6
        Added to the singular values.
    rotation_range : float, default 0
        Images are rotated by up to this number of degrees in either direction.
    width_shift_range, height_shift_range : float, int or sequence, default 0
        How far images are shifted in either direction: up to a share of the width or height for a float below 1, by
        less than n whole pixels for an int n, and by one of the numbers for a sequence. A float of 1 or more is a
        number of pixels.
    brightness_range : two floats, optional
        The brightness is multiplied by a factor between them.
    shear_range : float, default 0
        Images are sheared by up to this number of degrees in either direction.
    zoom_range : float or two floats, default 0
        The range of the factors for rows and for columns, which are drawn separately. A number z stands for
        (1 - z, 1 + z). Factors below 1 magnify the image.
    channel_shift_range : float, default 0
        A number between minus this and this is added to all values of an image.
    fill_mode : {"nearest", "constant", "reflect", "wrap"}, default "nearest"
        Which values pixels from beyond the edges get, as in ``scipy.ndimage``.
    cval : float, default 0
        The value for ``fill_mode="constant"``.
    horizontal_flip, vertical_flip : bool, default False
        Whether each image is mirrored with a probability of one half.
    rescale : float, optional
        A factor by which all values are multiplied, after the random changes.
    preprocessing_function : callable, optional
        It is applied to each changed image, of shape (height, width, channels), before all other normalization.
    data_format : {"channels_last"}, optional
    validation_split : float, default 0
        The share of the images that belongs to ``subset="validation"`` in the `flow` methods.
    interpolation_order : {0, 1}, default 1
        0 takes the nearest pixel, and 1 interpolates linearly.
    dtype : optional
        Only "float32".

    Notes
    -----
    Two things differ from Keras. Keras exchanges the two shifts, so that `width_shift_range` moves images up and down.
    And it rotates images that are not square about a point that is not their centre.

    Examples
    --------
    >>> generator = ImageDataGenerator(rotation_range=10, width_shift_range=0.1, horizontal_flip=True, rescale=1 / 255)
    >>> x, y = np.zeros((50, 8, 8, 3), np.uint8), np.arange(50)
    >>> batches = generator.flow(x, y, batch_size=32, seed=1)
    >>> len(batches), batches[0][0].shape
    (2, (32, 8, 8, 3))
    """

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: Any = 0.0,
        height_shift_range: Any = 0.0,
        brightness_range: Sequence[float] | None = None,
        shear_range: float = 0.0,
        zoom_range: Any = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[np.ndarray], np.ndarray] | None = None,
        data_format: str | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: Any = None,
    ) -> None:
        check_fill_mode(fill_mode, interpolation_order, _OWNER)
        if data_format not in (None, "channels_last"):
            raise ValueError(f'[{_OWNER}] expected data_format="channels_last". Received: {data_format!r}')
        if dtype is not None and np.dtype(dtype) != np.float32:
            raise ValueError(f'[{_OWNER}] expected dtype="float32". Received: dtype={dtype!r}')
        if validation_split and not 0 < validation_split < 1:
            raise ValueError(f"[{_OWNER}] expected `validation_split` between 0 and 1. Received: {validation_split!r}")
        if brightness_range is not None:
            brightness_range = _two_numbers(brightness_range, "brightness_range")
        self.featurewise_center, self.samplewise_center = featurewise_center, samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening, self.zca_epsilon = zca_whitening, zca_epsilon
        self.rotation_range, self.shear_range = rotation_range, shear_range
        self.width_shift_range, self.height_shift_range = width_shift_range, height_shift_range
        self.brightness_range = brightness_range
        self.zoom_range = _zoom_range(zoom_range)
        self.channel_shift_range = channel_shift_range
        self.fill_mode, self.cval, self.interpolation_order = fill_mode, cval, interpolation_order
        self.horizontal_flip, self.vertical_flip = horizontal_flip, vertical_flip
        self.rescale, self.preprocessing_function = rescale, preprocessing_function
        self.data_format, self.dtype = "channels_last", "float32"
        self._validation_split = validation_split
        self._settle_normalization()
        self._random = np.random.RandomState(next_seed())

    # --- batches --------------------------------------------------------------------------------------------------
    def flow(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: Any = None,
        seed: int | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        ignore_class_split: bool = False,
        subset: str | None = None,
    ) -> NumpyArrayIterator:
        """An endless iterator over batches of images in arrays.

        Parameters
        ----------
        x : array_like, shape (n, height, width, channels), or (images, other) with other arrays of the same length
        y : array_like, optional
            Labels.
        batch_size : int, default 32
        shuffle : bool, default True
            Whether each epoch has another order.
        sample_weight : array_like, optional
        seed : int, optional
            The seed of the order and of all changes.
        save_to_dir, save_prefix, save_format : optional
            A directory into which the images of each batch are written, the beginning of their names, and their format.
        ignore_class_split : bool, default False
            Whether the two subsets may have different classes. Otherwise this is an error.
        subset : {"training", "validation"}, optional
            Which part of the images to use. The share of the validation part is ``validation_split``; it comes first.

        Returns
        -------
        NumpyArrayIterator
            Batches are ``x``, ``(x, y)`` or ``(x, y, sample_weight)``. It can be passed to `fit`.
        """
        return NumpyArrayIterator(
            x,
            y,
            self,
            batch_size=batch_size,
            shuffle=shuffle,
            sample_weight=sample_weight,
            seed=seed,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            ignore_class_split=ignore_class_split,
        )

    def flow_from_directory(
        self,
        directory: str | os.PathLike[str],
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
    ) -> DirectoryIterator:
        """An endless iterator over batches from a directory with a folder of pictures for each class. Needs Pillow.

        See :class:`DirectoryIterator` for the parameters.
        """
        return DirectoryIterator(
            directory,
            self,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            follow_links=follow_links,
            subset=subset,
            interpolation=interpolation,
            keep_aspect_ratio=keep_aspect_ratio,
        )

    def flow_from_dataframe(
        self,
        dataframe: Any,
        directory: str | os.PathLike[str] | None = None,
        x_col: str = "filename",
        y_col: Any = "class",
        weight_col: str | None = None,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        validate_filenames: bool = True,
    ) -> DataFrameIterator:
        """An endless iterator over batches from a table of files and labels, such as a pandas frame. Needs Pillow.

        See :class:`DataFrameIterator` for the parameters.
        """
        return DataFrameIterator(
            dataframe,
            directory,
            self,
            x_col=x_col,
            y_col=y_col,
            weight_col=weight_col,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            interpolation=interpolation,
            validate_filenames=validate_filenames,
        )


def _two_numbers(value: Any, name: str) -> list[float]:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ValueError(f"[{_OWNER}] expected `{name}` to be two numbers. Received: {value!r}")
    return [_checks.number(item, name, _OWNER) for item in value]


def _zoom_range(value: Any) -> list[float]:
    if isinstance(value, (list, tuple)):
        return _two_numbers(value, "zoom_range")
    zoom = _checks.number(value, "zoom_range", _OWNER)
    return [1 - zoom, 1 + zoom]
