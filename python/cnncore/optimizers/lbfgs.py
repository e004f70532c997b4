"""L-BFGS inside ``fit``."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._checks import Float32
from cnncore.optimizers.base import Optimizer, registry
from cnncore.optimizers.newton.lbfgs import LBFGSMethod
from cnncore.optimizers.newton.line_search import Wolfe
from cnncore.optimizers.newton.objective import Counted, Objective

__all__ = ["LBFGS"]

_NOISE = 2e-7  # the relative rounding error of a loss that is a sum of float32 values


@registry.register()
class LBFGS(Optimizer):
    r"""Steps along :math:`-H g`, where H is an estimate of the inverse Hessian from the last steps. A line search finds
    their length.

    A step evaluates the loss of its batch at one or a few points, until Wolfe's strong conditions hold. The loss of a
    batch never rises in its step. Use the whole data as one batch, or large batches: small batches give a poor estimate
    of the curvature.

    Parameters
    ----------
    learning_rate : float or callable, default 1
        The first step length that the line search tries. Leave it at 1.
    history_size : int, default 10
        How many steps are kept, each with two vectors of the size of the parameters.
    iterations_per_batch : int, default 1
        The number of iterations on each batch.
    max_evaluations : int, default 25
        The largest number of evaluations in a line search.
    name : str, optional

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

    evaluates = True
    large_batches = True

    def __init__(
        self,
        learning_rate: float = 1.0,
        history_size: int = 10,
        iterations_per_batch: int = 1,
        max_evaluations: int = 25,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, name=name, **kwargs)
        self.history_size = _checks.integer(history_size, "history_size", "LBFGS")
        self.iterations_per_batch = _checks.integer(iterations_per_batch, "iterations_per_batch", "LBFGS")
        self.max_evaluations = _checks.integer(max_evaluations, "max_evaluations", "LBFGS", minimum=2)
        rules = Wolfe(most_evaluations=self.max_evaluations, noise=_NOISE)
        self._method = LBFGSMethod(self.history_size, rules=rules, storage=np.float32)

    def iterate(self, objective: Objective, params: Float32) -> Float32:
        counted, point = Counted(objective), params.astype(np.float64)
        self._method.learning_rate = float(self.learning_rate)
        for _ in range(self.iterations_per_batch):
            result = self._method.step(counted, point)
            point = result.point
            if result.length == 0.0:
                break
        self.step += 1
        moved: Float32 = point.astype(np.float32)
        self._finite = bool(np.isfinite(moved).all())
        return moved

    @property
    def state(self) -> dict[str, Float32]:
        """The steps and the changes of the gradient that are kept, the oldest first."""
        pairs = self._method.state_dict()
        return {f"{name}_{index}": vector for name in ("steps", "changes") for index, vector in enumerate(pairs[name])}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        count = sum(name.startswith("steps_") for name in state)
        self._method.load_state_dict(
            {name: [self._state[f"{name}_{index}"] for index in range(count)] for name in ("steps", "changes")}
        )

    def reset(self) -> None:
        super().reset()
        self._method.load_state_dict({"steps": [], "changes": []})

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "learning_rate": super().get_config()["learning_rate"],
            "history_size": self.history_size,
            "iterations_per_batch": self.iterations_per_batch,
            "max_evaluations": self.max_evaluations,
        }
