"""What the loss functions share: the table of the classes behind them, and the computation by such a class."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from cnncore.differentiation import Traced, seen
from cnncore.graph.tensor import KerasTensor, loss_of_tensors
from cnncore.losses.base import Loss
from cnncore.losses.compiled import CompiledLoss
from cnncore.losses.overlap import Dice, Tversky, dice, tversky

__all__ = ["CLASSES", "function_of", "rows"]

F = TypeVar("F", bound=Callable[..., np.ndarray])

#: The class behind each function: ``compile(loss=losses.huber)`` means ``losses.Huber()``.
CLASSES: dict[Callable[..., Any], type[Loss]] = {dice: Dice, tversky: Tversky}


def function_of(cls: type[Loss]) -> Callable[[F], F]:
    """A decorator that notes that a function stands for ``cls``, and adds the arguments to the function's docstring
    as the docstring of ``cls`` describes them.
    """

    def note(function: F) -> F:
        CLASSES[function] = cls
        if function.__doc__ and cls.__doc__:
            names = inspect.signature(function).parameters
            function.__doc__ = _described(inspect.cleandoc(function.__doc__), inspect.cleandoc(cls.__doc__), set(names))
        return function

    return note


def _described(text: str, of_class: str, names: set[str]) -> str:
    """The docstring ``text`` of a function, with those parameters of the class's docstring ``of_class`` whose names
    are in ``names``.
    """
    parameters = of_class.partition("Parameters\n----------\n")[2].partition("\n\n")[0]
    entries = re.findall(r"^\S.*(?:\n .*)*", parameters, re.MULTILINE)
    options = [entry for entry in entries if entry.split()[0] in names]
    described = "\n".join(["Parameters", "----------", "y_true, y_pred : array_like", *options])
    returned = "numpy.ndarray\n    float32, of the shape of `y_pred` without its axis of classes or values"
    summary, _, examples = text.partition("Examples\n")
    return f"{summary}{described}\n\nReturns\n-------\n{returned}\n\nExamples\n{examples}"


def rows(loss: CompiledLoss, y_true: Any, y_pred: Any) -> np.ndarray:
    """The losses of all rows, for arrays, symbolic tensors and values that are being differentiated.

    Parameters
    ----------
    loss : CompiledLoss
        With reduction None.
    y_true : array_like or KerasTensor
        A single number stands for an array of ``y_pred``'s shape that holds this number everywhere.
    y_pred : array_like, KerasTensor or Traced

    Returns
    -------
    numpy.ndarray
        float32, of ``y_pred``'s shape without the axis of the loss. A tensor gives a tensor instead.
    """
    if isinstance(y_true, (int, float)) and not isinstance(y_pred, KerasTensor):
        y_true = np.full(np.shape(y_pred), y_true, np.float32)
    y_true, y_pred = seen(y_true), seen(y_pred)
    if isinstance(y_pred, Traced) or isinstance(y_true, Traced):  # something is being differentiated
        return loss(y_true, y_pred)  # type: ignore[no-any-return]
    if isinstance(y_true, KerasTensor) or isinstance(y_pred, KerasTensor):
        return loss_of_tensors(loss, y_true, y_pred)  # type: ignore[no-any-return]
    return np.asarray(loss(y_true, y_pred))
