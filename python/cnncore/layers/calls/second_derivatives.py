"""Gradients of gradients of a call: what a tape needs if it recorded the gradient that another tape computed.

The gradient of an inner product <gradient, v> is a derivative along the direction v of the gradients themselves
(Pearlmutter, "Fast exact multiplication by the Hessian", 1994). The core computes it as a product with curvature, in
which not only weights but also inputs have directions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore import _core
from cnncore.differentiation import NotDifferentiableError
from cnncore.graph.function import Function
from cnncore.graph.lowering import Lowered, Lowering
from cnncore.layers.calls.input_probe import InputProbe

__all__ = ["SecondDerivatives", "uses_batch_statistics"]


class _Collector:
    """Takes tangents of some samples at a time from the core, and puts them into one array."""

    def __init__(self, shape: Sequence[int]) -> None:
        self._shape = tuple(shape)
        self.values = np.empty(0, np.float32)

    def prepare(self, rows: int) -> None:
        """Make an array of zeros for ``rows`` samples."""
        self.values = np.zeros((rows, *self._shape), np.float32)

    def record(self, rows: np.ndarray, values: np.ndarray) -> None:
        """Keep the values of the samples with these numbers."""
        self.values[rows.astype(np.int64)] = values


class _Lowering(Lowering):
    """A graph for products with curvature, in which dropout drops the same values as in a training step.

    Attributes
    ----------
    fillers : list of (shape, function)
        What further inputs the graph has: the shape of a sample, and a function (rows, step) that computes the array.
    """

    def __init__(self, seed: int, training: bool) -> None:
        super().__init__(seed)
        self._training = [None if training else False]
        self.fillers: list[tuple[tuple[int, ...], Any]] = []

    def add(self, kind: str, inputs: Sequence[int], layer: str = "", /, **attributes: Any) -> int:
        name, is_training = self._current[-1], self._training[-1] is not False
        if kind == "host":
            raise NotDifferentiableError(
                f"[GradientTape.gradient] gradients of gradients are not known for layer {name!r}, which computes in "
                "Python. If it has no method `backward`, let the inner tape watch the input of the model."
            )
        if uses_batch_statistics(self, kind, attributes):
            raise NotDifferentiableError(
                f"[GradientTape.gradient] gradients of gradients are not known for layer {name!r}, since they would "
                "depend on the statistics of the batch. Let the inner tape watch the input of the model."
            )
        if kind in ("dropout", "gaussian_noise") and is_training:
            return self._add_random(kind, inputs[0], attributes)
        return super().add(kind, inputs, layer, **attributes)

    def _add_random(self, kind: str, x: int, attributes: dict[str, Any]) -> int:
        """Multiply by the mask of a dropout, or add noise. Both are further inputs of the graph."""
        shape, seed = self.output_shape(x), int(attributes["seed"])

        def values(rows: int, step: int) -> np.ndarray:
            if kind == "gaussian_noise":
                zeros = np.zeros((rows, *shape), np.float32)
                return _core.gaussian_noise(zeros, attributes["stddev"], seed, step)
            ones = np.ones((rows, *(shape or (1,))), np.float32)
            mask = _core.dropout(
                ones, attributes["rate"], seed, step, tuple(attributes.get("noise_shape", shape or (1,)))
            )
            return np.asarray(mask.reshape(rows, *shape))

        drawn = self.input(shape)
        self.fillers.append((shape, values))
        return super().add("multiply" if kind == "dropout" else "add", [x, drawn])


def uses_batch_statistics(graph: Lowering, kind: str, attributes: dict[str, Any]) -> bool:
    """Whether an op is a batch normalization that behaves as in training."""
    return kind == "batch_normalization" and graph.is_trained and attributes.get("trainable", True)


class SecondDerivatives:
    """Derivatives of the gradients of a call, along directions.

    The call computes y from inputs x and weights w. Given factors dy of the results, its gradients are those of
    <y(x, w), dy> with respect to x and w. Along directions (v, u) of x and w, the derivative of <y, dy> is

        s = <gradient of x, v> + <gradient of w, u>,

    and this class computes the gradients of s with respect to dy, x and w.

    Parameters
    ----------
    function : Function
    shapes, wanted : list
        For each input the shape of a sample, and whether it has a gradient.
    seed, training
        As for the network of the call.

    Raises
    ------
    NotDifferentiableError
        If a layer has no second derivatives.
    """

    def __init__(
        self, function: Function, shapes: Sequence[Any], wanted: Sequence[bool], seed: int, training: bool
    ) -> None:
        self._graph = graph = _Lowering(seed, training)
        rows = graph.input((1,))
        self._sources: list[_Collector | None] = []
        ids = []
        for shape, is_wanted in zip(shapes, wanted, strict=True):
            number, collector = graph.input(shape), _Collector(shape) if is_wanted else None
            if collector is not None:
                probe: Any = InputProbe()
                number = graph.add_for(
                    probe, [number, graph.input(shape), rows], op="tangent_source", record=collector.record
                )
            self._sources.append(collector)
            ids.append(number)
        outputs = function.lower(graph, ids)
        self._probes, total = [], rows
        for output in outputs:
            shape = graph.output_shape(output)
            collector, dy = _Collector(shape), graph.input(shape)
            tapped = graph.builder.add("tangent_probe", [output, rows], "result", record=collector.record)
            product = graph.builder.add("multiply", [tapped, dy], "result")
            total = graph.builder.add("added_loss", [total, product], "result", weight=1.0, summed=True)
            self._probes.append(collector)
        lowered = Lowered(graph, [total])
        self._network: _core.Network = lowered.network
        self._slots = {
            (id(lowered.layers[slot.layer]), slot.index): slot
            for slot in self._network.slots
            if slot.trainable and not isinstance(lowered.layers.get(slot.layer), (InputProbe, type(None)))
        }
        self._function = function

    def gradients(
        self,
        arrays: Sequence[np.ndarray],
        dy: Sequence[np.ndarray],
        directions: Sequence[np.ndarray],
        weight_directions: Sequence[tuple[Any, np.ndarray]],
        step: int,
    ) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
        """Compute the gradients of s.

        Parameters
        ----------
        arrays, dy : list of numpy.ndarray
            The inputs of the call, and the factors of its results.
        directions : list of numpy.ndarray
            One for each input that has a gradient.
        weight_directions : list of (Variable, numpy.ndarray)
        step : int
            The number of the call, which random numbers depend on.

        Returns
        -------
        of_dy, of_inputs, of_weights : lists of numpy.ndarray
        """
        rows = len(arrays[0])
        along = iter(directions)
        inputs = [np.arange(rows, dtype=np.float32)[:, np.newaxis]]
        for array, collector in zip(arrays, self._sources, strict=True):
            inputs.append(array)
            if collector is not None:
                inputs.append(np.require(next(along), np.float32, ["C", "A"]))
        inputs += [np.require(fill(rows, step), np.float32, ["C", "A"]) for _, fill in self._graph.fillers]
        inputs += [np.require(part, np.float32, ["C", "A"]) for part in dy]
        collectors = [item for item in (*self._sources, *self._probes) if item is not None]
        for collector in collectors:
            collector.prepare(rows)
        direction = np.zeros(self._network.parameter_count, np.float32)
        product = np.empty_like(direction)
        places = [self._range_of(variable) for variable, _ in weight_directions]
        for place, (_, values) in zip(places, weight_directions, strict=True):
            direction[place] = np.ravel(values)
        self._compute(inputs, direction, product)
        return (
            [collector.values for collector in self._probes],
            [collector.values for collector in self._sources if collector is not None],
            [
                product[place].reshape(values.shape)
                for place, (_, values) in zip(places, weight_directions, strict=True)
            ],
        )

    def _range_of(self, variable: Any) -> slice:
        slot = self._slots[id(variable.layer), variable.index]
        return slice(slot.offset, slot.offset + math.prod(slot.shape))

    def _compute(self, inputs: list[np.ndarray], direction: np.ndarray, product: np.ndarray) -> None:
        try:
            self._network.curvature_product("hessian", inputs, [None], [None], [1.0], [None], v=direction, out=product)
        except ValueError as error:
            raise NotDifferentiableError(
                f"[GradientTape.gradient] gradients of gradients are not known: {error}"
            ) from error
