"""The table of ``summary``: layer, output shape, number of parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from cnncore.layers import Layer

_COLUMNS = (29, 55, 65)  # where each column ends


def print_summary(name: str, layers: Iterable[Layer], print_fn: Callable[[str], Any]) -> None:
    """Print Keras' table, a line at a time."""
    width, total = _COLUMNS[-1], 0
    print_fn(f'Model: "{name}"')
    print_fn("_" * width)
    print_fn(_row("Layer (type)", "Output Shape", "Param #"))
    print_fn("=" * width)
    for layer in layers:
        count = layer.count_params()
        total += count
        print_fn(_row(f"{layer.name} ({type(layer).__name__})", str(layer.output_shape), str(count)))
    print_fn("=" * width)
    print_fn(f"Total params: {total:,}")
    print_fn(f"Trainable params: {total:,}")
    print_fn("Non-trainable params: 0")
    print_fn("_" * width)


def _row(*fields: str) -> str:
    # A name too long for its column is not cut: it moves the next one, at least two spaces away.
    line = " " + fields[0]
    for end, field in zip(_COLUMNS, fields[1:], strict=False):
        line = (line + "  ").ljust(end) + field
    return line.ljust(_COLUMNS[-1])
