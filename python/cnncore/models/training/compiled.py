"""What ``compile`` sets: optimizer, losses and metrics of each output, and their description in files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cnncore import _checks, losses, optimizers
from cnncore._attributes import OpenProperty
from cnncore._keras_names.absent import UNCALLED, WHY_UNCALLED
from cnncore._structure import flatten
from cnncore.models.data.signature import Output
from cnncore.models.structure.frozen import note_compile
from cnncore.models.structure.protocol import Structure
from cnncore.models.training.compile_plan import Plan, keras_2_order
from cnncore.models.training.own_loss import ModelLoss

__all__ = ["Compiled", "each"]


class Compiled(Structure):
    """The part of a model that says how to train it."""

    def __init__(self) -> None:
        self._optimizer: optimizers.Optimizer | None = None
        self._plan: Plan | None = None
        # the function that the outputs were made for, and the outputs
        self._outputs: tuple[Any, list[Output]] | None = None

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: str | bool = "auto",
        auto_scale_loss: bool = True,
        *,
        precision: str = "float32",
    ) -> None:
        """Choose how to train. If an argument is refused, the model is left as it was.

        Parameters
        ----------
        optimizer : str or Optimizer, default "rmsprop"
            A name or an object of :mod:`cnncore.optimizers`.
        loss : str, Loss or callable, optional
            A name, an object or a function of :mod:`cnncore.losses`, or your own Loss; for a model with several outputs
            one loss for all, a list, or a dict by the outputs' names. Training needs a loss.
        loss_weights : float, list or dict, optional
            How much the loss of each output counts in the total; 1 by default.
        metrics : list, optional
            Names ("accuracy", "mae", "mse", ...), objects of :mod:`cnncore.metrics`, or functions
            ``(y_true, y_pred) -> one value for each sample``; for a model with several outputs a list of such lists, or
            a dict by the outputs' names. Sample weights have no effect on them.
        weighted_metrics : list, optional
            Likewise, but ``sample_weight`` and ``class_weight`` weight the samples of these metrics.
        run_eagerly, steps_per_execution, jit_compile, auto_scale_loss
            Accepted for compatibility with Keras, without an effect: there is one way to run, and it is compiled.
        precision : {"float32", "bfloat16_3x", "bfloat16"}, default "float32"
            The precision of products in layers that have no precision of their own. The weights stay as they are.

        Raises
        ------
        ValueError
            If a name is not known.
        TypeError
            If an argument is of a wrong type.

        Examples
        --------
        >>> from cnncore import Sequential
        >>> from cnncore.layers import Dense
        >>> model = Sequential([Dense(2, activation="softmax", input_shape=(3,))])
        >>> model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        >>> model.metrics_names
        ['loss', 'accuracy']
        """
        self._refuse_methods_of_keras()
        new_precision = _checks.precision(precision, "compile")
        _checks.integer(steps_per_execution, "steps_per_execution", "compile")
        loss_weights, metrics = keras_2_order(loss_weights, metrics)
        plan = Plan(loss, loss_weights, metrics, weighted_metrics)
        new_optimizer = optimizers.get(optimizer)
        if self._known_function() is not None:  # the names of the outputs are known, so that a wrong one is found now
            plan.outputs(*self._known_outputs())
        self._optimizer, self._plan, self._outputs = new_optimizer, plan, None
        for name in ("optimizer", "loss"):  # what a subclass kept there before is replaced
            vars(self).pop(name, None)
        note_compile(self)
        self.precision = new_precision

    def _refuse_methods_of_keras(self) -> None:
        for name in UNCALLED:
            defined = (cls for cls in type(self).__mro__ if not cls.__module__.startswith("cnncore."))
            if any(name in vars(cls) for cls in defined):
                raise TypeError(f"[compile] {type(self).__name__}.{name} would never be called: {WHY_UNCALLED}.")

    @property
    def compiled(self) -> bool:
        """Whether ``compile`` was called."""
        return self._plan is not None

    @OpenProperty
    def optimizer(self) -> optimizers.Optimizer:
        """The optimizer. Its ``learning_rate`` can be assigned."""
        self._require_compiled("optimizer")
        assert self._optimizer is not None
        return self._optimizer

    @OpenProperty
    def loss(self) -> Any:
        """The loss as an object, or the list or dict of losses that ``compile`` was given, as objects."""
        self._require_compiled("loss")
        assert self._plan is not None
        return self._plan.loss

    @property
    def metrics(self) -> list[Any]:
        """The metrics of all outputs, without the losses, and :meth:`call_metrics`."""
        self._require_compiled("metrics")
        return [*self._output_metrics(), *self.call_metrics()]

    def _output_metrics(self) -> list[Any]:
        return [metric for output in self._described_outputs() for _, metric in output.all_metrics]

    def metrics_depend_on_batches(self) -> bool:
        """Whether what metrics find may depend on the sizes of batches."""
        return bool(self.call_metrics()) or any(metric.depends_on_batches for metric in self._output_metrics())

    def call_metrics(self) -> list[Any]:
        """The metrics that are attributes of the model and of its layers, and that their ``call`` updates."""
        found: list[Any] = self.metrics_of_parts(itself=True)
        if not found:
            return found
        known = {id(metric) for metric in self._output_metrics()} if self._known_function() is not None else set()
        return [metric for metric in found if id(metric) not in known]

    @property
    def metrics_names(self) -> list[str]:
        """Names of what ``evaluate`` returns, in order."""
        self._require_compiled("metrics_names")
        outputs = self._described_outputs()
        losses = [f"{output.name}_loss" for output in outputs if output.loss is not None]
        several = losses if len(losses) > 1 else []  # a single one is the total loss
        measured = [name for output in outputs for name, _ in output.all_metrics]
        return ["loss", *several, *measured, *(metric.name for metric in self.call_metrics())]

    def reset_metrics(self) -> None:
        """Forget what the metrics have seen. ``fit`` and ``evaluate`` do this themselves."""
        for metric in self.metrics if self.built else ():  # a model that is not built has not used any
            metric.reset_state()

    def get_compile_config(self) -> dict[str, Any]:
        """What ``compile`` was given, ready for JSON.

        Raises
        ------
        ValueError
            If the model is not compiled, or something in it cannot be described: a function as loss, metric or learning
            rate.
        """
        self._require_compiled("get_compile_config")
        assert self._plan is not None
        return {
            "optimizer": optimizers.serialize(self.optimizer),
            **self._plan.get_config(),
            "precision": self.precision,
        }

    def compile_from_config(self, config: Mapping[str, Any]) -> None:
        """Inverse of :meth:`get_compile_config`."""
        self.compile(**config)

    # --- details --------------------------------------------------------------------------------------------------
    def _known_function(self) -> Any:
        """The model's graph if its outputs are known, else None."""
        return self._used_function if self._is_graph_known else None

    def _known_outputs(self) -> tuple[Any, list[str], list[tuple[int, ...]]]:
        """Structure, names and shapes of the outputs of :meth:`_known_function`."""
        function = self._used_function
        return function.outputs, list(self.output_names), [tuple(t.shape[1:]) for t in function.output_list]

    def _described_outputs(self) -> list[Output]:
        function = self._known_function()
        if function is None:
            raise ValueError(
                "[compile] the model's outputs are not known yet: give the model an Input, call "
                "model.build(input_shape), or use it on data first."
            )
        if self._outputs is None or self._outputs[0] is not function:
            assert self._plan is not None
            outputs = self._plan.outputs(*self._known_outputs())
            self._outputs = (function, self._with_own_loss(outputs) if self._says_its_loss else outputs)
        return self._outputs[1]

    @property
    def _says_its_loss(self) -> bool:
        """Whether a subclass defines ``compute_loss``."""
        return type(self).compute_loss is not Compiled.compute_loss

    def _with_own_loss(self, outputs: list[Output]) -> list[Output]:
        if len(outputs) != 1:  # then `train_step` calls it
            return outputs
        return [outputs[0]._replace(loss=ModelLoss(self, outputs[0].loss))]

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
        **kwargs: Any,
    ) -> Any:
        """The value of the loss that ``compile`` was given. A subclass may define another ``compute_loss`` with NumPy
        or :mod:`cnncore.ops`, which ``fit`` and ``evaluate`` then call.

        Parameters
        ----------
        x, y, y_pred, sample_weight : array_like
            A batch; ``y_pred`` may be an array that is being differentiated.
        training : bool, default True
        **kwargs
            Accepted for compatibility with Keras.

        Returns
        -------
        float or array
            The loss with :attr:`losses`, the penalties of regularizers. As in Keras, those of a model whose class
            defines another ``compute_loss`` count only if that adds them, by this method or by ``sum(self.losses)``.
        """
        loss = self._loss_of_outputs(y, y_pred, sample_weight)
        for penalty in self.losses:
            loss = loss + penalty
        return loss

    def _loss_of_outputs(self, y: Any, y_pred: Any, sample_weight: Any) -> Any:
        self._require_compiled("compute_loss")
        if isinstance(self.loss, losses.Loss):
            return self.loss(y, y_pred, sample_weight)
        outputs = self._described_outputs()
        parts = zip(outputs, *(each(value, len(outputs)) for value in (y, y_pred, sample_weight)), strict=True)
        values = [
            output.loss_weight * output.loss(target, prediction, weight)
            for output, target, prediction, weight in parts
            if output.loss is not None
        ]
        if not values:
            raise ValueError("[compute_loss] expected a model that was compiled with a loss. Received: loss=None")
        return sum(values)

    def _require_compiled(self, what: str) -> None:
        if not self.compiled:
            raise ValueError(
                f"[{what}] expected a compiled model: call model.compile(optimizer, loss, metrics) first. Received: "
                f"the model {self.name!r}, which is not compiled"
            )

    def _may_add_losses(self) -> bool:
        """Whether layers add to the loss. True if the model is not built, since that is not known then."""
        return not self.built or self._added_losses() is not None

    def _has_penalties(self) -> bool:
        """Whether regularizers or layers add to the loss. The model must be built."""
        return self._may_add_losses() or bool(self._regularized())

    @property
    def _has_loss(self) -> bool:
        """Whether ``compile`` was given a loss, or a subclass defines ``compute_loss``."""
        return self._says_its_loss or (self._plan is not None and self._plan.has_loss)

    def _require_loss(self, what: str) -> None:
        self._require_compiled(what)
        if not self._has_loss and not self._may_add_losses():
            raise ValueError(
                f"[{what}] expected a model that was compiled with a loss, such as "
                'model.compile("adam", loss="sparse_categorical_crossentropy"). Received: loss=None'
            )


def each(value: Any, count: int) -> list[Any]:
    """The part of a structure of targets, predictions or weights for each of ``count`` outputs."""
    leaves = flatten(value)
    return leaves * count if len(leaves) == 1 else leaves
