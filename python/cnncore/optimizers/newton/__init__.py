"""Newton-type methods on flat vectors: L-BFGS, Newton-CG (Hessian-free) and Levenberg-Marquardt.

A method asks an :class:`Objective` for values, gradients and products with its curvature, and knows nothing of models.
:func:`minimize` runs a method until it converges. ``method.step`` makes one iteration, for loops of your own.
"""

from __future__ import annotations

from cnncore.optimizers.newton.lbfgs import LBFGSMethod
from cnncore.optimizers.newton.levenberg_marquardt import LevenbergMarquardtMethod
from cnncore.optimizers.newton.minimize import Result, minimize
from cnncore.optimizers.newton.newton_cg import NewtonCGMethod
from cnncore.optimizers.newton.objective import Counted, CurvedObjective, Method, Objective, Step, Vector

__all__ = [
    "Counted",
    "CurvedObjective",
    "LBFGSMethod",
    "LevenbergMarquardtMethod",
    "Method",
    "NewtonCGMethod",
    "Objective",
    "Result",
    "Step",
    "Vector",
    "minimize",
]
