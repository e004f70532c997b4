"""``cnncore train``. All arguments are checked before training begins."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from cnncore import TrainingError, applications, optimizers, utils
from cnncore.callbacks import Callback
from cnncore.callbacks.progress_text import format_logs, in_shown_order
from cnncore.cli import signals
from cnncore.cli.datasets import Data, load_dataset
from cnncore.cli.images import fit_shape
from cnncore.cli.names import BATCH_SIZE, DEFAULT_DATASET, LARGE_BATCH_SIZE, MODELS
from cnncore.cli.record import note, remember
from cnncore.cli.threads import set_threads
from cnncore.saving import check_writable, load_model

__all__ = ["run"]

_SGD_MOMENTUM = 0.9
_MODEL_OF_CHANNELS = {1: "mnist_cnn", 3: "cifar10_cnn"}  # the model that is trained if --model is not given


def run(arguments: argparse.Namespace) -> int:
    """Train, save after each epoch, report on stdout."""
    if arguments.model is not None:
        _check_model_name(arguments.model)
    if arguments.out is not None:
        _check_output(arguments.out, arguments.force)
    if arguments.plot is not None:
        from cnncore import plotting

        plotting.require_matplotlib()
        plotting.check_format(arguments.plot)
        check_writable(arguments.plot)
    set_threads(arguments.threads)
    utils.set_random_seed(arguments.seed)
    data = load_dataset(arguments, arguments.data or DEFAULT_DATASET)
    name = arguments.model or _MODEL_OF_CHANNELS.get(data.image_shape[-1], "mnist_cnn")
    out = _output_path(arguments, name)
    check_writable(out)
    model = _prepare_model(arguments, name, data)
    data = data._replace(
        x_train=fit_shape(data.x_train, model.input_shape[1:], f"{data.name}, training"),
        x_test=fit_shape(data.x_test, model.input_shape[1:], f"{data.name}, {data.held_out}"),
    )
    if data.classes > model.output_shape[-1]:
        raise ValueError(
            f"{data.name}: expected at most {model.output_shape[-1]} classes, as the model has them. "
            f"Received: {data.classes}"
        )
    remember(model, data.name, data.x_train)
    print(f"model: {model.name} ({model.count_params():,} parameters)")
    return _fit(model, data, arguments, out)


def _fit(model: Any, data: Data, arguments: argparse.Namespace, out: Path) -> int:
    saved = _SaveEachEpoch(out)
    sizes = f"{len(data.x_train):,} training, {len(data.x_test):,} {data.held_out}"
    batch_size = arguments.batch_size or (LARGE_BATCH_SIZE if model.optimizer.large_batches else BATCH_SIZE)
    start = time.perf_counter()
    try:  # from here on, Ctrl-C prints what has been saved so far
        print(f"data: {data.name} ({sizes} images)", flush=True)
        history = model.fit(
            data.x_train,
            data.y_train,
            batch_size=batch_size,
            epochs=arguments.epochs,
            verbose=1 if sys.stderr.isatty() else 0,
            validation_data=(data.x_test, data.y_test),
            callbacks=[saved],
        ).history
    except KeyboardInterrupt as error:
        print(f"\ncnncore train: interrupted: {saved.result()}", file=sys.stderr)
        return signals.exit_code(error)
    except TrainingError as error:
        print(f"\ncnncore train: error: {error} ({saved.result()})", file=sys.stderr)
        return 1
    seconds = time.perf_counter() - start
    speed = arguments.epochs * len(data.x_train) / seconds
    for name, values in in_shown_order(history):
        if name.startswith("val_"):
            print(f"{data.held_out} {name.removeprefix('val_')}: {values[-1]:.4f}")
    epochs = f"{arguments.epochs} epoch{'s' * (arguments.epochs > 1)}"
    print(f"time: {seconds:.2f} s ({epochs}, {speed:,.0f} images/s, {data.held_out} and saving included)")
    print(f"saved: {out}")
    if arguments.plot is not None:
        _plot(model, data, history, arguments.plot)
    return 0


class _SaveEachEpoch(Callback):
    """Saves after each epoch, so that an interruption loses no finished epoch."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.epochs = path, 0

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        with signals.deferred():  # so that what is printed about the file is true
            self.model.save(self.path)
            self.epochs = epoch + 1
        if not sys.stderr.isatty():  # stderr is not a terminal, so no progress bar can be drawn
            print(f"Epoch {self.epochs}/{self.params['epochs']}: {format_logs(logs, ', ', ' ')}", file=sys.stderr)

    def result(self) -> str:
        """What has been saved."""
        if self.epochs == 0:
            return "no epoch was completed, so nothing is saved"
        return f"{self.path} has the weights of epoch {self.epochs}"


def _check_model_name(model: str) -> None:
    if model not in MODELS and not Path(model).exists():
        raise ValueError(f"--model: expected {', '.join(MODELS)} or an existing file. Received: {model}")


def _check_output(path: Path, force: bool) -> None:
    if path.is_file() and not force:
        raise ValueError(f"--out: expected a file that does not exist yet; --force replaces it. Received: {path}")
    check_writable(path)


def _output_path(arguments: argparse.Namespace, model: str) -> Path:
    """The path of --out. By default, a saved model keeps its file, and a new model gets a new file with its name, so
    that no earlier run is replaced.
    """
    if arguments.out is not None:
        return Path(arguments.out)
    if model not in MODELS:
        return Path(model)
    path, number = Path(f"{model}.safetensors"), 1
    while path.exists() and not arguments.force:
        number += 1
        path = Path(f"{model}-{number}.safetensors")
    if number > 1:
        note(f"{model}.safetensors exists and is kept; this run is saved to {path} (--force replaces the old file)")
    return path


def _prepare_model(arguments: argparse.Namespace, name: str, data: Data) -> Any:
    """Make a model of that name for the data, or load a saved one with its optimizer, loss and metrics.

    For a saved model, --lr changes the learning rate and nothing else, and --optimizer replaces only the optimizer.
    """
    if name in MODELS:
        # Images that are not uint8 are assumed to be scaled.
        rescale = data.x_train.dtype == np.uint8
        make = getattr(applications, name)
        model = make(rescale=rescale, input_shape=data.image_shape, classes=data.classes)
    else:
        model = load_model(name)
    if not model.compiled:
        model.compile(_optimizer(arguments), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    elif arguments.optimizer is not None:
        config = model.get_compile_config()
        model.compile_from_config(config | {"optimizer": optimizers.serialize(_optimizer(arguments))})
        note(f"the optimizer of {name} is replaced, and its state is lost; loss and metrics are kept")
    elif arguments.lr is not None:
        model.optimizer.learning_rate = arguments.lr
    if arguments.precision is not None:
        model.precision = arguments.precision
    return model


def _optimizer(arguments: argparse.Namespace) -> optimizers.Optimizer:
    options = {} if arguments.lr is None else {"learning_rate": arguments.lr}
    name = arguments.optimizer or "adam"
    if name == "sgd":
        return optimizers.SGD(momentum=_SGD_MOMENTUM, **options)
    return optimizers.get({"class_name": type(optimizers.get(name)).__name__, "config": options})


def _plot(model: Any, data: Data, history: dict[str, list[float]], path: Path) -> None:
    from cnncore import plotting

    predicted = model.predict(data.x_test, verbose=0).argmax(axis=-1)
    plotting.plot_training(history, data.y_test, predicted, path, title=f"{model.name}, {data.name}")
    print(f"plot: {path}")
