"""The arguments of ``compile``, which are one object, a list or a dict, as an entry for each output of the model."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cnncore import _checks, losses
from cnncore import metrics as metrics_module
from cnncore.models.data.arrays import by_name
from cnncore.models.data.signature import Output

__all__ = ["Plan", "keras_2_order"]


class Plan:
    """The arguments of ``compile``, checked as far as that is possible without knowing the model's outputs.

    Parameters
    ----------
    loss, loss_weights, metrics, weighted_metrics
        As ``compile`` takes them.
    """

    def __init__(self, loss: Any, loss_weights: Any, metrics: Any, weighted_metrics: Any) -> None:
        self.loss = _map(losses.get, loss)
        self.has_loss = any(item is not None for item in _leaves(self.loss))
        self.loss_weights = _map(_loss_weight, loss_weights)
        self.metrics = _metric_list(metrics, "metrics", self.loss)
        self.weighted_metrics = _metric_list(weighted_metrics, "weighted_metrics", self.loss)

    def outputs(self, structure: Any, names: list[str], shapes: list[tuple[int, ...]]) -> list[Output]:
        """The outputs of a model with their losses and metrics; ValueError if a list or dict does not fit them."""
        count = len(names)
        per_loss = _spread(self.loss, structure, names, "loss")
        weights = _spread(self.loss_weights, structure, names, "loss_weights")
        metrics = _metrics_of(self.metrics, structure, names, "metrics")
        weighted = _metrics_of(self.weighted_metrics, structure, names, "weighted_metrics")
        result = []
        for index, (name, shape) in enumerate(zip(names, shapes, strict=True)):
            loss, prefix = per_loss[index], "" if count == 1 else f"{name}_"
            plain, with_weights = (
                [metrics_module.get(item, loss, shape) for item in group[index]] for group in (metrics, weighted)
            )
            taken = {metric.name for metric in plain}
            logged = metrics_module.unique_names(
                [metric.name for metric in plain]
                + [f"{'weighted_' if metric.name in taken else ''}{metric.name}" for metric in with_weights]
            )
            named = [(f"{prefix}{key}", metric) for key, metric in zip(logged, [*plain, *with_weights], strict=True)]
            result.append(
                Output(
                    name=name,
                    shape=shape,
                    loss=loss,
                    loss_weight=1.0 if weights[index] is None else weights[index],
                    metrics=named[: len(plain)],
                    weighted_metrics=named[len(plain) :],
                )
            )
        return result

    def losses_of_user(self) -> list[Any]:
        """The functions and objects of classes that a user wrote, among the losses."""
        given = [getattr(loss, "function", loss) for loss in _leaves(self.loss) if loss is not None]
        return [loss for loss in given if not type(loss).__module__.startswith("cnncore.")]

    def get_config(self) -> dict[str, Any]:
        """The arguments, ready for JSON; ValueError if one of them cannot be described."""
        config: dict[str, Any] = {"loss": _map(_described_loss, self.loss)}
        for name in ("loss_weights", "metrics", "weighted_metrics"):
            value = getattr(self, name)
            config[name] = value if name == "loss_weights" else _map(_described_metric, value)
        return config


def _is_leaf(value: Any) -> bool:
    return not isinstance(value, (list, tuple, dict)) or (isinstance(value, dict) and "class_name" in value)


def _map(function: Callable[[Any], Any], value: Any) -> Any:
    """Apply ``function`` to each entry of ``value`` that is not None. The description of an object counts as one entry,
    although it is a dict.
    """
    if value is None:
        return None
    if _is_leaf(value):
        return function(value)
    if isinstance(value, dict):
        return {key: _map(function, entry) for key, entry in value.items()}
    return [_map(function, entry) for entry in value]


def _leaves(value: Any) -> list[Any]:
    if _is_leaf(value):
        return [value]
    return [leaf for entry in (value.values() if isinstance(value, dict) else value) for leaf in _leaves(entry)]


def _loss_weight(value: Any) -> float:
    return _checks.number(value, "loss_weights", "compile")


def _metric_list(metrics: Any, name: str, loss: Any) -> Any:
    if metrics is None:
        return None
    if isinstance(metrics, str) or not isinstance(metrics, (Mapping, Iterable)):
        raise TypeError(f"[compile] expected `{name}` to be a list. Received: {name}={metrics!r}")
    first = next((item for item in _leaves(loss) if item is not None), None)

    def checked(identifier: Any) -> Any:
        metric = metrics_module.get(identifier, first)  # raises an error if the name is not known
        if isinstance(identifier, dict) and not type(metric).__module__.startswith("cnncore."):
            return metric  # the class of a user may be known only now, while a file is read
        return metric if isinstance(identifier, type) else identifier

    return _map(checked, dict(metrics) if isinstance(metrics, Mapping) else list(metrics))


def _spread(value: Any, structure: Any, names: list[str], what: str) -> list[Any]:
    """An entry of ``value`` for each output."""
    if value is None or _is_leaf(value):
        return [value] * len(names)
    return (
        by_name(value, structure, names, what, "compile") if len(names) > 1 or isinstance(value, dict) else _one(value)
    )


def _one(value: list[Any]) -> list[Any]:
    if len(value) != 1:
        raise ValueError(f"[compile] expected one entry for the model's one output. Received: {len(value)}")
    return value


def _metrics_of(metrics: Any, structure: Any, names: list[str], what: str) -> list[list[Any]]:
    """The metrics of each output."""
    count = len(names)
    if metrics is None:
        return [[] for _ in names]
    if isinstance(metrics, list):
        flat = not any(isinstance(entry, (list, tuple)) for entry in metrics)
        if count == 1:
            groups = [metrics] if flat else metrics
        elif flat and len(metrics) != count:
            groups = [metrics] * count  # Keras 2: one list for all outputs
        else:
            groups = by_name(metrics, list(names), names, what, "compile")
    else:
        groups = by_name(metrics, structure, names, what, "compile")
    return [_flat(group) for group in groups]


def _flat(group: Any) -> list[Any]:
    if group is None:
        return []
    return [item for item in group if item is not None] if isinstance(group, (list, tuple)) else [group]


def _described_loss(loss: Any) -> Any:
    return losses.serialize(loss)


def _described_metric(identifier: Any) -> Any:
    return identifier if isinstance(identifier, str) else metrics_module.serialize(metrics_module.get(identifier))


def keras_2_order(loss_weights: Any, metrics: Any) -> tuple[Any, Any]:
    """``loss_weights`` and ``metrics``, exchanged if the first has names of metrics: in Keras 2 the third argument of
    ``compile`` was ``metrics``.
    """
    if metrics is not None or not any(isinstance(leaf, str) or callable(leaf) for leaf in _leaves(loss_weights)):
        return loss_weights, metrics
    warnings.warn(
        "The third argument of compile is `loss_weights` today. Write the metrics with their name: "
        f"metrics={loss_weights!r}.",
        DeprecationWarning,
        stacklevel=3,
    )
    return None, loss_weights
