"""The network behind a model: made from its graph of layers when it is needed, and again when the layers change."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from cnncore import _checks
from cnncore._attributes import OpenProperty
from cnncore.graph.call_record import hidden_calls
from cnncore.graph.function import Function
from cnncore.graph.loss_terms import LossTerms, add_loss, is_following, with_losses
from cnncore.graph.lowering import lower
from cnncore.graph.tensor import KerasTensor
from cnncore.graph.unknown_sizes import is_known
from cnncore.layers.base import structure_changed, structure_version
from cnncore.layers.base.activity import is_known as is_known_penalty
from cnncore.layers.weights.variable import Variable
from cnncore.models.structure.augmentation import Augmented
from cnncore.models.structure.call_metrics import watched
from cnncore.models.structure.frozen import Flags
from cnncore.models.structure.sized_networks import LoweredBySize, SizedNetworks

if TYPE_CHECKING:
    import numpy as np

    from cnncore import _core
    from cnncore.graph.lowering import Lowered

__all__ = ["Networked"]


class Networked(Augmented):
    """The part of a model that owns its network of the core."""

    seed: Any
    _given_seed: int
    name: str

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.trainable_flags = Flags()
        self._precision = "float32"
        self._lowered: Lowered | LoweredBySize | None = None
        self._lowered_key: Any = None
        self._checked_version = -1
        self._losses: list[LossTerms] = []  # what add_loss was given
        self._watched: list[tuple[Any, Any]] = []  # what add_metric was given: metrics and tensors
        self._held_step = 0  # the number of steps done, while there is no network that counts them

    # --- what other parts of the model define -----------------------------------------------------------------------
    def _network_replaced(self, old: Any, new: Any) -> None:
        raise NotImplementedError

    @property
    def trained_function(self) -> Function:
        """What the network computes: the model's function without the layers that only change training images."""
        function = self.function_without_augmentation
        if not self._losses and not self._watched:
            return function
        with hidden_calls():
            outputs = with_losses(function.outputs, self._losses)
            for metric, value in self._watched:
                outputs = watched(outputs, metric, value)
            return Function(function.inputs, outputs, self.name)

    # --- the network ------------------------------------------------------------------------------------------------
    def _network_for_use(self) -> _core.Network | SizedNetworks:
        """The network of the model as it is now; ValueError while the shape of the input is not known."""
        return self._lowered_for_use().network

    def _lowered_for_use(self) -> Lowered | LoweredBySize:
        lowered = self._lowered
        if lowered is None or self._checked_version != structure_version():
            self._refresh()
            lowered = self._lowered
            assert lowered is not None
        return lowered

    @property
    def core_network(self) -> _core.Network | SizedNetworks:
        """The model in the core. Its ``slots`` list the weights, ``gradients`` are those of the last step, and
        ``describe()`` returns a text about its plan. If sizes of the inputs are None, it stands for a network for each
        size.
        """
        return self._network_for_use()

    @OpenProperty
    def network(self) -> _core.Network | SizedNetworks:
        """The same as :attr:`core_network`, unless a subclass calls something else its network."""
        return self.core_network

    def _refresh(self) -> None:
        """Make another network if the graph of layers, or what is trained, has changed."""
        with self._lock:
            version, function = structure_version(), self._used_function
            key = (id(function), _state_of(function.layers), tuple(self.trainable_flags.kept.items()))
            if self._lowered is None or key != self._lowered_key:
                old, before = self._lowered, None if self._lowered is None else self._lowered.network
                lowered = self._lower()
                lowered.network.precision = self._precision
                lowered.network.step = self._held_step if before is None else before.step
                if before is not None and isinstance(lowered.network, SizedNetworks):
                    lowered.network.sizes_as_in(before)
                self._lowered, self._lowered_key = lowered, key
                try:
                    self._network_replaced(before, lowered.network)
                except BaseException:
                    self._lowered = old
                    raise
            self._checked_version = version

    def _lower(self) -> Lowered | LoweredBySize:
        """Make a network of the graph of layers; for unknown sizes, what makes one for each size."""
        function, seed = self.trained_function, self.used_seed

        def make(shapes: Any) -> Lowered:
            lowered = lower(function, seed, shapes, self.trainable_flags.kept)
            _set_regularizers(lowered)
            return lowered

        if all(is_known(tensor.shape) for tensor in function.input_list):
            return make(None)
        return LoweredBySize(make, function)

    def _expect_sizes_of(self, arrays: list[np.ndarray]) -> None:
        """Remember the sizes of data, for questions to a network whose inputs may have any size before it computes."""
        network = self._network_for_use()
        if isinstance(network, SizedNetworks):
            network.expect(arrays)

    def _depends_on_batches(self, arrays: list[np.ndarray] | None = None) -> bool:
        """Whether outputs may depend on how samples are divided into batches. ``arrays`` tell unknown sizes."""
        lowered = self._lowered_for_use()
        if arrays is not None and isinstance(lowered, LoweredBySize):
            lowered.network.expect(arrays)
        return lowered.depends_on_batches

    def _discard_network(self) -> None:
        """Make another network before the next use, because the graph of layers has changed."""
        self._checked_version = -1

    @property
    def used_seed(self) -> int:
        """The seed of random numbers in training. A subclass may keep something else than a number in ``seed``."""
        seed = self.seed
        return int(seed) if isinstance(seed, int) and seed >= 0 else self._given_seed

    @property
    def step_lock(self) -> Any:
        """The lock that calls hold while they change the weights or the optimizer, for one training step at a time."""
        return self._lock

    @property
    def steps_done(self) -> int:
        """The number of training steps so far, which also decides what dropout drops."""
        return self._held_step if self._lowered is None else int(self._lowered.network.step)

    @steps_done.setter
    def steps_done(self, value: int) -> None:
        self._held_step = value
        if self._lowered is not None:
            self._lowered.network.step = value

    def variable_of(self, slot: Any) -> Variable:
        """The weight behind a slot of the network."""
        assert self._lowered is not None
        return Variable.of(self._lowered.layers[slot.layer], slot.index)

    def _constraints(self) -> list[tuple[Variable, Any]]:
        """Constraints to apply after each step, with the weights that they are for."""
        network = self._network_for_use()
        variables = [self.variable_of(slot) for slot in network.slots if slot.trainable]
        return [(item, item.spec.constraint) for item in variables if item.spec.constraint is not None]

    def _regularized(self) -> list[tuple[Variable, Any]]:
        """The trained weights that have a regularizer, with their regularizers."""
        network = self._network_for_use()
        variables = [self.variable_of(slot) for slot in network.slots if slot.trainable]
        # a regularizer that a user wrote is not among them: it is a loss that the layer adds
        return [(item, item.spec.regularizer) for item in variables if is_known_penalty(item.spec.regularizer)]

    # --- losses that are added to those of the outputs ---------------------------------------------------------------
    def add_loss(self, loss: Any, inputs: Any = None) -> None:
        """Add a loss that is computed from tensors inside the model to the loss of its outputs.

        A subclass may call it in its ``call``. Elsewhere, what is added is not saved in files: call it again after
        loading.

        Parameters
        ----------
        loss : KerasTensor
            The loss, such as ``K.mean(K.sum(K.square(z), axis=-1))`` of a tensor ``z`` inside the model.
        inputs : optional
            Accepted for compatibility with Keras 2.
        """
        terms = add_loss("Model", loss)
        if terms.terms and not is_following():  # there are none where `call` computes with arrays
            self._losses.append(terms)
            self._lowered_key = None
            structure_changed()

    def add_metric(self, value: Any, name: str | None = None, aggregation: str | None = "mean", **kwargs: Any) -> None:
        """Keras 2's way to report the mean of a value: of a tensor inside the model, or of what ``call`` computes.

        What is added outside of ``call`` is not saved in files: call it again after loading.

        Parameters
        ----------
        value : KerasTensor, or array_like in ``call``
            A tensor inside the model, or its mean or sum over the batch.
        name : str
            The key in the logs.
        aggregation : {"mean", None}, default "mean"
        **kwargs
            Accepted for compatibility with Keras 2.

        Examples
        --------
        >>> import warnings
        >>> import cnncore
        >>> x = cnncore.Input((2,))
        >>> model = cnncore.Model(x, x * 2)
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore", DeprecationWarning)
        ...     model.add_metric(x + 1, name="shifted")
        >>> model.compile(loss="mse")
        >>> model.evaluate([[1, 3]], [[2, 6]], return_dict=True)
        {'loss': 0.0, 'shifted': 3.0}
        """
        if is_following() or not isinstance(value, (KerasTensor, LossTerms)):
            super().add_metric(value, name, aggregation, **kwargs)  # type: ignore[misc]
            return
        metric = self.added_metric(name, aggregation, "Model.add_metric")  # type: ignore[attr-defined]
        self._watched.append((metric, value))
        self._lowered_key = None
        structure_changed()

    @property
    def has_unsaved_losses(self) -> bool:
        """Whether :meth:`add_loss` was called outside of ``call``. Files do not contain such losses."""
        return bool(self._losses)

    def _added_losses(self) -> Any:
        """A function that computes from the inputs of a batch what is added to the loss. None if nothing is added."""
        self._network_for_use()
        assert self._lowered is not None
        return self._lowered.added_losses if self._lowered.losses else None

    # --- precision --------------------------------------------------------------------------------------------------
    @property
    def precision(self) -> str:
        """How products are computed in layers without a precision of their own: "float32" (the default), "bfloat16_3x"
        or "bfloat16". ``compile`` sets it, and it can be assigned at any time, without changing the weights.

        A float32 number has a mantissa of 24 bits. In "bfloat16_3x", the inputs, kernels and gradients that are
        multiplied are rounded to 16 bits, which are the sum of two bfloat16 values; in "bfloat16" to 8 bits, which are
        one bfloat16 value. Sums, biases, stored weights and the optimizer are always float32. So are layers with few
        channels: convolutions with groups, or with fewer than 16 input channels or filters, and dense layers with fewer
        than 32 features or 16 units.

        Raises
        ------
        ValueError
            If another name is assigned.

        Examples
        --------
        >>> from cnncore import Sequential
        >>> from cnncore.layers import Dense
        >>> model = Sequential([Dense(16, use_bias=False, kernel_initializer="ones", input_shape=(32,))])
        >>> x = [[1 + 2**-9] + 31 * [0]]
        >>> model.predict(x)[0, 0]
        np.float32(1.0019531)
        >>> model.precision = "bfloat16"  # has no number between 1 and 1 + 2**-7
        >>> model.predict(x)[0, 0]
        np.float32(1.0)
        """
        return self._precision

    @precision.setter
    def precision(self, value: str) -> None:
        checked = _checks.precision(value, "precision")
        with self._lock:
            self._precision = checked
            if self._lowered is not None:
                self._lowered.network.precision = checked


def _state_of(layers: list[Any]) -> tuple[Any, ...]:
    """What a network depends on besides the graph of layers."""
    return tuple(
        (layer.trainable, len(layer.specs), layer.settings_changed, _state_of(layer.sublayers())) for layer in layers
    )


def _set_regularizers(lowered: Lowered) -> None:
    for number, slot in enumerate(lowered.network.slots):
        regularizer = lowered.layers[slot.layer].specs[slot.index].regularizer
        if regularizer is not None and slot.trainable:
            lowered.network.set_regularizer(
                number, float(getattr(regularizer, "l1", 0.0)), float(getattr(regularizer, "l2", 0.0))
            )
