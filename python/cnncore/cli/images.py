"""Read images from files, and bring them into the shape that a model needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnncore.datasets import load_idx
from cnncore.graph.unknown_sizes import fits

__all__ = ["fit_shape", "load_images"]

_NPY_MAGIC = b"\x93NUMPY"
_IDX_MAGICS = (b"\0\0", b"\x1f\x8b")


def fit_shape(x: NDArray[Any], input_shape: tuple[Any, ...], name: str) -> NDArray[Any]:
    """`x` as a batch (n, *input_shape), in which None allows any size. Missing axes for channel and batch are added.

    Raises
    ------
    ValueError
        The sizes do not fit. The message has both shapes.
    """
    height_width, channels = input_shape[:-1], input_shape[-1]
    complete = fits(x.shape, input_shape) or fits(x.shape[1:], input_shape)
    if channels == 1 and not complete and (fits(x.shape, height_width) or fits(x.shape[1:], height_width)):
        x = x[..., None]
    if x.ndim == len(input_shape):
        x = x[None]
    if not fits(x.shape[1:], input_shape):
        raise ValueError(f"{name}: expected images of shape {input_shape}, as the model has it. Received: {x.shape}")
    return x


def load_images(paths: list[Path], input_shape: tuple[Any, ...]) -> Iterator[tuple[str, NDArray[Any]]]:
    """For each file its name and its images as a batch (n, *input_shape)."""
    for path in paths:
        yield str(path), fit_shape(_load_image(path, input_shape), input_shape, str(path))


def _load_image(path: Path, input_shape: tuple[Any, ...]) -> NDArray[Any]:
    """The array in a file. Its first bytes say whether it is .npy, IDX (plain or gzip), or else an image for Pillow."""
    with path.open("rb") as file:
        start = file.read(len(_NPY_MAGIC))
    if start == _NPY_MAGIC:
        return _load_npy(path)
    if start.startswith(_IDX_MAGICS):
        return load_idx(path)
    return _load_picture(path, channels=input_shape[-1])


def _load_npy(path: Path) -> NDArray[Any]:
    try:
        # Memory-mapped, so that the size in the header is compared with that of the file before anything is allocated.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"{path}: expected an intact .npy file of numbers. Received: {error}") from error
    if array.dtype.kind not in "buif" or array.size == 0:
        raise ValueError(f"{path}: expected a non-empty array of numbers. Received: {array.dtype} {array.shape}")
    return np.array(array)


def _load_picture(path: Path, channels: int) -> NDArray[Any]:
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise ImportError(f'{path}: pictures need Pillow: pip install "cnncore[image]"') from error
    if channels not in (1, 3):
        raise ValueError(f"{path}: expected .npy or IDX, since the model's input has {channels} channels")
    try:
        with Image.open(path) as picture:
            # put transparent pictures on white, as image viewers do
            if "A" in picture.getbands() or "transparency" in picture.info:
                picture = picture.convert("RGBA")
                picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
            return np.asarray(picture.convert("L" if channels == 1 else "RGB"))
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError) as error:
        raise ValueError(f"{path}: expected a picture, a .npy or an IDX file. Received: {error}") from error
