"""What every optimizer can do in addition to its formula: decay, clipping, accumulation, averages.

For built-in optimizers the core does this. For optimizers in Python :func:`apply_in_numpy` does the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._checks import Float32

__all__ = [
    "DecayExclusions",
    "Options",
    "VariableRange",
    "apply_in_numpy",
    "clip",
    "momentum_of",
    "path_of",
    "ranges_of",
]


@dataclass(frozen=True)
class VariableRange:
    """The place of one variable in the flat vectors."""

    name: str  # a path such as "dense/kernel"
    offset: int
    shape: tuple[int, ...]

    @property
    def slice(self) -> slice:
        """The part of a flat vector that belongs to this variable."""
        return slice(self.offset, self.offset + int(np.prod(self.shape, dtype=np.int64)))


def ranges_of(slots: Iterable[Any]) -> list[VariableRange]:
    """The places of the trained variables, made from the slots of a network."""
    ranges = []
    for slot in slots:
        if slot.offset < 0 or not getattr(slot, "trainable", True):
            continue
        layer = getattr(slot, "layer", None)
        name = slot.name if layer is None or slot.name.startswith(f"{layer}/") else f"{layer}/{slot.name}"
        ranges.append(VariableRange(name, int(slot.offset), tuple(slot.shape)))
    return sorted(ranges, key=lambda variable: variable.offset)


def momentum_of(value: Any, owner: str) -> float:
    """``value`` as a float in [0, 1]."""
    momentum = _checks.number(value, "momentum", owner, minimum=0.0)
    if momentum > 1.0:
        raise ValueError(f"[{owner}] expected `momentum` in [0, 1]. Received: momentum={value!r}")
    return momentum


def path_of(variable: Any) -> str:
    """The path of a variable, such as "dense/bias"."""
    name = variable if isinstance(variable, str) else getattr(variable, "path", getattr(variable, "name", None))
    if not isinstance(name, str):
        raise TypeError(
            f"[exclude_from_weight_decay] expected variables or their paths. Received: {type(variable).__name__}"
        )
    return name


class Options:
    """The arguments that all optimizers have in common. They are checked, and kept as attributes."""

    def __init__(
        self,
        owner: str,
        weight_decay: float | None,
        clipnorm: float | None,
        clipvalue: float | None,
        global_clipnorm: float | None,
        use_ema: bool,
        ema_momentum: float,
        ema_overwrite_frequency: int | None,
        loss_scale_factor: float | None,
        gradient_accumulation_steps: int | None,
    ) -> None:
        def optional(value: Any, name: str) -> float | None:
            return None if value is None else _checks.number(value, name, owner, minimum=0.0)

        self.weight_decay = optional(weight_decay, "weight_decay")
        self.clipnorm = optional(clipnorm, "clipnorm")
        self.clipvalue = optional(clipvalue, "clipvalue")
        self.global_clipnorm = optional(global_clipnorm, "global_clipnorm")
        if sum(value is not None for value in (clipnorm, clipvalue, global_clipnorm)) > 1:
            raise ValueError(
                f"[{owner}] expected at most one of `clipnorm`, `clipvalue` and `global_clipnorm`. Received: "
                f"{clipnorm=}, {clipvalue=}, {global_clipnorm=}"
            )
        self.use_ema = _checks.boolean(use_ema, "use_ema", owner)
        self.ema_momentum = _checks.number(ema_momentum, "ema_momentum", owner, minimum=0.0)
        if self.ema_momentum > 1.0:
            raise ValueError(f"[{owner}] expected `ema_momentum` in [0, 1]. Received: ema_momentum={ema_momentum!r}")
        self.ema_overwrite_frequency = (
            _checks.integer(ema_overwrite_frequency, "ema_overwrite_frequency", owner)
            if ema_overwrite_frequency is not None
            else None
        )
        self.loss_scale_factor = optional(loss_scale_factor, "loss_scale_factor")
        if self.loss_scale_factor == 0:
            raise ValueError(f"[{owner}] expected `loss_scale_factor` > 0. Received: loss_scale_factor=0")
        self.gradient_accumulation_steps = (
            _checks.integer(gradient_accumulation_steps, "gradient_accumulation_steps", owner, minimum=2)
            if gradient_accumulation_steps is not None
            else None
        )

    def get_config(self) -> dict[str, Any]:
        """The options by name."""
        names = (
            "weight_decay clipnorm global_clipnorm clipvalue use_ema ema_momentum ema_overwrite_frequency "
            "loss_scale_factor gradient_accumulation_steps"
        )
        return {name: getattr(self, name) for name in names.split()}

    def for_core(self) -> dict[str, Any]:
        """The arguments of ``set_options`` in the core. There, 0 means that an option is not used."""
        config = self.get_config()
        del config["loss_scale_factor"]
        return {name: 0 if value is None else value for name, value in config.items()}


class DecayExclusions:
    """The variables whose weights do not decay.

    Parameters
    ----------
    names : iterable of str
        Paths of variables.
    patterns : iterable of str
        Regular expressions: a variable does not decay if one of them matches a part of its path.
    """

    def __init__(self, names: Iterable[str] = (), patterns: Iterable[str] = ()) -> None:
        self.names, self.patterns = sorted(set(names)), sorted(set(patterns))

    def __bool__(self) -> bool:
        return bool(self.names or self.patterns)

    def decays(self, name: str) -> bool:
        """Whether the variable with the path ``name`` decays."""
        return name not in self.names and not any(re.search(pattern, name) for pattern in self.patterns)


def clip(grads: Float32, options: Options, variables: Sequence[VariableRange]) -> Float32:
    """The clipped gradients: a new array if clipping changes them, and otherwise ``grads`` itself."""
    if options.clipvalue:
        limited: Float32 = np.clip(grads, np.float32(-options.clipvalue), np.float32(options.clipvalue))
        return limited
    limit = options.clipnorm or options.global_clipnorm
    if not limit:
        return grads
    pieces = [grads[variable.slice].astype(np.float64) for variable in variables]
    norms = [float(np.linalg.norm(piece)) for piece in pieces]
    if options.global_clipnorm:
        norms = [float(np.linalg.norm(norms))] * len(norms)
    result: Float32 = grads.copy()
    for variable, norm in zip(variables, norms, strict=True):
        if norm > limit:
            result[variable.slice] *= np.float32(limit / norm)
    return result


def apply_in_numpy(optimizer: Any, params: Float32, grads: Float32) -> None:
    """Make a step of an optimizer in Python: call its ``update``, and apply the options before and after it."""
    options, variables, state = optimizer.options, optimizer.trained_variables, optimizer.state
    call, every = optimizer.step, options.gradient_accumulation_steps or 1
    moves = (call + 1) % every == 0
    if every > 1:
        total = state.setdefault("gradient_accumulator", np.zeros_like(params))
        total += grads
        grads = total / np.float32(every)
        if moves:
            total[...] = 0
    if moves:
        grads = clip(grads, options, variables)
        if options.weight_decay:
            keep = np.float32(1.0 - float(optimizer.learning_rate) * options.weight_decay)
            for variable in variables:
                if optimizer.exclusions.decays(variable.name):
                    params[variable.slice] *= keep
        optimizer.update(params, grads, (call + 1) // every)
    if options.use_ema:
        index = call // every
        momentum = np.float32(options.ema_momentum if index else 0.0)
        average = state.setdefault("average", np.zeros_like(params))
        average[...] = momentum * average + (np.float32(1.0) - momentum) * params
        if options.ema_overwrite_frequency and (index + 1) % options.ema_overwrite_frequency == 0:
            params[...] = average
