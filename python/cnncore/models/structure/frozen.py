"""Which layers a model trains that were frozen, or not, after it was compiled: for pairs of models that share layers.

``trainable`` takes effect at once. Scripts for Keras 2 rely on something else where two models are trained by turns, as
in a generative adversarial network: the discriminator is compiled, then frozen, then a model that contains it is
compiled, and both are trained. Each of them trains what was trainable when it was compiled.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

from cnncore.layers.base import structure_changed

__all__ = ["Flags", "note_compile"]

_compiled: weakref.WeakSet[Any] = weakref.WeakSet()  # the models that were compiled and still exist


class Flags:
    """What ``trainable`` said in a model.

    Attributes
    ----------
    at_compile : dict of int to bool
        For each layer, by its id, when the model was compiled.
    layers : list of Layer
        These layers. They are held, because the id of a layer that no longer exists may become that of a new one.
    kept : dict of int to bool
        The same for those layers whose flag had changed when another model with them was compiled. They hold for this
        model until it is compiled again.
    """

    def __init__(self) -> None:
        self.at_compile: dict[int, bool] = {}
        self.layers: list[Any] = []
        self.kept: dict[int, bool] = {}


def note_compile(model: Any) -> None:
    """Note that a model is being compiled."""
    layers = list(_layers_of(model))
    own = {id(layer): layer.trainable for layer in layers}
    before = model.trainable_flags.kept
    model.trainable_flags.at_compile, model.trainable_flags.layers, model.trainable_flags.kept = own, layers, {}
    changed = bool(before)
    for other in list(_compiled):
        if other is not model:
            flags = other.trainable_flags
            shared = own.keys() & flags.at_compile.keys()
            kept = {key: flags.at_compile[key] for key in shared if flags.at_compile[key] != own[key]}
            changed = changed or bool(kept)
            flags.kept |= kept
    _compiled.add(model)
    if changed:
        structure_changed()


def _layers_of(model: Any) -> Iterator[Any]:
    for layer in model.sublayers():
        yield layer
        yield from _layers_of(layer)
