"""Described: how a model is shown to users, and described for files."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from cnncore.layers.base import registry
from cnncore.models.structure.graph_config import describe, descriptions_of, sharing
from cnncore.models.structure.parts import Parts
from cnncore.models.structure.summary import print_summary

__all__ = ["Described"]


class Described(Parts):
    """The part of a model that describes it."""

    used_seed: int
    precision: str

    if TYPE_CHECKING:

        @property
        def _has_own_constructor(self) -> bool:
            """Whether a subclass defines ``__init__``, so that the arguments describe the model."""

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Print layers, output shapes and numbers of parameters.

        Parameters
        ----------
        line_length : int, optional
            Width of the table; as wide as its content needs by default, but at least 65 characters.
        positions : list of float, optional
            Where the columns end: fractions of the width, or absolute positions.
        print_fn : callable, default print
            Called with each line.
        expand_nested : bool, default False
            Whether to show the layers of models inside.
        show_trainable : bool, default False
            Whether to show which layers are trained.
        layer_range : (str, str), optional
            Names, or regular expressions, of the first and the last layer to show.

        Raises
        ------
        ValueError
            If the shape of the input is not known.
        """
        self._require_built()
        print_summary(self, line_length, positions, print_fn or print, expand_nested, show_trainable, layer_range)

    def get_config(self) -> dict[str, Any]:
        """Layers, their calls, seed and precision, ready for JSON."""
        base = {"name": self.name, "trainable": self._trainable}
        if self._follows_call or self._has_own_constructor:
            return self._with_given(base)
        with sharing():
            layers = descriptions_of(self.layers)
        return base | {
            "seed": self.used_seed,
            "precision": self.precision,
            "layers": layers,
            **describe(self._function),
        }

    def to_json(self, **kwargs: Any) -> str:
        """The model's structure, without weights, as JSON; :func:`cnncore.models.model_from_json` reads it.

        Parameters
        ----------
        **kwargs
            For :func:`json.dumps`.
        """
        return str(json.dumps(registry.serialize(self), **kwargs))

    def __repr__(self) -> str:
        if not self.built:
            return f"<{type(self).__name__} {self.name}, not built>"
        return (
            f"<{type(self).__name__} {self.name}: {len(self.layers)} layers, {self.input_shape} -> "
            f"{self.output_shape}, {self.count_params():,} parameters>"
        )
