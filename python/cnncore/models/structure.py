"""What the training half of a model needs of the other half, which ``models/model.py`` describes; for type checkers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["Structure"]

if TYPE_CHECKING:
    from cnncore import _core
    from cnncore.layers.function import Function

    class Structure:
        """The names that a model's structure has."""

        name: str
        seed: int
        built: bool
        _lock: Any

        @property
        def layers(self) -> list[Any]: ...
        @property
        def input_names(self) -> list[str]: ...
        @property
        def output_names(self) -> list[str]: ...
        @property
        def trainable_variables(self) -> list[Any]: ...
        @property
        def _function(self) -> Function: ...
        @property
        def _augmentation(self) -> list[Any]: ...
        @property
        def precision(self) -> str: ...
        @precision.setter
        def precision(self, value: str) -> None: ...
        def _network_for_use(self) -> _core.Network: ...
        def _build_for(self, x: Any) -> None: ...
        def variable_of(self, slot: Any) -> Any: ...
        def _constraints(self) -> list[tuple[Any, Any]]: ...
        def get_weights(self) -> list[Any]: ...
        def set_weights(self, weights: Any) -> None: ...

else:

    class Structure:
        """Nothing at run time: another base class of the model has the names."""
