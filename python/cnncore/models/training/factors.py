"""Kronecker factors of a model's curvature: second moments of layers' inputs and of gradients before activations."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnncore import _core
from cnncore._checks import Float32
from cnncore._random import generator
from cnncore.graph.lowering import Lowering
from cnncore.losses.predictive import has_likelihood, sampled_gradient
from cnncore.optimizers.newton.factors import Block

__all__ = ["FactorProbe"]

_STREAM = 2  # keeps the draws of targets apart from those of weights and masks
_WINDOW = ("kernel_size", "strides", "dilation_rate", "padding")


@dataclass(frozen=True)
class _Call:
    """One use of a layer's kernel: the layer, the indices of its weights, and where inputs and gradients are observed.

    ``gradients`` is the name of a probe, which sums second moments. ``inputs`` is the name of a probe, too, or the
    number of a tensor whose values are taken row by row.
    """

    layer: str
    kernel: int
    bias: int | None
    depth: int
    inputs: str | int
    gradients: str
    positions: int


class _ProbedGraph(Lowering):
    """The graph of a model in which the input and the output of every product pass a probe."""

    def __init__(self, seed: int, most_rows: int) -> None:
        super().__init__(seed)
        self.calls: list[_Call] = []
        self._most_rows = most_rows

    def add(self, kind: str, inputs: Sequence[int], layer: str = "", /, **attributes: Any) -> int:
        """Add an op, and probes before and behind it if it is a product with a trained kernel."""
        if kind == "activity_regularization":  # its gradient is not part of the loss of a sample
            return inputs[0]
        product = kind in ("conv2d", "dense")
        probed = product and self._trainable[-1] and attributes.get("groups", 1) == 1
        if not probed:
            return super().add(kind, inputs, layer, **attributes)
        activation = attributes.pop("activation", "linear")
        use_bias, number, (x,) = attributes.get("use_bias", True), len(self.calls), inputs
        window = {key: attributes[key] for key in _WINDOW if key in attributes}
        depth = self.output_shape(x)[-1] * math.prod(window.get("kernel_size", (1, 1))) + use_bias
        before: str | int = f"inputs of {number}"
        behind = f"gradients of {number}"
        if kind == "dense" and depth > self._most_rows:
            before = x
        else:
            x = self._probe(str(before), x, of="inputs", use_bias=use_bias, **window)
        y = super().add(kind, [x], layer, **attributes | {"trainable": False})
        positions = math.prod(self.output_shape(y)[:-1])
        weights = _weights_of(attributes, use_bias)
        self.calls.append(_Call(self._current[-1], *weights, depth, before, behind, positions))
        y = self._probe(behind, y, of="gradients")
        return y if activation == "linear" else super().add("activation", [y], layer, kind=activation)

    def _probe(self, name: str, tensor: int, **attributes: Any) -> int:
        return int(self.builder.add("second_moment", [tensor], name, **attributes))


def _weights_of(attributes: dict[str, Any], use_bias: bool) -> tuple[int, int | None]:
    weights = list(attributes.get("weights", (0, 1)))
    return weights[0], weights[1] if use_bias else None


class FactorProbe:
    """Estimates factors on batches of a model. It shares the model's weights and changes nothing in it.

    Parameters
    ----------
    model : Trainer
        A compiled model.
    network : _core.Network
        Its network.
    outputs : list of Output
        Its outputs with their losses.
    fisher : {"model", "empirical"}
        Whether targets are drawn from the model's own predictions, or are those of the batch.
    most_rows : int
        A dense layer with more inputs is described by the rows of its input instead of their second moments.
    shapes : list of tuple of int, optional
        The shapes of the samples of each input, if the model does not fix them.

    Attributes
    ----------
    blocks : list of Block
        The kernels whose factors it estimates.

    Raises
    ------
    ValueError
        If ``fisher`` is "model" and a loss is not a negative log-likelihood from which targets can be drawn.
    """

    def __init__(
        self,
        model: Any,
        network: Any,
        outputs: Sequence[Any],
        fisher: str,
        most_rows: int,
        shapes: Sequence[tuple[int, ...]] | None = None,
    ) -> None:
        for output in outputs if fisher == "model" else ():
            if output.loss is not None and not has_likelihood(output.loss):
                raise ValueError(
                    "[KFAC] expected crossentropies or the mean squared error, from whose predictions targets can be "
                    f'drawn; fisher="empirical" takes any loss. Received: {output.loss.name}'
                )
        function, graph = model.trained_function, _ProbedGraph(model.used_seed, most_rows)
        shapes = [tensor.shape[1:] for tensor in function.input_list] if shapes is None else shapes
        tensors = function.lower(graph, [graph.input(shape) for shape in shapes])
        rows = [call.inputs for call in graph.calls if isinstance(call.inputs, int)]
        self._row_places = {tensor: place for place, tensor in enumerate(rows, len(outputs))}
        self._row_sizes = [graph.output_shape(tensor)[-1] for tensor in rows]
        self._probe = _core.Network(graph.builder, [*tensors, *rows], graph.parameters)
        self._probe.precision = model.precision
        self._seed, self._outputs, self._fisher = model.used_seed, list(outputs), fisher
        self._moments = {slot.layer: slot for slot in self._probe.slots if slot.name == "moment"}
        places, calls = {(slot.layer, slot.index): slot for slot in network.slots}, dict[Any, list[_Call]]()
        for call in graph.calls:
            calls.setdefault((call.layer, call.kernel, call.bias), []).append(call)
        self._calls = list(calls.values())
        self.blocks = [self._block(places, group[0]) for group in self._calls]

    def _block(self, places: dict[tuple[str, int], Any], call: _Call) -> Block:
        kernel = places[call.layer, call.kernel]
        bias = None if call.bias is None else int(places[call.layer, call.bias].offset)
        units = int(kernel.shape[-1])
        return Block(
            f"{call.layer}/{kernel.name}", int(kernel.offset), bias, call.depth, units, isinstance(call.inputs, int)
        )

    def factors(self, batch: Any, step: int, most_samples: int | None) -> list[tuple[Float32, Float32]]:
        """The factors of each block, estimated on the first ``most_samples`` of a batch: see :class:`Block`.

        Parameters
        ----------
        batch : Batch
        step : int
            The network's step, which chooses the masks of dropout and the targets that are drawn.
        most_samples : int, optional
            The whole batch by default.
        """
        count = batch.rows if most_samples is None else min(most_samples, batch.rows)
        indices = np.arange(count, dtype=np.int64) if batch.indices is None else batch.indices[:count]
        losses = [self._gradient(i, count, step) for i in range(len(self._outputs))]
        nothing = [None] * len(self._row_sizes)
        rows = [np.empty((count, size), np.float32) for size in self._row_sizes]
        room: list[Any] = [*[None] * len(self._outputs), *rows]
        self._probe.step = step
        self._probe.train_step(
            batch.x,
            [*batch.y, *nothing],
            [*losses, *nothing],
            None,
            [*batch.weight, *nothing],
            indices,
            None,
            room,
            True,
        )
        moments, pairs = self._probe.gradients, []
        for block, calls in zip(self.blocks, self._calls, strict=True):
            gradients = self._sum([call.gradients for call in calls], moments)
            gradients = gradients / np.float32(count * sum(call.positions for call in calls))
            if block.by_rows:
                inputs = self._rows(block, [room[self._row_places[int(call.inputs)]] for call in calls], count)
            else:
                inputs = self._sum([str(call.inputs) for call in calls], moments) / np.float32(count)
            pairs.append((inputs, gradients))
        return pairs

    def _rows(self, block: Block, rows: list[Any], count: int) -> Float32:
        joined = np.concatenate(rows)
        if block.bias is not None:
            joined = np.concatenate([joined, np.ones((len(joined), 1), np.float32)], axis=1)
        return np.asarray(joined / np.float32(math.sqrt(count)))

    def _sum(self, names: list[str], moments: Float32) -> Float32:
        slots = [self._moments[name] for name in names]
        side = slots[0].shape[0]
        parts = [moments[slot.offset : slot.offset + side * side].reshape(side, side) for slot in slots]
        return parts[0] if len(parts) == 1 else np.asarray(np.sum(parts, axis=0))

    def _gradient(self, number: int, rows: int, step: int) -> Callable[..., Any] | None:
        """What the probe uses as the loss of an output: its gradients are those of each sample's own loss."""
        output = self._outputs[number]
        if output.loss is None:
            return None
        root = np.float32(np.sqrt(output.loss_weight))
        if self._fisher == "model":
            draw = generator(self._seed, _STREAM, number, step)
            return lambda y, y_pred, weight: (0.0, root * sampled_gradient(output.loss, y_pred, weight, draw))
        whole = output.loss.value_and_gradient
        scale = np.float32(rows * output.loss_weight)
        return lambda y, y_pred, weight: (0.0, scale * whole(y, y_pred, weight)[1])
