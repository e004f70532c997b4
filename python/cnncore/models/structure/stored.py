"""Models in files, copies and pickles."""

from __future__ import annotations

import copy
import threading
from os import PathLike
from typing import Any

from cnncore.graph.function import Function
from cnncore.models.structure.frozen import Flags
from cnncore.models.structure.graph_config import describe, lookup, rebuild
from cnncore.models.structure.old_words import check_format

__all__ = ["Stored"]


class Stored:
    """The part of a model that goes into files, copies and pickles."""

    _lock: Any
    _lowered: Any
    _graph: Function | None
    _held_step: int
    steps_done: Any
    _training_attributes: Any

    # --- files --------------------------------------------------------------------------------------------------------
    def save(
        self,
        filepath: str | PathLike[str],
        overwrite: bool = True,
        include_optimizer: bool = True,
        save_format: str | None = None,
    ) -> None:
        """Write the whole model to a file: layers, weights, and the state of training if it was compiled.

        :func:`cnncore.saving.load_model` reads it. See :func:`cnncore.saving.save_model`. ``save_format`` is an
        argument of Keras 2: the end of the file's name says the format today.
        """
        from cnncore import saving

        check_format(save_format, filepath)
        saving.save_model(self, filepath, overwrite=overwrite, include_optimizer=include_optimizer)

    def save_weights(
        self, filepath: str | PathLike[str], overwrite: bool = True, save_format: str | None = None
    ) -> None:
        """Write the weights alone to a file. See :func:`cnncore.saving.save_weights`."""
        from cnncore import saving

        check_format(save_format, filepath)
        saving.save_weights(self, filepath, overwrite=overwrite)

    def load_weights(self, filepath: str | PathLike[str], skip_mismatch: bool = False, by_name: bool = False) -> None:
        """Read weights written by ``save_weights`` or ``save``. See :func:`cnncore.saving.load_weights`."""
        from cnncore import saving

        saving.load_weights(self, filepath, skip_mismatch=skip_mismatch, by_name=by_name)

    # --- copies -------------------------------------------------------------------------------------------------------
    def __getstate__(self) -> dict[str, Any]:
        with self._lock:
            state: dict[str, Any] = super().__getstate__()  # type: ignore[misc]  # the layer's
            for name in ("_lock", "_lowered", "_lowered_key", "_graph", "_wider", "trainable_flags"):
                state.pop(name, None)
            state |= {"_held_step": self.steps_done, "_checked_version": -1} | self._training_attributes()
            if self._graph is not None:
                state["graph"] = describe(self._graph)
                state["graph_layers"] = self._graph.all_layers
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        graph, layers = state.pop("graph", None), state.pop("graph_layers", [])
        self.__dict__.update(state)
        self._lock, self._lowered, self._lowered_key, self._graph = threading.RLock(), None, None, None
        self.trainable_flags = Flags()
        if graph is not None:
            inputs, outputs = rebuild(graph, *lookup(layers, graph))
            self._graph = Function(inputs, outputs, type(self).__name__)

    def __copy__(self) -> Any:
        """Another model of the same layers. It shares their weights, but adding or removing layers does not change the
        original.
        """
        other = object.__new__(type(self))
        state = Stored.__getstate__(self)
        # An optimizer belongs to one model, and metrics count the batches of one model: the copy gets its own.
        training = {name: state[name] for name in ("_optimizer", "_plan") if name in state}
        other.__setstate__(state | copy.deepcopy(training))
        return other
