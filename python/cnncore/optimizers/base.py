"""The base class of optimizers. They work on flat vectors of all weights: the built-in ones in one pass of the core,
others in NumPy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._checks import Float32
from cnncore._registry import Registry, snake_case
from cnncore.optimizers import schedules
from cnncore.optimizers.arrays import apply_to_arrays
from cnncore.optimizers.newton.objective import Objective
from cnncore.optimizers.old_spellings import learning_rate_of
from cnncore.optimizers.options import DecayExclusions, Options, apply_in_numpy, path_of
from cnncore.optimizers.rated import Rate
from cnncore.optimizers.stateful import Stateful
from cnncore.optimizers.variables import Iterations

__all__ = ["Optimizer", "Rate", "registry"]

registry: Registry[Optimizer] = Registry("optimizer")


class Optimizer(Stateful):
    """Base class of optimizers. Your own optimizer implements ``update``, and keeps its vectors in ``self.state``.

    All optimizers have these arguments. With their defaults, a step follows the formula of the optimizer and nothing
    else.

    Parameters
    ----------
    learning_rate : float or callable
        A number, or a schedule: a function of the number of batches so far (see :mod:`cnncore.optimizers.schedules`).
    weight_decay : float, optional
        Before each step ``params -= learning_rate * weight_decay * params``; see :meth:`exclude_from_weight_decay`.
    clipnorm : float, optional
        If the norm of a variable's gradient is larger than this, the gradient is scaled down to this norm.
    clipvalue : float, optional
        Each value of the gradient is limited to ``[-clipvalue, clipvalue]``.
    global_clipnorm : float, optional
        As ``clipnorm``, but for the norm of all gradients together. At most one of these three may be given.
    use_ema : bool, default False
        Keep ``average = ema_momentum * average + (1 - ema_momentum) * params``. At the end of ``fit`` the model gets
        these averages as its weights.
    ema_momentum : float, default 0.99
    ema_overwrite_frequency : int, optional
        During training, the averages replace the weights each time this number of steps has passed.
    loss_scale_factor : float, optional
        :meth:`scale_loss` multiplies by it, and :meth:`apply` divides by it. It has no effect in ``fit``, which
        computes in float32.
    gradient_accumulation_steps : int, optional
        The weights move once for this number of batches, by the mean of their gradients.
    name : str, optional
        By default it is made from the name of the class.
    **kwargs
        Arguments of older versions of Keras, ``lr`` and ``decay``, with a DeprecationWarning that says what to write.

    Attributes
    ----------
    state : dict of str to numpy.ndarray
        Float32 vectors of the size of the parameters, saved with the model. ``update`` may add to it.
    iterations : int
        The number of steps done. Batches whose gradients are only accumulated do not count.

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

    evaluates = False  # whether a step evaluates the loss at several points, so that fit calls ``iterate``
    large_batches = False  # whether it only works well with large batches

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
        super().__init__()
        self.learning_rate = learning_rate

    def __repr__(self) -> str:
        rate = float(self.learning_rate) if self.schedule is None else self.schedule
        return f"{type(self).__name__}(learning_rate={rate!r})"

    # --- what a subclass implements -----------------------------------------------------------------------------
    def update(self, params: Float32, grads: Float32, step: int) -> None:
        """Change ``params`` in place.

        Parameters
        ----------
        params, grads : numpy.ndarray of float32, shape (size,)
            All parameters of the model and their gradients. ``self.trained_variables`` says where each variable is.
        step : int
            Number of this step, counted from 1.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement update(params, grads, step)")

    def iterate(self, objective: Objective, params: Float32) -> Float32:
        """Make one step on one batch. Only optimizers with ``evaluates = True`` implement this.

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

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, with the current learning rate, ready for JSON.

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
        arguments = _checks.config(config, f"{cls.__name__}.from_config")
        excluded = arguments.pop("exclude_from_weight_decay", None)
        if isinstance(arguments.get("learning_rate"), dict):
            arguments["learning_rate"] = schedules.deserialize(arguments["learning_rate"], custom_objects)
        optimizer = cls(**arguments)
        if excluded is not None:
            optimizer.exclusions = DecayExclusions(*excluded)
        return optimizer

    # --- what every optimizer has ----------------------------------------------------------------------------------
    @property
    def weight_decay(self) -> float | None:
        """The argument of this name."""
        return self.options.weight_decay

    @property
    def use_ema(self) -> bool:
        """The argument of this name."""
        return self.options.use_ema

    def exclude_from_weight_decay(
        self, var_list: Sequence[Any] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Choose variables whose weights do not decay. This must be called before the optimizer is used.

        Parameters
        ----------
        var_list : list, optional
            Variables, or their paths such as "dense/bias".
        var_names : list of str, optional
            Regular expressions. A variable is excluded if one of them matches its path: ``["bias"]`` excludes biases.

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

    def apply_flat(self, params: Float32, grads: Float32) -> None:
        """Make one step on flat vectors, with all options. ``params`` is changed in place.

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
        """Make one step in a loop of your own.

        Parameters
        ----------
        grads_and_vars : iterable of (gradient, variable)
            The variables are those of a model, such as ``zip(model.gradients(x, y), model.trainable_variables)``, or
            float32 arrays; they are changed in place. Their order must be the same in each call.

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
        pairs = _checks.listed(grads_and_vars, "grads_and_vars", type(self).__name__)
        if any(not isinstance(pair, (tuple, list)) or len(pair) != 2 for pair in pairs):
            raise TypeError(
                f"[{type(self).__name__}] expected `grads_and_vars` to be pairs of a gradient and a variable. "
                f"Received: {grads_and_vars!r:.80}"
            )
        self.apply([gradient for gradient, _ in pairs], [variable for _, variable in pairs])
        return self.iterations

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any]) -> None:
        """Do the same as :meth:`apply_gradients`, for gradients and variables in two lists."""
        apply_to_arrays(self, grads, trainable_variables)

    # --- averages of the weights --------------------------------------------------------------------------------------
    def finalize_variable_values(self, network: Any) -> None:
        """With ``use_ema``, replace the weights of the network by their averages, as ``fit`` does at its end.

        Parameters
        ----------
        network : object
            An object with methods ``get_parameters()``, which returns a flat float32 vector, and
            ``set_parameters(vector)``.
        """
        if self.use_ema and self.step > 0:
            if self._is_swapped:
                self.swap_ema_weights(network)
            network.set_parameters(self._with_averages(network.get_parameters())[0])

    _is_swapped = False  # whether swap_ema_weights has exchanged weights and averages, and not yet exchanged them back

    def swap_ema_weights(self, network: Any) -> None:
        """Exchange the weights of the network and their averages. A second call exchanges them back.

        Parameters
        ----------
        network : object
            As for :meth:`finalize_variable_values`.
        """
        if self.use_ema and self.step > 0:
            params, averages = self._with_averages(network.get_parameters())
            network.set_parameters(params)
            self.state["average"][...] = averages
            self._is_swapped = not self._is_swapped

    def _with_averages(self, params: Float32) -> tuple[Float32, Float32]:
        """``params`` with the trained variables replaced by their averages, and the averages replaced by these
        variables.
        """
        average = self.state["average"]
        mixed, rest = params.copy(), average.copy()
        for variable in self.trained_variables:
            mixed[variable.slice], rest[variable.slice] = average[variable.slice], params[variable.slice]
        return mixed, rest
