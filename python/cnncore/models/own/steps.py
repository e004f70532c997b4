"""Steps that a class may define: ``train_step``, ``test_step`` and ``predict_step``."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np

from cnncore import metrics as metrics_module
from cnncore._structure import flatten
from cnncore.differentiation import GradientTape
from cnncore.models.data.signature import Output
from cnncore.models.data.sources import is_stream, unpack
from cnncore.models.own.layers_of_loss import uses_weights
from cnncore.models.training.compiled import each
from cnncore.models.training.measuring import Measuring

__all__ = ["OwnSteps", "plain_logs"]


class OwnSteps(Measuring):
    """The part of a model with the steps that a subclass may replace.

    ``fit`` calls ``train_step`` for each batch if a subclass has one of these methods, and ``evaluate`` calls
    ``test_step`` if a subclass has that or ``compute_metrics``. Both are also called if the loss computes with weights
    of the model (:mod:`cnncore.models.own.layers_of_loss`). ``predict`` calls ``predict_step`` if a subclass has that.
    Otherwise the core makes each step in one call, which is faster.
    """

    _loss_mean: metrics_module.Mean | None = None
    # what was compiled, and the outputs that :meth:`_outputs_of` made for it
    _loose_outputs: tuple[Any, list[Output]] | None = None

    @property
    def _trains_itself(self) -> bool:
        """Whether ``fit`` calls :meth:`train_step`."""
        return self._tests_itself or self._replaces("train_step")

    @property
    def _tests_itself(self) -> bool:
        """Whether ``evaluate`` calls :meth:`test_step`."""
        return self._replaces("test_step", "compute_metrics") or self._loss_needs_a_tape()

    def _loss_needs_a_tape(self) -> bool:
        """Whether the core cannot train with a loss that the user wrote, because the loss computes with weights of the
        model, or because a ``compute_loss`` computes with several outputs or decides about penalties.
        """
        plan = self._plan
        if plan is None:
            return False
        if self._says_its_loss:
            function = self._known_function()
            if function is not None and (len(function.output_list) > 1 or self._has_penalties()):
                return True
            return uses_weights(self, plan, [self.compute_loss, *plan.losses_of_user()])
        return uses_weights(self, plan, plan.losses_of_user())

    @property
    def _predicts_itself(self) -> bool:
        """Whether ``predict`` calls :meth:`predict_step`."""
        return type(self).predict_step is not OwnSteps.predict_step

    def _replaces(self, *names: str) -> bool:
        return any(getattr(type(self), name) is not getattr(OwnSteps, name) for name in names)

    def _learn_outputs(self, x: Any, owner: str) -> None:
        """Build a model whose class defines ``compute_loss`` for arrays ``x``: its outputs say how it is trained."""
        has_own_steps = self._replaces("train_step", "test_step", "compute_metrics")
        if self._says_its_loss and not has_own_steps and not self._is_graph_known and not is_stream(x, owner):
            self._build_for(x)

    def train_step(self, data: Any) -> dict[str, Any]:
        """Update the weights once. A subclass may define another way to do it.

        Parameters
        ----------
        data : x, (x, y) or (x, y, sample_weight)
            A batch of the arrays that ``fit`` was given.

        Returns
        -------
        dict of str to float
            The logs of the epoch so far.

        Examples
        --------
        >>> import cnncore
        >>> class Model(cnncore.Model):
        ...     def train_step(self, data):
        ...         x, y = data
        ...         with cnncore.GradientTape() as tape:
        ...             y_pred = self(x, training=True)
        ...             loss = self.compute_loss(y=y, y_pred=y_pred)
        ...         gradients = tape.gradient(loss, self.trainable_variables)
        ...         self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        ...         return {"loss": loss}
        >>> x = cnncore.Input((1,))
        >>> model = Model(x, cnncore.layers.Dense(1, kernel_initializer="zeros")(x))
        >>> model.compile("sgd", "mse")
        >>> model.fit(np.ones((4, 1)), np.ones((4, 1)), verbose=0).history
        {'loss': [1.0]}
        """
        x, y, sample_weight = unpack(data, "train_step")
        with GradientTape() as tape:
            y_pred = self(x, training=True)  # type: ignore[operator]
            loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)
        variables = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return self._logs_of(loss, x, y, y_pred, sample_weight)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Loss and metrics of one batch; ``data`` and result as for :meth:`train_step`."""
        x, y, sample_weight = unpack(data, "test_step")
        y_pred = self(x, training=False)  # type: ignore[operator]
        parameters = inspect.signature(self.compute_loss).parameters  # that of a subclass may not have `training`
        takes_training = "training" in parameters or any(item.kind is item.VAR_KEYWORD for item in parameters.values())
        loss = self.compute_loss(
            x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, **({"training": False} if takes_training else {})
        )
        return self._logs_of(loss, x, y, y_pred, sample_weight)

    def predict_step(self, data: Any) -> Any:
        """Predictions for one batch: an array, or a list, tuple or dict of arrays. ``data`` as for :meth:`train_step`.

        Examples
        --------
        >>> import cnncore
        >>> class Classifier(cnncore.Model):
        ...     def predict_step(self, data):
        ...         return np.argmax(super().predict_step(data), axis=-1)
        >>> x = cnncore.Input((3,))
        >>> Classifier(x, x).predict(np.eye(3), verbose=0)
        array([0, 1, 2])
        """
        x, _, _ = unpack(data, "predict_step")
        return self(x, training=False)  # type: ignore[operator]

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Update the metrics of ``compile`` with a batch, and return the result of :meth:`get_metrics_result`."""
        self._update_metrics(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """The values of :attr:`metrics` by the names that they have in a history."""
        described = self._outputs_seen() if self._known_function() is None else self._described_outputs()
        names = {id(metric): name for output in described for name, metric in output.all_metrics}
        return {names.get(id(metric), metric.name): metric.result() for metric in self.metrics}

    @property
    def metrics(self) -> list[Any]:
        """The metrics of all outputs, without the losses. If a subclass defines ``train_step`` or ``test_step``, the
        mean of the loss comes first, then the metrics that are attributes of the model.
        """
        if not (self._trains_itself or self._tests_itself):
            return super().metrics
        own = self.metrics_of_parts(itself=True)
        self._require_compiled("metrics")
        mean = [self._loss_tracker] if self._has_loss else []
        if self._known_function() is not None:
            return [*mean, *own, *(item for item in super().metrics if all(item is not one for one in own))]
        return [*mean, *own, *(metric for output in self._outputs_seen() for _, metric in output.all_metrics)]

    # --- Keras 2 ----------------------------------------------------------------------------------------------------
    @property
    def compiled_loss(self) -> Any:
        """Keras 2's way to the loss of ``compile``: ``(y, y_pred, sample_weight, regularization_losses=self.losses)``.
        It also updates the mean that the logs call "loss".
        """
        _warn("compiled_loss", "self.compute_loss(y=y, y_pred=y_pred)")
        return self._old_loss

    @property
    def compiled_metrics(self) -> Any:
        """Keras 2's way to the metrics of ``compile``: it has ``update_state(y, y_pred, sample_weight)``."""
        _warn("compiled_metrics", "self.compute_metrics(x, y, y_pred)")
        return _OldMetrics(self)

    def _old_loss(self, y: Any, y_pred: Any, sample_weight: Any = None, regularization_losses: Any = None) -> Any:
        loss = self._loss_of_outputs(y, y_pred, sample_weight)
        for penalty in regularization_losses or ():
            loss = loss + penalty
        self._loss_tracker.update_state(float(loss), sample_weight=len(flatten(y)[0]))
        return loss

    def _logs_of(self, loss: Any, x: Any, y: Any, y_pred: Any, sample_weight: Any) -> dict[str, Any]:
        if not self._trains_itself:  # a script calls a step of a model that has none of its own
            return {"loss": float(loss), **self.compute_metrics(x, y, y_pred, sample_weight)}
        self._loss_tracker.update_state(float(loss), sample_weight=len(flatten(x)[0]))
        return self.compute_metrics(x, y, y_pred, sample_weight)

    # --- details ----------------------------------------------------------------------------------------------------
    def prepare_optimizer(self) -> None:
        """Make the state of the optimizer for the weights of this model before a ``train_step`` uses it, so that files
        contain it. Without a known graph, or for weights of other models, the first step makes the state.
        """
        if self._is_graph_known and not self.optimizer.built and self._network_for_use().parameter_count:
            self.build_optimizer()

    def use_averages(self) -> None:
        """With ``use_ema``, replace the weights of a model whose graph is known by their averages, as ``fit`` ends."""
        optimizer: Any = self.optimizer
        if self._is_graph_known and optimizer.built and not optimizer.array_ids:
            optimizer.finalize_variable_values(self._network_for_use())

    @property
    def _loss_tracker(self) -> metrics_module.Mean:
        if self._loss_mean is None:
            self._loss_mean = metrics_module.Mean(name="loss")
        return self._loss_mean

    def _outputs_seen(self) -> list[Output]:
        """The outputs from which the metrics of a model without a graph are computed, if it has any."""
        seen = self._loose_outputs
        return [] if seen is None or seen[0] is not self._plan else seen[1]

    def _outputs_of(self, y_pred: Any) -> list[Output]:
        """The outputs of the model. Without a graph, as in a model that calls others, they follow ``y_pred``."""
        if self._known_function() is not None:
            return self._described_outputs()
        if not self._outputs_seen():
            self._require_compiled("compute_metrics")
            assert self._plan is not None
            leaves = flatten(y_pred)
            names = [f"output_{place}" for place in range(1, len(leaves) + 1)]
            self._loose_outputs = (self._plan, self._plan.outputs(y_pred, names, [leaf.shape[1:] for leaf in leaves]))
        return self._outputs_seen()

    def _update_metrics(self, y: Any, y_pred: Any, sample_weight: Any) -> None:
        outputs = self._outputs_of(y_pred)
        for output, target, prediction, weight in zip(
            outputs, *(each(value, len(outputs)) for value in (y, y_pred, sample_weight)), strict=True
        ):
            array = np.asarray(prediction, np.float32)
            for _, metric in output.metrics:
                metric.update_state(target, array)
            for _, metric in output.weighted_metrics:
                metric.update_state(target, array, sample_weight=weight)


class _OldMetrics:
    def __init__(self, model: Any) -> None:
        self._model = model

    def update_state(self, y: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Update the metrics with a batch."""
        self._model._update_metrics(y, y_pred, sample_weight)


def _warn(old: str, new: str) -> None:
    warnings.warn(f"`self.{old}` is Keras 2's way to write `{new}`.", DeprecationWarning, stacklevel=3)


def plain_logs(logs: Any, owner: str) -> dict[str, Any]:
    """The dict that a step returned, with numbers as floats, and with the entries of inner dicts in their place."""
    if not isinstance(logs, dict):
        raise TypeError(f"[{owner}] expected a dict of values by name. Received: {type(logs).__name__}")
    found: dict[str, Any] = {}
    for name, value in logs.items():
        if isinstance(value, dict):
            found.update(plain_logs(value, owner))
        else:
            try:
                found[str(name)] = float(value) if np.ndim(value) == 0 else np.asarray(value, np.float64)
            except (TypeError, ValueError):
                raise TypeError(
                    f"[{owner}] expected numbers or arrays of numbers. Received: {name}={value!r:.80} of type "
                    f"{type(value).__name__}"
                ) from None
    return found
