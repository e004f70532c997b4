"""The pictures in folders, their labels, and checks of the arguments that say which are meant."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._images import INTERPOLATIONS

__all__ = ["ENDINGS", "OWNER", "check_arguments", "check_counted", "check_split", "checked_options", "find_pictures"]

OWNER = "image_dataset_from_directory"


ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")


_CHANNELS = {"rgb": 3, "rgba": 4, "grayscale": 1}


_LABEL_MODES = ("int", "categorical", "binary", None)


def find_pictures(
    directory: str | os.PathLike[str], labels: Any, class_names: list[str] | None, follow_links: bool
) -> tuple[list[str], np.ndarray | None, list[str] | None]:
    """The paths of all pictures, their labels, and the names of the classes."""
    root = Path(_checks.path(directory, "directory", OWNER))
    if not root.is_dir():
        raise FileNotFoundError(f"[{OWNER}] expected a directory. Received: {directory}")
    if not isinstance(labels, str):
        paths = _pictures(root, follow_links)
        if labels is None:
            return paths, None, None
        numbers = _checks.numeric_array(labels, "labels", OWNER)
        if numbers.shape != (len(paths),):
            raise ValueError(
                f"[{OWNER}] expected {len(paths)} labels, one for each picture. Received: shape {numbers.shape}"
            )
        if not np.array_equal(numbers, numbers.astype(np.int64)):
            raise ValueError(f"[{OWNER}] expected whole numbers as labels. Received: dtype {numbers.dtype}")
        return paths, numbers.astype(np.int64), [str(label) for label in sorted(set(numbers.tolist()))]
    found = sorted(entry.name for entry in os.scandir(root) if entry.is_dir() and not entry.name.startswith("."))
    names = found if class_names is None else list(class_names)
    if not set(names) <= set(found):
        raise ValueError(f"[{OWNER}] expected class_names among the folders {found}. Received: {class_names}")
    by_class = [_pictures(root / name, follow_links) for name in names]
    numbers = np.repeat(np.arange(len(names)), [len(paths) for paths in by_class])
    return [path for paths in by_class for path in paths], numbers, names


def check_counted(labels: np.ndarray, classes: int) -> None:
    """Raise a ValueError if labels are not counted from 0."""
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise ValueError(
            f"[{OWNER}] expected labels from 0 to {classes - 1}, since there are {classes} different ones. "
            f"Received: labels from {labels.min()} to {labels.max()}"
        )


def _pictures(folder: Path, follow_links: bool) -> list[str]:
    return [
        os.path.join(root, name)
        for root, _, files in sorted(os.walk(folder, followlinks=follow_links), key=lambda entry: entry[0])
        for name in sorted(files)
        if name.lower().endswith(ENDINGS)
    ]


def checked_options(color_mode: Any, image_size: Any, interpolation: Any, crop: Any, pad: Any) -> dict[str, Any]:
    """Check how pictures are read, and return it as keyword arguments."""
    color_mode = _checks.choice(color_mode, "color_mode", OWNER, tuple(_CHANNELS))
    interpolation = _checks.choice(interpolation, "interpolation", OWNER, INTERPOLATIONS)
    if crop and pad:
        raise ValueError(f"[{OWNER}] expected `crop_to_aspect_ratio` or `pad_to_aspect_ratio`. Received: both")
    size = _checks.pair(image_size, "image_size", OWNER)
    return {
        "color_mode": color_mode,
        "size": size,
        "interpolation": interpolation,
        "crop": bool(crop),
        "pad": bool(pad),
    }


def check_arguments(label_mode: Any, class_names: Any, labels: Any, data_format: Any, batch_size: Any) -> None:
    """Raise a ValueError for arguments that do not fit together."""
    if label_mode not in _LABEL_MODES:
        raise ValueError(f"[{OWNER}] expected label_mode int, categorical, binary or None. Received: {label_mode!r}")
    if isinstance(labels, str) and labels != "inferred":
        raise ValueError(f'[{OWNER}] expected labels "inferred", None or a list. Received: labels={labels!r}')
    if class_names is not None and not isinstance(labels, str):
        raise ValueError(f'[{OWNER}] expected class_names with labels="inferred" only. Received: {class_names!r}')
    if data_format not in (None, "channels_last"):
        raise ValueError(f'[{OWNER}] expected data_format="channels_last". Received: {data_format!r}')
    if batch_size is not None:
        _checks.integer(batch_size, "batch_size", OWNER)


def check_split(validation_split: Any, subset: Any, shuffle: bool, seed: Any) -> None:
    """Raise a ValueError for a wrong split in training and validation."""
    if validation_split is not None and not 0 < _checks.number(validation_split, "validation_split", OWNER) < 1:
        raise ValueError(f"[{OWNER}] expected validation_split between 0 and 1. Received: {validation_split!r}")
    if (validation_split is None) != (subset is None):
        raise ValueError(f"[{OWNER}] expected validation_split and subset together. Received: one of them")
    if subset not in (None, "training", "validation", "both"):
        raise ValueError(f'[{OWNER}] expected subset "training", "validation" or "both". Received: {subset!r}')
    if validation_split is not None and shuffle and seed is None and subset != "both":
        raise ValueError(f"[{OWNER}] expected a seed, so that the two subsets do not overlap. Received: seed=None")
