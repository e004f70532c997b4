"""History: what ``fit`` returns."""

from __future__ import annotations

from typing import Any

from cnncore.callbacks.base import Callback, Logs
from cnncore.callbacks.old_names import NamedValues

__all__ = ["History"]


class History(Callback):
    """Records the logs of every epoch. ``fit`` returns one, which is also ``model.history``.

    Attributes
    ----------
    epoch : list of int
        The epochs, counted from 0.
    history : dict of str to list of float
        For each name in the logs, a list with its value in each epoch. Names of Keras 2 ("acc", "lr") work as well,
        with a DeprecationWarning.
    model : Model
        The model that was trained. It is left out when a history is pickled or copied.

    Examples
    --------
    >>> history = History()
    >>> history.on_epoch_end(0, {"loss": 0.5})
    >>> history.epoch, history.history
    ([0], {'loss': [0.5]})
    """

    def __init__(self) -> None:
        super().__init__()
        self.epoch: list[int] = []
        self.history: dict[str, list[Any]] = NamedValues()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def get_state(self) -> dict[str, Any]:
        return {"epoch": list(self.epoch), "history": {name: list(values) for name, values in self.history.items()}}

    def set_state(self, state: dict[str, Any]) -> None:
        self.epoch, self.history = list(state["epoch"]), NamedValues(state["history"])

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_model": None}

    def __repr__(self) -> str:
        return f"<History of {len(self.epoch)} epochs: {', '.join(self.history) or 'nothing recorded'}>"
