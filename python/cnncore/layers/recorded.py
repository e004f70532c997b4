"""Calls of layers and models on arrays while a tape is open: the call, and its backward pass through the core."""

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

_steps = itertools.count()  # what dropout drops differs from call to call
_KEPT = 8  # how many combinations of shapes a layer keeps networks for


class _InputProbe(Weighted):
    """A stand-in for a layer that takes an input to the network and keeps its gradient.

    Its one weight is never used: it makes the core compute the gradient up to here.
    """

    def __init__(self) -> None:
        super().__init__(True)
        self.name = "input"
        self._specs = [WeightSpec("unused", (1,), Zeros())]
        self.gradient: np.ndarray | None = None

    def sublayers(self) -> list[Any]:
        return []

    def forward(self, arrays: Sequence[np.ndarray], training: bool) -> np.ndarray:
        """The input as it is."""
        return np.array(arrays[0], np.float32, order="C")

    def backward(self, arrays: Sequence[np.ndarray], dy: np.ndarray) -> list[np.ndarray]:
        """Keep the gradient."""
        self.gradient = np.array(dy)
        return [np.array(dy, np.float32, order="C"), np.zeros(1, np.float32)]


class _RecordingLowering(Lowering):
    """A graph whose ops in Python compute once, though the core runs forward twice.

    Random numbers that they draw are the same in both passes then.

    Attributes
    ----------
    replays : bool
        Whether ops in Python give again what they computed last.
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
        """Refuse a layer that adds to the loss by itself."""
        raise NotDifferentiableError(
            f'[GradientTape] layer "{self._current[-1]}" adds a loss by itself, by add_loss or as a regularizer of its '
            "output: compute this penalty where the loss is computed, from what the layer returns."
        )

    def _computing_once(self, forward: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
        kept: list[np.ndarray] = []

        def computed(arrays: Sequence[np.ndarray], training: bool) -> np.ndarray:
            if not self.replays:
                kept[:] = [np.array(forward(arrays, training), np.float32, order="C")]
            return np.array(kept[0])

        return computed


class _Call:
    """The network of one call that a tape has recorded; further calls may use it when this one is forgotten.

    Attributes
    ----------
    outputs : KerasTensor, or structure of them
        How the results are nested.
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
        """The results for ``arrays``, which stand for ``values``.

        When they are forgotten, this is put into ``idle``.
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
        """The gradients of the inputs that are wanted, then those of the weights."""
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
    """What the results of a call hold on to, so that nobody else uses its network meanwhile."""

    def __init__(self, call: _Call) -> None:
        self._call = call

    def back(self, place: int) -> Callable[[np.ndarray], np.ndarray]:
        """From the gradient of all results to that of one operand."""
        return lambda dy: self._call.gradients(dy)[place]


def record(
    owner: Any,
    key: Any,
    function: Callable[[], Function],
    values: Sequence[Any],
    arrays: list[np.ndarray],
    training: bool,
) -> Any:
    """The results of a call while a tape is open, in the structure of the function's outputs.

    Parameters
    ----------
    owner : Layer
        What is called; it keeps networks for further calls.
    key
        What the network depends on besides the layers.
    function : callable
        Makes the function of symbolic tensors that the call computes.
    values : list
        The inputs: arrays, or arrays that the tape has recorded.
    arrays : list of numpy.ndarray
        Their values, as the core takes them.
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
    """What a network depends on besides the calls of layers."""
    return layer.trainable, len(layer.specs), tuple(_state_of(inner) for inner in layer.sublayers())
