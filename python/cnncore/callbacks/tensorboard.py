"""TensorBoard: write logs, histograms of weights and images of filters, which TensorBoard shows."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.callbacks.base import Callback, Logs

__all__ = ["TensorBoard", "filters_as_image"]

_NOT_WRITTEN = (
    *("profile_batch", "embeddings_freq", "embeddings_metadata", "embeddings_layer_names", "embeddings_data"),
    "write_grads",
)


class TensorBoard(Callback):
    """Write what ``tensorboard --logdir logs`` shows.

    It needs the package tensorboardX: ``pip install cnncore[tensorboard]``.

    In the directory ``log_dir``, "train" has the logs of each epoch ("epoch_loss", ...) and "epoch_learning_rate", and
    "validation" has the logs of each validation and "evaluation_loss_vs_iterations" of each evaluation.

    Parameters
    ----------
    log_dir : str or path, default "logs"
        Where to write.
    histogram_freq : int, default 0
        Write the distribution of each weight each time after this many epochs; 0 means never.
    write_graph : bool, default True
        Whether to write a table of the model's layers.
    write_images : bool, default False
        Whether to write the weights as images: the filters of a convolution as small grey pictures. They are written
        together with the distributions, or after every epoch if ``histogram_freq`` is 0 (Keras writes none then).
    write_steps_per_second : bool, default False
        Whether to write the number of steps per second.
    update_freq : "epoch", "batch" or int, default "epoch"
        "epoch" writes logs after epochs only. "batch" also writes them after each batch, and a number n after every n
        batches.
    **without_effect
        Arguments of Keras for profiles (``profile_batch``), projections of embeddings (``embeddings_freq`` and the
        like) and gradients (``write_grads``), which are not written: a UserWarning says so. ``batch_size`` of Keras 2
        has no effect.

    Raises
    ------
    ImportError
        At the start of training, if tensorboardX is not installed.

    Examples
    --------
    >>> callback = TensorBoard(log_dir="logs/first", histogram_freq=1, write_images=True)
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        **without_effect: Any,
    ) -> None:
        super().__init__()
        owner = "TensorBoard"
        self._check_rest(without_effect)
        self.log_dir = Path(_checks.path(log_dir, "log_dir", owner))
        self.histogram_freq = _checks.integer(histogram_freq, "histogram_freq", owner, minimum=0)
        self.write_graph, self.write_images = write_graph, write_images
        self.write_steps_per_second = write_steps_per_second
        if isinstance(update_freq, str) and update_freq not in ("epoch", "batch"):
            raise ValueError(
                f'[{owner}] expected `update_freq` to be "epoch", "batch" or a number. Received: {update_freq=}'
            )
        every = 1 if isinstance(update_freq, str) and update_freq == "batch" else update_freq
        self.update_freq: str | int = every if isinstance(every, str) else _checks.integer(every, "update_freq", owner)
        self._writers: dict[str, Any] = {}
        self._batches = 0
        self._steps_before, self._start = 0, 0.0

    @staticmethod
    def _check_rest(arguments: dict[str, Any]) -> None:
        unknown = sorted(set(arguments) - {*_NOT_WRITTEN, "batch_size"})
        if unknown:
            raise TypeError(f"[TensorBoard] unexpected arguments. Received: {', '.join(unknown)}")
        asked = sorted(name for name in arguments if name in _NOT_WRITTEN and _asks(arguments[name]))
        if asked:
            warnings.warn(f"TensorBoard writes nothing here for {', '.join(asked)}.", stacklevel=4)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._batches = 0
        if self.write_graph:
            lines: list[str] = []
            self.model.summary(print_fn=lines.append)
            self._writer("train").add_text("model", "\n".join(f"    {line}" for line in lines), 0)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._steps_before, self._start = int(self.model.optimizer.iterations), time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._batches += 1
        if self.update_freq != "epoch" and self._batches % int(self.update_freq) == 0:
            self._scalars("train", "batch_{}", logs or {}, self._batches)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        training = {name: value for name, value in logs.items() if not name.startswith("val_")}
        training["learning_rate"] = float(self.model.optimizer.learning_rate)
        if self.write_steps_per_second:
            steps = int(self.model.optimizer.iterations) - self._steps_before
            training["steps_per_second"] = steps / max(time.monotonic() - self._start, 1e-9)
        self._scalars("train", "epoch_{}", training, epoch)
        validation = {name[4:]: value for name, value in logs.items() if name.startswith("val_")}
        if validation:
            self._scalars("validation", "epoch_{}", validation, epoch)
        every = self.histogram_freq or (1 if self.write_images else 0)
        if every and epoch % every == 0:
            self._weights(epoch)
        for writer in self._writers.values():
            writer.flush()

    def on_test_end(self, logs: Logs | None = None) -> None:
        step = int(self.model.optimizer.iterations)
        self._scalars("validation", "evaluation_{}_vs_iterations", logs or {}, step)

    def on_train_end(self, logs: Logs | None = None) -> None:
        self.close()

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _writer(self, name: str) -> Any:
        if name not in self._writers:
            try:
                from tensorboardX import SummaryWriter
            except ImportError as error:
                raise ImportError(
                    "[TensorBoard] expected the package tensorboardX: pip install cnncore[tensorboard]"
                ) from error
            self._writers[name] = SummaryWriter(logdir=str(self.log_dir / name))
        return self._writers[name]

    def _scalars(self, writer: str, tag: str, logs: Logs, step: int) -> None:
        for name, value in logs.items():
            if np.ndim(value) == 0:
                self._writer(writer).add_scalar(tag.format(name), float(value), step)

    def _weights(self, epoch: int) -> None:
        writer = self._writer("train")
        for layer in _layers_of(self.model):
            for index, weight in enumerate(layer.get_weights()):
                name = f"{layer.name}/{index}"
                if self.histogram_freq:
                    writer.add_histogram(f"{name}/histogram", weight, epoch)
                image = filters_as_image(weight) if self.write_images else None
                if image is not None:
                    writer.add_image(f"{name}/image", image, epoch, dataformats="HWC")


def _layers_of(model: Any) -> Iterator[Any]:
    """The layers of a model, in which the layers of an inner model stand in its place."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _layers_of(layer)
        else:
            yield layer


def _asks(value: Any) -> bool:
    """Whether the value of an argument asks for something."""
    return isinstance(value, np.ndarray) or bool(value)


def filters_as_image(weight: np.ndarray) -> np.ndarray | None:
    """A weight as one grey image with values from 0 to 1, shape (height, width, 1).

    A kernel (kh, kw, channels, filters) becomes a table of its filters, one row for each input channel, with a line of
    one pixel between them; a matrix is shown as it is, a vector as one row. None for other ranks.

    Examples
    --------
    >>> filters_as_image(np.ones((3, 3, 2, 4), np.float32)).shape
    (7, 15, 1)
    """
    if weight.ndim not in (1, 2, 4) or not weight.size:
        return None
    low, high = float(weight.min()), float(weight.max())
    scaled = (weight - low) / (high - low if high > low else 1.0)
    if weight.ndim < 3:
        return np.atleast_2d(scaled)[..., None].astype(np.float32)
    height, width, channels, filters = weight.shape
    table = np.zeros((channels, height + 1, filters, width + 1), np.float32)
    table[:, :height, :, :width] = scaled.transpose(2, 0, 3, 1)
    flat = table.reshape(channels * (height + 1), filters * (width + 1))
    return flat[:-1, :-1, None]
