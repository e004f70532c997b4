"""The curvature of a model's loss: matrices as operators, their eigenvalues and traces, and pictures of the loss.

The matrices are never stored: everything is computed from their products with vectors.

>>> from cnncore import Sequential
>>> from cnncore.layers import Dense
>>> model = Sequential([Dense(1, use_bias=False, input_shape=(2,))])
>>> model.compile(loss="mse")
>>> hessian = HessianOperator(model, [[1.0, 0.0], [0.0, 3.0]], [[0.0], [0.0]])  # the loss is (w1^2 + 9 w2^2) / 2
>>> top_eigenvalues(hessian, 2).round(3)
array([9., 1.])
"""

from __future__ import annotations

from cnncore.curvature.landscape import Landscape, loss_landscape
from cnncore.curvature.operators import FisherOperator, GaussNewtonOperator, HessianOperator
from cnncore.curvature.spectrum import Estimate, SpectralDensity, spectral_density, top_eigenvalues, trace

__all__ = [
    "Estimate",
    "FisherOperator",
    "GaussNewtonOperator",
    "HessianOperator",
    "Landscape",
    "SpectralDensity",
    "loss_landscape",
    "spectral_density",
    "top_eigenvalues",
    "trace",
]
