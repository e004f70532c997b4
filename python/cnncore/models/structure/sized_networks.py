"""SizedNetworks: the network of a model whose inputs may have any size. It has a network of the core for each size."""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from cnncore import _core
from cnncore._checks import Float32
from cnncore.graph.function import Function
from cnncore.graph.lowering import Lowered, takes_array
from cnncore.graph.unknown_sizes import filled, fits

__all__ = ["LoweredBySize", "SizedNetworks"]

Key = tuple[tuple[int, ...], ...]  # the shapes of the samples of each input

_MOST_NETWORKS = 16
_MOST_BYTES = 1 << 30  # the estimated memory of the values between layers in all networks that are kept
_SIZES_TO_TRY = (32, 64, 128, 256, 512, 1024, 48, 96, 224, 299, 7, 1)


def _sizes_to_try(inputs: int) -> Iterator[tuple[int, ...]]:
    """Sizes for each of several inputs: the same for all, then one that is a multiple of another."""
    yield from ((size,) * inputs for size in _SIZES_TO_TRY)
    if inputs > 1:
        yield from itertools.islice(itertools.product((32, 64, 128, 16, 256), repeat=inputs), 625)


class _Slot(NamedTuple):
    """What must be equal in two networks that share the state of an optimizer."""

    layer: str
    array: int
    offset: int
    shape: tuple[int, ...]
    trainable: bool


class _Kept:
    """A network for one size, and about how many bytes its batches took."""

    def __init__(self, lowered: Lowered) -> None:
        self.lowered = lowered
        self.bytes = 0


