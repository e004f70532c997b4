"""The registry of layers and models. It is a module of its own because activations need it, too: a layer may be one."""

from __future__ import annotations

from typing import Any

from cnncore._registry import Registry

__all__ = ["registry"]

registry: Registry[Any] = Registry("layer", "cnncore.layers", "cnncore.models")
