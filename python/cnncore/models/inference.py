"""The methods that do not change a model: ``evaluate``, ``predict``, ``test_on_batch`` and ``predict_on_batch``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from numpy import ndarray

from cnncore._structure import flatten, pack_like, without_list_of_one
from cnncore.callbacks import Callback, CallbackList
from cnncore.callbacks.progress import make_progress
from cnncore.layers.base import structure_version
from cnncore.models.data.signature import Output
from cnncore.models.data.sources import ArraySource
from cnncore.models.data.streams import StreamSource
from cnncore.models.own.fit import OwnFit
from cnncore.models.own.loop import one_step
from cnncore.models.structure.old_words import check_reset
from cnncore.models.training import loop
from cnncore.models.training.advice import advise_on_outputs
from cnncore.models.training.measuring import as_keras_result

__all__ = ["Inference"]

_predict_step = OwnFit.predict_step


class Inference(OwnFit):
    """The part of a model that evaluates and predicts."""

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
            The number of samples that are computed at a time, 1,024 by default. Fewer take less memory. The default is
            32, as in Keras, where batches matter: with ``steps``, callbacks that hear of batches, metrics whose value
            depends on how samples are divided, layers that compute in Python, and layers that add sums to the loss.
        verbose : {"auto", 0, 1, 2}, default "auto"
            A progress bar on stderr (1), a line on stdout (2), or nothing (0, "auto").
        steps : int, optional
            The number of batches to evaluate on; all by default.
        callbacks : list of Callback, optional
            Their ``on_test_...`` hooks are called.
        return_dict : bool, default False
            Whether to return a dict of values by name instead of a list.

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
        progress = make_progress(verbose, owner)
        if self._tests_itself:
            hooks = CallbackList(callbacks, model=self, progress=progress, owner=owner, verbose=verbose, epochs=1)
            logs = self._evaluate_by_steps((x, y, sample_weight), batch_size, steps, hooks)
            return as_keras_result(logs, return_dict)
        self._require_loss(owner)
        users = CallbackList(callbacks, owner=owner)
        source = self._evaluation_data((x, y, sample_weight), batch_size, steps, owner, users.sees_batches("test"))
        hooks = CallbackList(
            users, model=self, progress=progress, owner=owner, verbose=verbose, epochs=1, steps=source.steps
        )
        with self._own_outputs() as outputs, hooks:
            advise_on_outputs(outputs, self._function.output_list, self._advised)
            logs = self._evaluate_source(outputs, source, hooks)
        return as_keras_result(logs, return_dict)

    def _evaluate_source(
        self, outputs: list[Output], source: ArraySource | StreamSource, hooks: CallbackList
    ) -> dict[str, Any]:
        """Losses and metrics by name. Calls the hooks of an evaluation."""
        extras = (self._penalty(), self._added_losses(), self.call_metrics())
        return loop.evaluate(self._network_for_batches(source), outputs, source, hooks, *extras)

    def test_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        return_dict: bool = False,
        *,
        reset_metrics: bool = True,
    ) -> Any:
        """Loss and metrics on one batch, which is not divided into smaller ones. Arguments and result are those of
        :meth:`evaluate`. ``reset_metrics`` is an argument of Keras 2 and must be True.
        """
        check_reset(reset_metrics, "test_on_batch")
        if self._tests_itself:
            return as_keras_result(one_step(self, "test_step", (x, y, sample_weight)), return_dict)
        self._require_loss("test_on_batch")
        samples = self._samples((x, y, sample_weight), "test_on_batch")
        source = ArraySource(samples, samples.rows)
        with self._own_outputs() as outputs:
            network, added = self._network_for_use(), self._added_losses()
            extras = (self._penalty(), added, self.call_metrics())
            logs = loop.evaluate(network, outputs, source, CallbackList(), *extras)
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
            The number of samples that are computed at a time, 1,024 by default. Fewer take less memory. The default is
            32, as in Keras, where batches matter: with ``steps``, callbacks that hear of batches, and layers that
            compute in Python.
        verbose : {"auto", 0, 1, 2}, default "auto"
            A progress bar on stderr (1), or nothing.
        steps : int, optional
            The number of batches to predict; all by default.
        callbacks : list of Callback, optional
            Their ``on_predict_...`` hooks are called.

        Returns
        -------
        numpy.ndarray of float32, shape (samples, *output_shape)
            For several outputs, arrays in a list or dict like the model's outputs.
        """
        by_steps = self._predicts_itself
        if (
            callbacks is None
            and steps is None
            and not by_steps
            and verbose in ("auto", 0, 2)
            and self._is_one_slice(x, batch_size)
        ):
            return self.predict_on_batch(x)
        owner = "predict"
        progress = make_progress(verbose, owner) if verbose != 2 else []
        if by_steps:
            hooks = CallbackList(callbacks, model=self, progress=progress, owner=owner, verbose=verbose, epochs=1)
            return self._predict_by_steps(x, batch_size, steps, hooks)
        users = CallbackList(callbacks, owner=owner)
        source = self._prediction_data(x, batch_size, steps, users.sees_batches("predict"))
        hooks = CallbackList(
            users, model=self, progress=progress, owner=owner, verbose=verbose, epochs=1, steps=source.steps
        )
        with hooks:
            results = loop.predict(self._network_for_batches(source), source, hooks)
        return self._packed(results)

    def _packed(self, results: Any) -> Any:
        """The results, nested like the model's outputs. A list of one output becomes that output, as in Keras."""
        return without_list_of_one(pack_like(self._function.outputs, results))

    def predict_on_batch(self, x: Any) -> Any:
        """Outputs for one batch, in the shortest time: :meth:`predict` without dividing the batch."""
        # A small network takes less than a microsecond, so this does what _predicts_itself and _lowered_for_use do
        # without calling them.
        if type(self).predict_step is not _predict_step:
            return self._predict_by_steps(x, max(len(flatten(x)[0]), 1), None, CallbackList())
        if type(x) is ndarray and self.built:
            try:
                lowered = self._lowered
                if lowered is None or self._checked_version != structure_version():
                    lowered = self._lowered_for_use()
                if lowered.takes_array:
                    return lowered.network.forward_array(x)
                if len(x):
                    return self._packed(lowered.network.forward([x]))
            except (TypeError, ValueError):  # the core does not take this array: convert it below, or say why not
                pass
        arrays = self._inputs(x, "predict")  # may build the model
        return self._packed(self._network_for_use().forward(arrays))
