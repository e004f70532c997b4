"""BackupAndRestore: continue training that was killed."""

from __future__ import annotations

import contextlib
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.callbacks.base import Callback, Logs
from cnncore.callbacks.callback_list import get_states, set_states
from cnncore.layers.base.memory import memory_of_layers, restore_layers

__all__ = ["BackupAndRestore"]

_FILE, _PREVIOUS = "training_state.npz", "training_state.previous.npz"
_SETTINGS = "settings"  # the entry of the file that holds everything except arrays, as JSON
_ARRAY = "array"  # stands for an array in that JSON


class BackupAndRestore(Callback):
    """Save the state of training regularly, so that a script that was killed continues from there when it is started
    again.

    The state is everything that the final result depends on: weights, the optimizer's vectors and step, the number that
    decides what dropout drops, seeds and states of layers, the place in the epoch and its order of samples, and the
    state of the other callbacks (the history, the best value of EarlyStopping, ...). So a script that sets a seed ends
    with the same bits, no matter how often it was interrupted, provided that its data source gives the same batches
    again. Only the metrics of the epoch in which it was interrupted differ: they count from the interruption. At the
    end of training, the backup is removed.

    Parameters
    ----------
    backup_dir : str or path
        A directory of its own for this training; it is made if it does not exist.
    save_freq : "epoch" or int, default "epoch"
        When to save: after each epoch, or each time after this many batches.
    double_checkpoint : bool, default False
        Whether to keep the state before the last one as well, in case the last one cannot be read.
    delete_checkpoint : bool, default True
        Whether to remove the backup when training has ended.

    Raises
    ------
    ValueError
        If ``backup_dir`` is empty; and at the start of training, if the backup is of another model.
    OSError
        At the start of training, if nothing can be written there.

    Examples
    --------
    >>> backup = BackupAndRestore("backup", save_freq=100)
    """

    runs_last = True  # after the others have seen the end of an epoch, so that their states belong to it

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        owner = "BackupAndRestore"
        if not _checks.path(backup_dir, "backup_dir", owner):
            raise ValueError(f"[{owner}] expected `backup_dir` to be a directory. Received: {backup_dir=}")
        if isinstance(save_freq, str) and save_freq != "epoch":
            raise ValueError(f'[{owner}] expected `save_freq` to be "epoch" or a number. Received: {save_freq=}')
        self.backup_dir = Path(backup_dir)
        self.save_freq: str | int = (
            save_freq if isinstance(save_freq, str) else _checks.integer(save_freq, "save_freq", owner)
        )
        self.double_checkpoint = _checks.boolean(double_checkpoint, "double_checkpoint", owner)
        self.delete_checkpoint = _checks.boolean(delete_checkpoint, "delete_checkpoint", owner)
        self.companions: list[Callback] = []  # all callbacks of this training, set by CallbackList
        self._batches = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        from cnncore.saving.atomic import remove_stale_files

        self._batches = 0
        self.backup_dir.mkdir(parents=True, exist_ok=True)
        remove_stale_files(os.fspath(self.backup_dir))
        arrays = self._read()
        if arrays is not None:
            self._restore(arrays)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            return
        self._batches += 1
        if self._batches >= int(self.save_freq):
            self._batches = 0
            self._save(self.model.training_position)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            self._save({"epoch": epoch + 1, "batch": 0})

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.delete_checkpoint:
            for name in (_FILE, _PREVIOUS):
                (self.backup_dir / name).unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # the directory holds something else
                self.backup_dir.rmdir()

    def _save(self, position: dict[str, Any]) -> None:
        from cnncore.saving.atomic import write_atomically

        model, arrays = self.model, {}
        for index, weight in enumerate(model.get_weights()):
            arrays[f"weights/{index}"] = weight
        for name, vector in model.optimizer.state_dict().items():
            arrays[f"optimizer/{name}"] = np.asarray(vector)
        memory, states = memory_of_layers(model, "layers")
        arrays |= states
        settings = {
            "position": position,
            "layers": memory,
            "network_step": model.core_network.step,
            "learning_rate": _constant_rate(model.optimizer),
            "callbacks": _pack(get_states(self.companions), arrays),
        }
        arrays[_SETTINGS] = np.frombuffer(json.dumps(settings).encode(), np.uint8)
        if self.double_checkpoint and (self.backup_dir / _FILE).exists():
            os.replace(self.backup_dir / _FILE, self.backup_dir / _PREVIOUS)
        content = io.BytesIO()
        np.savez(content, **arrays)  # none of the names is a keyword of savez
        write_atomically(self.backup_dir / _FILE, content.getvalue())

    def _read(self) -> dict[str, np.ndarray] | None:
        """The arrays of the last state that can be read, or None."""
        failure: Exception | None = None
        for name in (_FILE, _PREVIOUS):
            try:
                with np.load(self.backup_dir / name, allow_pickle=False) as file:
                    return {key: file[key] for key in file.files}
            except FileNotFoundError:
                continue
            except Exception as error:  # NumPy and zipfile do not document what they raise for a damaged file
                failure = error
        if failure is not None:
            raise ValueError(
                f"[BackupAndRestore] expected a state of training in {self.backup_dir}. Remove the directory to start "
                f"again. Received: a file that cannot be read ({failure})"
            ) from failure
        return None

    def _restore(self, arrays: dict[str, np.ndarray]) -> None:
        model = self.model
        settings = json.loads(arrays[_SETTINGS].tobytes())
        weights = [arrays[f"weights/{i}"] for i in range(sum(key.startswith("weights/") for key in arrays))]
        vectors = {
            key.removeprefix("optimizer/"): array for key, array in arrays.items() if key.startswith("optimizer/")
        }
        try:
            model.set_weights(weights)
            model.optimizer.load_state_dict(vectors)
            restore_layers(model, settings.get("layers", {}), arrays)
        except ValueError as error:
            raise ValueError(
                f"[BackupAndRestore] expected {self.backup_dir} to be the backup of this model. {error}"
            ) from error
        model.core_network.step = settings["network_step"]
        if settings["learning_rate"] is not None:
            model.optimizer.learning_rate = settings["learning_rate"]
        set_states(self.companions, _unpack(settings["callbacks"], arrays))
        model.training_position = settings["position"]


def _constant_rate(optimizer: Any) -> float | None:
    """The learning rate if it is a number, which callbacks may have changed. None for a schedule, which stays."""
    return None if optimizer.schedule is not None else float(optimizer.learning_rate)


def _pack(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """``value`` in a form for JSON, in which names stand for arrays. The arrays are added to ``arrays``."""
    if isinstance(value, np.ndarray):
        key = f"callbacks/{len(arrays)}"
        arrays[key] = value
        return {_ARRAY: key}
    if isinstance(value, dict):
        return {name: _pack(entry, arrays) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_pack(entry, arrays) for entry in value]
    return value.item() if isinstance(value, np.generic) else value


def _unpack(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Inverse of :func:`_pack`."""
    if isinstance(value, dict):
        if set(value) == {_ARRAY}:
            return arrays[value[_ARRAY]]
        return {name: _unpack(entry, arrays) for name, entry in value.items()}
    return [_unpack(entry, arrays) for entry in value] if isinstance(value, list) else value
