"""Networks for calls that a tape records: the core computes the calls, and later their backward passes."""

from __future__ import annotations

import contextlib
import itertools
import math
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from cnncore import _core
from cnncore.differentiation import (
    Traced,
    collector_of,
    first_order,
    is_recording_backward,
    recording_into,
    value_of,
)
from cnncore.graph.function import Function
from cnncore.graph.lowering import Lowered
from cnncore.layers.calls.input_probe import InputProbe
from cnncore.layers.calls.recorded_graph import RecordedGraph
from cnncore.layers.calls.second_derivatives import SecondDerivatives
from cnncore.layers.weights.variable import Variable

__all__ = ["RecordedCall", "prepared_call"]

_steps = itertools.count()  # numbers of calls, so that dropout draws other random numbers in each call
_KEPT = 8  # for how many combinations of shapes a layer keeps networks


class RecordedCall:
    """A network for a call that a tape records. Further calls can use it when the results of this call are deleted.

    Attributes
    ----------
    function : Function
        What the call computes.
    losses : list of GraphLoss
        What its layers add to the loss.
    is_twice_differentiable : bool
        Whether the core knows its gradients of gradients.
    """

    def __init__(
        self, function: Function, shapes: Sequence[Any], wanted: Sequence[bool], seed: int, training: bool
    ) -> None:
        self.function = function
        self._made_of, self._wanted = (function, shapes, wanted, seed, training), wanted
        self._second: SecondDerivatives | None = None
        self._graph = graph = RecordedGraph(seed, training)
        self._probes: list[InputProbe | None] = []
        ids = []
        for shape, is_wanted in zip(shapes, wanted, strict=True):
            number = graph.input(shape)
            probe: Any = InputProbe() if is_wanted else None
            if probe is not None:
                number = graph.add_for(
                    probe,
                    [number],
                    forward=probe.forward,
                    backward=probe.backward,
                    shape=shape,
                    parameters=[(1,)],
                    weights=[0],
                )
            self._probes.append(probe)
            ids.append(number)
        graph.is_twice_differentiable = True  # the probes do not count
        outputs = function.lower(graph, ids)
        self.losses = graph.losses
        lowered = Lowered(graph, [*outputs, *(loss.tensor for loss in self.losses)])
        self.is_twice_differentiable = graph.is_twice_differentiable
        self._network: _core.Network = lowered.network
        self._places = [
            (Variable.of(lowered.layers[slot.layer], slot.index), slot)
            for slot in self._network.slots
            if slot.trainable and not isinstance(lowered.layers[slot.layer], InputProbe)
        ]
        self._arrays: list[np.ndarray] = []
        self._step, self._weights = 0, np.empty(0, np.float32)
        self._gradients: tuple[np.ndarray, list[np.ndarray]] | None = None

    def run(
        self, values: Sequence[Any], arrays: list[np.ndarray], idle: list[RecordedCall], losses: list[Any]
    ) -> list[Traced]:
        """Compute the results for ``arrays``, which are the values of ``values``.

        What the layers add to the loss is appended to ``losses``. When the results are deleted, this object is appended
        to ``idle``.
        """
        network = self._network
        self._arrays, self._step, self._gradients = arrays, next(_steps), None
        self._weights = network.get_parameters()
        self._graph.replays = False
        outputs = network.forward(arrays, True, self._step)
        operands = [value for value in values if isinstance(value, Traced)]
        collectors = (collector_of(variable) for variable, _ in self._places)
        operands += [Traced(np.empty(0)) if collector is None else collector for collector in collectors]
        use = _Use(self, operands)
        weakref.finalize(use, idle.append, self)
        everything = Traced(
            np.concatenate([output.ravel() for output in outputs]),
            [(operand, use.back(place)) for place, operand in enumerate(operands)],
        )
        results = _split(everything, [output.shape for output in outputs])
        count = len(results) - len(self.losses)
        for loss, rows in zip(self.losses, results[count:], strict=True):
            losses.append(loss.weight * (np.sum(rows) if loss.summed else np.mean(rows)))
        return results[:count]

    def gradients(self, dy: np.ndarray) -> list[np.ndarray]:
        """Compute the gradients of the inputs for which they are wanted, followed by those of the weights."""
        if self._gradients is None or self._gradients[0] is not dy:
            with recording_into(None):
                self._gradients = (dy, self._backward(np.asarray(dy, np.float32)))
        return self._gradients[1]

    def _backward(self, dy: np.ndarray) -> list[np.ndarray]:
        """Let the core go back from the gradient ``dy`` of all results: one training step that changes nothing."""
        network, parts = self._network, self._of_results(dy)
        losses = [(lambda y, y_pred, weight, part=part: (0.0, part)) for part in parts]
        self._graph.replays, network.step = True, self._step
        none = [None] * len(losses)
        with self._weights_of_call():
            network.train_step(self._arrays, none, losses, [1.0] * len(losses), none, keep_state=True)
        flat = network.gradients
        return [
            *(
                np.zeros(array.shape, np.float32) if probe.gradient is None else probe.gradient
                for probe, array in zip(self._probes, self._arrays, strict=True)
                if probe is not None
            ),
            *(
                np.array(flat[slot.offset : slot.offset + math.prod(slot.shape)]).reshape(slot.shape)
                for _, slot in self._places
            ),
        ]

    def second(self, dy: np.ndarray, factors: np.ndarray) -> list[np.ndarray]:
        """Compute the gradients of the sum of all gradients times ``factors``: with respect to ``dy``, the factors of
        the results, and then in the order of :meth:`gradients`.
        """
        if self._second is None:
            self._second = SecondDerivatives(*self._made_of)
        inputs = [array.shape for array, wanted in zip(self._arrays, self._wanted, strict=True) if wanted]
        parts = _split(factors, [*inputs, *(slot.shape for _, slot in self._places)])
        count = len(inputs)
        variables = [variable for variable, _ in self._places]
        with recording_into(None), self._weights_of_call():
            of_dy, of_inputs, of_weights = self._second.gradients(
                self._arrays,
                self._of_results(dy),
                parts[:count],
                list(zip(variables, parts[count:], strict=True)),
                self._step,
            )
        return [np.concatenate([part.ravel() for part in of_dy]), *of_inputs, *of_weights]

    def _of_results(self, flat: np.ndarray) -> list[np.ndarray]:
        rows = len(self._arrays[0])
        return _split(flat, [(rows, *shape) for shape in self._network.output_shapes])

    @contextlib.contextmanager
    def _weights_of_call(self) -> Iterator[None]:
        """Give the weights the values that they had in the call, and then their present values again."""
        network = self._network
        now = network.get_parameters()
        moved = not np.array_equal(now, self._weights)
        if moved:
            network.set_parameters(self._weights)
        try:
            yield
        finally:
            if moved:
                network.set_parameters(now)


