"""Which layers a model trains that were frozen, or not, after it was compiled: for pairs of models that share layers.

``trainable`` takes effect at once. Scripts for Keras 2 rely on something else where two models are trained by turns, as
in a generative adversarial network: the discriminator is compiled, then frozen, then a model that contains it is
compiled, and both are trained. Each of them trains what was trainable when it was compiled.
"""

from __future__ import annotations

import weakref
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
    kept : dict of int to bool
        The same for those layers whose flag had changed when another model with them was compiled. They hold for this
        model until it is compiled again.
    """

    def __init__(self) -> None:
        self.at_compile: dict[int, bool] = {}
        self.kept: dict[int, bool] = {}


def note_compile(model: Any) -> None:
    """Note that a model is being compiled."""
    own = _flags_of(model)
    model.trainable_flags.at_compile, before, model.trainable_flags.kept = own, model.trainable_flags.kept, {}
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


def _flags_of(model: Any) -> dict[int, bool]:
    found: dict[int, bool] = {}
    for layer in model.sublayers():
        found[id(layer)] = layer.trainable
        found |= _flags_of(layer)
    return found
