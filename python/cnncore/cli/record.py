"""Record in the file of a model which images it was trained on, and warn about images that are different."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnncore.cli.names import DATASETS
from cnncore.layers import Rescaling

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

KEY = "trained_on"  # the key in the metadata of a model

# If values are this many times smaller or larger than in training, images are assumed to be scaled differently.
_FAR = 50
# If the mean of the border differs from that in training by more than this share of the range of values, light and dark
# are assumed to be exchanged.
_UNLIKE = 0.6


def remember(model: Any, name: str, x: NDArray[Any]) -> None:
    """Keep the name of the data and the range of its values in the metadata of the model, which is saved with it."""
    metadata = dict(getattr(model, "metadata", {}))
    before = recorded(model)
    low, high = float(x.min()), float(x.max())
    if before is not None:
        low, high = min(low, before["range"][0]), max(high, before["range"][1])
    names = [*(before["data"] if before is not None else []), name]
    metadata[KEY] = {"data": list(dict.fromkeys(names)), "range": [low, high], "border": border_mean(x)}
    model.metadata = metadata


def recorded(model: Any) -> Mapping[str, Any] | None:
    """What :func:`remember` kept, or None for a model that was not trained on the command line."""
    entry = getattr(model, "metadata", {}).get(KEY)
    if not isinstance(entry, dict):
        return None
    names, values, border = (entry.get(key) for key in ("data", "range", "border"))
    if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
        return None
    numbers = [*values, border] if isinstance(values, list) and len(values) == 2 else [None]
    return entry if all(isinstance(number, (int, float)) for number in numbers) else None


def border_mean(x: NDArray[Any]) -> float:
    """The mean of the outermost pixels, which usually show the background."""
    images = x[: 10000 : max(1, len(x) // 1000)].astype(np.float64)
    edges = [images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]]
    return float(np.mean([edge.mean() for edge in edges]))


def seen_in_training(model: Any, name: str) -> str | None:
    """The data set that the model was trained on, if it contains the held-out images of data set `name`."""
    entry = recorded(model)
    for trained in entry["data"] if entry is not None else []:
        known = DATASETS.get(str(trained))
        if known is not None and name in known.contains:
            return str(trained)
    return None


def expected_range(model: Any) -> tuple[float, float] | None:
    """The range of values that the model expects: the recorded one, or 0 to 255 for a model that begins by dividing by
    255.
    """
    entry = recorded(model)
    if entry is not None:
        return entry["range"][0], entry["range"][1]
    for layer in model.layers:
        scale = getattr(layer, "scale", None)
        if isinstance(layer, Rescaling) and isinstance(scale, (int, float)) and 0 < scale <= 1 / 32:
            return 0.0, 1 / scale
    return None


def warn_of_differences(model: Any, x: NDArray[Any], where: str) -> None:
    """Warn on stderr if images differ so much from those in training that the predictions mean little."""
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
            f"{where}: the values go from {x.min():g} to {x.max():g}, but the model was made for {low:g} to {high:g}: "
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
            f"{where}: the background is {shades[0]}, but in training it was {shades[1]}: "
            "--invert exchanges light and dark"
        )


def _factor(ratio: float) -> str:
    """A factor as text: "255" or "1/255" if it is nearly that, otherwise with two digits."""
    if 200 < ratio < 320:
        return "255"
    return "1/255" if 200 < 1 / ratio < 320 else f"{ratio:.2g}"


def inverted(model: Any, x: NDArray[Any]) -> NDArray[Any]:
    """Exchange light and dark within the range of values."""
    if x.dtype == np.uint8:
        return 255 - x
    low, high = expected_range(model) or (0.0, 1.0)
    return (low + high - x).astype(x.dtype)


def note(text: str) -> None:
    """Print a line on stderr that is not an error."""
    print(f"cnncore: note: {text}", file=sys.stderr)
