"""``cnncore evaluate`` and ``cnncore predict``: use a saved model on a data set, or on images in files."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnncore.callbacks.progress_text import in_shown_order
from cnncore.cli.datasets import load_dataset
from cnncore.cli.images import fit_shape, load_images
from cnncore.cli.names import DEFAULT_DATASET
from cnncore.cli.record import inverted, note, recorded, seen_in_training, warn_of_differences
from cnncore.cli.threads import set_threads
from cnncore.saving import load_model

__all__ = ["run"]

_SUM_TOLERANCE = 1e-3


def run(arguments: argparse.Namespace) -> int:
    """Run the command ``evaluate`` or ``predict``."""
    set_threads(arguments.threads)
    model = load_model(arguments.file)
    if arguments.precision is not None:
        model.precision = arguments.precision
    return _evaluate(model, arguments) if arguments.command == "evaluate" else _predict(model, arguments)


def _evaluate(model: Any, arguments: argparse.Namespace) -> int:
    if not model.compiled:
        raise ValueError(f"{arguments.file}: expected a model that was saved compiled, with its loss and metrics")
    data = load_dataset(arguments, arguments.data or _default_dataset(model))
    x = fit_shape(data.x_test, model.input_shape[1:], f"{data.name}, {data.held_out}")
    warn_of_differences(model, x, data.name)
    held_out = data.held_out
    seen_in = seen_in_training(model, data.name)
    if seen_in is not None:
        note(
            f"the model was trained on {seen_in}, which has these images, so the figures say nothing about new ones; "
            f"--data {seen_in} evaluates on images that are new to the model"
        )
        held_out = "training"
    results = model.evaluate(x, data.y_test, batch_size=arguments.batch_size, verbose=0, return_dict=True)
    print(f"data: {data.name} ({len(x):,} {held_out} images)")
    for name, value in in_shown_order(results):
        print(f"{held_out} {name}: {value:.4f}")
    return 0


def _default_dataset(model: Any) -> str:
    """The data set that the model was trained on last, whose held-out images were not used for training."""
    entry = recorded(model)
    return str(entry["data"][-1]) if entry is not None else DEFAULT_DATASET


def _predict(model: Any, arguments: argparse.Namespace) -> int:
    if len(model.output_shape) != 2:
        raise ValueError(f"{arguments.file}: expected a classifier, (n, classes). Received: {model.output_shape}")
    # All files are read and checked before anything is printed, so that a bad file does not give half a table.
    batches = list(load_images(arguments.images, model.input_shape[1:]))
    if arguments.invert:
        batches = [(name, inverted(model, x)) for name, x in batches]
    for name, x in batches:
        warn_of_differences(model, x, name)
    logits = False
    for name, x in batches:
        rows = model.predict(x, verbose=0)
        if not _are_probabilities(rows):
            if not logits:
                note("the model's outputs are not probabilities but logits; their softmax is shown")
            logits, rows = True, _softmax(rows)
        for index, row in enumerate(rows):
            where = name if len(rows) == 1 else f"{name}[{index}]"
            best = int(row.argmax())
            print(f"{where}\t{best}\t{row[best]:.4f}")
    return 0


def _are_probabilities(rows: NDArray[Any]) -> bool:
    sums = rows.sum(axis=1)
    return bool((rows >= 0).all() and (np.abs(sums - 1) <= _SUM_TOLERANCE).all())


def _softmax(rows: NDArray[Any]) -> NDArray[Any]:
    powers = np.exp(rows.astype(np.float64) - rows.max(axis=1, keepdims=True))
    shares: NDArray[Any] = powers / powers.sum(axis=1, keepdims=True)
    return shares
