"""Trainer: fit, evaluate, predict and their kin, for every kind of model."""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._structure import pack_like
from cnncore.callbacks import Callback, CallbackList, History
from cnncore.callbacks.progress import make_progress
from cnncore.models import loop
from cnncore.models.advice import advise_on_outputs
from cnncore.models.claim import Claim
from cnncore.models.interrupts import terminate_like_interrupt
from cnncore.models.meter import Meter
from cnncore.models.old_words import OldWords, fit_arguments
from cnncore.models.preparation import Preparation
from cnncore.models.signature import Output
from cnncore.models.steps import TrainingStep, raise_training_error

__all__ = ["Trainer"]


class Trainer(Preparation, OldWords):
    """The half of a model that trains; what it needs of the other half is written in ``models/model.py``.

    Attributes
    ----------
    history : History or None
        What the last ``fit`` recorded.
    stop_training : bool
        Set it to True in a callback to end ``fit`` after the current batch.
    input_range : list of (float, float), or None
        The least and the greatest value of each input that training has seen so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: History | None = None
        self.stop_training = False
        self.input_range: list[tuple[float, float]] | None = None
        self._advised: set[str] = set()
        self._loop: loop.TrainingLoop | None = None
        self._metrics_in_use = Claim()

    # --- training -------------------------------------------------------------------------------------------------
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Callback | Iterable[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
        **old_words: Any,
    ) -> History:
        """Train the model.

        Parameters
        ----------
        x : array_like, or a list or dict of them; or a source of batches
            Samples, shape (samples, *input_shape), for each input of the model in order or by name. uint8 and float32
            are used as they are; other dtypes and layouts, PyTorch tensors and pandas frames are converted once. Or a
            generator, a PyDataset, a PyTorch DataLoader or another iterable that gives ``(x, y)`` or ``(x, y,
            sample_weight)`` batch by batch; its next batches are prepared while the model trains.
        y : array_like, or a list or dict of them
            Targets as the loss wants them: integers of shape (samples,) or (samples, 1), or floats with the shape of
            the model's output. None where ``x`` is a source of batches.
        batch_size : int, default 32
            Samples in a batch of arrays.
        epochs : int, default 1
            Number of the last epoch, which is their count unless ``initial_epoch`` is given.
        verbose : {"auto", 0, 1, 2}, default "auto"
            A progress bar on stderr (1), a line on stdout for each epoch (2), nothing (0). "auto" is 1 in a terminal or
            notebook; where stderr is a file or a pipe it is a line for each epoch there.
        callbacks : list of Callback, optional
            See :mod:`cnncore.callbacks`.
        validation_split : float, default 0
            Share of the samples, taken from the end before shuffling, to evaluate on.
        validation_data : (x, y), (x, y, sample_weight) or a source of batches, optional
            Data to evaluate on.
        shuffle : bool, default True
            Whether each epoch has a random order: of the samples, or of a PyDataset's batches.
        class_weight : dict of int to float, optional
            Factor of the loss for samples of a class; 1 for classes that are not in it.
        sample_weight : array_like, shape (samples,), optional
            Factor of the loss for each sample; also a list or dict of them for several outputs.
        initial_epoch : int, default 0
            Epochs done already, when training goes on.
        steps_per_epoch : int, optional
            Batches in an epoch; needed for sources of batches that never end.
        validation_steps : int, optional
            Batches of the validation data to evaluate on; all by default.
        validation_batch_size : int, optional
            Samples in a batch of an evaluation, which limits the memory it takes.
        validation_freq : int or list of int, default 1
            Evaluate after every so many epochs, or after these epochs, counted from 1.
        **old_words
            Arguments of Keras 2 (``nb_epoch``, ``workers``, ``use_multiprocessing``, ``max_queue_size``), with a
            DeprecationWarning.

        Returns
        -------
        History
            ``history.history`` maps "loss", for several outputs "<output>_loss", the metrics' names, and all of them
            with ``val_`` in front to one value an epoch. It is kept as ``model.history``.

        Raises
        ------
        ValueError
            If shapes, labels or arguments do not fit. A model that gets arrays is left as it was; a source of batches
            is read while training goes on, and the error names the batch that does not fit.
        RuntimeError
            If a source of batches raises an error, which is named. The model keeps the weights of the last step.
        TrainingError
            If the loss or the weights become NaN or infinite. The model keeps its last finite weights.

        Examples
        --------
        >>> from cnncore import Sequential
        >>> from cnncore.layers import Dense
        >>> model = Sequential([Dense(1, kernel_initializer="zeros", input_shape=(1,))])
        >>> model.compile(optimizer="sgd", loss="mse")
        >>> history = model.fit([[1.0], [2.0]], [[2.0], [4.0]], epochs=3, verbose=0)
        >>> len(history.history["loss"]), history.history["loss"][-1] < history.history["loss"][0]
        (3, True)
        """
        self._require_loss("fit")
        epochs = fit_arguments(old_words, epochs)
        first = _checks.integer(initial_epoch, "initial_epoch", "fit", minimum=0)
        last = _checks.integer(epochs, "epochs", "fit", minimum=0)
        shuffle = _checks.boolean(shuffle, "shuffle", "fit")
        progress = make_progress(verbose)
        source, validation = self._training_data(
            (x, y, sample_weight),
            class_weight,
            batch_size,
            steps_per_epoch,
            (validation_split, validation_data, validation_steps, validation_batch_size, validation_freq),
        )
        hooks = CallbackList(
            callbacks,
            add_history=True,
            model=self,
            progress=progress,
            verbose=verbose,
            epochs=last,
            steps=source.steps,
            samples=source.samples,
            batch_size=source.batch_size,
            do_validation=validation is not None,
        )
        self.history, self.stop_training = hooks.history, False
        network = self._network_for_use()
        with self._own_outputs() as outputs, terminate_like_interrupt(), hooks:
            advise_on_outputs(outputs, self._function.output_list, self._advised)
            self._loop = loop.TrainingLoop(self, network, outputs, source, validation, shuffle)
            try:
                self._loop.run(range(first, last), hooks)
            finally:
                self._loop = None
        return hooks.history

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """One update of the weights on one batch.

        Parameters
        ----------
        x, y, sample_weight, class_weight
            As for :meth:`fit`.
        return_dict : bool, default False
            Values by name instead of in order.

        Returns
        -------
        float, list of float, or dict of str to float
            The loss before the update, followed by the losses of several outputs and the metrics of this batch.

        Raises
        ------
        ValueError
            If shapes or labels do not fit. The model is left as it was.
        TrainingError
            If the loss becomes NaN or infinite; no weight is changed then.
        """
        owner = "train_on_batch"
        self._require_loss(owner)
        samples = self._samples((x, y, sample_weight), owner, class_weight)
        self._watch_range(samples.x)
        batch = self._training_batch(samples)
        with self._own_outputs() as outputs:
            step, meter = TrainingStep(self, self._network_for_use(), outputs), Meter(outputs, samples.rows, 1)
            done = int(self.optimizer.iterations)
            values = step(batch, meter.room(samples.rows))
            if not np.isfinite(values[0]) or not step.finite:
                raise_training_error(self._function, batch, 0, done, values[0])
            meter.add(values, batch)
            return as_keras_result(meter.logs(), return_dict)

    def gradients(self, x: Any, y: Any, sample_weight: Any = None, flat: bool = False) -> Any:
        """The gradient of the loss with respect to the trained weights, as in a step of training.

        Nothing in the model changes. Layers such as Dropout behave as in training.

        Parameters
        ----------
        x, y, sample_weight
            One batch, as for :meth:`fit`.
        flat : bool, default False
            Whether to return one vector that is laid out like ``model.network.slots``.

        Returns
        -------
        list of numpy.ndarray, or numpy.ndarray
            One float32 array for each of ``model.trainable_weights``, in that order; or a float32 vector.

        Examples
        --------
        >>> from cnncore import Sequential
        >>> from cnncore.layers import Dense
        >>> model = Sequential([Dense(1, kernel_initializer="zeros", input_shape=(1,))])
        >>> model.compile(optimizer="sgd", loss="mse")
        >>> [array.tolist() for array in model.gradients([[1.0]], [[2.0]])]
        [[[-4.0]], [-4.0]]
        """
        self._require_loss("gradients")
        samples = self._samples((x, y, sample_weight), "gradients")
        network = self._network_for_use()
        step = TrainingStep(self, network, self._described_outputs())
        vector = step.gradients(self._training_batch(samples))
        if flat:
            return vector
        trained = [slot for slot in network.slots if slot.offset >= 0]
        return [vector[s.offset : s.offset + int(np.prod(s.shape))].reshape(s.shape).copy() for s in trained]

    # --- evaluation -----------------------------------------------------------------------------------------------
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Callback | Iterable[Callback] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics on data.

        Parameters
        ----------
        x, y, sample_weight
            Arrays or a source of batches, as for :meth:`fit`.
        batch_size : int, optional
            Samples that are computed at once, which limits the memory it takes.
        verbose : {"auto", 0, 1, 2}, default "auto"
            A progress bar on stderr (1), a line on stdout (2), or nothing (0, "auto").
        steps : int, optional
            Batches to evaluate on; all by default.
        callbacks : list of Callback, optional
            Their ``on_test_...`` hooks are called.
        return_dict : bool, default False
            Values by name instead of in order.

        Returns
        -------
        float, list of float, or dict of str to float
            The loss, or the loss followed by the losses of several outputs and the metrics (see ``metrics_names``).

        Raises
        ------
        ValueError
            If shapes, labels or arguments do not fit.
        """
        owner = "evaluate"
        self._require_loss(owner)
        progress = make_progress(verbose, owner)
        source = self._evaluation_data((x, y, sample_weight), batch_size, steps, owner)
        hooks = CallbackList(
            callbacks, model=self, progress=progress, owner=owner, verbose=verbose, epochs=1, steps=source.steps
        )
        network = self._network_for_use()
        with self._own_outputs() as outputs, hooks:
            advise_on_outputs(outputs, self._function.output_list, self._advised)
            logs = loop.evaluate(network, outputs, source, hooks, self._penalty())
        return as_keras_result(logs, return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Loss and metrics on one batch, which stays in one piece; arguments and result are those of
        :meth:`evaluate`.
        """
        self._require_loss("test_on_batch")
        source = self._evaluation_data((x, y, sample_weight), None, None, "test_on_batch", whole=True)
        with self._own_outputs() as outputs:
            logs = loop.evaluate(self._network_for_use(), outputs, source, CallbackList(), self._penalty())
        return as_keras_result(logs, return_dict)

    # --- prediction -----------------------------------------------------------------------------------------------
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        steps: int | None = None,
        callbacks: Callback | Iterable[Callback] | None = None,
    ) -> Any:
        """Outputs for samples.

        Several threads may predict with one model at the same time, also while another one trains it.

        Parameters
        ----------
        x : array_like, or a list or dict of them; or a source of batches
            Samples, shape (samples, *input_shape), as for :meth:`fit`.
        batch_size : int, optional
            Samples that are computed at once, which limits the memory it takes.
        verbose : {"auto", 0, 1, 2}, default "auto"
            A progress bar on stderr (1), else nothing.
        steps : int, optional
            Batches to predict; all by default.
        callbacks : list of Callback, optional
            Their ``on_predict_...`` hooks are called.

        Returns
        -------
        numpy.ndarray of float32, shape (samples, *output_shape)
            For several outputs arrays in the structure of the model's outputs.
        """
        if callbacks is None and steps is None and verbose in ("auto", 0, 2) and self._is_one_slice(x, batch_size):
            return self.predict_on_batch(x)
        owner = "predict"
        progress = make_progress(verbose, owner) if verbose != 2 else []
        source = self._prediction_data(x, batch_size, steps)
        hooks = CallbackList(
            callbacks, model=self, progress=progress, owner=owner, verbose=verbose, epochs=1, steps=source.steps
        )
        with hooks:
            results = loop.predict(self._network_for_use(), source, hooks)
        return pack_like(self._function.outputs, results)

    def predict_on_batch(self, x: Any) -> Any:
        """Outputs for one batch, at the least cost: :meth:`predict` without slices."""
        if type(x) is np.ndarray and x.size and self.built:
            try:
                return pack_like(self._function.outputs, self._network_for_use().forward([x]))
            except (TypeError, ValueError):  # no array as the core wants it: to be converted, or refused in words
                pass
        arrays = self._inputs(x, "predict")  # may build the model
        return pack_like(self._function.outputs, self._network_for_use().forward(arrays))

    # --- what callbacks and files use -----------------------------------------------------------------------------
    def build_optimizer(self) -> None:
        """Make the optimizer's state for the weights that are trained now; the first step does it by itself."""
        network = self._network_for_use()
        self.optimizer.build(network.parameter_count, owner=self, slots=network.slots)

    @property
    def training_position(self) -> dict[str, Any]:
        """Which batches of a running ``fit`` are done, ready for JSON. Setting it in ``on_train_begin`` makes ``fit``
        go on from there.
        """
        if self._loop is None:
            raise ValueError("[training_position] expected a model inside fit.")
        return self._loop.position

    @training_position.setter
    def training_position(self, position: dict[str, Any]) -> None:
        if self._loop is None:
            raise ValueError("[training_position] expected a model inside fit.")
        self._loop.position = position

    # --- details --------------------------------------------------------------------------------------------------
    @contextlib.contextmanager
    def _own_outputs(self) -> Iterator[list[Output]]:
        """The outputs with metrics that nobody else uses meanwhile: copies of them where another thread is at it."""
        outputs = self._described_outputs()
        with self._metrics_in_use as is_mine:
            yield outputs if is_mine else _copies(outputs)

    def _network_replaced(self, old: Any, new: Any) -> None:
        """Carry the optimizer's state over to a network with other slots; called by the structure, under the lock."""
        from cnncore.optimizers.options import ranges_of

        optimizer = self._optimizer
        if optimizer is None or old is None or not optimizer.built:
            return
        before, places = optimizer.state_dict(), {(slot.layer, slot.index): slot for slot in old.slots}
        optimizer.build_for(new.parameter_count, ranges_of(new.slots))
        after = optimizer.state_dict() | {"step": before["step"]}
        for slot in new.slots:
            place = places.get((slot.layer, slot.index))
            if place is None or slot.offset < 0 or place.offset < 0 or tuple(slot.shape) != tuple(place.shape):
                continue
            size = math.prod(slot.shape)
            for name in after.keys() & before.keys() - {"step"}:
                after[name][slot.offset : slot.offset + size] = before[name][place.offset : place.offset + size]
        optimizer.load_state_dict(after)

    def _training_attributes(self) -> dict[str, Any]:
        """What copies and files keep: everything but what belongs to a running call."""
        return {
            "history": self.history,
            "stop_training": False,
            "input_range": self.input_range,
            "_advised": set(self._advised),
            "_optimizer": self._optimizer,
            "_plan": self._plan,
            "_outputs": None,
            "_loop": None,
        }


def as_keras_result(logs: dict[str, Any], return_dict: bool) -> Any:
    """Logs as ``evaluate`` returns them: a dict, a list, or a single number."""
    if return_dict:
        return logs
    values = list(logs.values())
    return values if len(values) > 1 else values[0]


def _copies(outputs: list[Output]) -> list[Output]:
    return [
        output._replace(metrics=copy.deepcopy(output.metrics), weighted_metrics=copy.deepcopy(output.weighted_metrics))
        for output in outputs
    ]
