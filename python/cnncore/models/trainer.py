"""Training and inference of models: what :class:`cnncore.Model` adds to a layer. The structure is in ``model.py``."""

from __future__ import annotations

from typing import Any


class Trainer:
    """The half of a model that is compiled, fitted and evaluated."""

    def __init__(self) -> None:
        self._optimizer: Any = None

    @property
    def compiled(self) -> bool:
        """Whether ``compile`` was called."""
        return self._optimizer is not None

    def _training_attributes(self) -> dict[str, Any]:
        """What copies of the model keep of its training."""
        return {}

    def _network_replaced(self, old: Any, new: Any) -> None:
        """Told by the structure: the network is another object."""
