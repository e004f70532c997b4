"""Calls of layers and models on arrays while a tape is open, and the backward passes of these calls in the core."""

from __future__ import annotations

import itertools
import math
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnncore import _core
from cnncore._structure import pack_like
from cnncore.differentiation import NotDifferentiableError, Traced, current_recording, recording_into
from cnncore.initializers import Zeros
from cnncore.layers.function import Function
from cnncore.layers.lowering import Lowered, Lowering
from cnncore.layers.variable import Variable, WeightSpec
from cnncore.layers.weights import Weighted

__all__ = ["record"]

_steps = itertools.count()  # numbers of calls, so that dropout draws other random numbers in each call
_KEPT = 8  # for how many combinations of shapes a layer keeps networks


class _InputProbe(Weighted):
    """A layer that is put behind an input of the network, and keeps the gradient of this input.

    It has a weight that it does not use. The core computes gradients only where weights are trained before an op.
    """

    def __init__(self) -> None:
        super().__init__(True)
        self.name = "input"
        self._specs = [WeightSpec("unused", (1,), Zeros())]
        self.gradient: np.ndarray | None = None

    def sublayers(self) -> list[Any]:
        return []

    def forward(self, arrays: Sequence[np.ndarray], training: bool) -> np.ndarray:
        """Return a copy of the input."""
        return np.array(arrays[0], np.float32, order="C")

    def backward(self, arrays: Sequence[np.ndarray], dy: np.ndarray) -> list[np.ndarray]:
        """Keep the gradient of the input."""
        self.gradient = np.array(dy)
        return [np.array(dy, np.float32, order="C"), np.zeros(1, np.float32)]