class _Use:
    """A reference of the results to the network of their call. While it exists, no other call uses the network.

    Parameters
    ----------
    call : RecordedCall
    operands : list of Traced
        What the results were computed from: the inputs that have a gradient, then the weights.
    """

    def __init__(self, call: RecordedCall, operands: Sequence[Traced]) -> None:
        self._call, self._operands = call, operands
        self._recorded: tuple[Any, list[Any]] | None = None

    def back(self, place: int) -> Callable[[Any], Any]:
        """Return the function that computes the gradient of one operand from that of all results."""
        return lambda dy: (self._record(dy) if is_recording_backward() else self._call.gradients(dy))[place]

    def _record(self, dy: Any) -> list[Any]:
        """Compute the gradients of all operands, and record that they depend on ``dy`` and on the operands."""
        if self._recorded is None or self._recorded[0] is not dy:
            values = np.asarray(value_of(dy), np.float32)
            gradients = self._call.gradients(values)
            kept: list[Any] = []

            def back(place: int) -> Callable[[np.ndarray], np.ndarray]:
                def of(factors: np.ndarray) -> np.ndarray:
                    first_order("gradients of gradients of a model or layer")
                    if not kept or kept[0] is not factors:
                        kept[:] = [factors, self._call.second(values, factors)]
                    return np.asarray(kept[1][place])

                return of

            sources = [(dy, back(0))] if isinstance(dy, Traced) else []
            sources += [(operand, back(place)) for place, operand in enumerate(self._operands, 1)]
            flat = Traced(np.concatenate([gradient.ravel() for gradient in gradients]), sources)
            self._recorded = (dy, _split(flat, [gradient.shape for gradient in gradients]))
        return self._recorded[1]


def _split(flat: Any, shapes: Sequence[tuple[int, ...]]) -> list[Any]:
    """Return the parts of a vector as arrays of these shapes."""
    sizes = [math.prod(shape) for shape in shapes]
    ends = [int(end) for end in np.cumsum(sizes)]
    return [flat[end - size : end].reshape(shape) for end, size, shape in zip(ends, sizes, shapes, strict=True)]


def prepared_call(
    owner: Any, key: Any, function: Callable[[], Function], values: Sequence[Any], training: bool
) -> tuple[RecordedCall, list[RecordedCall]]:
    """Return a network for a call, and the list to which it is appended when the results of the call are deleted.

    Parameters
    ----------
    owner : Layer
        The layer or model that is called. It keeps networks for further calls.
    key
        A value that differs for calls that need different networks.
    function : callable
        Returns the function of symbolic tensors that the call computes.
    values : list
        The inputs: arrays, or objects that stand for arrays in the record of the tape.
    training : bool
        Whether to behave as in training.
    """
    wanted = tuple(isinstance(value, Traced) for value in values)
    kept = owner.eager_networks
    shapes = tuple(tuple(value.shape[1:]) for value in values)
    key = ("recorded", key, shapes, wanted, training, _state_of(owner))
    if key not in kept:
        while len(kept) >= _KEPT:
            kept.pop(next(iter(kept)))
        kept[key] = []
    if kept[key]:
        return kept[key].pop(), kept[key]
    with recording_into(None):
        return RecordedCall(function(), shapes, wanted, getattr(owner, "used_seed", 0), training), kept[key]


def _state_of(layer: Any) -> Any:
    """Return a value that changes when a layer, or one inside it, needs a new network."""
    return (
        layer.trainable,
        len(layer.specs),
        layer.settings_changed,
        tuple(_state_of(inner) for inner in layer.sublayers()),
    )
