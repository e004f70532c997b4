"""Turn the arguments of ``fit``, ``evaluate`` and ``predict`` into sources of batches, and build the model if its
shapes are not known.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.graph.unknown_sizes import is_known
from cnncore.layers.base import structure_version
from cnncore.layers.input_layer import InputLayer
from cnncore.models.data.augmenter import make_augmenter
from cnncore.models.data.signature import Output, Samples, Signature
from cnncore.models.data.sources import ArraySource, Batch, is_stream, unpack
from cnncore.models.data.streams import StreamSource
from cnncore.models.structure.other_sizes import CurrentNetwork
from cnncore.models.structure.remembered import Remembered
from cnncore.models.training.advice import advise_on_inputs, value_range
from cnncore.models.training.compiled import Compiled
from cnncore.models.training.fit_options import FitData
from cnncore.models.training.loop import Validation

__all__ = ["Preparation", "checked_frequency"]

BATCH = 32  # samples in a batch by default, as in Keras
EVALUATION_BATCH = 1024  # samples that are computed at a time where batches do not matter; Ctrl-C is noticed after each


class Preparation(Compiled):
    """The part of a model that turns data into batches."""

    input_range: list[tuple[float, float]] | None
    _advised: set[str]
    _remembered: Remembered

    def _signature(self, with_targets: bool = True) -> Signature:
        """What the data of the model must look like. The model must be built."""
        if not with_targets:
            return self._make_signature(with_targets)
        sources = (structure_version(), self._used_function, self._described_outputs())
        return self._remembered.get("signature", sources, lambda: self._make_signature(with_targets))

    def _signature_for(self, x: Any, with_targets: bool = True) -> Signature:
        """What a batch ``x`` must look like. Its sizes may differ from those of earlier batches."""
        self._build_for(x)
        return self._signature(with_targets)

    def _network_for_batches(self, *sources: Any) -> Any:
        """The network for a loop over the batches of sources."""
        if self.takes_other_sizes and any(isinstance(source, StreamSource) for source in sources):
            return CurrentNetwork(self)
        return self._network_for_use()

    def _make_signature(self, with_targets: bool) -> Signature:
        """Describe what data the model takes, with or without what its losses take."""
        function = self._used_function
        inputs = [tuple(tensor.shape[1:]) for tensor in function.input_list]
        names = list(self.input_names)
        first = next((layer.name for layer in self.layers if not isinstance(layer, InputLayer)), names[0])
        if with_targets:
            outputs: list[Output] = self._described_outputs()
        else:
            shapes = [tuple(tensor.shape[1:]) for tensor in function.output_list]
            outputs = [
                Output(name, shape, None, 1.0, [], []) for name, shape in zip(self.output_names, shapes, strict=True)
            ]
        layers = [first] if len(names) == 1 else names
        sizes = None
        if not all(is_known(tensor.shape) for tensor in function.output_list):
            sizes = functools.lru_cache(maxsize=256)(functools.partial(_output_shapes, function))
        any_size = any(None in shape for shape in inputs)
        return Signature(function.inputs, names, inputs, layers, function.outputs, outputs, any_size, sizes)

    # --- arrays ---------------------------------------------------------------------------------------------------
    def _samples(self, data: tuple[Any, Any, Any], owner: str, class_weight: Any = None) -> Samples:
        """Checked samples of arrays with targets."""
        self._build_for(data[0])
        self._require_loss(owner)
        signature = self._signature()
        samples = signature.prepare(*data, owner, class_weight)
        if signature.any_size:
            self._expect_sizes_of(samples.x)
        return samples

    def _inputs(self, x: Any, owner: str) -> list[np.ndarray]:
        """Checked arrays without targets."""
        self._build_for(x)
        return self._signature(with_targets=False).prepare_x(x, owner)

    def _is_one_slice(self, x: Any, batch_size: int | None) -> bool:
        """Whether ``predict`` computes ``x`` as a single batch."""
        if type(x) is not np.ndarray or x.ndim == 0:
            return False
        if batch_size is not None:
            return len(x) <= _checks.integer(batch_size, "batch_size", "predict")
        return len(x) <= BATCH or (len(x) <= EVALUATION_BATCH and self.built and not self._depends_on_batches([x]))

    def _training_batch(self, samples: Samples) -> Batch:
        """One batch of samples as a step of training takes it."""
        sources = (structure_version(), self._function, self.used_seed)
        augment = self._remembered.get("augmenter", sources, lambda: make_augmenter(self._augmentation, self.used_seed))
        if augment is not None:
            samples = augment(samples, int(self._network_for_use().step))
        return Batch(*samples, None, samples.rows)

    def _watch_range(self, arrays: list[np.ndarray]) -> None:
        """Remember the range of the values in the training data, and warn if it is probably a mistake."""
        ranges = [value_range(array) for array in arrays]
        before = self.input_range or ranges
        self.input_range = [
            (min(low, old[0]), max(high, old[1])) for (low, high), old in zip(ranges, before, strict=True)
        ]
        advise_on_inputs(self.layers, ranges, arrays, self._advised)

    # --- sources --------------------------------------------------------------------------------------------------
    def _training_data(self, data: FitData, seen: bool) -> tuple[ArraySource | StreamSource, Validation | None]:
        """The source of batches for ``fit``, and the data to evaluate on. ``seen`` is whether a callback sees the
        batches of evaluations.
        """
        arrays, class_weight, batch_size, steps, (split, held_out, validation_steps, held_out_size, frequency) = data
        held_out_size = _optional(held_out_size, "validation_batch_size", "fit")
        validation_steps = _optional(validation_steps, "validation_steps", "fit")
        fraction = _checks.number(split, "validation_split", "fit", minimum=0.0, below=1.0)
        size = BATCH if batch_size is None else _checks.integer(batch_size, "batch_size", "fit")
        steps = _optional(steps, "steps_per_epoch", "fit")
        rest: ArraySource | None = None
        source: ArraySource | StreamSource
        if is_stream(arrays[0], "fit"):
            if fraction:
                raise ValueError(
                    "[fit] expected `validation_split` only with arrays, since batches cannot be split. "
                    f"Received: validation_split={split}, x={type(arrays[0]).__name__}"
                )
            source = self._stream(arrays, "fit", steps, class_weight)
            source.augment = make_augmenter(self._augmentation, self.used_seed)
        else:
            divides = bool(fraction) and held_out is None
            samples = self._samples(arrays, "fit", None if divides else class_weight)
            if divides:
                samples, last = _split(samples, fraction)
                samples = self._signature().with_class_weight(samples, class_weight, "fit")
                rows = self._rows_at_a_time(held_out_size, validation_steps, seen, size)
                rest = ArraySource(last, rows, validation_steps)
            source = ArraySource(samples, size, steps, make_augmenter(self._augmentation, self.used_seed))
        if held_out is not None:
            rest_source = self._validation_source(held_out, held_out_size, validation_steps, seen, size)
            return source, Validation(rest_source, checked_frequency(frequency))
        return source, None if rest is None else Validation(rest, checked_frequency(frequency))

    def _validation_source(
        self, held_out: Any, batch_size: int | None, steps: int | None, seen: bool, of_training: int
    ) -> ArraySource | StreamSource:
        if is_stream(held_out, "fit"):
            return self._stream((held_out, None, None), "fit", steps, name="the validation data")
        if not isinstance(held_out, (tuple, list)) or len(held_out) not in (2, 3):
            size = f" of {len(held_out)}" if isinstance(held_out, (tuple, list)) else ""
            raise ValueError(
                "[fit] expected `validation_data` as (x, y) or (x, y, sample_weight), or a source of batches. "
                f"Received: {type(held_out).__name__}{size}"
            )
        samples = self._samples(unpack(tuple(held_out), "fit"), "fit")
        rows = self._rows_at_a_time(batch_size, steps, seen, of_training)
        return ArraySource(samples, rows, steps)

    def _evaluation_data(
        self, data: tuple[Any, Any, Any], batch_size: int | None, steps: int | None, owner: str, seen: bool
    ) -> ArraySource | StreamSource:
        """Batches with targets, in order."""
        batch_size = _optional(batch_size, "batch_size", owner)
        steps = _optional(steps, "steps", owner)
        if is_stream(data[0], owner):
            return self._stream(data, owner, steps)
        samples = self._samples(data, owner)
        return ArraySource(samples, self._rows_at_a_time(batch_size, steps, seen), steps)

    def _rows_at_a_time(self, batch_size: int | None, steps: int | None, seen: bool, usual: int = BATCH) -> int:
        """The number of samples in a batch of an evaluation: ``usual``, as in Keras, if batches are counted in
        ``steps``, are ``seen`` by callbacks, or matter to metrics or layers, and otherwise more, which takes less time.
        The model must be built.
        """
        if batch_size is not None:
            return batch_size
        matter = seen or self.metrics_depend_on_batches() or self._depends_on_batches()
        return usual if steps is not None or matter else EVALUATION_BATCH

    def _prediction_data(
        self, x: Any, batch_size: int | None, steps: int | None, seen: bool
    ) -> ArraySource | StreamSource:
        """Batches without targets, in order."""
        size = _optional(batch_size, "batch_size", "predict")
        steps = _optional(steps, "steps", "predict")
        if is_stream(x, "predict"):
            source = StreamSource(x, lambda first: self._signature_for(first, False), "predict", steps, targets=False)
            self._build_for(source.peek())
            return source
        nothing = [None] * len(self._signature_outputs(x))
        inputs = self._inputs(x, "predict")
        if size is None:
            size = BATCH if steps is not None or seen or self._depends_on_batches(inputs) else EVALUATION_BATCH
        return ArraySource(Samples(inputs, list(nothing), list(nothing)), size, steps)

    def _signature_outputs(self, x: Any) -> list[Any]:
        self._build_for(x)
        return list(self._function.output_list)

    def _stream(
        self,
        data: tuple[Any, Any, Any],
        owner: str,
        steps: int | None,
        class_weight: Any = None,
        name: str = "the data source",
    ) -> StreamSource:
        """A source of batches that are made elsewhere. Its first batch builds the model."""
        if data[1] is not None or data[2] is not None:
            given = "y" if data[1] is not None else "sample_weight"
            raise ValueError(
                f"[{owner}] expected `{given}` to come with each batch, since x is a source of batches "
                f"({type(data[0]).__name__}). Received: {given} as well"
            )
        source = StreamSource(data[0], self._signature_for, owner, steps, class_weight)
        source.name = name
        self._build_for(source.peek())
        self._require_loss(owner)
        if self._signature().any_size:
            self._expect_sizes_of(source.some_inputs())
        return source

    def _penalty(self) -> float:
        """What the regularizers of the weights add to the loss."""
        terms = self._remembered.get("penalties", (self._network_for_use(),), self._regularized)
        return sum(float(regularizer(variable.numpy())) for variable, regularizer in terms)


def _output_shapes(function: Any, shapes: tuple[tuple[int, ...], ...]) -> list[tuple[int, ...]]:
    """The shapes of the samples of a model's outputs for those of its inputs."""
    results = function.compute_output_shape([(None, *shape) for shape in shapes])
    return [tuple(shape[1:]) for shape in function.listed_shapes(results)]


def _optional(value: int | None, name: str, owner: str) -> int | None:
    return None if value is None else _checks.integer(value, name, owner)


def checked_frequency(value: Any) -> Any:
    """The argument ``validation_freq`` of ``fit`` as a number of epochs, or a set of epochs."""
    if isinstance(value, (list, tuple, set, frozenset, range)):
        return {_checks.integer(epoch, "validation_freq", "fit") for epoch in value}
    return _checks.integer(value, "validation_freq", "fit")


def _split(samples: Samples, fraction: float) -> tuple[Samples, Samples]:
    """All but the last ``fraction`` of the samples, and the rest, as Keras does: before any shuffling."""
    boundary = math.floor(samples.rows * (1.0 - fraction))
    if not 0 < boundary < samples.rows:
        raise ValueError(
            f"[fit] expected `validation_split` to leave samples on both sides. Received: validation_split={fraction}, "
            f"{samples.rows} samples"
        )
    return samples.take(slice(0, boundary)), samples.take(slice(boundary, None))
