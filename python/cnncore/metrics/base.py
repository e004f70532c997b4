"""The base class of metrics: state that is updated batch by batch, and the result so far."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks
from cnncore._registry import Registry
from cnncore._scalar import Scalar
from cnncore._unique_names import unique_name
from cnncore.differentiation import Traced, value_of
from cnncore.metrics.state import State, variable_shape

__all__ = ["Metric", "registry"]

registry: Registry[Metric] = Registry("metric")


class Metric:
    """Base class of metrics, and of your own ones.

    A subclass makes its state in the constructor with ``add_variable``, and implements ``update_state`` and ``result``.
    ``reset_state`` sets the state back to its beginning.

    Parameters
    ----------
    dtype : str, optional
        Accepted for compatibility with Keras; sums are float64.
    name : str, optional
        Key of the metric in logs. The class name in snake case by default, with _1, _2, ... for further objects of the
        class.

    Examples
    --------
    >>> class Largest(Metric):
    ...     def __init__(self, name="largest"):
    ...         super().__init__(name=name)
    ...         self.largest = self.add_variable(shape=(), initializer="zeros", name="largest")
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.largest.assign(max(float(self.largest), y_pred.max()))
    ...     def result(self):
    ...         return float(self.largest)
    >>> metric = Largest()
    >>> metric.update_state([0, 1], np.array([[0.25, 0.75], [0.5, 0.5]]))
    >>> metric.name, metric.result()
    ('largest', 0.75)
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "reset_states" in vars(cls) and "reset_state" not in vars(cls):  # the name of reset_state in Keras 2
            cls.reset_state = cls.reset_states  # type: ignore[method-assign]
        if "update_state" in vars(cls):
            cls.update_state = _with_values(cls.update_state)  # type: ignore[method-assign]
        if "result" in vars(cls):
            cls.result = _with_numpy(cls.result)  # type: ignore[assignment, method-assign]

    _direction: str | None = None  # as in Keras: "up" if a larger value is better, "down" if a smaller one is

    @property
    def depends_on_batches(self) -> bool:
        """Whether the result may depend on how samples are divided into calls of ``update_state``. Then training calls
        it once for each batch, as Keras does; other metrics get several batches in one call, which is faster.
        """
        return not type(self).__module__.startswith("cnncore.")

    def __init__(self, dtype: str | None = None, name: str | None = None) -> None:
        self.name = name or unique_name(type(self).__name__)
        self.dtype = dtype or "float32"
        self._states: list[State] = []

    def add_variable(
        self, shape: Any = (), initializer: Any = "zeros", dtype: str | None = None, name: str | None = None
    ) -> State:
        """Make a state of this metric: a number, or an array, that starts anew with ``reset_state``.

        Parameters
        ----------
        shape : int or tuple of int, default ()
        initializer : {"zeros", "ones"}, default "zeros"
        dtype : str, optional
            Accepted for compatibility with Keras.
        name : str, optional

        Returns
        -------
        State
            It behaves like an array, and has the methods ``assign``, ``assign_add``, ``assign_sub`` and ``numpy``.
        """
        state = State(variable_shape(shape), "zeros" if initializer is None else initializer, name)
        self._states.append(state)
        return state

    def add_weight(
        self, shape: Any = (), initializer: Any = "zeros", dtype: str | None = None, name: str | None = None
    ) -> State:
        """The older name of :meth:`add_variable` in Keras. Its first argument may also be the name of the state."""
        if isinstance(shape, str):
            shape, name = (), shape
        return self.add_variable(shape, initializer, dtype, name)

    @property
    def variables(self) -> list[State]:
        """All states, including those of metrics that are attributes of this metric."""
        inner = [value for value in vars(self).values() if isinstance(value, Metric)]
        return [*self._states, *(state for metric in inner for state in metric.variables)]

    def check_targets(self, y_true: np.ndarray, output_shape: tuple[int, ...]) -> None:
        """Raise a ValueError if the targets do not fit the predictions. This is called before training.

        Parameters
        ----------
        y_true : numpy.ndarray
            The targets of one or more samples.
        output_shape : tuple of int
            The shape of the predictions for a sample.
        """

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Take more samples into account."""
        raise NotImplementedError(f"{type(self).__name__} must implement update_state(y_true, y_pred, sample_weight)")

    def result(self) -> Any:
        """The value for all samples so far: a float that also has a method ``numpy()``, or an array."""
        raise NotImplementedError(f"{type(self).__name__} must implement result()")

    def reset_states(self) -> None:
        """Keras 2's name of :meth:`reset_state`."""
        warnings.warn("Metric.reset_states is called reset_state today.", DeprecationWarning, stacklevel=2)
        self.reset_state()

    def reset_state(self) -> None:
        """Forget all samples."""
        for state in self.variables:
            state.reset()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Update, then return the result."""
        self.update_state(*args, **kwargs)
        result = self.result()
        if isinstance(result, Scalar):
            result.metric = self
        return result

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor, ready for JSON."""
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        """Inverse of :meth:`get_config`."""
        return cls(**_checks.config(config, f"{cls.__name__}.from_config"))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def _with_values(update_state: Callable[..., None]) -> Callable[..., None]:
    """``update_state`` changed so that it gets the values of arrays that are being differentiated."""

    @functools.wraps(update_state)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> None:
        values = [value_of(x) if x.__class__ is Traced else x for x in args]  # without a call if there are none
        named = {name: value_of(x) if x.__class__ is Traced else x for name, x in kwargs.items()}
        return update_state(self, *values, **named)

    return wrapped


def _with_numpy(result: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """``result`` changed so that a float it returns also has a method ``numpy()``."""

    @functools.wraps(result)
    def wrapped(self: Any) -> Any:
        value = result(self)
        return Scalar(value) if isinstance(value, float) else value

    return wrapped


def divide(numerator: ArrayLike, denominator: ArrayLike) -> np.ndarray:
    """The quotient, or 0 where the denominator is 0."""
    top, bottom = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    return np.divide(top, bottom, out=np.zeros(np.broadcast_shapes(top.shape, bottom.shape)), where=bottom != 0)
