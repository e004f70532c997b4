"""Metrics for one call at a time, and results in the form in which Keras returns them."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

from cnncore.models.claim import Claim
from cnncore.models.preparation import Preparation
from cnncore.models.signature import Output

__all__ = ["Measuring", "as_keras_result"]


class Measuring(Preparation):
    """The part of a model that gives its metrics to one call at a time."""

    _metrics_in_use: Claim

    @contextlib.contextmanager
    def _own_outputs(self) -> Iterator[list[Output]]:
        """The outputs, with metrics for this call alone: copies of the metrics if another thread is using them."""
        outputs = self._described_outputs()
        with self._metrics_in_use as is_mine:
            yield outputs if is_mine else _copies(outputs)


def as_keras_result(logs: dict[str, Any], return_dict: bool) -> Any:
    """Logs as ``evaluate`` returns them: a dict, a list, or a single number."""
    if return_dict:
        return logs
    values = list(logs.values())
    return values if len(values) > 1 else values[0]


def _copies(outputs: list[Output]) -> list[Output]:
    return [
        output._replace(metrics=copy.deepcopy(output.metrics), weighted_metrics=copy.deepcopy(output.weighted_metrics))
        for output in outputs
    ]
