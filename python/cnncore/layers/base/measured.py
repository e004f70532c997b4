"""Metrics of layers: those that are attributes of a layer, which its ``call`` updates, and those of ``add_metric``."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

from cnncore._attributes import OpenProperty
from cnncore._structure import flatten
from cnncore.graph.call_record import is_probed
from cnncore.graph.loss_terms import LossTerms
from cnncore.graph.tensor import KerasTensor, NotTraceableError
from cnncore.layers.weights.owner import WeightOwner

__all__ = ["Measured"]


class Measured(WeightOwner):
    """The part of a layer that has metrics."""

    _reports_its_own = True  # False for a model: only itself uses the metrics that are its attributes

    @OpenProperty
    def metrics(self) -> list[Any]:
        """The metrics that are attributes of this layer or of layers inside it, and those of :meth:`add_metric`.

        ``fit`` and ``evaluate`` set them back before they begin, and report their results by name. The ``call`` of the
        layer updates them.

        Examples
        --------
        >>> import numpy as np
        >>> import cnncore
        >>> class Watched(cnncore.layers.Layer):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.largest = cnncore.metrics.Mean(name="largest")
        ...     def call(self, x):
        ...         self.largest.update_state(np.max(x))
        ...         return x
        >>> model = cnncore.Sequential([cnncore.Input((2,)), Watched()])
        >>> model.compile(loss="mse")
        >>> model.evaluate([[1, 3]], [[1, 3]], return_dict=True)
        {'loss': 0.0, 'largest': 3.0}
        """
        return self.metrics_of_parts(itself=True)

    def metrics_of_parts(self, itself: bool) -> list[Any]:
        """The metrics of the layers inside, and if ``itself`` those of this layer first, each once."""
        found = self._own_metrics() if itself else []
        for layer in self.sublayers():
            found += layer.metrics_of_parts(layer._reports_its_own)
        return list({id(metric): metric for metric in found}.values())

    def add_metric(self, value: Any, name: str | None = None, aggregation: str | None = "mean", **kwargs: Any) -> None:
        """Keras 2's way to report the mean of a value that ``call`` computes.

        Today a layer has ``self.value = Mean(name=...)`` in its constructor, and ``self.value.update_state(value)`` in
        ``call``.

        Parameters
        ----------
        value : array_like
            One number for the batch, or values with the batch axis in front. The result of a metric that is an
            attribute of the layer is reported by the name of that metric.
        name : str
            The key in the logs.
        aggregation : {"mean", None}, default "mean"
            How the values of batches are combined; None stands for the result of a metric.
        **kwargs
            Accepted for compatibility with Keras 2.

        Raises
        ------
        ValueError
            Without a name, or for another way to combine values.
        """
        owner = f"{type(self).__name__}.add_metric"
        if any(isinstance(leaf, (KerasTensor, LossTerms)) for leaf in flatten(value)):
            raise NotTraceableError(f"[{owner}] expected values, as in a `call` that runs for each batch.")
        if any(getattr(value, "metric", None) is metric for metric in self._own_metrics()):
            return
        self.added_metric(name, aggregation, owner).update_state(value)

    def added_metric(self, name: str | None, aggregation: str | None, owner: str) -> Any:
        """The mean that :meth:`add_metric` made, or makes now, under this name."""
        if not isinstance(name, str) or not name:
            raise ValueError(f"[{owner}] expected a name for the logs. Received: name={name!r}")
        if aggregation not in ("mean", None):
            raise ValueError(f'[{owner}] expected aggregation="mean". Received: aggregation={aggregation!r}')
        kept = self.__dict__.setdefault("_added_metrics", {})
        if name not in kept:
            warnings.warn(
                "add_metric is Keras 2's way to report a value. Keep a Mean as an attribute, and update its state.",
                DeprecationWarning,
                stacklevel=3,
            )
            # metrics are further up, and only scripts for Keras 2 need one here
            kept[name] = importlib.import_module("cnncore.metrics").Mean(name=name)
        return _Silent() if is_probed() else kept[name]

    def _own_metrics(self) -> list[Any]:
        values = [value for name, value in list(self.__dict__.items()) if name not in self._own]
        return list({id(leaf): leaf for leaf in flatten(values) if _is_metric(leaf)}.values())


def _is_metric(value: Any) -> bool:
    return all(hasattr(type(value), name) for name in ("update_state", "result", "reset_state"))


class _Silent:
    """Takes the place of a metric while a layer is called with zeros, to find out the shapes of its results."""

    def update_state(self, value: Any) -> None:
        """Do nothing."""
