"""Which layers the losses that a user wrote compute with.

The core computes the gradient of a loss with respect to the predictions only. A loss that also computes with weights of
the model, for example by calling one of its layers, needs the gradient of these weights, too. Such a model is trained
by ``train_step`` with a tape, which is slower, so this must be known before the first step.

A loss is a Python function, and nothing says which layers it uses but its code. This module reads the names in its
compiled code (``code.co_names``) and looks them up where Python would: in the variables of functions around it, in its
defaults, in its module, and in the object whose method it is. Calling the loss once to see what it uses is no
alternative: calls may draw random numbers, count steps or print, and one call need not take every branch. If the code
names a layer that it never uses, the model is trained by the tape without need.
"""

from __future__ import annotations

import dis
import functools
import itertools
import weakref
from collections.abc import Iterator
from types import CodeType, FunctionType, MethodType
from typing import Any

from cnncore._structure import flatten
from cnncore.layers.base import Layer
from cnncore.layers.weights.variable import Variable

__all__ = ["layers_of_loss", "uses_weights"]

# For each plan of `compile`, the layers that its losses compute with. Models do not keep them as attributes, since
# layers that are attributes belong to a model.
_known: weakref.WeakKeyDictionary[Any, list[Layer]] = weakref.WeakKeyDictionary()

_DEEPEST = 8  # how many calls of functions by functions are followed
_ALL_WEIGHTS = {
    *("get_layer", "layers", "non_trainable_weights", "trainable_variables", "trainable_weights", "variables"),
    *("weights", "non_trainable_variables"),
}


def layers_of_loss(loss: Any) -> list[Layer]:
    """Return the layers and models that the code of a loss refers to.

    Parameters
    ----------
    loss : callable
        A function, a method or an object with a method ``call``. Classes of this package compute with no layers.

    Examples
    --------
    >>> from cnncore.layers import Dense
    >>> def perceptual(network, y_true, y_pred):
    ...     return (network(y_true) - network(y_pred)) ** 2
    >>> loss = functools.partial(perceptual, Dense(2, name="features"))
    >>> [layer.name for layer in layers_of_loss(loss)]
    ['features']
    """
    found: dict[int, Layer] = {}
    _Search(found).visit(loss, _DEEPEST)
    return list(found.values())


def uses_weights(model: Any, plan: Any, losses: list[Any]) -> bool:
    """Whether losses that a user wrote compute with weights of the model, and not only with its outputs.

    Weights that are frozen do not count, unless the predictions are computed with them, too.

    Parameters
    ----------
    model : Model
    plan
        What was compiled. For each plan the losses are searched once.
    losses : list of callable
    """
    if plan not in _known:
        _known[plan] = list({id(layer): layer for loss in losses for layer in layers_of_loss(loss)}.values())
    used = _known[plan]
    if not used:
        return False
    own = {id(layer) for layer in _with_inner(model)}
    parts = [part for layer in used for part in _with_inner(layer) if id(part) in own and part.specs]
    if any(part.trainable and any(spec.trainable for spec in part.specs) for part in parts):
        return True
    function = model.layer_graph if model.built else None
    called = [] if function is None else [layer for node in function.nodes for layer in _with_inner(node.layer)]
    return bool({id(part) for part in parts} & {id(layer) for layer in called})


def _with_inner(layer: Any) -> Iterator[Any]:
    """A layer, and all layers inside it at any depth."""
    yield layer
    for inner in layer.sublayers():
        yield from _with_inner(inner)


class _Search:
    """Collects layers in ``found``, under their ids: layers that compare equal are still different layers."""

    def __init__(self, found: dict[int, Layer]) -> None:
        self._found, self._seen = found, set[int]()

    def visit(self, item: Any, depth: int) -> None:
        """Collect the layers that ``item`` is, contains or computes with."""
        if isinstance(item, (str, bytes, int, float, type(None))) or id(item) in self._seen or not depth:
            return
        self._seen.add(id(item))
        if isinstance(item, (list, tuple, dict)):
            for leaf in flatten(item):
                self.visit(leaf, depth)
        elif isinstance(item, Layer):
            self._found[id(item)] = item
        elif isinstance(item, Variable):
            self._found[id(item.layer)] = item.layer
        elif isinstance(item, functools.partial):
            for part in (item.func, *item.args, *item.keywords.values()):
                self.visit(part, depth)
        elif isinstance(item, MethodType):
            self._visit_function(item.__func__, item.__self__, depth)
        elif isinstance(item, FunctionType):
            self._visit_function(item, None, depth)
        elif _is_of_user(type(item)):
            for name in ("__call__", "call", "gradient"):
                method = getattr(type(item), name, None)
                if isinstance(method, FunctionType):
                    self._visit_function(method, item, depth)

    def _visit_function(self, function: Any, owner: Any, depth: int) -> None:
        """Collect what a function refers to by names of its module, of functions around it, and of its object."""
        if not isinstance(function, FunctionType) or not _is_of_user(function):
            return
        code = function.__code__
        inner = list(_codes(code))
        names = set(itertools.chain.from_iterable(item.co_names for item in inner))
        for cell in function.__closure__ or ():
            try:
                self.visit(cell.cell_contents, depth - 1)
            except ValueError:  # the cell is still empty
                continue
        for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self.visit(default, depth - 1)
        for name in names & function.__globals__.keys():
            value = function.__globals__[name]
            if isinstance(value, (Layer, Variable, FunctionType, functools.partial, list, tuple, dict)):
                self.visit(value, depth - 1)
        if owner is not None:
            self._visit_owner(owner, names, code, depth)

    def _visit_owner(self, owner: Any, names: set[str], code: CodeType, depth: int) -> None:
        """Collect what a method with ``code`` refers to by ``names`` of attributes and methods of its object."""
        if isinstance(owner, Layer) and (names & _ALL_WEIGHTS or _uses_itself(code)):
            self._found[id(owner)] = owner
        attributes = vars(owner)
        for name in names:
            method = getattr(type(owner), name, None)
            if name in attributes:
                self.visit(attributes[name], depth - 1)
            elif isinstance(method, FunctionType) and id(method) not in self._seen:
                self._seen.add(id(method))
                self._visit_function(method, owner, depth - 1)


def _is_of_user(item: Any) -> bool:
    return not str(item.__module__).startswith("cnncore.")


def _codes(code: CodeType) -> Iterator[CodeType]:
    """The code of a function and of the functions inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _uses_itself(code: CodeType) -> bool:
    """Whether a method uses its object other than by an attribute, for example calls it: ``self(x)``.

    In compiled code, an attribute is an instruction that loads the object, followed by one that takes the attribute.
    """
    if not code.co_argcount:
        return False
    name = code.co_varnames[0]
    lines = itertools.pairwise(dis.get_instructions(code))
    return any(
        line.argval == name
        and line.opname.startswith("LOAD_")
        and not any(word in after.opname for word in ("ATTR", "METHOD"))
        for line, after in lines
    )
