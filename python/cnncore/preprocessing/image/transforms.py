"""The changes that ``ImageDataGenerator`` makes to images.

Functions with ``batch`` in their name take images of shape (n, height, width, channels), and parameters for each image.
The others are functions of Keras: they take one image, and some also the numbers of its axes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cnncore import _checks, _core
from cnncore._random import next_seed
from cnncore._refusals import names_itself

__all__ = [
    "affine_matrices",
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "brightness_batch",
    "channel_shift_batch",
    "check_fill_mode",
    "flip_axis",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
    "transform_batch",
]

Parameters = Mapping[str, Any]

FILL_MODES = ("constant", "nearest", "reflect", "wrap")  # with SciPy's meaning of each
_ORDERS = (0, 1)


def check_fill_mode(fill_mode: Any, order: Any, owner: str) -> None:
    """Raise a ValueError if the core does not have this fill mode or this order of interpolation."""
    if fill_mode not in FILL_MODES:
        raise ValueError(
            f"[{owner}] expected `fill_mode` to be one of {', '.join(FILL_MODES)}. Received: fill_mode={fill_mode!r}"
        )
    if order not in _ORDERS:
        raise ValueError(
            f"[{owner}] expected an order of interpolation of 0 (nearest pixel) or 1 (linear). Received: {order!r}"
        )


def affine_matrices(parameters: Sequence[Parameters], height: int, width: int) -> np.ndarray:
    """Matrices of shape (n, 6) for the core, which say from which place of the input each output pixel comes.

    With coordinates (x, y) from the image's centre, the output pixel at (x, y) comes from R S H Z (x, y). R rotates by
    `theta` degrees, S shifts by `tx` columns and `ty` rows, H shears by `shear` degrees, and Z zooms by `zx` and `zy`.
    Flips are applied last, to the result.
    """
    n = len(parameters)

    def column(name: str, default: float) -> np.ndarray:
        return np.array([float(p.get(name, default)) for p in parameters])

    theta, shear = np.deg2rad(column("theta", 0)), np.deg2rad(column("shear", 0))
    product = np.tile(np.eye(3), (n, 1, 1))
    product[:, 0, 0], product[:, 0, 1] = np.cos(theta), -np.sin(theta)
    product[:, 1, 0], product[:, 1, 1] = np.sin(theta), np.cos(theta)
    shift = np.tile(np.eye(3), (n, 1, 1))
    shift[:, 0, 2], shift[:, 1, 2] = column("tx", 0), column("ty", 0)
    sheared = np.tile(np.eye(3), (n, 1, 1))
    sheared[:, 0, 1], sheared[:, 1, 1] = -np.sin(shear), np.cos(shear)
    zoom = np.tile(np.eye(3), (n, 1, 1))
    zoom[:, 0, 0], zoom[:, 1, 1] = column("zx", 1), column("zy", 1)
    product = product @ shift @ sheared @ zoom
    centre = np.array([width / 2 - 0.5, height / 2 - 0.5])
    offset = product[:, :2, 2] + centre - product[:, :2, :2] @ centre
    across = np.array([bool(p.get("flip_horizontal", False)) for p in parameters])
    down = np.array([bool(p.get("flip_vertical", False)) for p in parameters])
    linear = product[:, :2, :2].copy()  # its columns: how far the input place moves per output column, per output row
    offset = offset + linear[:, :, 0] * ((width - 1) * across)[:, None]
    offset = offset + linear[:, :, 1] * ((height - 1) * down)[:, None]
    linear[:, :, 0] *= np.where(across, -1, 1)[:, None]
    linear[:, :, 1] *= np.where(down, -1, 1)[:, None]
    return np.stack(
        [linear[:, 1, 1], linear[:, 1, 0], offset[:, 1], linear[:, 0, 1], linear[:, 0, 0], offset[:, 0]], axis=1
    )


def transform_batch(
    images: np.ndarray, parameters: Sequence[Parameters], fill_mode: str = "nearest", cval: float = 0.0, order: int = 1
) -> np.ndarray:
    """Change each image of a float32 batch by its own parameters, which have the names of ``get_random_transform``."""
    height, width = images.shape[1:3]
    matrices = affine_matrices(parameters, height, width)
    if (matrices != [1, 0, 0, 0, 1, 0]).any():
        images = _core.augment_affine(images, matrices, (height, width), fill_mode, float(cval), order == 1)
    shifts = [p.get("channel_shift_intensity") for p in parameters]
    if any(shift is not None for shift in shifts):
        images = channel_shift_batch(images, [0.0 if shift is None else float(shift) for shift in shifts])
    factors = [p.get("brightness") for p in parameters]
    if any(factor is not None for factor in factors):
        chosen = np.array([factor is not None for factor in factors])
        images = images.copy()
        images[chosen] = brightness_batch(images[chosen], [float(f) for f in factors if f is not None], False)
    return images


def channel_shift_batch(images: np.ndarray, intensities: Sequence[float]) -> np.ndarray:
    """Add a number to all values of each image. Results are clipped to the image's range of values before."""
    low, high = (np.ascontiguousarray(f(images, axis=(1, 2, 3)), np.float32) for f in (np.min, np.max))
    offset = np.repeat(np.array(intensities, np.float32)[:, None], images.shape[3], axis=1)
    return _core.augment_channels(images, np.ones_like(offset), offset, low, high)


