"""Models whose ``call`` runs in Python for each batch, because it updates metrics, assigns to weights or looks at
values.
"""

from __future__ import annotations

from typing import Any

from cnncore.graph.call_record import visible_calls
from cnncore.graph.function import Function
from cnncore.graph.tensor import NotTraceableError
from cnncore.layers import custom
from cnncore.layers.base import Layer
from cnncore.layers.custom.host_call import takes_training
from cnncore.layers.custom.whole_call import names_in_call

__all__ = ["function_of_call"]


class _WholeModel(Layer):
    """A layer that stands for the ``call`` of a model as a whole."""

    one_input = False
    runs_as_a_whole = True

    def __init__(self, model: Any) -> None:
        super().__init__(name=model.name)
        self._model, self._takes_training = model, takes_training(model)
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """What the ``call`` of the model returns for arrays."""
        return self._model.call(inputs, **({"training": training} if self._takes_training else {}))


def function_of_call(model: Any, inputs: Any) -> Function:
    """The graph of a model whose class defines ``call``: the layers that it calls, or a single call in Python.

    Raises
    ------
    NotTraceableError
        If neither is possible.
    """
    if names_in_call(model, "assign", "assign_add", "assign_sub", "update_state", "add_metric"):
        return _whole(model, inputs)
    try:
        with visible_calls():
            return custom.follow(model, inputs)
    except NotTraceableError as error:
        try:
            return _whole(model, inputs)
        except Exception:
            raise error from error.__cause__


def _whole(model: Any, inputs: Any) -> Function:
    with visible_calls():
        return Function(inputs, _WholeModel(model)(inputs), model.name)
