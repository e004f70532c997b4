"""What a model file says of the images that the model was trained on, and warnings where other images differ."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .names import DATASETS

__all__ = [
    "KEY",
    "border_mean",
    "expected_range",
    "inverted",
    "note",
    "recorded",
    "remember",
    "seen_in_training",
    "warn_of_differences",
]

KEY = "trained_on"  # of a model's metadata

_FAR = 50  # times; images whose values are so much smaller or larger than those in training are scaled otherwise
_UNLIKE = 0.6  # of the range of values; a border that differs by more has the colours exchanged


def remember(model: Any, name: str, x: NDArray[Any]) -> None:
    """Keep the name of the data and the range of its values in the model, which a file of it holds."""
    metadata = dict(getattr(model, "metadata", {}))
    before = recorded(model)
    low, high = float(x.min()), float(x.max())
    if before is not None:
        low, high = min(low, before["range"][0]), max(high, before["range"][1])
    names = [*(before["data"] if before is not None else []), name]
    metadata[KEY] = {"data": list(dict.fromkeys(names)), "range": [low, high], "border": border_mean(x)}
    model.metadata = metadata


def recorded(model: Any) -> Mapping[str, Any] | None:
    """What :func:`remember` kept; None for a model that was not trained on the command line."""
    entry = getattr(model, "metadata", {}).get(KEY)
    if not isinstance(entry, dict):
        return None
    names, values, border = (entry.get(key) for key in ("data", "range", "border"))
    if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
        return None
    numbers = [*values, border] if isinstance(values, list) and len(values) == 2 else [None]
    return entry if all(isinstance(number, (int, float)) for number in numbers) else None


def border_mean(x: NDArray[Any]) -> float:
    """The mean of the outermost pixels, which mostly show the background."""
    images = x[: 10000 : max(1, len(x) // 1000)].astype(np.float64)
    edges = [images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]]
    return float(np.mean([edge.mean() for edge in edges]))


def seen_in_training(model: Any, name: str) -> str | None:
    """The data set that the model was trained on and that has the held-out images of data set `name` in its own."""
    entry = recorded(model)
    for trained in entry["data"] if entry is not None else []:
        known = DATASETS.get(str(trained))
        if known is not None and name in known.contains:
            return str(trained)
    return None


def expected_range(model: Any) -> tuple[float, float] | None:
    """The values of images as the model takes them: recorded, or 0 to 255 for one that begins by dividing by 255."""
    entry = recorded(model)
    if entry is not None:
        return entry["range"][0], entry["range"][1]
    for layer in model.layers:
        scale = getattr(layer, "scale", None)
        if type(layer).__name__ == "Rescaling" and isinstance(scale, (int, float)) and 0 < scale <= 1 / 32:
            return 0.0, 1 / scale
    return None


def warn_of_differences(model: Any, x: NDArray[Any], where: str) -> None:
    """Say on stderr where images differ from those in training so much that an answer means little."""
    if np.issubdtype(x.dtype, np.floating) and not np.isfinite(x).all():
        raise ValueError(f"{where}: expected finite values. Received: NaN or infinity")
    expected = expected_range(model)
    if expected is None:
        if x.dtype == np.uint8:
            note("the model has no Rescaling layer; it gets pixels from 0 to 255")
        return
    low, high = expected
    extent, own = max(abs(low), abs(high)), float(np.abs(x).max())
    if own > 0 and extent > 0 and not 1 / _FAR <= own / extent <= _FAR:
        note(
            f"{where}: the values go from {x.min():g} to {x.max():g}, and the model was made for {low:g} to {high:g}: "
            f"multiply them by {_factor(extent / own)}"
        )
        return
    entry = recorded(model)
    if entry is None:
        return
    difference = border_mean(x) - entry["border"]
    if abs(difference) > _UNLIKE * (high - low):
        shades = ("light", "dark") if difference > 0 else ("dark", "light")
        note(
            f"{where}: the background is {shades[0]}, and in training it was {shades[1]}: "
            "--invert exchanges light and dark"
        )


def _factor(ratio: float) -> str:
    """A factor as one would write it: 255 for what is nearly that, else two digits."""
    if 200 < ratio < 320:
        return "255"
    return "1/255" if 200 < 1 / ratio < 320 else f"{ratio:.2g}"


def inverted(model: Any, x: NDArray[Any]) -> NDArray[Any]:
    """Light and dark exchanged within the range of values."""
    if x.dtype == np.uint8:
        return 255 - x
    low, high = expected_range(model) or (0.0, 1.0)
    return (low + high - x).astype(x.dtype)


def note(text: str) -> None:
    """A line on stderr that is no error."""
    print(f"cnncore: note: {text}", file=sys.stderr)
