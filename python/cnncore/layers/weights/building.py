"""How a layer learns the shapes of its weights, from the shape of its first input."""

from __future__ import annotations

import inspect
from typing import Any

from cnncore._random import next_seed
from cnncore.graph.unknown_sizes import LARGE, for_any_size, weights_of_any_size
from cnncore.layers.weights.owner import WeightOwner, building_once
from cnncore.layers.weights.spec import WeightSpec

__all__ = ["Buildable"]


class Buildable(WeightOwner):
    """The part of a layer that is built once: then its weights have shapes."""

    builds_once = True  # whether further calls of the ``build`` of a subclass do nothing
    takes_unknown_sizes = False  # whether compute_output_shape handles sizes that are None itself
    sizes_to_ask_with = LARGE  # if not, the numbers that take the place of None, see graph/unknown_sizes.py

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in vars(cls) and cls.builds_once:
            cls.build = building_once(cls.build)  # type: ignore[method-assign]
        if "compute_output_shape" in vars(cls) and not cls.takes_unknown_sizes:
            cls.compute_output_shape = for_any_size(cls.compute_output_shape)  # type: ignore[method-assign]

    _given_weights: Any  # the argument `weights` of the constructor, until it is written

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output shape for an input shape, both with the batch axis (None) in front.

        A ValueError says why the layer cannot take inputs of that shape. Subclasses need not
        handle sizes that are not known (None), since the method is called with numbers in their place.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement compute_output_shape(input_shape)")

    def weight_specs(self, input_shape: Any) -> list[WeightSpec]:
        """Describe the weights that the layer needs for an input shape, in the order in which its ops take them."""
        return []

    @property
    def says_its_output_shape(self) -> bool:
        """Whether the layer's class has ``compute_output_shape``."""
        return type(self).compute_output_shape is not Buildable.compute_output_shape

    def build(self, input_shape: Any) -> None:
        """Determine the shapes of the weights from an input shape. The first call of the layer does this, too."""
        if not self.built:
            self._specs += weights_of_any_size(self.weight_specs, input_shape, self.name)
            self.built = True
            self._write_given_weights()

    def _write_given_weights(self) -> None:
        given, self._given_weights = self._given_weights, None
        if given is not None:
            self.set_weights(given)

    def ensure_built(self, input_shape: Any, *more: Any) -> None:
        """Build the layer if it is not built yet. Otherwise check that its weights fit the input shape.

        ``more`` are the shapes of further inputs, for a ``build`` that takes several.
        """
        if not self.built:
            if self.seed_key is None:
                self.seed_key = (next_seed(),)
            if self.says_its_output_shape:
                self.compute_output_shape(input_shape)  # raises an error for a wrong shape before anything is changed
            takes_all = more and len(inspect.signature(self.build).parameters) > 1
            self.build(input_shape, *(more if takes_all else ()))
            self._write_given_weights()
            return
        wanted = weights_of_any_size(self.weight_specs, input_shape, self.name)
        for held, spec in zip(self._specs, wanted, strict=False):
            if held.shape != spec.shape:
                raise ValueError(
                    f'Layer "{self.name}" already has a {spec.name} of shape {held.shape}, but an input of shape '
                    f"{input_shape} needs {spec.shape}. Make a new layer: "
                    f"{type(self).__name__}.from_config(layer.get_config())"
                )
