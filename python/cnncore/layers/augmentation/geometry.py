"""Layers that move the pixels of training images at random: shifts, rotations, zooms, shears."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _core
from cnncore.layers.augmentation.affine import AffineAugmentation, RandomFlip, matrices_of
from cnncore.layers.augmentation.base import Images, between, factor_range, radians
from cnncore.layers.base import registry

__all__ = ["RandomRotation", "RandomShear", "RandomTranslation", "RandomZoom"]

_FILL = """fill_mode : {"reflect", "wrap", "constant", "nearest"}, default "reflect"
        What takes the place of pixels beyond the edges: the mirrored image (d c b a | a b c d | d c b a), the repeated
        image, ``fill_value``, or the pixels at the edge.
    interpolation : {"bilinear", "nearest"}, default "bilinear"
        The value at a place between pixels: a weighted mean of the four pixels around it, or the nearest pixel.
    seed : int, optional
        Layers with the same seed change images in the same way. By default each layer has its own seed.
    fill_value : float, default 0
        The value beyond the edges with ``fill_mode="constant"``.
    **kwargs
        See :class:`cnncore.layers.Layer`."""


def _documented(cls: type) -> type:
    cls.__doc__ = (cls.__doc__ or "").replace("{fill}", _FILL)
    return cls


@registry.register()
@_documented
class RandomTranslation(AffineAugmentation):
    """Shift images at random.

    With ``interpolation="nearest"`` shifts are rounded to whole pixels. This is fastest, since pixels are only copied.

    Parameters
    ----------
    height_factor : float or two floats in [-1, 1]
        The bounds between which the shift is drawn, as shares of the height. f stands for (-f, f). Images move down, or
        up for negative numbers.
    width_factor : float or two floats in [-1, 1]
        The same for shifts to the right, or to the left for negative numbers, as shares of the width.
    {fill}

    Examples
    --------
    >>> images = np.arange(4, dtype=np.float32).reshape(1, 1, 4, 1)
    >>> RandomTranslation(0, (0.25, 0.25), fill_mode="constant")(images).ravel()
    array([0., 0., 1., 2.], dtype=float32)
    """

    draws = 2

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._height = factor_range(height_factor, "height_factor", "RandomTranslation")
        self._width = factor_range(width_factor, "width_factor", "RandomTranslation")

    def matrices(self, u: np.ndarray, height: int, width: int) -> np.ndarray:
        whole_pixels = self.interpolation == "nearest"
        return _core.augment_shift_matrices(u, (height, width), self._height, self._width, whole_pixels)

    def augment_flipped(self, flip: RandomFlip, images: Images, seed: int, step: int) -> Images:
        return _core.augment_flip_and_shift(
            images,
            *(flip._key(seed, step), flip.flips_rows, flip.flips_columns),
            *(self._key(seed, step), self._height, self._width),
            *(self.edge, self.fill_value, self.interpolation == "bilinear"),
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "height_factor": self.height_factor, "width_factor": self.width_factor}


@registry.register()
@_documented
class RandomRotation(AffineAugmentation):
    """Turn images about their centre at random.

    Parameters
    ----------
    factor : float or two floats in [-1, 1]
        The bounds between which the angle is drawn, as shares of a full turn. f stands for (-f, f). Images turn
        counterclockwise, or clockwise for negative numbers.
    {fill}

    Examples
    --------
    >>> images = np.arange(4, dtype=np.float32).reshape(1, 2, 2, 1)
    >>> RandomRotation((0.25, 0.25))(images)[0, :, :, 0].round()
    array([[1., 3.],
           [0., 2.]], dtype=float32)
    """

    draws = 1

    def __init__(
        self,
        factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, **kwargs)
        self.factor = factor
        self._turn = factor_range(factor, "factor", "RandomRotation")

    def matrices(self, u: np.ndarray, height: int, width: int) -> np.ndarray:
        angle = radians(between(u[:, 0], self._turn))
        cos, sin = np.cos(angle), np.sin(angle)
        y, x = (height - 1) / 2, (width - 1) / 2
        return matrices_of(len(u), cos, sin, y - y * cos - x * sin, -sin, cos, x + y * sin - x * cos)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


@registry.register()
@_documented
class RandomZoom(AffineAugmentation):
    """Magnify images or make them smaller at random. Their centre stays in place.

    Parameters
    ----------
    height_factor : float or two floats in (-1, 1]
        The bounds between which a number z is drawn. f stands for (-f, f). The part of the image that is scaled to the
        height of the result has 1 + z times this height: -0.2 magnifies, and 0.2 makes the image smaller.
    width_factor : float or two floats in (-1, 1], optional
        The same for the width. By default the image keeps its proportions.
    {fill}

    Examples
    --------
    >>> images = np.arange(4, dtype=np.float32).reshape(1, 1, 4, 1)
    >>> RandomZoom(0, (-0.5, -0.5), interpolation="nearest")(images).ravel()
    array([1., 1., 2., 2.], dtype=float32)
    """

    draws = 2

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._height = self._zoom(height_factor, "height_factor")
        self._width = None if width_factor is None else self._zoom(width_factor, "width_factor")

    @staticmethod
    def _zoom(value: Any, name: str) -> tuple[float, float]:
        low, high = factor_range(value, name, "RandomZoom")
        if low == -1:
            raise ValueError(f"[RandomZoom] expected `{name}` above -1. Received: {value!r}")
        return 1 + low, 1 + high

    def matrices(self, u: np.ndarray, height: int, width: int) -> np.ndarray:
        rows = between(u[:, 0], self._height)
        columns = rows if self._width is None else between(u[:, 1], self._width)
        return matrices_of(len(u), rows, 0, (height - 1) / 2 * (1 - rows), 0, columns, (width - 1) / 2 * (1 - columns))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "height_factor": self.height_factor, "width_factor": self.width_factor}


@registry.register()
@_documented
class RandomShear(AffineAugmentation):
    """Shear images at random: pixel (y, x) of the result is the pixel (y + b x, x + a y) of the image.

    Parameters
    ----------
    x_factor, y_factor : float or two floats in [0, 1], default 0
        The bounds between which a and b are drawn for each image. f stands for (-f, f). For half of the images the
        signs of both are changed.
    {fill}

    Examples
    --------
    >>> RandomShear(x_factor=0.3)(np.zeros((2, 8, 8, 1), np.uint8)).shape
    (2, 8, 8, 1)
    """

    draws = 3

    def __init__(
        self,
        x_factor: Any = 0.0,
        y_factor: Any = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, **kwargs)
        self.x_factor, self.y_factor = x_factor, y_factor
        for name in ("x_factor", "y_factor"):
            factor_range(getattr(self, name), name, "RandomShear", 0.0)

    def _drawn(self, u: np.ndarray, factor: Any) -> np.ndarray:
        bounds = factor if isinstance(factor, (list, tuple)) else (-factor, factor)
        return between(u, (float(min(bounds)), float(max(bounds))))

    def matrices(self, u: np.ndarray, height: int, width: int) -> np.ndarray:
        """Return the matrices (n, 6) for uniform random numbers (n, 3)."""
        sign = np.where(u[:, 0] > 0.5, -1.0, 1.0)
        a, b = self._drawn(u[:, 1], self.x_factor) * sign, self._drawn(u[:, 2], self.y_factor) * sign
        return matrices_of(len(u), 1, b, 0, a, 1, 0)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "x_factor": self.x_factor, "y_factor": self.y_factor}
