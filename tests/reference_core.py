"""The graph and the network of ``cnncore._core`` in float64 NumPy: what the compiled engine is compared to.

Names, arguments and meaning are those of the compiled classes. The ops are computed one after the other, each for the
whole batch.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

import reference_ops_layout  # noqa: F401 (the modules register their ops)
import reference_ops_pointwise  # noqa: F401
from reference_ops import OPS, Array, Context, Op, Shape
from reference_ops_batch import BatchNormalization

ALIGNMENT = 16  # floats: where a slot may begin in the flat vectors


class Node(NamedTuple):
    """One op of a graph, or an input. The output tensor of a node has the number of the node."""

    layer: str
    op: Op | None  # None: an input of the graph
    inputs: tuple[int, ...]
    weights: tuple[int, ...]
    trainable: bool
    shape: Shape


class GraphBuilder:
    """A list of ops in the order in which they can be computed."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def input(self, shape: Sequence[int]) -> int:
        """Append an input of samples of ``shape``; returns the number of its tensor."""
        shape = tuple(int(size) for size in shape)
        if not shape or min(shape) < 1:
            raise ValueError(f"[input] expected a shape of positive sizes. Received: {shape}")
        self.nodes.append(Node("input", None, (), (), False, shape))
        return len(self.nodes) - 1

    def add(
        self,
        kind: str,
        inputs: Sequence[int],
        layer: str,
        /,
        *,
        weights: Sequence[int] | None = None,
        trainable: bool = True,
        **attributes: Any,
    ) -> int:
        """Append an op; returns the number of its output tensor.

        ``weights`` are the numbers of the arrays in the layer's ``Parameters`` that the op uses, in the op's order.
        """
        if kind not in OPS:
            raise ValueError(f'Layer "{layer}": expected a kind of op among {", ".join(OPS)}. Received: {kind!r}')
        for tensor in inputs:
            if not 0 <= tensor < len(self.nodes):
                raise ValueError(f'Layer "{layer}": expected tensors of this graph. Received: {list(inputs)}')
        shapes = [self.nodes[tensor].shape for tensor in inputs]
        try:
            op = OPS[kind](**attributes)
            shape = tuple(int(size) for size in op.infer(*shapes))
        except (TypeError, ValueError) as error:
            raise ValueError(f'Layer "{layer}": {kind} {error}') from None
        count = len(op.parameters(*shapes))
        numbers = tuple(range(count)) if weights is None else tuple(weights)
        if len(numbers) != count:
            raise ValueError(f'Layer "{layer}": {kind} expected {count} weights. Received: weights={numbers}')
        self.nodes.append(Node(layer, op, tuple(inputs), numbers, trainable, shape))
        return len(self.nodes) - 1

    def output_shape(self, tensor: int) -> Shape:
        """Shape of a tensor without the batch axis."""
        return self.nodes[tensor].shape


class Parameters:
    """The arrays of one layer."""

    dtype: Any = np.float64

    def __init__(self, shapes: Sequence[Shape]) -> None:
        self.arrays = [np.zeros(shape, self.dtype) for shape in shapes]

    def __len__(self) -> int:
        return len(self.arrays)

    def view(self, index: int) -> np.ndarray:
        return self.arrays[index]

    def read(self, index: int) -> np.ndarray:
        return self.arrays[index].copy()

    def write(self, index: int, array: Any) -> None:
        array = np.asarray(array)
        if array.shape != self.arrays[index].shape:
            raise ValueError(f"[write] expected shape {self.arrays[index].shape}. Received: {array.shape}")
        self.arrays[index][...] = array


class Slot(NamedTuple):
    """Where an array of a layer lies in the flat vectors of parameters and gradients.

    If it is in neither, because it is not trained, ``offset`` is -1.
    """

    layer: str
    index: int
    name: str
    shape: Shape
    offset: int
    trainable: bool


