"""Find a good learning rate in one short run in which the rate rises, as Smith proposed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cnncore import _checks
from cnncore._random import generator
from cnncore.errors import TrainingError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["LearningRateCurve", "find_learning_rate"]

_SMOOTHING = 0.9  # the decay of the running mean of losses
_DIVERGED = 4.0  # the run ends if the loss is this many times the best loss
_OWNER = "find_learning_rate"


@dataclass(frozen=True)
class LearningRateCurve:
    """How the loss depends on the learning rate.

    Attributes
    ----------
    learning_rates, losses : numpy.ndarray of float64, shape (steps,)
        The rate of each step, and the loss of its batch before the step.
    smoothed : numpy.ndarray of float64, shape (steps,)
        A running mean of the losses: a mean in which each loss has 0.9 times the weight of the next one.
    suggestion : float
        A tenth of the rate at which the smoothed loss is lowest. At that rate the loss falls fast, and the rate is far
        below those at which training diverges.
    """

    learning_rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    smoothed: NDArray[np.float64]
    suggestion: float

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw both curves over the rate, which is on a logarithmic axis, and mark the suggestion.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            The axes to draw into. By default a new figure of ``matplotlib.pyplot``, which ``pyplot.show()`` shows.

        Returns
        -------
        matplotlib.axes.Axes
            For example, ``curve.plot().figure.savefig("rates.png")`` writes a picture.

        Raises
        ------
        ImportError
            If matplotlib is missing (``pip install "cnncore[plot]"``).
        """
        from cnncore.plotting import require_matplotlib

        require_matplotlib()
        if ax is None:
            import matplotlib.pyplot as plt

            ax = plt.subplots()[1]
        ax.plot(self.learning_rates, self.losses, alpha=0.3, label="loss of a batch")
        ax.plot(self.learning_rates, self.smoothed, label="running mean")
        ax.axvline(self.suggestion, linestyle="--", color="gray", label=f"suggestion {self.suggestion:.2g}")
        ax.set(xscale="log", xlabel="learning rate", ylabel="loss", ylim=(None, 1.1 * float(self.smoothed[0]) + 1e-12))
        ax.legend()
        return ax


def find_learning_rate(
    model: Any,
    x: Any,
    y: Any,
    *,
    batch_size: int = 32,
    lowest: float = 1e-6,
    highest: float = 1.0,
    steps: int = 100,
    seed: int = 0,
) -> LearningRateCurve:
    """Train for some steps while the learning rate rises from ``lowest`` to ``highest``, and suggest a rate.

    The run ends early if the loss has grown to four times its lowest value, or is no longer finite. Afterwards the
    model's weights, optimizer and random numbers are what they were before.

    Parameters
    ----------
    model : Model
        A compiled model.
    x, y
        Arrays, or lists or dicts of them, as ``train_on_batch`` takes them.
    batch_size : int, default 32
    lowest, highest : float, default 1e-6 and 1
        The rates of the first and the last step. From each step to the next the rate grows by the same factor.
    steps : int, default 100
        The number of steps, at least 10. If they need more batches than there are, the data is used again.
    seed : int, default 0
        The seed of the order of the samples.

    Returns
    -------
    LearningRateCurve
        Its ``suggestion`` is a good rate to begin with, and its ``plot()`` shows why.

    Raises
    ------
    ValueError
        If the arguments make no sense, or the run ends before its fifth step.

    Notes
    -----
    Smith, "Cyclical learning rates for training neural networks", 2017, section 3.3.

    Examples
    --------
    >>> import numpy as np
    >>> from cnncore import Sequential
    >>> from cnncore.layers import Dense
    >>> model = Sequential([Dense(1, input_shape=(4,))], seed=0)
    >>> model.compile("sgd", "mse")
    >>> x = np.random.default_rng(0).normal(size=(64, 4))
    >>> curve = find_learning_rate(model, x, x.sum(axis=1, keepdims=True), steps=50)
    >>> 1e-4 < curve.suggestion < 1
    True
    """
    batch_size = _checks.integer(batch_size, "batch_size", _OWNER)
    steps = _checks.integer(steps, "steps", _OWNER, minimum=10)
    lowest = _checks.number(lowest, "lowest", _OWNER, minimum=0.0)
    highest = _checks.number(highest, "highest", _OWNER, minimum=0.0)
    if not 0.0 < lowest < highest:
        raise ValueError(f"[{_OWNER}] expected 0 < lowest < highest. Received: {lowest=}, {highest=}")
    if not hasattr(model, "train_on_batch"):
        raise TypeError(f"[find_learning_rate] expected a model. Received: {type(model).__name__}")
    rates = np.geomspace(lowest, highest, steps)
    samples = _length(x)
    before = _Before(model, _take(x, np.arange(min(samples, 2))))
    try:
        losses = _run(model, x, y, rates, _batches(samples, batch_size, seed))
    finally:
        before.restore()
    return _curve(rates[: len(losses)], np.array(losses))