class _RecordingLowering(Lowering):
    """A graph for calls that a tape records.

    The core computes the forward pass twice: in the call, and again before its backward pass. The second time, ops that
    call Python return the results of the first time, so that random numbers in them are the same.

    Attributes
    ----------
    replays : bool
        Whether ops that call Python return their last results instead of computing.
    """

    def __init__(self, seed: int, training: bool) -> None:
        super().__init__(seed)
        self._training = [None if training else False]
        self.replays = False

    def add(self, kind: str, inputs: Sequence[int], layer: str = "", /, **attributes: Any) -> int:
        if kind == "activity_regularization":
            self.refuse_losses()
        if kind == "host":
            attributes["forward"] = self._computing_once(attributes["forward"])
        return super().add(kind, inputs, layer, **attributes)

    def add_loss(self, inputs: Sequence[int], weight: float, summed: bool) -> int:
        self.refuse_losses()
        return inputs[0]

    def refuse_losses(self) -> None:
        """Raise an error for a layer that adds to the loss itself."""
        raise NotDifferentiableError(
            f"[GradientTape] expected layers that do not add to the loss themselves. Received: layer "
            f'"{self._current[-1]}", which does so by add_loss or by a regularizer of its output. Compute this penalty '
            "from the output of the layer, where you compute the loss."
        )

    def _computing_once(self, forward: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
        kept: list[np.ndarray] = []

        def computed(arrays: Sequence[np.ndarray], training: bool) -> np.ndarray:
            if not self.replays:
                kept[:] = [np.array(forward(arrays, training), np.float32, order="C")]
            return np.array(kept[0])

        return computed


class _Call:
    """A network for a call that a tape records. Further calls can use it when the results of this call are deleted.

    Attributes
    ----------
    outputs : KerasTensor, or structure of them
        Symbolic tensors that are nested like the results.
    """

    def __init__(
        self, function: Function, shapes: Sequence[Any], wanted: Sequence[bool], seed: int, training: bool
    ) -> None:
        self.outputs = function.outputs
        self._graph = graph = _RecordingLowering(seed, training)
        self._probes: list[_InputProbe | None] = []
        ids = []
        for shape, is_wanted in zip(shapes, wanted, strict=True):
            number = graph.input(shape)
            probe: Any = _InputProbe() if is_wanted else None
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
        lowered = Lowered(graph, function.lower(graph, ids), one_output=False)
        self._network: _core.Network = lowered.network
        self._places = [
            (Variable(lowered.layers[slot.layer], slot.index), slot)
            for slot in self._network.slots
            if slot.trainable and not isinstance(lowered.layers[slot.layer], _InputProbe)
        ]
        self._arrays: list[np.ndarray] = []
        self._step, self._weights, self._state_is_new = 0, np.empty(0, np.float32), True
        self._gradients: tuple[np.ndarray, list[np.ndarray]] | None = None

    def run(self, values: Sequence[Any], arrays: list[np.ndarray], idle: list[_Call]) -> list[Traced]:
        """Compute the results for ``arrays``, which are the values of ``values``.

        When the results are deleted, this object is appended to ``idle``.
        """
        network = self._network
        self._arrays, self._step, self._gradients, self._state_is_new = arrays, next(_steps), None, True
        self._weights = network.get_parameters()
        self._graph.replays, network.step = False, self._step
        outputs = network.forward(arrays, True)
        recording = current_recording()
        operands = [value for value in values if isinstance(value, Traced)]
        operands += [recording.leaf(variable) for variable, _ in self._places]
        use = _Use(self)
        weakref.finalize(use, idle.append, self)
        everything = Traced(
            np.concatenate([output.ravel() for output in outputs]),
            [(operand, use.back(place)) for place, operand in enumerate(operands)],
        )
        ends = np.cumsum([output.size for output in outputs])
        return [
            everything[slice(int(end) - output.size, int(end))].reshape(output.shape)
            for output, end in zip(outputs, ends, strict=True)
        ]

    def gradients(self, dy: np.ndarray) -> list[np.ndarray]:
        """Compute the gradients of the inputs for which they are wanted, followed by those of the weights."""
        if self._gradients is None or self._gradients[0] is not dy:
            with recording_into(None):
                self._gradients = (dy, self._backward(np.asarray(dy, np.float32)))
        return self._gradients[1]

    def _backward(self, dy: np.ndarray) -> list[np.ndarray]:
        network, rows = self._network, len(self._arrays[0])
        sizes = [rows * math.prod(shape) for shape in network.output_shapes]
        parts = np.split(dy, np.cumsum(sizes)[:-1])
        losses = [(lambda y, y_pred, weight, part=part: (0.0, part.reshape(y_pred.shape))) for part in parts]
        now = network.get_parameters()
        moved = not np.array_equal(now, self._weights)
        if moved:
            network.set_parameters(self._weights)
        self._graph.replays, network.step = True, self._step
        try:
            none = [None] * len(losses)
            network.train_step(
                self._arrays, none, losses, [1.0] * len(losses), none, None, None, None, not self._state_is_new
            )
        finally:
            if moved:
                network.set_parameters(now)
        self._state_is_new = False
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


class _Use:
    """A reference of the results to the network of their call. While it exists, no other call uses the network."""

    def __init__(self, call: _Call) -> None:
        self._call = call

    def back(self, place: int) -> Callable[[np.ndarray], np.ndarray]:
        """Return the function that computes the gradient of one operand from that of all results."""
        return lambda dy: self._call.gradients(dy)[place]


def record(
    owner: Any,
    key: Any,
    function: Callable[[], Function],
    values: Sequence[Any],
    arrays: list[np.ndarray],
    training: bool,
) -> Any:
    """Compute the results of a call while a tape is open. They are nested like the outputs of the function.

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
    arrays : list of numpy.ndarray
        The values of the inputs, in a type that the core takes.
    training : bool
        Whether to behave as in training.
    """
    wanted = tuple(isinstance(value, Traced) for value in values)
    kept = owner.eager_networks
    shapes = tuple(array.shape[1:] for array in arrays)
    key = ("recorded", key, shapes, wanted, training, _state_of(owner))
    if key not in kept:
        while len(kept) >= _KEPT:
            kept.pop(next(iter(kept)))
        kept[key] = []
    with recording_into(None):
        call = kept[key].pop() if kept[key] else _Call(function(), shapes, wanted, getattr(owner, "seed", 0), training)
    return pack_like(call.outputs, call.run(values, arrays, kept[key]))


def _state_of(layer: Any) -> Any:
    """Return a value that changes when a layer, or one inside it, needs a new network."""
    return layer.trainable, len(layer.specs), tuple(_state_of(inner) for inner in layer.sublayers())
