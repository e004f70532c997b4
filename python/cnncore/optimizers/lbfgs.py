"""L-BFGS inside ``fit``."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.optimizers.base import Rate, registry
from cnncore.optimizers.newton.lbfgs import LBFGSMethod
from cnncore.optimizers.newton.line_search import Wolfe
from cnncore.optimizers.searching import NOISE, Searching

__all__ = ["LBFGS"]


@registry.register()
class LBFGS(Searching):
    r"""Steps along :math:`-H g`, where H is an estimate of the inverse Hessian from the last steps. A line search finds
    their length.

    A step evaluates the loss of its batch at one or a few points, until Wolfe's strong conditions hold. A step never
    makes the loss of its own batch larger. Use the whole data as one batch, or large batches: small batches give a poor
    estimate of the curvature.

    Parameters
    ----------
    learning_rate : float or callable, default 1
        The first step length that the line search tries. Leave it at 1.
    history_size : int, default 10
        The number of steps that are remembered. Each takes two vectors of the size of the parameters.
    iterations_per_batch : int, default 1
        The number of iterations on each batch.
    max_evaluations : int, default 25
        The largest number of evaluations in a line search.
    name : str, optional
        Weight decay, clipping and averages are not available. Regularizers of layers are part of the loss.

    See Also
    --------
    cnncore.optimizers.newton.LBFGSMethod : The formula and its sources.

    Examples
    --------
    >>> import numpy as np
    >>> from cnncore.optimizers import LBFGS
    >>> class Bowl:
    ...     def value_and_gradient(self, point):
    ...         return float(point @ point), 2 * point
    >>> optimizer = LBFGS(iterations_per_batch=3)
    >>> optimizer.build(2)
    >>> optimizer.iterate(Bowl(), np.array([3, 4], np.float32))
    array([0., 0.], dtype=float32)
    """

    method: LBFGSMethod

    def __init__(
        self,
        learning_rate: Rate = 1.0,
        history_size: int = 10,
        iterations_per_batch: int = 1,
        max_evaluations: int = 25,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, iterations_per_batch, name, kwargs)
        self.history_size = _checks.integer(history_size, "history_size", "LBFGS")
        self.max_evaluations = _checks.integer(max_evaluations, "max_evaluations", "LBFGS", minimum=2)
        rules = Wolfe(most_evaluations=self.max_evaluations, noise=NOISE)
        self.method = LBFGSMethod(self.history_size, rules=rules, storage=np.float32)

    def _recall(self) -> None:
        self.method.learning_rate = float(self.learning_rate)
        count = sum(name.startswith("steps_") for name in self._state)
        self.method.load_state_dict(
            {name: [self._state[f"{name}_{index}"] for index in range(count)] for name in ("steps", "changes")}
        )

    def _remember(self) -> None:
        pairs = self.method.state_dict()
        self._state = {
            f"{name}_{index}": vector for name in ("steps", "changes") for index, vector in enumerate(pairs[name])
        }

    def get_config(self) -> dict[str, Any]:
        names = "history_size max_evaluations"
        return {**super().get_config(), **{name: getattr(self, name) for name in names.split()}}
