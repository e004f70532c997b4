"""``cnncore evaluate`` and ``cnncore predict``: a saved model on a data set, or on images in files."""

from __future__ import annotations

import argparse
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnncore import _core
from cnncore.layers import Rescaling
from cnncore.models import Sequential
from cnncore.saving import load_model

from .data import fit_shape, load_dataset, load_images


def run(arguments: argparse.Namespace) -> int:
    """Run the command ``evaluate`` or ``predict``."""
    if arguments.threads is not None:
        _core.set_num_threads(arguments.threads)
    model = load_model(arguments.file)
    if arguments.precision is not None:
        model.precision = arguments.precision
    return _evaluate(model, arguments) if arguments.command == "evaluate" else _predict(model, arguments)


def _evaluate(model: Sequential, arguments: argparse.Namespace) -> int:
    if not model.compiled:
        raise ValueError(f"{arguments.file}: expected a model that was saved compiled, with its loss and metrics")
    data = load_dataset(arguments)
    x = fit_shape(data.x_test, model.input_shape[1:], f"{data.name}, {data.held_out}")
    _warn_if_unscaled(model, x)
    results = model.evaluate(x, data.y_test, batch_size=arguments.batch_size, verbose=0, return_dict=True)
    print(f"data: {data.name} ({len(x):,} {data.held_out} images)")
    for name, value in results.items():
        print(f"{data.held_out} {name}: {value:.4f}")
    return 0


def _predict(model: Sequential, arguments: argparse.Namespace) -> int:
    if len(model.output_shape) != 2:
        raise ValueError(f"{arguments.file}: expected a classifier, (n, classes). Received: {model.output_shape}")
    # All files are read and checked first: a bad one should not leave half a table behind.
    batches = list(load_images(arguments.images, model.input_shape[1:]))
    for name, x in batches:
        _warn_if_unscaled(model, x)
        probabilities = model.predict(x, verbose=0)
        for index, row in enumerate(probabilities):
            where = name if len(probabilities) == 1 else f"{name}[{index}]"
            best = int(row.argmax())
            print(f"{where}\t{best}\t{row[best]:.4f}")
    return 0


def _warn_if_unscaled(model: Sequential, x: NDArray[Any]) -> None:
    if x.dtype == np.uint8 and not any(isinstance(layer, Rescaling) for layer in model.layers):
        print("cnncore: note: the model has no Rescaling layer; it gets pixels from 0 to 255", file=sys.stderr)
