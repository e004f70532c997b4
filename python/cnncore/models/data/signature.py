"""Signature: what a model's data must look like, and the checks that turn a user's data into samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from cnncore import _checks
from cnncore._checks import Float32
from cnncore.losses import Loss
from cnncore.metrics import Metric
from cnncore.models.data.arrays import as_array, by_name, prepare_x
from cnncore.models.data.class_weights import weights_of_classes

__all__ = ["Output", "Samples", "Signature"]


class Samples(NamedTuple):
    """Data ready for the core: lists with one entry for each input or output."""

    x: list[np.ndarray]  # uint8 or float32, (samples, *shape)
    y: list[np.ndarray | None]  # int64 labels or float32 values, depending on the loss
    weight: list[Float32 | None]  # (samples,), or with more axes if each row of a sample has a weight of its own

    @property
    def rows(self) -> int:
        """Number of samples."""
        return len(self.x[0])

    def take(self, index: Any) -> Samples:
        """The samples of a slice or of an array of indices."""
        return Samples(
            [array[index] for array in self.x],
            [None if array is None else array[index] for array in self.y],
            [None if array is None else array[index] for array in self.weight],
        )


class Output(NamedTuple):
    """One output of a model and what it is trained for."""

    name: str
    shape: tuple[Any, ...]  # the shape of a sample; sizes that depend on those of the inputs are None
    loss: Loss | None
    loss_weight: float
    metrics: list[tuple[str, Metric]]  # by their name in logs; these are not weighted by sample weights
    weighted_metrics: list[tuple[str, Metric]]

    @property
    def all_metrics(self) -> list[tuple[str, Metric]]:
        """The metrics without and those with weights."""
        return [*self.metrics, *self.weighted_metrics]


class Signature(NamedTuple):
    """The names and shapes of a model's inputs and outputs, and the losses of the outputs."""

    input_structure: Any
    input_names: Sequence[str]
    input_shapes: Sequence[tuple[Any, ...]]
    input_layers: Sequence[str]  # the names of layers that messages about x mention
    output_structure: Any
    outputs: Sequence[Output]
    any_size: bool = False  # whether a size of an input is None
    # from the shapes of samples of the inputs to those of the outputs; None if the latter are known
    output_shapes: Callable[[tuple[tuple[int, ...], ...]], Sequence[tuple[int, ...]]] | None = None

    def for_sizes_of(self, arrays: Sequence[np.ndarray]) -> Signature:
        """The signature for inputs with the sizes of these arrays."""
        if self.output_shapes is None:
            return self
        shapes = self.output_shapes(tuple(array.shape[1:] for array in arrays))
        outputs = [output._replace(shape=shape) for output, shape in zip(self.outputs, shapes, strict=True)]
        return self._replace(outputs=outputs, output_shapes=None)

    def prepare_x(self, x: Any, owner: str) -> list[np.ndarray]:
        """One array for each input, all of the same length."""
        if (
            len(self.input_names) == 1 and type(x) is np.ndarray
        ):  # the usual case, in which there is nothing to sort out
            array = prepare_x(x, self.input_shapes[0], self.input_layers[0])
            if not len(array):
                raise ValueError(f"[{owner}] expected at least one sample. Received: x is empty")
            return [array]
        parts = by_name(x, self.input_structure, self.input_names, "x", owner)
        missing = [name for name, part in zip(self.input_names, parts, strict=True) if part is None]
        if missing:
            raise ValueError(f"[{owner}] expected data for every input. Received: none for {', '.join(missing)}")
        arrays = [
            prepare_x(part, shape, layer)
            for part, shape, layer in zip(parts, self.input_shapes, self.input_layers, strict=True)
        ]
        if len(arrays) > 1:
            _checks.same_length(owner, **dict(zip(self.input_names, arrays, strict=True)))
        elif not len(arrays[0]):
            raise ValueError(f"[{owner}] expected at least one sample. Received: x is empty")
        return arrays

    def prepare(self, x: Any, y: Any, sample_weight: Any, owner: str, class_weight: Any = None) -> Samples:
        """Check data with targets and turn them into samples. Raises ValueError or TypeError if something does not fit.

        Parameters
        ----------
        x, y, sample_weight : array_like, or lists or dicts of them by the names of inputs and outputs
            A single array as ``sample_weight`` applies to all outputs.
        owner : str
            The function that messages name.
        class_weight : dict of int to float, optional
        """
        arrays = self.prepare_x(x, owner)
        if self.output_shapes is not None:
            return self.for_sizes_of(arrays)._with_targets(arrays, y, sample_weight, owner, class_weight)
        return self._with_targets(arrays, y, sample_weight, owner, class_weight)

    def _with_targets(
        self, arrays: list[np.ndarray], y: Any, sample_weight: Any, owner: str, class_weight: Any
    ) -> Samples:
        """Checked samples of inputs that are checked already, and of targets and weights that are not."""
        rows = len(arrays[0])
        targets = self._targets(y, owner)
        weights = self._weights(sample_weight, rows, owner)
        for output, target, weight in zip(self.outputs, targets, weights, strict=True):
            suffix = "" if len(self.outputs) == 1 else f" of {output.name}"
            if target is not None and len(target) != rows:
                _checks.same_length(owner, **{"x": arrays[0], f"y{suffix}": target})
            if weight is not None and len(weight) != rows:
                _checks.same_length(owner, **{f"sample_weight{suffix}": weight, "y": arrays[0]})
        return self.with_class_weight(Samples(arrays, targets, weights), class_weight, owner)

    def _targets(self, y: Any, owner: str) -> list[np.ndarray | None]:
        """The targets of each output as its loss and its metrics take them. None for an output without a loss."""
        if y is None:
            if all(output.loss is None and not output.all_metrics for output in self.outputs):
                return [None] * len(self.outputs)  # layers add the only loss
            raise ValueError(f"[{owner}] expected targets. Received: y=None")
        names = [output.name for output in self.outputs]
        parts = by_name(y, self.output_structure, names, "y", owner)
        targets: list[np.ndarray | None] = []
        for output, part in zip(self.outputs, parts, strict=True):
            if part is None:
                if output.loss is not None:
                    raise ValueError(f"[{owner}] expected targets for every output. Received: none for {output.name}")
                targets.append(None)
                continue
            array = as_array(part)
            if output.loss is not None:
                target = output.loss.prepare_targets(array, output.shape)
            else:
                target = _checks.numeric_array(array, "y", owner)
                target = _checks.contiguous(target, target.dtype)
            for _, metric in output.all_metrics:
                check = getattr(metric, "check_targets", None)
                if check is not None:
                    check(target, output.shape)
            targets.append(target)
        return targets

    def _weights(self, sample_weight: Any, count: int, owner: str) -> list[Float32 | None]:
        if sample_weight is None:
            return [None] * len(self.outputs)
        names = [output.name for output in self.outputs]
        if isinstance(sample_weight, (list, tuple, dict)) and (len(names) > 1 or isinstance(sample_weight, dict)):
            parts = by_name(sample_weight, self.output_structure, names, "sample_weight", owner)
        else:
            parts = [sample_weight] * len(names)
        return [
            None if part is None else _weight(part, output, owner)
            for part, output in zip(parts, self.outputs, strict=True)
        ]

    def with_class_weight(self, samples: Samples, class_weight: Any, owner: str) -> Samples:
        """Samples that are weighted by their class as well; the same samples if ``class_weight`` is None."""
        if class_weight is None:
            return samples
        if len(self.outputs) > 1:
            raise ValueError(
                f"[{owner}] expected `class_weight` only for a model with one output; use `sample_weight`. "
                f"Received: a model with {len(self.outputs)} outputs"
            )
        (target,), (weight,) = samples.y, samples.weight
        assert target is not None
        shape = self.for_sizes_of(samples.x).outputs[0].shape
        of_class = weights_of_classes(class_weight, target, shape, owner)
        weighted = of_class if weight is None else np.asarray(weight * of_class, np.float32)
        return samples._replace(weight=[weighted])


def _weight(value: Any, output: Output, owner: str) -> Float32:
    array = _checks.float32_array(as_array(value), "sample_weight", owner)
    if array.ndim > 1 and array.shape[1:] == (1,):
        array = array[:, 0]
    rows = output.shape[:-1]
    if array.ndim == 0 or array.shape[1:] != rows[: array.ndim - 1]:
        raise ValueError(
            f"[{owner}] expected sample_weight of rank 1 (samples), or one for each of the rows {rows} of a sample. "
            f"Received: sample_weight.shape={array.shape}"
        )
    return array
