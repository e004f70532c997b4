"""What ``compile`` sets: optimizer, loss, metrics, and their description in files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cnncore import _checks, losses, optimizers
from cnncore import metrics as metrics_module

if TYPE_CHECKING:
    from cnncore import _core


class Compiled:
    """The part of a model that says how to train it."""

    def __init__(self) -> None:
        self._optimizer: optimizers.Optimizer | None = None
        self._loss: losses.Loss | None = None
        self._metric_identifiers: list[Any] = []
        self._metrics: list[metrics_module.Metric] | None = None
        self._precision = "float32"

    @property
    def network(self) -> _core.Network:
        """The compiled model in the core."""
        raise NotImplementedError

    @property
    def precision(self) -> str:
        """Arithmetic of the products in ``Conv2D`` and ``Dense`` layers that name none: "float32", the default,
        "bfloat16_3x" or "bfloat16". ``compile`` sets it, and so may you, at any time: the weights stay.

        In the last two, the inputs, kernels and gradients that enter a product are rounded: to 16 bits of mantissa, the
        sum of two bfloat16 values, or to 8 bits, one bfloat16 value; float32 has 24. Sums, biases, stored weights and
        the optimizer are float32 in every mode, and so are layers with few channels: convolutions with groups or with
        less than 16 input channels or filters, dense layers with less than 32 features or 16 units.

        Raises
        ------
        ValueError
            If another name is assigned.

        Examples
        --------
        >>> from cnncore import Sequential
        >>> from cnncore.layers import Dense
        >>> model = Sequential([Dense(16, use_bias=False, kernel_initializer="ones", input_shape=(32,))])
        >>> x = [[1 + 2**-9] + 31 * [0]]
        >>> model.predict(x)[0, 0]
        np.float32(1.0019531)
        >>> model.precision = "bfloat16"  # has no number between 1 and 1 + 2**-7
        >>> model.predict(x)[0, 0]
        np.float32(1.0)
        """
        return self._precision

    @precision.setter
    def precision(self, value: str) -> None:
        self._set_precision(_checks.precision(value, "precision"))

    def _set_precision(self, value: str) -> None:
        self._precision = value

    def compile(
        self,
        optimizer: Any = "adam",
        loss: Any = None,
        metrics: Sequence[Any] | None = None,
        *,
        precision: str = "float32",
    ) -> None:
        """Choose how to train. The model is left as it was if an argument makes no sense.

        Parameters
        ----------
        optimizer : str or Optimizer, default "adam"
            A name or an object of :mod:`cnncore.optimizers`.
        loss : str or Loss
            A name or an object of :mod:`cnncore.losses`.
        metrics : list, optional
            Names ("accuracy", "mae", "mse", ...), objects of :mod:`cnncore.metrics`, or functions
            ``(y_true, y_pred) -> one value for each sample``.
        precision : {"float32", "bfloat16_3x", "bfloat16"}, default "float32"
            Arithmetic of the layers that name none; see :attr:`precision`. The weights stay as they are.

        Raises
        ------
        ValueError
            If a name is not known.
        """
        if loss is None:
            raise ValueError('[compile] expected a loss such as "sparse_categorical_crossentropy". Received: loss=None')
        new_precision = _checks.precision(precision, "compile")
        if metrics is not None and (isinstance(metrics, (str, Mapping)) or not isinstance(metrics, Iterable)):
            raise TypeError(f"[compile] expected `metrics` to be a list. Received: metrics={metrics!r}")
        new_optimizer, new_loss, identifiers = optimizers.get(optimizer), losses.get(loss), list(metrics or [])
        for identifier in identifiers:
            metrics_module.get(identifier, new_loss)  # a name that is not known is an error now
        self._optimizer, self._loss = new_optimizer, new_loss
        self._metric_identifiers, self._metrics = identifiers, None
        self.precision = new_precision

    @property
    def compiled(self) -> bool:
        """Whether ``compile`` was called."""
        return self._optimizer is not None

    @property
    def optimizer(self) -> optimizers.Optimizer:
        """The optimizer; assign to its ``learning_rate`` to change that."""
        self._require_compiled("optimizer")
        assert self._optimizer is not None
        return self._optimizer

    @property
    def loss(self) -> losses.Loss:
        """The loss."""
        self._require_compiled("loss")
        assert self._loss is not None
        return self._loss

    @property
    def metrics(self) -> list[metrics_module.Metric]:
        """The metrics, beyond the loss."""
        self._require_compiled("metrics")
        return self._metrics_for(self.network.output_shape)

    def _metrics_for(self, output_shape: tuple[int, ...]) -> list[metrics_module.Metric]:
        if self._metrics is None:  # what "accuracy" means depends on the output's shape
            self._metrics = [metrics_module.get(item, self._loss, output_shape) for item in self._metric_identifiers]
        return self._metrics

    @property
    def metrics_names(self) -> list[str]:
        """Names of what ``evaluate`` returns, in order."""
        return ["loss", *(metric.name for metric in self.metrics)]

    def get_compile_config(self) -> dict[str, Any]:
        """What ``compile`` was given, ready for JSON.

        Raises
        ------
        ValueError
            If the model is not compiled, or something in it cannot be described: a function as metric or as learning
            rate.
        """
        return {
            "optimizer": optimizers.serialize(self.optimizer),
            "loss": losses.serialize(self.loss),
            "metrics": [
                item if isinstance(item, str) else metrics_module.serialize(metrics_module.get(item))
                for item in self._metric_identifiers
            ],
            "precision": self.precision,
        }

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Inverse of :meth:`get_compile_config`."""
        self.compile(**config)

    def _require_compiled(self, what: str) -> None:
        if not self.compiled:
            raise ValueError(f"[{what}] expected a compiled model: call model.compile(optimizer, loss, metrics) first.")
