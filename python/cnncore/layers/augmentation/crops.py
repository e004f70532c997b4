"""Layers that change the size of images: they cut out parts, or scale images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore import _checks, _core
from cnncore._images import INTERPOLATIONS, centred_crop, padded_to_aspect_ratio, resize, resize_backward
from cnncore._random import next_seed
from cnncore.layers.augmentation.base import ImageLayer, Images, check_data_format
from cnncore.layers.base import registry

__all__ = ["CenterCrop", "RandomCrop", "Resizing"]


class _Sized(ImageLayer):
    """A layer whose results are images of a fixed height and width."""

    def __init__(self, height: int, width: int, **kwargs: Any) -> None:
        owner = type(self).__name__
        check_data_format(kwargs, owner)
        super().__init__(**kwargs)
        self.height, self.width = _checks.integer(height, "height", owner), _checks.integer(width, "width", owner)

    def compute_output_shape(self, input_shape: Any) -> Any:
        self._expect_rank(input_shape, "batch, height, width, channels")
        return (input_shape[0], self.height, self.width, input_shape[3])

    def _smart_resize(self, images: Images) -> Images:
        """Scale the largest centred part that has the proportions of the result."""
        return resize(centred_crop(images, self.height, self.width), self.height, self.width)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "height": self.height, "width": self.width}


@registry.register()
class RandomCrop(_Sized):
    """Cut a part out of each image: at a random place in training, and in the centre otherwise.

    Parameters
    ----------
    height, width : int
        The size of the part. Images that are smaller are cut to its proportions and scaled.
    seed : int, optional
        Layers with the same seed change images in the same way. By default each layer has its own seed.
    **kwargs
        See :class:`cnncore.layers.Layer`.

    Notes
    -----
    Each image is cut at its own place, while Keras cuts all images of a batch at the same place.

    Examples
    --------
    >>> images = np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1)
    >>> RandomCrop(2, 2)(images, training=True).shape
    (1, 2, 2, 1)
    """

    _arrays_train = True

    def __init__(self, height: int, width: int, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(height, width, **kwargs)
        self.seed = None if seed is None else _checks.integer(seed, "seed", "RandomCrop", minimum=0)
        self._own_seed = next_seed() if self.seed is None else self.seed

    def _kept_in_files(self) -> list[str]:
        return [*super()._kept_in_files(), "_own_seed", "_calls"]

    def process(self, images: Images, seed: int, step: int, training: bool) -> Images:
        n, rows, columns, _ = images.shape
        if not training or rows < self.height or columns < self.width:
            return self._smart_resize(images)
        u = _core.augment_uniform(self._own_seed, step, n, 2)
        matrices = np.tile(np.array([1.0, 0, 0, 0, 1, 0]), (n, 1))
        matrices[:, 2] = np.floor(u[:, 0] * (rows - self.height + 1))
        matrices[:, 5] = np.floor(u[:, 1] * (columns - self.width + 1))
        return _core.augment_affine(images, matrices, (self.height, self.width), "nearest", 0.0, False)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed}


@registry.register()
class CenterCrop(_Sized):
    """Cut the part in the centre out of each image.

    Parameters
    ----------
    height, width : int
        The size of the part. Images that are smaller are cut to its proportions and scaled.
    **kwargs
        See :class:`cnncore.layers.Layer`.

    Examples
    --------
    >>> images = np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1)
    >>> CenterCrop(2, 2)(images).ravel()
    array([ 5,  6,  9, 10], dtype=uint8)
    """

    def process(self, images: Images, seed: int, step: int, training: bool) -> Images:
        top, left = (images.shape[1] - self.height) // 2, (images.shape[2] - self.width) // 2
        if top < 0 or left < 0:
            return self._smart_resize(images)
        return np.ascontiguousarray(images[:, top : top + self.height, left : left + self.width])

    def lower(self, graph: Any, inputs: Sequence[int]) -> Any:
        """Add an op of the core, unless images must be scaled."""
        rows, columns, _ = graph.output_shape(inputs[0])
        if rows < self.height or columns < self.width:
            return super().lower(graph, inputs)
        top, left = (rows - self.height) // 2, (columns - self.width) // 2
        cropping = ((top, rows - self.height - top), (left, columns - self.width - left))
        return graph.add("cropping2d", inputs, self.name, cropping=cropping)


@registry.register()
class Resizing(_Sized):
    """Scale images to another size.

    Parameters
    ----------
    height, width : int
        The size of the result.
    interpolation : {"bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"}, default "bilinear"
        See :func:`cnncore.ops.image.resize`.
    crop_to_aspect_ratio : bool, default False
        Whether to scale only the largest centred part with the proportions of the result, instead of distorting the
        image.
    pad_to_aspect_ratio : bool, default False
        Whether to add pixels of ``fill_value`` around the image, instead of distorting it.
    fill_mode : {"constant"}, default "constant"
    fill_value : float, default 0
        The value of the pixels that ``pad_to_aspect_ratio`` adds.
    antialias : bool, default False
        Whether all pixels count where images are made smaller. It has no effect on "nearest".
    **kwargs
        See :class:`cnncore.layers.Layer`.

    Examples
    --------
    >>> images = np.float32([0, 4]).reshape(1, 1, 2, 1)
    >>> Resizing(1, 4)(images).ravel()
    array([0., 1., 3., 4.], dtype=float32)
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(height, width, **kwargs)
        self.interpolation = _checks.choice(interpolation, "interpolation", "Resizing", INTERPOLATIONS)
        self.crop_to_aspect_ratio = _checks.boolean(crop_to_aspect_ratio, "crop_to_aspect_ratio", "Resizing")
        self.pad_to_aspect_ratio = _checks.boolean(pad_to_aspect_ratio, "pad_to_aspect_ratio", "Resizing")
        if self.crop_to_aspect_ratio and self.pad_to_aspect_ratio:
            raise ValueError(
                "[Resizing] expected only one of `crop_to_aspect_ratio` and `pad_to_aspect_ratio`. Received: both"
            )
        self.fill_mode = _checks.choice(fill_mode, "fill_mode", "Resizing", ("constant",))
        self.fill_value = _checks.number(fill_value, "fill_value", "Resizing")
        self.antialias = _checks.boolean(antialias, "antialias", "Resizing")

    def process(self, images: Images, seed: int, step: int, training: bool) -> Images:
        if self.crop_to_aspect_ratio:
            images = centred_crop(images, self.height, self.width)
        elif self.pad_to_aspect_ratio:
            images = padded_to_aspect_ratio(images, self.height, self.width, self.fill_value)
        return resize(images, self.height, self.width, self.interpolation, self.antialias)

    def _gradient(self) -> Any:
        return None if self.crop_to_aspect_ratio or self.pad_to_aspect_ratio else self._backward

    def _backward(self, arrays: Sequence[np.ndarray], dy: np.ndarray) -> list[np.ndarray]:
        return [resize_backward(dy, arrays[0].shape[1:3], self.interpolation, self.antialias)]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "interpolation": self.interpolation,
            "crop_to_aspect_ratio": self.crop_to_aspect_ratio,
            "pad_to_aspect_ratio": self.pad_to_aspect_ratio,
            "fill_mode": self.fill_mode,
            "fill_value": self.fill_value,
            "antialias": self.antialias,
        }
