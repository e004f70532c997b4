"""Metrics for one call at a time, and results in the form in which Keras returns them."""

from __future__ import annotations

import copy
from typing import Any

from cnncore.models.data.signature import Output
from cnncore.models.training.claim import Claim
from cnncore.models.training.meter import by_name
from cnncore.models.training.preparation import Preparation

__all__ = ["Measuring", "as_keras_result"]


class Measuring(Preparation):
    """The part of a model that gives its metrics to one call at a time."""

    _metrics_in_use: Claim

    def _own_outputs(self) -> _OwnOutputs:
        """The outputs for a ``with`` block, whose metrics no other thread uses: copies, if the model's are in use."""
        return _OwnOutputs(self._described_outputs(), self._metrics_in_use)


class _OwnOutputs:
    """What :meth:`Measuring._own_outputs` returns; a generator would cost a training step three times as much."""

    def __init__(self, outputs: list[Output], claim: Claim) -> None:
        self._outputs, self._claim = outputs, claim

    def __enter__(self) -> list[Output]:
        return self._outputs if self._claim.__enter__() else _copies(self._outputs)

    def __exit__(self, *exception: object) -> None:
        self._claim.__exit__(*exception)


def as_keras_result(logs: dict[str, Any], return_dict: bool) -> Any:
    """Logs as ``evaluate`` returns them: a dict, a list, or a single number."""
    if return_dict:
        return by_name(logs)
    values = list(logs.values())
    return values if len(values) > 1 else values[0]


def _copies(outputs: list[Output]) -> list[Output]:
    return [
        output._replace(metrics=copy.deepcopy(output.metrics), weighted_metrics=copy.deepcopy(output.weighted_metrics))
        for output in outputs
    ]
