"""The registry of layers and models, which activations need as well, since a layer may be an activation."""

from __future__ import annotations

from typing import Any

from cnncore._registry import Registry

__all__ = ["registry"]

registry: Registry[Any] = Registry("layer", "cnncore.layers", "cnncore.models")