class _Before:
    """The state of a model before the run."""

    def __init__(self, model: Any, x: Any) -> None:
        model.predict_on_batch(x)  # builds the model, if it has not been built
        self._model, self._weights, self._step = model, model.get_weights(), model.core_network.step
        optimizer = model.optimizer
        self._state = optimizer.state_dict() if optimizer.built else None
        self._rate = optimizer.schedule if optimizer.schedule is not None else float(optimizer.learning_rate)

    def restore(self) -> None:
        optimizer = self._model.optimizer
        self._model.set_weights(self._weights)
        self._model.core_network.step = self._step
        if self._state is None:
            optimizer.reset()
        else:
            optimizer.load_state_dict(self._state)
        optimizer.learning_rate = self._rate


def _run(model: Any, x: Any, y: Any, rates: NDArray[np.float64], batches: Iterator[NDArray[np.int64]]) -> list[float]:
    losses: list[float] = []
    best, mean = math.inf, 0.0
    for rate, rows in zip(rates, batches, strict=False):
        model.optimizer.learning_rate = float(rate)
        try:
            loss = float(model.train_on_batch(_take(x, rows), _take(y, rows), return_dict=True)["loss"])
        except TrainingError:
            break
        losses.append(loss)
        mean = _SMOOTHING * mean + (1.0 - _SMOOTHING) * loss
        smoothed = mean / (1.0 - _SMOOTHING ** len(losses))
        best = min(best, smoothed)
        if smoothed > _DIVERGED * best and best > 0:
            break
    return losses


def _curve(rates: NDArray[np.float64], losses: NDArray[np.float64]) -> LearningRateCurve:
    if len(losses) < 5:
        raise ValueError(
            f"[{_OWNER}] expected at least 5 steps before the loss is no longer finite: try a lower `lowest`. "
            f"Received: {len(losses)}"
        )
    weights = _SMOOTHING ** np.arange(len(losses))
    means = [weights[: i + 1] @ losses[i::-1] / weights[: i + 1].sum() for i in range(len(losses))]
    smoothed = np.array(means)
    return LearningRateCurve(rates, losses, smoothed, 0.1 * float(rates[int(np.argmin(smoothed))]))


def _batches(samples: int, batch_size: int, seed: int) -> Iterator[NDArray[np.int64]]:
    epoch = 0
    while True:
        order = generator(seed, epoch).permutation(samples)
        for start in range(0, samples, batch_size):
            yield order[start : start + batch_size]
        epoch += 1


def _parts(data: Any) -> list[Any] | None:
    """The arrays of a dict or of a list of arrays; None for one array."""
    if isinstance(data, dict):
        return list(data.values())
    if isinstance(data, (list, tuple)) and data and all(isinstance(part, np.ndarray) for part in data):
        return list(data)
    return None


def _take(data: Any, rows: NDArray[np.int64]) -> Any:
    parts = _parts(data)
    if parts is None:
        return np.asarray(data)[rows]
    taken = [np.asarray(part)[rows] for part in parts]
    return dict(zip(data, taken, strict=True)) if isinstance(data, dict) else taken


def _length(data: Any) -> int:
    parts = _parts(data)
    array = np.asarray(data if parts is None else parts[0])
    if array.ndim == 0 or len(array) == 0:
        raise ValueError(f"[{_OWNER}] expected at least one sample. Received: x of shape {array.shape}")
    return len(array)
