"""``cnncore train``: everything that can be wrong with the arguments is found before the first step."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from cnncore import TrainingError, _core, applications, optimizers, utils
from cnncore.callbacks import Callback
from cnncore.callbacks.progress import format_logs
from cnncore.models import Sequential
from cnncore.saving import check_writable, load_model

from .data import Data, fit_shape, load_dataset
from .parser import MODELS

_SGD_MOMENTUM = 0.9


def run(arguments: argparse.Namespace) -> int:
    """Train, save after each epoch, report on stdout."""
    out = _output_path(arguments)
    check_writable(out)
    if arguments.plot is not None:
        from cnncore import plotting

        plotting.require_matplotlib()
        check_writable(arguments.plot)
    if arguments.threads is not None:
        _core.set_num_threads(arguments.threads)
    utils.set_random_seed(arguments.seed)
    data = load_dataset(arguments)
    model = _prepare_model(arguments, data)
    data = data._replace(
        x_train=fit_shape(data.x_train, model.input_shape[1:], f"{data.name}, training"),
        x_test=fit_shape(data.x_test, model.input_shape[1:], f"{data.name}, {data.held_out}"),
    )
    print(f"model: {model.name} ({model.count_params():,} parameters)")
    return _fit(model, data, arguments, out)


def _fit(model: Sequential, data: Data, arguments: argparse.Namespace, out: Path) -> int:
    saved = _SaveEachEpoch(out)
    sizes = f"{len(data.x_train):,} training, {len(data.x_test):,} {data.held_out}"
    start = time.perf_counter()
    try:  # from the moment the data is announced, Ctrl-C is answered with what there is on the disk
        print(f"data: {data.name} ({sizes} images)", flush=True)
        history = model.fit(
            data.x_train,
            data.y_train,
            batch_size=arguments.batch_size,
            epochs=arguments.epochs,
            verbose=1 if sys.stderr.isatty() else 0,
            validation_data=(data.x_test, data.y_test),
            callbacks=[saved],
        ).history
    except KeyboardInterrupt:
        print(f"\ncnncore train: interrupted: {saved.result()}", file=sys.stderr)
        return 1
    except TrainingError as error:
        print(f"\ncnncore train: error: {error} ({saved.result()})", file=sys.stderr)
        return 1
    seconds = time.perf_counter() - start
    speed = arguments.epochs * len(data.x_train) / seconds
    for name, values in history.items():
        if name.startswith("val_"):
            print(f"{data.held_out} {name.removeprefix('val_')}: {values[-1]:.4f}")
    epochs = f"{arguments.epochs} epoch{'s' * (arguments.epochs > 1)}"
    print(f"time: {seconds:.2f} s ({epochs}, {speed:,.0f} images/s, {data.held_out} and saving included)")
    print(f"saved: {out}")
    if arguments.plot is not None:
        _plot(model, data, history, arguments.plot)
    return 0


class _SaveEachEpoch(Callback):
    """Saves after each epoch, so that nothing but a begun epoch can be lost."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.epochs = path, 0

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        with _interrupt_deferred():
            self.model.save(self.path)
            self.epochs = epoch + 1
        if not sys.stderr.isatty():  # no place for a bar that is drawn over
            print(f"Epoch {self.epochs}/{self.params['epochs']}: {format_logs(logs, ', ', ' ')}", file=sys.stderr)

    def result(self) -> str:
        """What there is on the disk."""
        if self.epochs == 0:
            return "no epoch ended, nothing is saved"
        return f"{self.path} holds the weights of epoch {self.epochs}"


@contextlib.contextmanager
def _interrupt_deferred() -> Iterator[None]:
    """Let Ctrl-C wait for the end of the block, so that what we say of the file is true."""
    received = []
    previous = signal.signal(signal.SIGINT, lambda *_: received.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
    if received:
        raise KeyboardInterrupt


def _output_path(arguments: argparse.Namespace) -> Path:
    if arguments.out is not None:
        return Path(arguments.out)
    return Path(f"{arguments.model}.safetensors" if arguments.model in MODELS else arguments.model)


def _prepare_model(arguments: argparse.Namespace, data: Data) -> Sequential:
    """A named model for the data, or a saved one with its optimizer's state unless another optimizer is asked for."""
    if arguments.model in MODELS:
        # Images of another type than uint8 are taken as scaled already.
        model: Sequential = getattr(applications, arguments.model)(rescale=data.x_train.dtype == np.uint8)
    elif Path(arguments.model).exists():
        model = load_model(arguments.model)
    else:
        raise ValueError(f"--model: expected {', '.join(MODELS)} or an existing file. Received: {arguments.model}")
    if arguments.optimizer is not None or arguments.lr is not None or not model.compiled:
        model.compile(
            _optimizer(arguments),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
            precision=model.precision,
        )
    if arguments.precision is not None:
        model.precision = arguments.precision
    return model


def _optimizer(arguments: argparse.Namespace) -> optimizers.Optimizer:
    options = {} if arguments.lr is None else {"learning_rate": arguments.lr}
    name = arguments.optimizer or "adam"
    if name == "sgd":
        return optimizers.SGD(momentum=_SGD_MOMENTUM, **options)
    return optimizers.AdamW(**options) if name == "adamw" else optimizers.Adam(**options)


def _plot(model: Sequential, data: Data, history: dict[str, list[float]], path: Path) -> None:
    from cnncore import plotting

    predicted = model.predict(data.x_test, verbose=0).argmax(axis=-1)
    plotting.plot_training(history, data.y_test, predicted, path, title=f"{model.name}, {data.name}")
    print(f"plot: {path}")