def brightness_batch(images: np.ndarray, factors: Sequence[float], scale: bool) -> np.ndarray:
    """Multiply the values of each image by its factor, as Pillow's ``ImageEnhance.Brightness`` does with bytes.

    Values are rounded down to whole numbers before and after. Images with values outside of 0 to 255 are first
    stretched to this range, and back afterwards. With `scale` all images are stretched to it, and stay like that.
    """
    low = images.min(axis=(1, 2, 3), keepdims=True)
    high = images.max(axis=(1, 2, 3), keepdims=True)
    outside = (low < 0) | (high > 255)
    spread = np.where(high > low, high - low, 1)
    stretched = np.where(outside | scale, (images - low) / spread * 255, images)
    factor = np.array(factors, np.float32).reshape(-1, 1, 1, 1)
    result = np.floor(np.clip(np.floor(stretched) * factor, 0, 255)).astype(np.float32)
    if not scale:
        result = np.where(outside, result / 255 * (high - low) + low, result).astype(np.float32)
    if images.shape[3] == 4:
        result[..., 3] = stretched[..., 3]  # the fourth channel is transparency, which stays
    return result


# --- one image, with Keras' names and arguments -----------------------------------------------------------------------


def _channels_last(x: np.ndarray, axes: tuple[int, int, int], owner: str) -> np.ndarray:
    if x.ndim != 3 or sorted(axes) != [0, 1, 2]:
        raise ValueError(
            f"[{owner}] expected one image of rank 3 and three different axes. Received: shape {x.shape}, axes {axes}"
        )
    transposed: np.ndarray = x.transpose(axes)
    return transposed


def _map_image(x: Any, axes: tuple[int, int, int], owner: str, change: Any) -> np.ndarray:
    array = np.asarray(x)
    image = np.require(_channels_last(array, axes, owner), np.float32, "C")
    changed: np.ndarray = change(image[None])[0].transpose(np.argsort(axes)).astype(array.dtype, copy=False)
    return changed


@names_itself
def apply_affine_transform(
    x: Any,
    theta: float = 0,
    tx: float = 0,
    ty: float = 0,
    shear: float = 0,
    zx: float = 1,
    zy: float = 1,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    order: int = 1,
) -> np.ndarray:
    """Rotate, shift, shear and zoom one image about its centre.

    Parameters
    ----------
    x : array_like of rank 3
        The image; by default its channels come first, as in Keras.
    theta, shear : float, default 0
        The angles in degrees.
    tx, ty : float, default 0
        The numbers of columns and rows by which the image moves to the left and up.
    zx, zy : float, default 1
        The factors for columns and rows. Below 1 they magnify the image.
    row_axis, col_axis, channel_axis : int, default 1, 2, 0
        The axes of the rows, the columns and the channels.
    fill_mode : {"nearest", "constant", "reflect", "wrap"}, default "nearest"
        Which values pixels from beyond the edges get, as in ``scipy.ndimage``.
    cval : float, default 0
        The value for ``fill_mode="constant"``.
    order : {0, 1}, default 1
        0 takes the nearest pixel, and 1 interpolates linearly.

    Returns
    -------
    numpy.ndarray
        The changed image, with the shape and dtype of `x`.

    Examples
    --------
    >>> x = np.float32([[[1], [2], [3]]])
    >>> apply_affine_transform(x, tx=1, row_axis=0, col_axis=1, channel_axis=2).ravel()
    array([2., 3., 3.], dtype=float32)
    """
    check_fill_mode(fill_mode, order, "apply_affine_transform")
    parameters = [{"theta": theta, "tx": tx, "ty": ty, "shear": shear, "zx": zx, "zy": zy}]
    axes = (row_axis, col_axis, channel_axis)
    return _map_image(
        x, axes, "apply_affine_transform", lambda images: transform_batch(images, parameters, fill_mode, cval, order)
    )