class Network:
    """A graph that computes.

    ``masks`` may hold, by the name of a layer, the array that its dropout multiplies by or that its noise adds. The
    arrays that are not given are drawn by NumPy, so they differ from those of the compiled engine.
    """

    result_dtype: Any = np.float64

    def __init__(self, graph: GraphBuilder, outputs: Sequence[int], parameters: dict[str, Parameters]) -> None:
        self.nodes, self.outputs, self.parameters = list(graph.nodes), list(outputs), parameters
        self.masks: dict[str, Array] = {}
        self.step = 0
        self.precision = "float32"
        self._regularizers: dict[int, tuple[float, float]] = {}
        self.slots = self._make_slots()
        ends = [slot.offset + prod(slot.shape) for slot in self.slots if slot.trainable]
        self.parameter_count = -(-max(ends, default=0) // ALIGNMENT) * ALIGNMENT
        self.gradients = np.zeros(self.parameter_count, self.result_dtype)

    # --- the weights ----------------------------------------------------------------------------------------------
    def _make_slots(self) -> list[Slot]:
        found: dict[tuple[str, int], tuple[str, Shape, bool]] = {}
        for node in self.nodes:
            for number, parameter in zip(node.weights, self._parameters_of(node), strict=True):
                self._check_parameters(node, number, parameter.shape)
                key, trainable = (node.layer, number), node.trainable and not parameter.state
                held = self.parameters[node.layer].view(number)
                before = found.get(key, (parameter.name, held.shape, False))
                found[key] = (*before[:2], before[2] or trainable)
        slots, offset = [], 0
        for (layer, index), (name, shape, trainable) in found.items():
            slots.append(Slot(layer, index, f"{layer}/{name}", shape, offset if trainable else -1, trainable))
            offset += -(-prod(shape) // ALIGNMENT) * ALIGNMENT if trainable else 0
        return slots

    def _parameters_of(self, node: Node) -> list[Any]:
        return [] if node.op is None else node.op.parameters(*(self.nodes[i].shape for i in node.inputs))

    def _check_parameters(self, node: Node, number: int, shape: Shape) -> None:
        # Values are read in C order, so that a layer may keep a kernel in another shape than its op.
        held = self.parameters.get(node.layer)
        if held is None or number >= len(held) or held.view(number).size != prod(shape):
            received = None if held is None else [array.shape for array in held.arrays]
            raise ValueError(
                f'Layer "{node.layer}": expected weight {number} of {prod(shape)} values. Received: {received}'
            )

    def _view(self, slot: Slot) -> np.ndarray:
        return self.parameters[slot.layer].view(slot.index)

    def _trained(self) -> list[tuple[Slot, slice]]:
        trained = (slot for slot in self.slots if slot.trainable)
        return [(slot, slice(slot.offset, slot.offset + prod(slot.shape))) for slot in trained]

    def get_parameters(self) -> np.ndarray:
        """The trained weights as one flat vector."""
        flat = np.zeros(self.parameter_count, self.result_dtype)
        for slot, place in self._trained():
            flat[place] = self._view(slot).ravel()
        return flat

    def set_parameters(self, flat: Any) -> None:
        """Inverse of :meth:`get_parameters`."""
        for slot, place in self._trained():
            self._view(slot)[...] = np.asarray(flat)[place].reshape(slot.shape)

    def set_regularizer(self, slot: int, l1: float, l2: float) -> None:
        """Add l1 sum |w| + l2 sum w^2 of a trained slot to the loss."""
        self._regularizers[slot] = (l1, l2)

    def describe(self) -> str:
        return "\n".join(f"{i}: {node.layer} {node.op} {node.shape}" for i, node in enumerate(self.nodes))

    # --- running --------------------------------------------------------------------------------------------------
    def _context(self, node: Node, number: int, training: bool) -> Context:
        def draw(shape: Shape, rule: Callable[[np.random.Generator, Shape], Array]) -> Array:
            if node.layer in self.masks:
                return np.asarray(self.masks[node.layer], np.float64)
            return rule(np.random.default_rng((getattr(node.op, "seed", 0), self.step, number)), shape)

        # A frozen layer of batch normalization keeps its statistics, as in Keras.
        return Context(training and (node.trainable or not isinstance(node.op, BatchNormalization)), draw)

    def _run(self, x: Sequence[np.ndarray], training: bool) -> tuple[list[Array], list[Any], list[Context | None]]:
        """Return, for each node, its tensor, the function that gives its gradients, and the context that it filled."""
        rest = [np.asarray(array, np.float64) for array in x]
        expected = [node.shape for node in self.nodes if node.op is None]
        if [array.shape[1:] for array in rest] != expected:
            received = [array.shape for array in rest]
            raise ValueError(f"[forward] expected samples of shapes {expected}. Received: arrays of shapes {received}")
        tensors: list[Array] = []
        pullbacks: list[Any] = []
        contexts: list[Context | None] = []
        for number, node in enumerate(self.nodes):
            if node.op is None:
                tensors.append(rest.pop(0))
                pullbacks.append(None)
                contexts.append(None)
                continue
            context = self._context(node, number, training)
            y, pullback = node.op.forward([tensors[i] for i in node.inputs], self._weights(node), context)
            assert y.shape == (len(y), *node.shape), (node, y.shape)
            tensors.append(y)
            pullbacks.append(pullback)
            contexts.append(context)
        return tensors, pullbacks, contexts

    def _weights(self, node: Node) -> list[Array]:
        held, wanted = self.parameters.get(node.layer), self._parameters_of(node)
        return [
            held.view(number).astype(np.float64).reshape(parameter.shape)
            for number, parameter in zip(node.weights, wanted, strict=True)
        ]

    def forward(self, x: Sequence[np.ndarray], training: bool = False) -> list[np.ndarray]:
        """The outputs for a batch; nothing in the network changes."""
        with np.errstate(all="ignore"):
            tensors = self._run(x, training)[0]
        return [tensors[output].astype(self.result_dtype) for output in self.outputs]

    def train_step(
        self,
        x: Sequence[np.ndarray],
        y: Sequence[Any],
        losses: Sequence[Any],
        loss_weights: Sequence[float] | None = None,
        sample_weight: Sequence[Any] | None = None,
        indices: np.ndarray | None = None,
        optimizer: Any = None,
        outputs: Sequence[np.ndarray] | None = None,
    ) -> list[float]:
        """Gradients of the batch, new state, and one update; [total, loss of output 0, ...] before the update."""
        with np.errstate(all="ignore"):
            return self._train_step(x, y, losses, loss_weights, sample_weight, indices, optimizer, outputs)

    def _train_step(
        self,
        x: Sequence[np.ndarray],
        y: Sequence[Any],
        losses: Sequence[Any],
        loss_weights: Sequence[float] | None,
        sample_weight: Sequence[Any] | None,
        indices: np.ndarray | None,
        optimizer: Any,
        outputs: Sequence[np.ndarray] | None,
    ) -> list[float]:
        count = len(self.outputs)
        loss_weights = [1.0] * count if loss_weights is None else loss_weights
        x, y, sample_weight = (_gather(arrays, indices) for arrays in (x, y, sample_weight or [None] * count))
        tensors, pullbacks, contexts = self._run(x, training=True)
        dtensors: list[Array | None] = [None] * len(tensors)
        values = []
        for i, (output, loss) in enumerate(zip(self.outputs, losses, strict=True)):
            if outputs is not None:
                outputs[i][...] = tensors[output]
            predictions = tensors[output].astype(self.result_dtype)
            value, slope = (0.0, None) if loss is None else _loss(loss)(y[i], predictions, sample_weight[i])
            values.append(float(value))
            if slope is not None:
                _accumulate(dtensors, output, loss_weights[i] * np.asarray(slope, np.float64))
        dweights = self._backward(dtensors, tensors, pullbacks, contexts)
        total = sum(w * v for w, v in zip(loss_weights, values, strict=True))
        total += sum(context.loss for context in contexts if context) + self._regularize(dweights)
        for slot, place in self._trained():
            self.gradients[place] = dweights.get((slot.layer, slot.index), np.zeros(prod(slot.shape)))
        if not (np.isfinite(total) and np.isfinite(self.gradients).all()):
            return [float(total) if not np.isfinite(total) else np.nan, *values]  # in which case nothing is updated
        self._finish(contexts, optimizer)
        return [float(total), *values]

    def _backward(
        self, dtensors: list[Array | None], tensors: list[Array], pullbacks: list[Any], contexts: list[Context | None]
    ) -> dict[tuple[str, int], Array]:
        """Gradients of the weights by layer and index: the sum over all ops that use them."""
        dweights: dict[tuple[str, int], Array] = {}
        for number in reversed(range(len(self.nodes))):
            node, dy, context = self.nodes[number], dtensors[number], contexts[number]
            if context is not None and context.loss and dy is None:
                dy = np.zeros_like(tensors[number])  # only the op's own term of the loss has a gradient
            if node.op is None or dy is None:
                continue
            dinputs, dparameters = pullbacks[number](dy)
            for tensor, dx in zip(node.inputs, dinputs, strict=True):
                _accumulate(dtensors, tensor, dx)
            for index, dweight in zip(node.weights, dparameters, strict=True):
                key, dweight = (node.layer, index), np.ravel(dweight)
                if node.trainable:
                    dweights[key] = dweights[key] + dweight if key in dweights else dweight
        return dweights

    def _regularize(self, dweights: dict[tuple[str, int], Array]) -> float:
        """Return the sum of the penalties, and add their gradients to ``dweights``."""
        total = 0.0
        for number, (l1, l2) in self._regularizers.items():
            slot = self.slots[number]
            if not slot.trainable:
                continue
            w, key = self._view(slot).astype(np.float64).ravel(), (slot.layer, slot.index)
            total += float(l1 * np.abs(w).sum() + l2 * (w * w).sum())
            dweights[key] = dweights.get(key, 0.0) + l1 * np.sign(w) + 2 * l2 * w
        return total

    def _finish(self, contexts: list[Context | None], optimizer: Any) -> None:
        for node, context in zip(self.nodes, contexts, strict=True):
            for number, renewed in (context.states if context else {}).items():
                held = self.parameters[node.layer].view(node.weights[number]).reshape(-1)
                held[:] = renewed(held.astype(np.float64))
        if optimizer is not None:
            flat = self.get_parameters()
            update = optimizer.apply if hasattr(optimizer, "apply") else optimizer.update
            update(flat, self.gradients)
            self.set_parameters(flat)
        self.step += 1


def _loss(loss: Any) -> Callable[..., tuple[float, Array]]:
    """Return ``loss`` if it is a function; for a loss of the core, a function that gives its value and gradient."""
    return getattr(loss, "value_and_gradient", loss)


def _gather(arrays: Sequence[Any], indices: np.ndarray | None) -> list[Any]:
    arrays = [None if array is None else np.asarray(array) for array in arrays]
    return arrays if indices is None else [None if array is None else array[indices] for array in arrays]


def _accumulate(gradients: list[Array | None], tensor: int, value: Array) -> None:
    before = gradients[tensor]
    gradients[tensor] = value if before is None else before + value
