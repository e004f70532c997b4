"""The methods that train: ``fit``, ``train_on_batch`` and ``gradients``."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from cnncore import _checks
from cnncore.callbacks import Callback, CallbackList, History
from cnncore.callbacks.progress import make_progress
from cnncore.layers.base import structure_version
from cnncore.models.data.signature import Output
from cnncore.models.own.fit import OwnFit
from cnncore.models.own.loop import one_step
from cnncore.models.structure.old_words import check_reset, fit_arguments
from cnncore.models.training import loop
from cnncore.models.training.advice import advise_on_outputs
from cnncore.models.training.fit_options import FitData, HeldOut
from cnncore.models.training.interrupts import terminate_like_interrupt
from cnncore.models.training.measuring import as_keras_result
from cnncore.models.training.meter import Meter
from cnncore.models.training.steps import TrainingStep
from cnncore.models.training.training_error import first_non_finite_layer, raise_training_error

__all__ = ["Fitting"]


class Fitting(OwnFit):
    """The part of a model that trains.

    Attributes
    ----------
    history : History or None
        What the last ``fit`` recorded.
    stop_training : bool
        Set it to True in a callback to end ``fit`` after the current batch.
    """

    history: History | None
    stop_training: bool
    _loop: loop.TrainingLoop | None

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
            are used as they are; other dtypes and layouts, PyTorch tensors, pandas frames and sparse matrices of SciPy
            are converted once. Or a generator, a PyDataset, a PyTorch DataLoader or another iterable that gives
            ``(x, y)`` or ``(x, y, sample_weight)`` batch by batch; its next batches are prepared while the model
            trains.
        y : array_like, or a list or dict of them
            Targets as the loss wants them: integers of shape (samples,) or (samples, 1), or floats with the shape of
            the model's output. None where ``x`` is a source of batches.
        batch_size : int, default 32
            Samples in a batch of arrays.
        epochs : int, default 1
            The number of the last epoch. Without ``initial_epoch`` this is how many epochs there are.
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
            A factor of the loss for the samples of each class; 1 for classes that are not in the dict.
        sample_weight : array_like, shape (samples,), optional
            Factor of the loss for each sample; also a list or dict of them for several outputs.
        initial_epoch : int, default 0
            How many epochs were done before, when training is continued.
        steps_per_epoch : int, optional
            The number of batches in an epoch. It is needed for sources of batches that never end. As in Keras, an epoch
            goes on in the data where the one before it ended, and ends early, with a warning, at the end of the data.
        validation_steps : int, optional
            The number of batches of the validation data to evaluate on; all by default.
        validation_batch_size : int, optional
            The number of samples that are evaluated at a time, 1,024 by default. Fewer take less memory. The default is
            ``batch_size``, as in Keras, where batches matter: with ``validation_steps``, callbacks that hear of these
            batches, metrics whose value depends on how samples are divided, layers that compute in Python, and layers
            that add sums to the loss.
        validation_freq : int or list of int, default 1
            Evaluate after every so many epochs, or after these epochs, counted from 1.
        **old_words
            Arguments of Keras 2 (``nb_epoch``, ``workers``, ``use_multiprocessing``, ``max_queue_size``), with a
            DeprecationWarning.

        Returns
        -------
        History
            ``history.history`` is a dict of lists with a value for each epoch. Its keys are "loss", "<output>_loss" if
            several outputs have a loss, the names of the metrics, and with validation all of these with "val_" in
            front. The History is also kept as ``model.history``.

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
        epochs = fit_arguments(old_words, epochs)
        self._learn_outputs(x, "fit")
        if not self._trains_itself:
            self._require_loss("fit")
        first = _checks.integer(initial_epoch, "initial_epoch", "fit", minimum=0)
        last = _checks.integer(epochs, "epochs", "fit", minimum=0)
        shuffle = _checks.boolean(shuffle, "shuffle", "fit")
        progress = make_progress(verbose)
        held_out = HeldOut(validation_split, validation_data, validation_steps, validation_batch_size, validation_freq)
        data = FitData((x, y, sample_weight), class_weight, batch_size, steps_per_epoch, held_out)
        if self._trains_itself:
            return self._fit_by_steps(data, range(first, last), shuffle, callbacks, verbose, progress)
        users = CallbackList(callbacks)
        source, validation = self._training_data(data, users.sees_batches("test"))
        self._watch_range(source.some_inputs())
        hooks = CallbackList(
            users,
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
        network = self._network_for_batches(source, None if validation is None else validation.source)
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
        *,
        reset_metrics: bool = True,
    ) -> Any:
        """One update of the weights on one batch.

        Parameters
        ----------
        x, y, sample_weight, class_weight
            As for :meth:`fit`.
        return_dict : bool, default False
            Whether to return a dict of values by name instead of a list.
        reset_metrics : bool, default True
            An argument of Keras 2, which must be True: values are always those of this batch.

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
        check_reset(reset_metrics, owner)
        self._learn_outputs(x, owner)
        if self._trains_itself:
            return as_keras_result(one_step(self, "train_step", (x, y, sample_weight), class_weight), return_dict)
        self._require_loss(owner)
        samples = self._samples((x, y, sample_weight), owner, class_weight)
        self._watch_range(samples.x)
        batch = self._training_batch(samples)
        with self._own_outputs() as outputs:
            step, meter = self._step_and_meter(outputs)
            meter.reset()
            done = self.optimizer.step
            values = step(batch, meter.room(batch))
            if not math.isfinite(values[0]) or not step.finite:
                raise_training_error(self, batch, 0, done, values[0])
            meter.add(values, batch)
            return as_keras_result(meter.logs(), return_dict)

    def _step_and_meter(self, outputs: list[Output]) -> tuple[TrainingStep, Meter]:
        """The step and the meter for a single batch. Those of the call before are used again if they still fit and no
        other thread uses them.
        """
        network = self._network_for_use()

        def make() -> tuple[TrainingStep, Meter]:
            meter = Meter(outputs, samples=1, network=network, call_metrics=self.call_metrics())
            return TrainingStep(self, network, outputs), meter

        if outputs is not self._described_outputs():  # copies, because another thread is using the metrics of the model
            return make()
        if not self.optimizer.built:  # reset since the call before
            self.build_optimizer()
        return self._remembered.get("step", (structure_version(), network, outputs, self._optimizer), make)

    def gradients(self, x: Any, y: Any, sample_weight: Any = None, flat: bool = False) -> Any:
        """The gradient of the loss with respect to the trained weights, as in a step of training.

        Nothing in the model changes. Layers such as Dropout behave as in training.

        Parameters
        ----------
        x, y, sample_weight
            One batch, as for :meth:`fit`.
        flat : bool, default False
            Whether to return one vector that is laid out like ``model.core_network.slots``.

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
        parts = {}
        for slot in network.slots:
            if slot.trainable:
                part = vector[slot.offset : slot.offset + math.prod(slot.shape)]
                parts[self.variable_of(slot).trace_key] = part.reshape(slot.shape).copy()
        return [parts[variable.trace_key] for variable in self.trainable_variables]

    def first_non_finite_layer(self, x: Any) -> str | None:
        """The first layer whose output holds NaN or infinity.

        Parameters
        ----------
        x : array_like, or a list or dict of them
            Samples, as for :meth:`fit`.

        Returns
        -------
        str or None
            The name of the layer; "input" if ``x`` itself is not finite, None if all outputs are finite.
        """
        arrays = self._inputs(x, "first_non_finite_layer")
        return first_non_finite_layer(self._function, arrays, self.precision)