class SizedNetworks:
    """Networks of the core that share the weights of one model, behind the methods of one ``_core.Network``.

    A network is made when data of its size are used for the first time. If there are too many networks, those that were
    used longest ago are dropped. All have the same vector of trained weights, so that an optimizer need not know of
    them, and the same number of steps. Any number of threads may call :meth:`forward` at a time, also while another one
    trains.

    Parameters
    ----------
    make : callable
        Makes the network for given shapes of the samples of each input.
    function : Function
        The function that the networks compute. Sizes of its inputs are None.
    """

    def __init__(self, make: Callable[[Key], Lowered], function: Function) -> None:
        self._make, self._function = make, function
        self._wanted = [tuple(tensor.shape[1:]) for tensor in function.input_list]
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._lock = threading.RLock()
        self._layout: list[_Slot] | None = None
        self._gradients: Float32 | None = None
        self._precision = "float32"
        self._last: Key | None = None
        self.step = 0

    # --- a network for a size ---------------------------------------------------------------------------------------
    def lowered_for(self, key: Key, rows: int = 1) -> Lowered:
        """The network for samples of these shapes, which is going to compute with ``rows`` of them."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is None:
                kept = self._kept[key] = _Kept(self._made(key))
            self._kept.move_to_end(key)
            self._last = key
            kept.bytes = max(kept.bytes, 4 * kept.lowered.floats * rows)
            while len(self._kept) > 1 and (
                len(self._kept) > _MOST_NETWORKS or sum(item.bytes for item in self._kept.values()) > _MOST_BYTES
            ):
                self._kept.popitem(last=False)
            return kept.lowered

    def _made(self, key: Key) -> Lowered:
        for shape, wanted in zip(key, self._wanted, strict=True):
            if not fits(shape, wanted):
                raise ValueError(f"[network] expected samples of shape {wanted}. Received: {shape}")
        self._function.compute_output_shape([(None, *shape) for shape in key])  # its error says what does not fit
        lowered = self._make(key)
        lowered.network.precision = self._precision
        layout = [_Slot(s.layer, s.index, s.offset, tuple(s.shape), s.trainable) for s in lowered.network.slots]
        if self._layout is None:
            self._layout = layout
        elif layout != self._layout:
            raise ValueError(
                "[network] expected a model that uses the same weights for images of every size. Received: other "
                f"weights for samples of shape {', '.join(map(str, key))}"
            )
        return lowered

    def _for(self, x: Sequence[Any], rows: int | None = None) -> _core.Network:
        if len(x) != len(self._wanted):
            raise ValueError(f"[network] expected {len(self._wanted)} inputs. Received: {len(x)}")
        key = tuple(array.shape[1:] for array in x)
        return self.lowered_for(key, len(x[0]) if rows is None else rows).network

    @property
    def any(self) -> Lowered:
        """The network for the size that was used last. If none was used, the network for some size that fits."""
        with self._lock:
            if self._last is not None:
                return self.lowered_for(self._last)
            failed: ValueError | None = None
            for sizes in _sizes_to_try(len(self._wanted)):
                pairs = zip(self._wanted, sizes, strict=True)
                try:
                    return self.lowered_for(tuple(filled((None, *shape), size)[1:] for shape, size in pairs))
                except ValueError as error:
                    failed = failed or error
            raise ValueError(
                "[network] expected a model that some square images fit, to know which weights it trains. Call it on "
                f"data first. Received: {failed}"
            ) from failed

    def __len__(self) -> int:
        """The number of networks that are kept."""
        return len(self._kept)

    def expect(self, x: Sequence[np.ndarray]) -> None:
        """Remember the sizes of these arrays as sizes that fit, if no data have been used."""
        shapes = tuple(array.shape[1:] for array in x)
        if self._last is None and all(map(fits, shapes, self._wanted)):
            self._last = shapes

    def sizes_as_in(self, other: _core.Network | SizedNetworks) -> None:
        """Remember the sizes of another network as sizes that fit."""
        last = other._last if isinstance(other, SizedNetworks) else tuple(map(tuple, other.input_shapes))
        if last is not None and all(map(fits, last, self._wanted)):
            self._last = last

    # --- what a network has ----------------------------------------------------------------------------------------
    @property
    def slots(self) -> list[Any]:
        """The arrays of weights, which all networks have in common."""
        return list(self.any.network.slots)

    @property
    def parameter_count(self) -> int:
        """The number of trained weights, which is the length of the flat vectors."""
        return self.any.network.parameter_count

    @property
    def input_shapes(self) -> list[tuple[Any, ...]]:
        """The shapes of samples, with None for any size."""
        return list(self._wanted)

    @property
    def output_shapes(self) -> list[tuple[Any, ...]]:
        """The shapes of the outputs for a sample, with None for sizes that depend on those of the inputs."""
        return [tuple(tensor.shape[1:]) for tensor in self._function.output_list]

    def output_shapes_for(self, x: Sequence[np.ndarray]) -> list[tuple[int, ...]]:
        """The shapes of the outputs for samples of these inputs."""
        return list(self._for(x).output_shapes)

    @property
    def precision(self) -> str:
        """The precision of layers that have none of their own."""
        return self._precision

    @precision.setter
    def precision(self, value: str) -> None:
        with self._lock:
            self._precision = value
            for kept in self._kept.values():
                kept.lowered.network.precision = value

    @property
    def gradients(self) -> Float32:
        """The gradients of the last step."""
        if self._gradients is None:
            self._gradients = np.zeros(self.parameter_count, np.float32)
        return self._gradients

    def parameters(self, layer: str) -> _core.Parameters:
        """The weights of a layer."""
        return self.any.network.parameters(layer)

    def get_parameters(self) -> Float32:
        """A copy of the trained weights, as one vector."""
        return self.any.network.get_parameters()

    def set_parameters(self, values: Float32) -> None:
        """Replace the trained weights."""
        self.any.network.set_parameters(values)

    # --- what a network does ---------------------------------------------------------------------------------------
    def forward(self, x: Sequence[np.ndarray], training: bool = False, call: int | None = None) -> list[Float32]:
        """The outputs for arrays of uint8 or float32, one for each input."""
        return self._for(x).forward(x, training, self.step if call is None else call)

    def forward_array(self, x: np.ndarray) -> Float32:
        """The output for the array of the only input, for a function with one output."""
        return self._for([x]).forward_array(x)

    def train_step(
        self,
        x: Sequence[np.ndarray],
        y: Any = None,
        losses: Any = None,
        loss_weights: Any = None,
        sample_weight: Any = None,
        indices: Any = None,
        *more: Any,
        **options: Any,
    ) -> list[float]:
        """A step of training with the network for the size of ``x``. The arguments are those of ``_core.Network``."""
        network = self._for(x, None if indices is None else len(indices))
        network.step = self.step
        values = network.train_step(x, y, losses, loss_weights, sample_weight, indices, *more, **options)
        self.step, self._gradients = network.step, network.gradients
        return values

    def curvature_product(self, kind: str, x: Sequence[np.ndarray], *arguments: Any, **options: Any) -> None:
        """A product with curvature on samples of one size."""
        self._for(x).curvature_product(kind, x, *arguments, **options)

    def describe(self) -> str:
        """The plans of all networks that are kept, as text."""
        with self._lock:
            return "".join(kept.lowered.network.describe() for kept in self._kept.values())


class LoweredBySize:
    """The same as :class:`cnncore.graph.lowering.Lowered`, but for data of any size.

    Attributes
    ----------
    network : SizedNetworks
    takes_array : bool
        Whether there is one input, and the output is in no list, tuple or dict.
    """

    def __init__(self, make: Callable[[Key], Lowered], function: Function) -> None:
        self.network = SizedNetworks(make, function)
        self.takes_array = takes_array(function)

    @property
    def layers(self) -> dict[str, Any]:
        """The layers by the names under which the networks know them."""
        return self.network.any.layers

    @property
    def depends_on_batches(self) -> bool:
        """Whether results may depend on how samples are divided into batches."""
        return self.network.any.depends_on_batches

    @property
    def losses(self) -> list[Any]:
        """The terms that layers add to the loss."""
        return self.network.any.losses

    def each_added_loss(self, x: Sequence[Any]) -> list[float]:
        """What each call of ``add_loss`` adds for a batch, as in inference."""
        return self.network.lowered_for(tuple(array.shape[1:] for array in x), len(x[0])).each_added_loss(x)

    def added_losses(self, x: Sequence[Any]) -> float:
        """The sum of what the layers add to the loss of a batch, as in inference."""
        return self.network.lowered_for(tuple(array.shape[1:] for array in x), len(x[0])).added_losses(x)
