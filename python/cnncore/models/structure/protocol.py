"""What the two halves of a model know of each other: its structure (``model.py``) and its training (``trainer.py``).

What the structure gives to ``Trainer`` (``self`` is the model):

``_network_for_use() -> _core.Network``
    The network of the model as it is now. It is made when it is first asked for, knows which weights are frozen, and
    has the regularizers. After layers or ``trainable`` have changed this is another object; asking again costs almost
    nothing. It raises a ValueError while the shape of the input is not known. Ask for it at the beginning of each
    public call, not in each step.
``_build_for(x)``
    Fixes the shapes of the inputs by data: an array, or a list or dict of arrays. Does nothing if they are known.
``_expect_sizes_of(arrays)``
    If sizes of the inputs are None: remembers the sizes of checked arrays as sizes that fit.
``_depends_on_batches(arrays=None)``
    Whether outputs or added losses may depend on how samples are divided into batches, because layers run code of
    users or add sums.
``graph``
    The graph of layers. Its ``inputs`` and ``outputs`` are what the user gave: a tensor, or nested lists and dicts of
    tensors. Its ``input_list`` and ``output_list`` are these tensors in the order in which the network takes and gives
    arrays. ``tensor.shape[1:]`` is the shape of one sample. ``cnncore.models.data.arrange.arrange(graph.inputs,
    self.input_names, x, owner)`` brings data into that order.
``input_names``, ``output_names``
    The names in the same order: those of the inputs, and those of the layers that give the outputs. For a dict of
    outputs, its keys.
``variable_of(slot)``
    The :class:`~cnncore.layers.weights.Variable` that belongs to a slot of the network: its layer, path and values.
``_augmentation``
    The layers at the very beginning of the model that have a method ``augment``. The network leaves them out.
``_constraints() -> list of (Variable, constraint)``
    What to apply to weights after each step: ``variable.assign(constraint(variable.numpy()))``.
``_regularized() -> list of (Variable, regularizer)``
    The trained weights whose regularizer adds to the loss.
``_added_losses()``
    A function from a batch to what layers add to the loss in an evaluation; None where they add nothing.
``lock``
    A reentrant lock. Code that changes weights or the optimizer holds it for one training step at a time. Saving holds
    it while it copies what it writes. Inference does not need it.
``metadata``
    A dict that is saved with the model, for example with what it was trained on.
``used_seed``, ``precision``, ``name``, ``layers``
    The public attributes of the model. Setting ``precision`` also sets it in the network.

What ``Trainer`` gives to the structure:

``Trainer.__init__(self)``
    Takes no arguments and makes the state of a model that is not compiled. Attributes that must not be copied or
    pickled as they are have a replacement in ``_training_attributes() -> dict``, from name to value.
``_network_replaced(old, new)``
    Called while ``lock`` is held, after another network was made. It carries the state of the optimizer over, slot by
    slot. ``old`` is None for the first network.
``compiled``, ``get_compile_config()``, ``compile_from_config(config)``
    As in Keras. The config can be written as JSON.
``build_optimizer()``, ``optimizer.state_dict()``, ``optimizer.load_state_dict(state)``
    What saving stores and loading restores: the number of steps, and vectors in the order of the network's parameters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["Structure"]

if TYPE_CHECKING:
    from cnncore import _core
    from cnncore.graph.function import Function
    from cnncore.graph.lowering import Lowered
    from cnncore.models.structure.sized_networks import LoweredBySize

    class Structure:
        """The names that a model's structure has."""

        name: str
        used_seed: int
        built: bool
        _lock: Any

        @property
        def _is_graph_known(self) -> bool: ...
        @property
        def losses(self) -> list[Any]: ...
        @property
        def layers(self) -> list[Any]: ...
        @property
        def input_names(self) -> list[str]: ...
        @property
        def output_names(self) -> list[str]: ...
        @property
        def trainable_variables(self) -> list[Any]: ...
        @property
        def _function(self) -> Function: ...
        @property
        def _used_function(self) -> Function: ...
        @property
        def takes_other_sizes(self) -> bool: ...
        @property
        def _augmentation(self) -> list[Any]: ...
        @property
        def precision(self) -> str: ...
        @precision.setter
        def precision(self, value: str) -> None: ...
        def _network_for_use(self) -> _core.Network: ...

        _lowered: Lowered | LoweredBySize | None
        _checked_version: int

        def _lowered_for_use(self) -> Lowered | LoweredBySize: ...
        def _build_for(self, x: Any) -> None: ...
        def _expect_sizes_of(self, arrays: Any) -> None: ...
        def _depends_on_batches(self, arrays: Any = None) -> bool: ...
        def metrics_of_parts(self, itself: bool) -> list[Any]: ...
        def variable_of(self, slot: Any) -> Any: ...
        def build_optimizer(self) -> None: ...
        def _added_losses(self) -> Any: ...
        def _constraints(self) -> list[tuple[Any, Any]]: ...
        def _regularized(self) -> list[tuple[Any, Any]]: ...
        def get_weights(self) -> list[Any]: ...
        def set_weights(self, weights: Any) -> None: ...

else:

    class Structure:
        """Nothing at run time: another base class of the model has the names."""
