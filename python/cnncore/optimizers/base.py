"""Optimizer: functions of flat vectors. The built-in ones are one fused pass in the core, a user's is NumPy."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from cnncore import _checks, _core
from cnncore._checks import Float32
from cnncore._registry import Registry, snake_case
from cnncore.optimizers import schedules
from cnncore.optimizers.arrays import apply_to_arrays
from cnncore.optimizers.newton.objective import Objective
from cnncore.optimizers.old_spellings import learning_rate_of
from cnncore.optimizers.options import DecayExclusions, Options, VariableRange, apply_in_numpy, path_of, ranges_of
from cnncore.optimizers.schedules import LearningRateSchedule
from cnncore.optimizers.variables import Iterations, LearningRate

__all__ = ["Optimizer", "Rate", "registry"]

registry: Registry[Optimizer] = Registry("optimizer")

Rate = float | Callable[[int], float]


class Optimizer:
    """Base class. Your own optimizer implements ``update`` and keeps its vectors in ``self.state``.

    The arguments are those that all optimizers have. Unless they are given, nothing beside the formula happens.

    Parameters
    ----------
    learning_rate : float or callable
        A number, or a schedule: a function of the number of steps done (see :mod:`cnncore.optimizers.schedules`).
    weight_decay : float, optional
        Before each step ``params -= learning_rate * weight_decay * params``; see :meth:`exclude_from_weight_decay`.
    clipnorm : float, optional
        The gradient of a variable whose norm is larger is scaled down to this norm.
    clipvalue : float, optional
        Each value of the gradient is limited to ``[-clipvalue, clipvalue]``.
    global_clipnorm : float, optional
        As ``clipnorm``, with one norm of all gradients together. At most one of the three may be given.
    use_ema : bool, default False
        Keep ``average = ema_momentum * average + (1 - ema_momentum) * params``. At the end of ``fit`` the model gets
        these averages as its weights.
    ema_momentum : float, default 0.99
    ema_overwrite_frequency : int, optional
        Every so many steps the averages become the weights during training, too.
    loss_scale_factor : float, optional
        Accepted, since Keras has it: :meth:`scale_loss` multiplies by it and :meth:`apply` divides. ``fit`` computes in
        float32, where it changes nothing.
    gradient_accumulation_steps : int, optional
        The weights move once in so many batches, by the mean of their gradients.
    name : str, optional
        The default is made of the class's name.
    **kwargs
        Spellings of older versions of Keras: ``lr``, ``decay`` (with a DeprecationWarning that says what to write).

    Attributes
    ----------
    state : dict of str to numpy.ndarray
        Float32 vectors of the size of the parameters, saved with the model. ``update`` may add to it.
    iterations : int
        Number of steps done; batches whose gradients are only accumulated do not count.

    Examples
    --------
    >>> class SignDescent(Optimizer):
    ...     def update(self, params, grads, step):
    ...         params -= self.learning_rate * np.sign(grads)
    >>> optimizer = SignDescent(learning_rate=0.5)
    >>> params = np.array([1.0, 1.0], dtype=np.float32)
    >>> optimizer.update(params, np.array([3.0, -0.1], dtype=np.float32), step=1)
    >>> params
    array([0.5, 1.5], dtype=float32)
    """

    evaluates = False  # whether a step asks for the loss at points of its choice: fit then calls ``iterate``

    def __init__(
        self,
        learning_rate: Rate,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        owner = type(self).__name__
        learning_rate = learning_rate_of(owner, learning_rate, kwargs)
        self.name = snake_case(owner) if name is None else str(name)
        self.rule: _core.Optimizer | None = None  # the core's part, once the size of the model is known
        self.options = Options(
            owner,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
        )
        self.exclusions = DecayExclusions()
        self.trained_variables: list[VariableRange] = []
        self._state: dict[str, Float32] = {}
        self._step = 0
        self._finite = True
        self._size: int | None = None
        self._owner: weakref.ref[Any] | None = None
        self.array_ids: list[int] = []
        self.learning_rate = learning_rate

    # --- what a subclass says -----------------------------------------------------------------------------------
    def update(self, params: Float32, grads: Float32, step: int) -> None:
        """Change ``params`` in place.

        Parameters
        ----------
        params, grads : numpy.ndarray of float32, shape (size,)
            All parameters of the model and their gradients (``self.trained_variables`` tells which is where).
        step : int
            Number of this step, counted from 1.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement update(params, grads, step)")

    def iterate(self, objective: Objective, params: Float32) -> Float32:
        """For optimizers with ``evaluates = True``: one step on one batch.

        Parameters
        ----------
        objective : Objective
            The loss of this batch and its gradient at any point.
        params : numpy.ndarray of float32, shape (size,)

        Returns
        -------
        numpy.ndarray of float32, shape (size,)
            The new parameters; ``params`` stays as it is.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement iterate(objective, params)")

    def make_rule(self, size: int) -> _core.Optimizer | None:
        """The core's update rule for ``size`` parameters, or None where ``update`` is to be called."""
        return None

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor, ready for JSON; the learning rate as it is now.

        Returns
        -------
        dict
            A subclass adds its own arguments.

        Raises
        ------
        ValueError
            If the learning rate is a plain function, which a file cannot describe.
        """
        config = {"name": self.name, "learning_rate": self._rate_config(), **self.options.get_config()}
        if self.exclusions:
            config["exclude_from_weight_decay"] = [self.exclusions.names, self.exclusions.patterns]
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Optimizer:
        """Inverse of :meth:`get_config`.

        Parameters
        ----------
        config : dict
            What :meth:`get_config` returned.
        custom_objects : dict, optional
            Your own classes of schedules by name.
        """
        arguments = dict(config)
        excluded = arguments.pop("exclude_from_weight_decay", None)
        if isinstance(arguments.get("learning_rate"), dict):
            arguments["learning_rate"] = schedules.deserialize(arguments["learning_rate"], custom_objects)
        optimizer = cls(**arguments)
        if excluded is not None:
            optimizer.exclusions = DecayExclusions(*excluded)
        return optimizer

    # --- numbers --------------------------------------------------------------------------------------------------
    @property
    def learning_rate(self) -> LearningRate:
        """The rate of the next step: a float with ``assign`` and ``numpy``. Assign a number or a schedule to change
        it.
        """
        rate = self._learning_rate
        if self._schedule is not None:
            value = self._schedule(self.step)
            rate = _checks.number(value, "learning_rate", type(self).__name__, minimum=0.0)
        return LearningRate(rate, self._set_learning_rate)

    @learning_rate.setter
    def learning_rate(self, value: Rate | dict[str, Any]) -> None:
        self._set_learning_rate(value)

    def _set_learning_rate(self, value: Any) -> None:
        if isinstance(value, dict):
            value = schedules.deserialize(value)
        if callable(value):
            self._schedule: Callable[[int], float] | None = value
            self._learning_rate = 0.0
            return
        rate = _checks.number(value, "learning_rate", type(self).__name__, minimum=0.0)
        self._schedule, self._learning_rate = None, rate
        if self.rule is not None:
            self.rule.learning_rate = rate

    def _rate_config(self) -> Any:
        if isinstance(self._schedule, LearningRateSchedule):
            return schedules.serialize(self._schedule)
        if self._schedule is not None:
            raise ValueError(
                f"[{type(self).__name__}] a learning rate given as a plain function cannot be described in a file: "
                f"use a class of cnncore.optimizers.schedules. Received: learning_rate={self._schedule!r}"
            )
        return self._learning_rate

    @property
    def schedule(self) -> Callable[[int], float] | None:
        """The function of the step that sets the learning rate, if there is one."""
        return self._schedule

    @property
    def lr(self) -> LearningRate:
        """The old name of :attr:`learning_rate`."""
        warnings.warn("`optimizer.lr` is now called `optimizer.learning_rate`.", DeprecationWarning, stacklevel=2)
        return self.learning_rate

    @lr.setter
    def lr(self, value: Rate) -> None:
        warnings.warn("`optimizer.lr` is now called `optimizer.learning_rate`.", DeprecationWarning, stacklevel=2)
        self.learning_rate = value

    @property
    def step(self) -> int:
        """Number of batches seen, those whose gradients are only accumulated included. Schedules go by it."""
        return self._step if self.rule is None else self.rule.step

    @step.setter
    def step(self, value: int) -> None:
        number = _checks.integer(value, "step", type(self).__name__, minimum=0)
        if self.rule is None:
            self._step = number
        else:
            self.rule.step = number

    @property
    def iterations(self) -> Iterations:
        """Number of steps done."""
        every = self.options.gradient_accumulation_steps or 1
        return Iterations(self.step // every, lambda value: setattr(self, "step", value * every))

    @property
    def finite(self) -> bool:
        """False where the last step left a NaN or an infinity in the weights or in the state."""
        return self._finite if self.rule is None else self.rule.finite

    @property
    def weight_decay(self) -> float | None:
        """The argument of this name."""
        return self.options.weight_decay

    @property
    def use_ema(self) -> bool:
        """The argument of this name."""
        return self.options.use_ema

    # --- state ----------------------------------------------------------------------------------------------------
    @property
    def state(self) -> dict[str, Float32]:
        """The vectors kept from step to step; those of built-in optimizers are views of the core's."""
        return self._state if self.rule is None else self.rule.state

    @property
    def built(self) -> bool:
        """Whether the state is there."""
        return self._size is not None

    @property
    def variables(self) -> list[np.ndarray]:
        """Everything that changes in training: the number of batches, the learning rate, and for each trained variable
        its part of each vector of the state, as views in the variable's shape.
        """
        state = self.state
        parts = [state[name][part.slice].reshape(part.shape) for part in self.trained_variables for name in state]
        return [np.array(self.step, np.int64), np.array(self.learning_rate, np.float32), *parts]

    def exclude_from_weight_decay(
        self, var_list: Sequence[Any] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Name variables whose weights are not to decay, before the optimizer is used.

        Parameters
        ----------
        var_list : list, optional
            Variables, or their paths such as "dense/bias".
        var_names : list of str, optional
            Regular expressions: a variable whose path one of them matches is excluded. ``["bias"]`` excludes biases.

        Raises
        ------
        ValueError
            If the optimizer has been used.
        """
        if self.built:
            raise ValueError(
                f"[{type(self).__name__}] expected exclude_from_weight_decay to be called before the optimizer is used."
            )
        self.exclusions = DecayExclusions([path_of(variable) for variable in var_list or ()], var_names or ())

    def build(self, size: int, owner: Any = None, slots: Iterable[Any] = ()) -> None:
        """Make the state for ``size`` parameters; nothing happens if that is done already.

        Parameters
        ----------
        size : int
            Length of the flat vectors.
        owner : object, optional
            The model; an optimizer serves one.
        slots : iterable, optional
            The network's slots: objects with ``name``, ``shape``, ``offset`` and maybe ``layer`` and ``trainable``.
            Without them all parameters count as one variable.

        Raises
        ------
        ValueError
            If the optimizer belongs to another model, or has state for another number of parameters.
        """
        current = self._owner() if self._owner is not None else None
        if owner is not None and current is not None and current is not owner:
            raise ValueError(f"[{type(self).__name__}] this optimizer is in use by another model: make a new one.")
        if self._size is not None and self._size != size:
            raise ValueError(
                f"[{type(self).__name__}] the optimizer has state for {self._size} parameters, but the model now has "
                f"{size}: compile the model again."
            )
        if self._size is None:
            self.build_for(size, ranges_of(slots) or [VariableRange("parameters", 0, (size,))])
        if owner is not None:
            self._owner = weakref.ref(owner)

    def build_for(self, size: int, variables: list[VariableRange]) -> None:
        """Make the state for these variables in vectors of ``size`` parameters."""
        rule = self.make_rule(size)
        if rule is not None:
            rule.set_options(**self.options.for_core())
            rule.set_variables([(v.name, v.offset, v.shape, self.exclusions.decays(v.name)) for v in variables])
            rule.learning_rate = self._learning_rate
        self.rule, self._size, self.trained_variables = rule, size, variables

    def reset(self) -> None:
        """Forget state and steps: the optimizer is as if it had never been used. Learning rate and options stay."""
        self.rule, self._size, self._owner = None, None, None
        self._state, self._step, self._finite = {}, 0, True
        self.trained_variables, self.array_ids = [], []

    def prepare_step(self) -> _core.Optimizer | None:
        """The rule for the next step, with its learning rate set."""
        if self.rule is not None and self._schedule is not None:
            self.rule.learning_rate = float(self.learning_rate)
        return self.rule

    def apply_flat(self, params: Float32, grads: Float32) -> None:
        """One step on flat vectors, ``params`` in place, with all options.

        Parameters
        ----------
        params, grads : numpy.ndarray of float32, shape (size,)
        """
        rule = self.prepare_step()
        if rule is not None:
            rule.apply(params, grads)
            return
        apply_in_numpy(self, params, grads)
        self._step += 1
        self._finite = bool(np.isfinite(params).all())

    # --- Keras' way to use an optimizer without a model --------------------------------------------------------------
    def scale_loss(self, loss: Any) -> Any:
        """``loss`` times ``loss_scale_factor``, if there is one."""
        factor = self.options.loss_scale_factor
        return loss if factor is None else loss * factor

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Any]]) -> Iterations:
        """One step on arrays.

        Parameters
        ----------
        grads_and_vars : iterable of (gradient, variable)
            The variables are float32 arrays, which are changed in place, in the same order at each call.

        Returns
        -------
        int
            The number of steps done.

        Examples
        --------
        >>> from cnncore.optimizers import SGD
        >>> weights = np.ones(2, np.float32)
        >>> SGD(0.5).apply_gradients([(np.array([1, 2]), weights)])
        1
        >>> weights
        array([0.5, 0. ], dtype=float32)
        """
        pairs = list(grads_and_vars)
        self.apply([gradient for gradient, _ in pairs], [variable for _, variable in pairs])
        return self.iterations

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[np.ndarray]) -> None:
        """As :meth:`apply_gradients`, with gradients and variables in two lists."""
        apply_to_arrays(self, grads, trainable_variables)

    # --- averages of the weights --------------------------------------------------------------------------------------
    def finalize_variable_values(self, network: Any) -> None:
        """With ``use_ema`` make the averages the network's weights, as ``fit`` does at its end.

        Parameters
        ----------
        network : object
            With ``get_parameters() -> flat float32 vector`` and ``set_parameters(vector)``.
        """
        if self.use_ema and self.step > 0:
            network.set_parameters(self._with_averages(network.get_parameters())[0])

    def swap_ema_weights(self, network: Any) -> None:
        """Exchange the network's weights and their averages; called again it changes them back.

        Parameters
        ----------
        network : object
            As for :meth:`finalize_variable_values`.
        """
        if self.use_ema and self.step > 0:
            params, averages = self._with_averages(network.get_parameters())
            network.set_parameters(params)
            self.state["average"][...] = averages

    def _with_averages(self, params: Float32) -> tuple[Float32, Float32]:
        """``params`` with the averages of the trained variables, and the averages with what was in their place."""
        average = self.state["average"]
        mixed, rest = params.copy(), average.copy()
        for variable in self.trained_variables:
            mixed[variable.slice], rest[variable.slice] = average[variable.slice], params[variable.slice]
        return mixed, rest

    # --- saving -----------------------------------------------------------------------------------------------------
    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of the state: "step", an int64 scalar, and float32 vectors."""
        vectors = {name: np.array(vector, dtype=np.float32) for name, vector in self.state.items()}
        return {"step": np.array(self.step, dtype=np.int64), **vectors}

    def __getstate__(self) -> dict[str, Any]:
        held = self.state_dict() if self.built else None
        return {**self.__dict__, "rule": None, "_state": {}, "_owner": None, "array_ids": [], "held": held}

    def __setstate__(self, state: dict[str, Any]) -> None:
        held = state.pop("held")
        self.__dict__.update(state)
        if held is not None and self._size is not None:
            self.build_for(self._size, self.trained_variables)
            self.load_state_dict(held)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of :meth:`state_dict`, after :meth:`build`. Nothing is changed if the state does not fit.

        Raises
        ------
        ValueError
            If a vector is missing, unknown or of the wrong size, or the step is negative.
        """
        owner = type(self).__name__
        if self._size is None:
            raise ValueError(f"[{owner}] the optimizer must be built for a model before its state can be loaded.")
        vectors = {name: np.asarray(vector) for name, vector in state.items() if name != "step"}
        step = _checks.integer(np.asarray(state.get("step")).item(), "step", owner, minimum=0)
        if self.rule is not None and set(vectors) != set(self.rule.state):
            raise ValueError(f"[{owner}] expected state vectors {sorted(self.rule.state)}. Received: {sorted(vectors)}")
        for name, vector in vectors.items():
            if vector.shape != (self._size,) or vector.dtype.kind != "f":
                raise ValueError(
                    f"[{owner}] expected state {name!r} of shape ({self._size},) and a float dtype. "
                    f"Received: shape {vector.shape}, dtype {vector.dtype}"
                )
        if self.rule is None:
            self._state = {name: vector.astype(np.float32) for name, vector in vectors.items()}
        else:
            for name, target in self.rule.state.items():
                target[...] = vectors[name]
        self.step = step
