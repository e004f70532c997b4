"""The base class of schedules, and the checks that they share."""

from __future__ import annotations

from typing import Any

from cnncore import _checks
from cnncore._registry import Registry

__all__ = ["LearningRateSchedule", "duration", "rate", "registry"]

registry: Registry[LearningRateSchedule] = Registry("learning rate schedule")


class LearningRateSchedule:
    """Base class of schedules. A subclass implements ``__call__(step)``, which returns the learning rate.

    ``get_config()`` returns the arguments of the constructor. A plain function of the step can be used as a learning
    rate as well, but only instances of this class can be saved with a model.

    Examples
    --------
    >>> class Halve(LearningRateSchedule):
    ...     def __init__(self, start):
    ...         self.start = start
    ...
    ...     def __call__(self, step):
    ...         return self.start / 2**step
    >>> Halve(0.8)(3), Halve(0.8).get_config()
    (0.1, {'start': 0.8})
    """

    def __call__(self, step: int) -> float:
        """The rate of the next step after ``step`` steps."""
        raise NotImplementedError(f"{type(self).__name__} must implement __call__(step)")

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, ready for JSON. By default these are the attributes of the same names."""
        return dict(vars(self))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LearningRateSchedule:
        """Inverse of :meth:`get_config`."""
        return cls(**_checks.config(config, f"{cls.__name__}.from_config"))


def rate(value: Any, name: str, owner: object) -> float:
    """``value`` as a finite float that is at least 0."""
    return _checks.number(value, name, type(owner).__name__, minimum=0.0)


def duration(value: Any, name: str, owner: object) -> float:
    """``value`` as a number of steps greater than 0. It need not be a whole number."""
    steps = _checks.number(value, name, type(owner).__name__)
    if steps <= 0:
        raise ValueError(f"[{type(owner).__name__}] expected `{name}` > 0. Received: {name}={value!r}")
    return int(steps) if steps == int(steps) else steps
