"""The arguments of ``compile`` in files of Keras 3 and of Keras 2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["compile_arguments", "compile_config", "old_compile_config"]

_KNOWN = ("optimizer", "loss", "loss_weights", "metrics", "weighted_metrics")
_WITHOUT_EFFECT = ("dtype", "fn", "loss_scale_factor", "jit_compile", "is_legacy_optimizer")


def compile_arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments for ``compile_from_config``, without those that only concern Keras."""
    if not isinstance(config, Mapping):
        raise ValueError(f"expected the arguments of compile as a dict. Received: {type(config).__name__}")
    found = {key: _own(config[key]) for key in _KNOWN if config.get(key) is not None}
    for key in ("metrics", "weighted_metrics"):
        value = found.get(key)
        if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
            found[key] = value[0]  # TensorFlow's Keras writes a list for each output
    return found


def old_compile_config(config: Any) -> dict[str, Any]:
    """The ``training_config`` of an HDF5 file, whose optimizer is a separate entry, in the form of Keras 3."""
    if not isinstance(config, Mapping) or not isinstance(config.get("optimizer_config"), Mapping):
        raise ValueError("expected its training_config to describe an optimizer")
    entry = config["optimizer_config"]
    settings = dict(entry["config"]) if isinstance(entry.get("config"), Mapping) else {}
    if "lr" in settings:
        settings["learning_rate"] = settings.pop("lr")
    decay = settings.pop("decay", 0.0)
    if decay:
        start = {"initial_learning_rate": settings.get("learning_rate"), "decay_steps": 1, "decay_rate": decay}
        settings["learning_rate"] = {"class_name": "InverseTimeDecay", "config": start}
    name = str(entry.get("class_name")).rpartition(">")[2]
    return {**config, "optimizer": {"class_name": name, "config": settings}}


def _own(value: Any) -> Any:
    if isinstance(value, list):
        return [_own(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    if "class_name" not in value or "config" not in value:
        return {key: _own(item) for key, item in value.items()}
    kind, config = value["class_name"], value["config"]
    if kind == "function" or not isinstance(config, Mapping):
        return config
    if kind in ("MeanMetricWrapper", "LossFunctionWrapper"):
        return _own(config.get("fn"))
    settings = {key: _own(item) for key, item in config.items() if item is not None and key not in _WITHOUT_EFFECT}
    if settings.get("reduction") == "auto":
        del settings["reduction"]  # the name of the default in Keras 2
    return {"class_name": kind, "config": settings}


def compile_config(model: Any) -> dict[str, Any]:
    """The arguments of ``compile``, as Keras writes them."""
    config = model.get_compile_config()

    def described(value: Any, module: str) -> Any:
        if isinstance(value, dict) and set(value) == {"class_name", "config"}:
            settings = {key: described(item, f"{module}.schedules") for key, item in value["config"].items()}
            return {"module": module, "class_name": value["class_name"], "config": settings, "registered_name": None}
        if isinstance(value, dict):
            return {key: described(item, module) for key, item in value.items()}
        return [described(item, module) for item in value] if isinstance(value, (list, tuple)) else value

    return {
        "optimizer": described(config["optimizer"], "keras.optimizers"),
        "loss": described(config["loss"], "keras.losses"),
        "loss_weights": config.get("loss_weights"),
        "metrics": described(config.get("metrics"), "keras.metrics"),
        "weighted_metrics": described(config.get("weighted_metrics"), "keras.metrics"),
        "run_eagerly": False,
        "steps_per_execution": 1,
        "jit_compile": False,
    }
