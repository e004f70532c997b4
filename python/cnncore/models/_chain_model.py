"""Model: compile, fit, evaluate, predict over one ``_core.Network``. Subclasses say how the network comes about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks
from cnncore._checks import Float32
from cnncore.models import training
from cnncore.models.compilation import Compiled
from cnncore.models.data import Samples, prepare_samples, prepare_x, split_samples

if TYPE_CHECKING:
    from os import PathLike

    from cnncore import _core
    from cnncore.callbacks import Callback, History

_FAST_DTYPES = (np.dtype(np.float32), np.dtype(np.uint8))
_Shapes = tuple[tuple[int, ...], tuple[int, ...], str]  # of a sample, of its prediction; the first layer's name


class Model(Compiled):
    """Base class of models; see :class:`cnncore.Sequential`.

    Attributes
    ----------
    network : cnncore._core.Network
        The compiled model: flat ``parameters`` and ``gradients``, and ``slots`` that say which part belongs to whom.
    optimizer, loss, metrics
        What ``compile`` was given, as objects.
    precision : str
        Arithmetic of the layers' products: "float32", "bfloat16_3x" or "bfloat16".
    stop_training : bool
        Set it to True in a callback to end ``fit`` after the current batch.
    """

    name: str
    seed: int

    def __init__(self) -> None:
        super().__init__()
        self.stop_training = False
        self._network: _core.Network | None = None

    # --- what a subclass says -----------------------------------------------------------------------------------
    def _shapes_for(self, x: Any) -> _Shapes:
        """Shapes of a sample and of its prediction, and the first layer's name; from ``x`` if not known before."""
        raise NotImplementedError

    def _build_for(self, input_shape: tuple[int, ...]) -> None:
        """Fix the shape of a sample."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Description of the layers, ready for JSON."""
        raise NotImplementedError

    def get_weights(self) -> list[Float32]:
        """Copies of all weights."""
        raise NotImplementedError

    def set_weights(self, weights: Iterable[ArrayLike]) -> None:
        """Replace all weights."""
        raise NotImplementedError

    def first_non_finite_layer(self, x: np.ndarray) -> str | None:
        """Name of the first layer whose output for ``x`` holds NaN or infinity; None if there is none."""
        raise NotImplementedError

    # --- training -------------------------------------------------------------------------------------------------
    def fit(
        self,
        x: ArrayLike,
        y: ArrayLike,
        batch_size: int = 32,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Iterable[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: Sequence[Any] | None = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: ArrayLike | None = None,
        initial_epoch: int = 0,
    ) -> History:
        """Train the model.

        Parameters
        ----------
        x : array_like, shape (samples, *input_shape)
            uint8 and float32 are used as they are; other dtypes and layouts are converted to float32 once.
        y : array_like
            As the loss wants it: integers of shape (samples,) or (samples, 1), or floats with the model's output shape.
        batch_size : int, default 32
        epochs : int, default 1
            Number of the last epoch, which is their count unless ``initial_epoch`` is given.
        verbose : {"auto", 0, 1, 2}, default "auto"
            A progress bar on stderr (1), a line on stdout for each epoch (2), nothing (0). "auto" is 1 in a terminal
            or notebook; where stderr is a file or a pipe it is a line for each epoch there.
        callbacks : list of Callback, optional
        validation_split : float, default 0
            Share of the samples, taken from the end before shuffling, to evaluate on after each epoch.
        validation_data : (x, y) or (x, y, sample_weight), optional
            Data to evaluate on after each epoch.
        shuffle : bool, default True
            Whether each epoch has a random order.
        class_weight : dict of int to float, optional
            Factor of the loss for samples of a class; 1 for classes that are not in it.
        sample_weight : array_like, shape (samples,), optional
            Factor of the loss for each sample.
        initial_epoch : int, default 0
            Epochs done already, when training goes on.

        Returns
        -------
        History
            ``history.history`` maps "loss", the metrics' names and both with ``val_`` in front to one value an epoch.

        Raises
        ------
        ValueError
            If shapes, labels or arguments do not fit. The model is left as it was.
        TrainingError
            If the loss becomes NaN or infinite. The model keeps the weights from before that step.

        Examples
        --------
        >>> from cnncore import Sequential
        >>> from cnncore.layers import Dense
        >>> model = Sequential([Dense(1, kernel_initializer="zeros", input_shape=(1,))])
        >>> model.compile(optimizer="sgd", loss="mse")
        >>> history = model.fit([[1.0], [2.0]], [[2.0], [4.0]], epochs=3)
        >>> len(history.history["loss"]), history.history["loss"][-1] < history.history["loss"][0]
        (3, True)
        """
        from cnncore.callbacks import CallbackList
        from cnncore.callbacks.progress import make_progress

        self._require_compiled("fit")
        batch_size = _checks.integer(batch_size, "batch_size", "fit")
        first = _checks.integer(initial_epoch, "initial_epoch", "fit", minimum=0)
        last = _checks.integer(epochs, "epochs", "fit")
        fraction = _checks.number(validation_split, "validation_split", "fit", minimum=0.0, below=1.0)
        shapes = self._shapes_for(x)
        samples = self._prepare((x, y, sample_weight), shapes, class_weight)
        validation = None if validation_data is None else self._prepare(_validation_tuple(validation_data), shapes)
        if validation is None and fraction:
            samples, validation = split_samples(samples, fraction)
        params: dict[str, Any] = {
            "epochs": last,
            "steps": -(-len(samples.x) // batch_size),
            "samples": len(samples.x),
            "batch_size": batch_size,
        }
        hooks = CallbackList(
            callbacks,
            add_history=True,
            model=self,
            progress=make_progress(verbose),
            verbose=verbose,
            do_validation=validation is not None,
            **params,
        )
        with hooks:
            self._build_for(samples.x.shape[1:])
            self._build_optimizer()
            training.train(self, samples, validation, batch_size, range(first, last), shuffle, hooks)
        return hooks.history

    def train_on_batch(
        self,
        x: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One update of the weights on one batch.

        Parameters and errors are those of :meth:`fit`.

        Returns
        -------
        float, list of float, or dict of str to float
            The loss before the update, followed by the metrics of this batch if there are any; by name with
            ``return_dict=True``.
        """
        self._require_compiled("train_on_batch")
        samples = self._prepare((x, y, sample_weight), self._shapes_for(x), class_weight)
        self._build_for(samples.x.shape[1:])
        self._build_optimizer()
        count = len(samples.x)
        meter = training.EpochMeter(samples.y, self.network.output_shape, count, self.metrics)
        order = np.arange(count, dtype=np.int64)
        meter.start(order)
        loss = training.train_step(self, samples, None, meter.outputs(count))
        if not np.isfinite(loss):
            training.raise_training_error(self, samples, order, 0, self.optimizer.iterations, loss)
        training.check_update(self, 0, self.optimizer.iterations - 1, loss)
        meter.add(loss, count)
        return _as_keras_result(meter.logs(), return_dict)

    # --- inference ------------------------------------------------------------------------------------------------
    def evaluate(
        self,
        x: ArrayLike,
        y: ArrayLike,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: ArrayLike | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics on data.

        Parameters
        ----------
        x, y, sample_weight
            As for :meth:`fit`.
        batch_size : int, optional
            Samples per slice: a matter of memory.
        verbose : {"auto", 0, 1, 2}, default "auto"
            Whether to print the result on stdout: yes for 1 and 2.
        return_dict : bool, default False
            Values by name instead of in order.

        Returns
        -------
        float, list of float, or dict of str to float
            The loss, or the loss followed by the metrics (see ``metrics_names``).
        """
        self._require_compiled("evaluate")
        size = (
            training.EVALUATION_BATCH if batch_size is None else _checks.integer(batch_size, "batch_size", "evaluate")
        )
        samples = self._prepare((x, y, sample_weight), self._shapes_for(x))
        self._build_for(samples.x.shape[1:])
        logs = training.evaluate(self, samples, size)
        if verbose in (1, 2):
            print(" - ".join(f"{name}: {value:.4f}" for name, value in logs.items()))
        return _as_keras_result(logs, return_dict)

    def predict(self, x: ArrayLike, batch_size: int | None = None, verbose: str | int = "auto") -> Float32:
        """Outputs for samples.

        Parameters
        ----------
        x : array_like, shape (samples, *input_shape)
            uint8 and float32 are used as they are; other dtypes and layouts are converted to float32.
        batch_size : int, optional
            Samples per slice: a matter of memory.
        verbose : ignored
            Accepted for Keras' sake; predict prints nothing.

        Returns
        -------
        numpy.ndarray of float32, shape (samples, *output_shape)
        """
        size = training.EVALUATION_BATCH if batch_size is None else _checks.integer(batch_size, "batch_size", "predict")
        if type(x) is np.ndarray and x.ndim and len(x) <= size:
            return self.predict_on_batch(x)
        array = self._prepare_input(x)
        if len(array) <= size:
            return self.network.forward(array)
        result = np.empty((len(array), *self.network.output_shape), dtype=np.float32)
        for start in range(0, len(array), size):
            result[start : start + size] = self.network.forward(array[start : start + size])
        return result

    def predict_on_batch(self, x: ArrayLike) -> Float32:
        """Outputs for one batch, at the least cost: :meth:`predict` without slices."""
        network = self._network
        if network is not None and type(x) is np.ndarray and x.size:
            try:
                return network.forward(x)
            except (TypeError, ValueError):  # no array as the core wants it: to be converted, or refused in words
                pass
        array = self._prepare_input(x)  # may build the model
        return self.network.forward(array)

    def _prepare_input(self, x: ArrayLike) -> np.ndarray:
        if (
            isinstance(x, np.ndarray)
            and x.dtype in _FAST_DTYPES
            and x.shape[1:] == self._built_input_shape
            and x.flags.c_contiguous
            and x.flags.aligned
            and len(x)
        ):
            return x
        input_shape, _, layer = self._shapes_for(x)
        array = prepare_x(x, input_shape, layer)
        _checks.same_length("predict", x=array)
        self._build_for(input_shape)
        return array

    @property
    def _built_input_shape(self) -> tuple[int, ...] | None:
        raise NotImplementedError

    # --- files ----------------------------------------------------------------------------------------------------
    def save(self, path: str | PathLike[str]) -> None:
        """Write the whole model to a file: layers, weights, and the state of training if it was compiled.

        :func:`cnncore.saving.load_model` reads it.
        """
        from cnncore import saving

        saving.save_model(self, path)

    def save_weights(self, path: str | PathLike[str]) -> None:
        """Write the weights alone to a file."""
        from cnncore import saving

        saving.save_weights(self, path)

    def load_weights(self, path: str | PathLike[str]) -> None:
        """Read weights written by ``save_weights`` or ``save``. The model is left as it was if they do not fit."""
        from cnncore import saving

        saving.load_weights(self, path)

    # --- details --------------------------------------------------------------------------------------------------
    def _build_optimizer(self) -> None:
        self.optimizer.build(self.network.parameters.size, owner=self, slots=self.network.slots)

    def _prepare(self, data: tuple[Any, ...], shapes: _Shapes, class_weight: Any = None) -> Samples:
        if data[1] is None:
            raise ValueError("[fit] expected targets. Received: y=None")
        samples = prepare_samples(data, *shapes, self.loss, class_weight)
        for metric in self._metrics_for(shapes[1]):
            metric.check_targets(samples.y, shapes[1])
        return samples


def _validation_tuple(data: Any) -> tuple[Any, ...]:
    if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
        size = f" of {len(data)}" if isinstance(data, (tuple, list)) else ""
        raise ValueError(
            "[fit] expected `validation_data` as (x, y) or (x, y, sample_weight). "
            f"Received: {type(data).__name__}{size}"
        )
    return tuple(data)


def _as_keras_result(logs: dict[str, float], return_dict: bool) -> Any:
    if return_dict:
        return logs
    values = list(logs.values())
    return values if len(values) > 1 else values[0]