@names_itself
def apply_channel_shift(x: Any, intensity: float, channel_axis: int = 0) -> np.ndarray:
    """Add the number ``intensity`` to all values of one image ``x``. Results are clipped to the range of ``x``.

    ``channel_axis`` is accepted for compatibility with Keras, and has no effect.
    """
    array = np.asarray(x)
    return np.clip(array + intensity, array.min(), array.max()).astype(array.dtype, copy=False)


@names_itself
def apply_brightness_shift(x: Any, brightness: float, scale: bool = True) -> np.ndarray:
    """Multiply the values of one image ``x``, (height, width, channels), by the factor ``brightness``, as Pillow does.

    With ``scale`` the values of the image are first stretched to the range from 0 to 255.
    """
    image = np.asarray(x, np.float32)
    changed: np.ndarray = brightness_batch(image[None], [brightness], scale)[0]
    return changed


def _uniform(low: float, high: float) -> float:
    return float(np.random.default_rng(next_seed()).uniform(low, high))


@names_itself
def random_rotation(x: Any, rg: float, **axes_and_fill: Any) -> np.ndarray:
    """Rotate one image ``x`` by up to `rg` degrees. Other arguments are passed to ``apply_affine_transform``."""
    return apply_affine_transform(x, theta=_uniform(-rg, rg), **_order(axes_and_fill))


@names_itself
def random_shift(x: Any, wrg: float, hrg: float, **axes_and_fill: Any) -> np.ndarray:
    """Shift one image ``x`` by up to the shares `wrg` of its width and `hrg` of its height."""
    if np.ndim(x) != 3:
        raise ValueError(f"[random_shift] expected one image of rank 3. Received: shape {np.shape(x)}")
    height, width = (np.shape(x)[axes_and_fill.get(name, axis)] for name, axis in (("row_axis", 1), ("col_axis", 2)))
    tx, ty = _uniform(-wrg, wrg) * width, _uniform(-hrg, hrg) * height
    return apply_affine_transform(x, tx=tx, ty=ty, **_order(axes_and_fill))


@names_itself
def random_shear(x: Any, intensity: float, **axes_and_fill: Any) -> np.ndarray:
    """Shear one image ``x`` by up to `intensity` degrees."""
    return apply_affine_transform(x, shear=_uniform(-intensity, intensity), **_order(axes_and_fill))


@names_itself
def random_zoom(x: Any, zoom_range: tuple[float, float], **axes_and_fill: Any) -> np.ndarray:
    """Zoom one image ``x`` by two factors from ``zoom_range``, which are drawn separately for height and width."""
    if len(zoom_range) != 2:
        raise ValueError(f"[random_zoom] expected `zoom_range` to be two numbers. Received: {zoom_range!r}")
    zx, zy = _uniform(*zoom_range), _uniform(*zoom_range)
    return apply_affine_transform(x, zx=zx, zy=zy, **_order(axes_and_fill))


@names_itself
def random_channel_shift(x: Any, intensity_range: float, channel_axis: int = 0) -> np.ndarray:
    """Add one number between plus and minus `intensity_range` to an image ``x``. ``channel_axis`` has no effect."""
    return apply_channel_shift(x, _uniform(-intensity_range, intensity_range), channel_axis)


@names_itself
def random_brightness(x: Any, brightness_range: tuple[float, float], scale: bool = True) -> np.ndarray:
    """Call ``apply_brightness_shift`` with an image ``x``, a factor drawn from ``brightness_range``, and ``scale``."""
    if len(brightness_range) != 2:
        raise ValueError(f"[random_brightness] expected two numbers. Received: {brightness_range!r}")
    return apply_brightness_shift(x, _uniform(*brightness_range), scale)


def _order(arguments: dict[str, Any]) -> dict[str, Any]:
    """Rename the argument `interpolation_order` of Keras' random functions to `order`."""
    if "interpolation_order" in arguments:
        arguments["order"] = arguments.pop("interpolation_order")
    return arguments


@names_itself
def flip_axis(x: np.ndarray, axis: int) -> np.ndarray:
    """Return the array ``x`` with the values along ``axis`` in the opposite order. Keras 2 has this function.

    Examples
    --------
    >>> flip_axis(np.array([[1, 2]]), 1)
    array([[2, 1]])
    """
    return np.flip(x, _checks.integer(axis, "axis", "flip_axis", -np.ndim(x), np.ndim(x) - 1))
