"""The loss of a model on a plane, or along a line, through its weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._checks import Float32
from cnncore.optimizers.newton.objective import Vector

__all__ = ["Landscape", "loss_landscape"]


@dataclass(frozen=True)
class Landscape:
    """Losses on a grid.

    Attributes
    ----------
    first, second : numpy.ndarray of float64, shape (points,)
        Steps along the two directions. If there is only one direction, ``second`` is ``[0.0]``.
    losses : numpy.ndarray of float64, shape (len(first), len(second))
        ``losses[i, j]`` is the loss at weights + first[i] * direction 0 + second[j] * direction 1.
    """

    first: Vector
    second: Vector
    losses: Vector

    def plot(self, path: Any) -> None:
        """Draw contours of the loss, or a curve for one direction, and save them.

        Parameters
        ----------
        path : path
            The file, whose ending says the format: .png, .pdf, .svg or .jpg.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If the name has another ending.
        """
        from cnncore.plotting import save_figure

        def draw(figure: Any) -> None:
            axes = figure.subplots()
            if len(self.second) == 1:
                axes.plot(self.first, self.losses[:, 0])
                axes.set(xlabel="step along the direction", ylabel="loss")
                axes.grid(alpha=0.3)
                return
            shown = np.ma.masked_invalid(self.losses.T)
            contours = axes.contourf(self.first, self.second, shown, levels=30, cmap="viridis")
            figure.colorbar(contours, ax=axes, label="loss")
            axes.plot([0], [0], "w+")
            axes.set(xlabel="step along direction 0", ylabel="step along direction 1")

        save_figure(path, draw)


def loss_landscape(
    model: Any,
    x: Any,
    y: Any,
    directions: Sequence[Any] | None = None,
    span: float = 1.0,
    points: int = 21,
    sample_weight: Any = None,
    seed: int = 0,
) -> Landscape:
    r"""The loss at :math:`w + a d_0 + b d_1` for a and b from ``-span`` to ``span``.

    w are the weights of the model, and :math:`d_0` and :math:`d_1` two directions. The loss is that of ``evaluate``.
    The weights are changed while this function runs. They are restored at the end, also after an error.

    Parameters
    ----------
    model : Model
        A compiled model.
    x, y, sample_weight
        Samples, as for ``evaluate``.
    directions : one or two vectors, optional
        Each is a flat array with a number for each trained weight, or a list of arrays of the shapes of
        ``model.trainable_weights``. By default there are two random directions. Each of their filters has the same
        length as the model's filter, and vectors, such as biases, are zero. This makes pictures of different networks
        comparable, although a network computes the same if weights before a relu are scaled up and those after it down.
    span : float, default 1
        The largest step.
    points : int, default 21
        The number of steps along each direction.
    seed : int, default 0
        The seed of the random directions.

    Returns
    -------
    Landscape
        It has a method ``plot``.

    Raises
    ------
    ValueError
        If the model is not compiled, or shapes do not fit.

    Notes
    -----
    Li, Xu, Taylor, Studer and Goldstein, "Visualizing the loss landscape of neural nets", 2018.

    Examples
    --------
    >>> from cnncore import Sequential
    >>> from cnncore.layers import Dense
    >>> model = Sequential([Dense(1, use_bias=False, kernel_initializer="zeros", input_shape=(1,))])
    >>> model.compile(loss="mse")
    >>> loss_landscape(model, [[1.0]], [[0.0]], [[1.0]], points=3).losses[:, 0].tolist()
    [1.0, 0.0, 1.0]
    """
    owner = "loss_landscape"
    if not hasattr(model, "_require_loss"):
        raise TypeError(f"[{owner}] expected a model. Received: {type(model).__name__}")
    model._require_loss(owner)
    model._samples((x, y, sample_weight), owner)  # builds the model, and checks the samples before anything else
    span = _checks.number(span, "span", owner, minimum=0.0)
    points = _checks.integer(points, "points", owner)
    variables = model.trainable_variables
    weights = [np.asarray(variable.numpy(), np.float32) for variable in variables]
    lines = _random_directions(weights, seed) if directions is None else _given(directions, weights, owner)
    steps = np.linspace(-span, span, points)
    second = steps if len(lines) == 2 else np.zeros(1)
    losses = np.empty((points, len(second)))
    with model.step_lock:
        try:
            for i, a in enumerate(steps):
                for j, b in enumerate(second):
                    for variable, weight, *parts in zip(variables, weights, *lines, strict=True):
                        moved = weight + sum(s * part for s, part in zip((a, b), parts, strict=False))
                        variable.assign(np.asarray(moved, np.float32))
                    losses[i, j] = _loss(model, x, y, sample_weight)
        finally:
            for variable, weight in zip(variables, weights, strict=True):
                variable.assign(weight)
    return Landscape(steps, second, losses)


def _loss(model: Any, x: Any, y: Any, sample_weight: Any) -> float:
    result = model.evaluate(x, y, sample_weight=sample_weight, verbose=0)
    return float(result[0] if isinstance(result, list) else result)


def _random_directions(weights: Sequence[Float32], seed: int) -> list[list[Float32]]:
    random = np.random.default_rng(_checks.integer(seed, "seed", "loss_landscape", minimum=0))
    return [[_like_filters(random, weight) for weight in weights] for _ in range(2)]


def _like_filters(random: np.random.Generator, weight: Float32) -> Float32:
    """A random array whose filters, along the last axis, have the lengths of those of ``weight``. If ``weight`` is a
    vector, zeros.
    """
    drawn = random.standard_normal(weight.shape)
    if weight.ndim < 2:
        return np.zeros_like(weight)
    axes = tuple(range(weight.ndim - 1))
    own, wanted = (np.sqrt((array.astype(np.float64) ** 2).sum(axis=axes)) for array in (drawn, weight))
    scaled: Float32 = (drawn * (wanted / own)).astype(np.float32)
    return scaled


def _given(directions: Any, weights: Sequence[Float32], owner: str) -> list[list[Float32]]:
    if not 1 <= len(directions) <= 2:
        raise ValueError(f"[{owner}] expected one or two directions. Received: {len(directions)}")
    return [_parts(direction, i, weights, owner) for i, direction in enumerate(directions)]


def _parts(direction: Any, number: int, weights: Sequence[Float32], owner: str) -> list[Float32]:
    name, shapes = f"directions[{number}]", [weight.shape for weight in weights]
    size = sum(weight.size for weight in weights)
    if isinstance(direction, (list, tuple)) and any(np.ndim(part) for part in direction):
        parts = [_checks.float32_array(part, f"{name}[{i}]", owner) for i, part in enumerate(direction)]
    else:
        flat = _checks.float32_array(direction, name, owner)
        if flat.shape != (size,):
            raise ValueError(f"[{owner}] expected {name} of shape ({size},). Received: shape {flat.shape}")
        ends = np.cumsum([weight.size for weight in weights])[:-1]
        parts = [part.reshape(shape) for part, shape in zip(np.split(flat, ends), shapes, strict=True)]
    received = [part.shape for part in parts]
    if received != shapes:
        raise ValueError(
            f"[{owner}] expected {name} to be arrays of the shapes of model.trainable_weights, {shapes}. "
            f"Received: {received}"
        )
    return parts
