"""ImageDataGenerator: which changes training images get, and their normalization."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._random import next_seed

from .dataframe import DataFrameIterator
from .directory import DirectoryIterator
from .iterators import NumpyArrayIterator
from .normalization import Normalization
from .transforms import check_fill_mode, transform_batch

__all__ = ["ImageDataGenerator"]

_OWNER = "ImageDataGenerator"


class ImageDataGenerator(Normalization):
    """Batches of randomly changed and normalized images.

    Parameters
    ----------
    featurewise_center, featurewise_std_normalization : bool, default False
        Subtract the data set's mean per channel, divide by its standard deviation; `fit` computes them.
    samplewise_center, samplewise_std_normalization : bool, default False
        The same with each image's own mean and deviation.
    zca_whitening : bool, default False
        Multiply each image, as a vector, by the matrix that makes the data set's pixels uncorrelated (Krizhevsky,
        2009); `fit` computes it.
    zca_epsilon : float, default 1e-6
        Added to the singular values.
    rotation_range : float, default 0
        Degrees.
    width_shift_range, height_shift_range : float, int or sequence, default 0
        Below 1 a share of the width or height; an int n draws whole pixels between -n and n; of a sequence an item is
        drawn, with a random sign.
    brightness_range : two floats, optional
        A factor is drawn between them.
    shear_range : float, default 0
        Degrees.
    zoom_range : float or two floats, default 0
        z stands for (1 - z, 1 + z); rows and columns are zoomed apart. Below 1 magnifies.
    channel_shift_range : float, default 0
        A number up to this is added to the values.
    fill_mode : {"nearest", "constant", "reflect", "wrap"}, default "nearest"
        What lies beyond the edges, as in ``scipy.ndimage``.
    cval : float, default 0
        For ``fill_mode="constant"``.
    horizontal_flip, vertical_flip : bool, default False
        Mirror half of the images.
    rescale : float, optional
        Multiplied with all values, after the changes.
    preprocessing_function : callable, optional
        Applied to each changed image (height, width, channels) before anything else of the normalization.
    data_format : {"channels_last"}, optional
    validation_split : float, default 0
        Share of the images that ``subset="validation"`` of the `flow` methods gives.
    interpolation_order : {0, 1}, default 1
        Nearest pixel or linear interpolation.
    dtype : optional
        Only "float32".

    Notes
    -----
    Keras exchanges the two shifts: there `width_shift_range` moves images up and down. It also turns images that are
    not square about a point beside their centre. Here both do what they say.

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
        """Batches from arrays, for ever.

        Parameters
        ----------
        x : array_like, shape (n, height, width, channels), or (images, other) with other arrays of the same length
        y : array_like, optional
            Labels.
        batch_size : int, default 32
        shuffle : bool, default True
            Another order in each epoch.
        sample_weight : array_like, optional
        seed : int, optional
            Of the order and of all changes.
        save_to_dir, save_prefix, save_format : optional
            Write each batch's images into this directory, to look at.
        ignore_class_split : bool, default False
            Do not complain where the two subsets have different classes.
        subset : {"training", "validation"}, optional
            Which part of ``validation_split``; validation is the first part.

        Returns
        -------
        NumpyArrayIterator
            Gives ``x``, ``(x, y)`` or ``(x, y, sample_weight)``; `fit` takes it.
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
        """Batches from a directory with a folder of pictures for each class, for ever. Needs Pillow.

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
        """Batches from a table of picture files and their labels, such as a pandas frame, for ever. Needs Pillow.

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

    # --- changes --------------------------------------------------------------------------------------------------
    def get_random_transform(self, img_shape: Sequence[int], seed: int | None = None) -> dict[str, Any]:
        """Draw the parameters of one image's change, for `apply_transform`.

        Parameters
        ----------
        img_shape : (height, width, channels)
        seed : int, optional

        Returns
        -------
        dict
            ``theta``, ``tx`` (columns), ``ty`` (rows), ``shear``, ``zx``, ``zy``, ``flip_horizontal``,
            ``flip_vertical``, ``channel_shift_intensity``, ``brightness``.
        """
        random = self._random if seed is None else np.random.RandomState(seed)
        return self.draw_transform(img_shape, random)

    def draw_transform(self, img_shape: Sequence[int], random: Any) -> dict[str, Any]:
        """`get_random_transform` with the numbers of a ``numpy.random.RandomState``, in Keras' order."""
        height, width = img_shape[:2]
        theta = random.uniform(-self.rotation_range, self.rotation_range) if self.rotation_range else 0
        ty = _draw_shift(self.height_shift_range, height, random)
        tx = _draw_shift(self.width_shift_range, width, random)
        shear = random.uniform(-self.shear_range, self.shear_range) if self.shear_range else 0
        zx, zy = (1, 1) if self.zoom_range == [1, 1] else random.uniform(*self.zoom_range, 2)
        flip_horizontal = (random.random_sample() < 0.5) * self.horizontal_flip
        flip_vertical = (random.random_sample() < 0.5) * self.vertical_flip
        intensity, brightness = None, None
        if self.channel_shift_range:
            intensity = random.uniform(-self.channel_shift_range, self.channel_shift_range)
        if self.brightness_range is not None:
            brightness = random.uniform(*self.brightness_range)
        return {
            "theta": theta,
            "tx": tx,
            "ty": ty,
            "shear": shear,
            "zx": zx,
            "zy": zy,
            "flip_horizontal": flip_horizontal,
            "flip_vertical": flip_vertical,
            "channel_shift_intensity": intensity,
            "brightness": brightness,
        }

    def apply_transform(self, x: Any, transform_parameters: dict[str, Any]) -> np.ndarray:
        """Change one image (height, width, channels) as the parameters say."""
        image = _checks.float32_array(x, "x", f"{_OWNER}.apply_transform", 3, "height, width, channels")
        changed: np.ndarray = self.transform_images(image[None], [transform_parameters])[0]
        return changed

    def transform_images(self, images: np.ndarray, parameters: Sequence[dict[str, Any]]) -> np.ndarray:
        """A float32 batch, each image changed by its own parameters."""
        return transform_batch(images, parameters, self.fill_mode, self.cval, self.interpolation_order)

    def _changed(self, images: np.ndarray, random: Any) -> np.ndarray:
        return self.transform_images(images, [self.draw_transform(images.shape[1:], random) for _ in images])

    def random_transform(self, x: Any, seed: int | None = None) -> np.ndarray:
        """Change one image at random."""
        return self.apply_transform(x, self.get_random_transform(np.shape(x), seed))


def _draw_shift(shift_range: Any, size: int, random: Any) -> float:
    """Pixels by which an image moves."""
    if np.ndim(shift_range) == 0 and not shift_range:
        return 0.0
    try:
        shift = float(random.choice(shift_range)) * int(random.choice([-1, 1]))
    except ValueError:  # a float is no set of choices
        shift = float(random.uniform(-shift_range, shift_range))
    return shift * size if np.max(shift_range) < 1 else shift


def _two_numbers(value: Any, name: str) -> list[float]:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ValueError(f"[{_OWNER}] expected `{name}` to be two numbers. Received: {value!r}")
    return [_checks.number(item, name, _OWNER) for item in value]


def _zoom_range(value: Any) -> list[float]:
    if isinstance(value, (list, tuple)):
        return _two_numbers(value, "zoom_range")
    zoom = _checks.number(value, "zoom_range", _OWNER)
    return [1 - zoom, 1 + zoom]
