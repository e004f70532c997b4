"""The part of a layer that holds its weights: their names and shapes, their memory, and whether they are trained."""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks, _core, initializers
from cnncore._random import next_seed
from cnncore._structure import flatten
from cnncore.graph.unknown_sizes import UnknownSizeError
from cnncore.layers.weights.settings import Settings, settings, structure_changed
from cnncore.layers.weights.spec import WeightSpec
from cnncore.layers.weights.variable import Variable, write_weights

__all__ = ["WeightOwner", "building_once"]

_making = threading.Lock()  # held while parameters are made, so that two threads that ask for them get the same object


class WeightOwner(Settings):
    """The part of a layer that holds weights: its own, and those of layers that are its attributes."""

    # Attributes that contain no layers. All other attributes are searched for layers inside this one.
    _own = frozenset(
        ("nodes", "_parameters", "_held", "_eager", "_specs", "_handles", "_given", "activity_regularizer")
    )

    name: str
    built: bool

    def __init__(self, trainable: bool) -> None:
        self._trainable = trainable
        self._specs: list[WeightSpec] = []
        self._handles: list[Variable] = []
        self._parameters: Any = None
        self._held: list[np.ndarray] | None = None  # the values of the weights while there is no memory for them yet
        self.seed_key: tuple[int, ...] | None = None  # the seed of the initial weights; a model with a seed sets it

    def add_weight(
        self,
        shape: Iterable[int] | None = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        *,
        regularizer: Any = None,
        constraint: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Make a weight, in ``build`` or in the constructor of a custom layer.

        Parameters
        ----------
        shape : tuple of int, optional
            By default the weight is a single number, of shape ().
        initializer : default "glorot_uniform"
            A name or object of :mod:`cnncore.initializers`, or a function of a shape.
        dtype : optional
            Must be "float32", the default.
        trainable : bool, default True
            Whether training changes the weight.
        regularizer, constraint : optional
            Of :mod:`cnncore.regularizers` and :mod:`cnncore.constraints`.
        name : str, optional
            A name that no other weight of the layer has. By default "weight", "weight_1", ...

        Returns
        -------
        Variable
            Use it in ``call`` like an array.
        """
        owner = type(self).__name__
        _checks.dtype(dtype, owner)
        size = () if shape is None else tuple(_checks.listed(shape, "shape", f"{owner}.add_weight"))
        if any(item is None for item in size):
            raise UnknownSizeError(
                f"[{owner}.add_weight] expected a shape whose sizes are all known: give the Input the size on which "
                f"the weight depends. Received: shape={size}"
            )
        size = tuple(_checks.integer(item, "shape", owner) for item in size)
        taken = {spec.name for spec in self._specs}
        if name is None:
            name = next(item for item in _numbered("weight") if item not in taken)
        elif not isinstance(name, str):
            raise TypeError(f"[{owner}.add_weight] expected `name` to be a string. Received: name={name!r:.80}")
        elif name in taken:
            raise ValueError(
                f"[{owner}.add_weight] expected a name that no other weight of the layer has. Received: name={name!r}"
            )
        initializer, regularizer, constraint = _weight_objects(initializer or "glorot_uniform", regularizer, constraint)
        # A larger block of memory is needed. The values so far are kept, and written into it when it is made.
        if self._parameters is not None:
            self._held = [self._parameters.read(index) for index in range(len(self._specs))]
            self._parameters = None
        self._specs.append(WeightSpec(name, size, initializer, trainable, regularizer, constraint))
        return self._handle(len(self._specs) - 1)

    def keep(self, variable: Variable) -> None:
        """Let ``variable`` be the object that stands for the weight at its place."""
        self._handle(variable.index)
        self._handles[variable.index] = variable

    def __setattr__(self, name: str, value: Any) -> None:
        names = settings.get(type(self))
        if names is None or name in names:
            self.set_setting(name, value)
        else:
            super().__setattr__(name, value)
        if isinstance(value, (Variable, list, tuple, dict)) and "_specs" in self.__dict__:
            for leaf in flatten(value):
                if isinstance(leaf, Variable):
                    leaf.move_to(self)

    def _handle(self, index: int) -> Variable:
        """Return the weight at a place. It is always the same object, so that lists of weights can be compared."""
        while len(self._handles) <= index:
            self._handles.append(Variable.of(self, len(self._handles)))
        return self._handles[index]

    # --- weights --------------------------------------------------------------------------------------------------
    @property
    def specs(self) -> list[WeightSpec]:
        """The descriptions of the layer's own weights, without those of layers inside it."""
        return self._specs

    @property
    def parameters(self) -> _core.Parameters:
        """The memory of the weights, without those of layers inside this one. It is made when it is first needed."""
        if self._parameters is None:
            with _making:
                self._make_parameters()
        block: _core.Parameters | None = self._parameters
        assert block is not None
        return block

    def _make_parameters(self) -> None:
        """Make the memory of the weights and fill it, if this has not been done yet."""
        if self._parameters is None:
            shapes = [tuple(spec.shape) for spec in self._specs]
            try:
                block = _core.Parameters(shapes)
            except MemoryError:
                owner = getattr(self, "name", type(self).__name__)
                raise MemoryError(f"[{owner}] expected weights that fit memory. Received: shapes {shapes}") from None
            held = self._held or []
            for index, spec in enumerate(self._specs):
                if index < len(held):
                    block.write(index, held[index])
                else:
                    values = spec.initializer(spec.shape, (*self._seed_of_weights(), index))
                    block.write(index, np.array(values, np.float32, order="C").reshape(spec.shape))
            self._parameters, self._held = block, None

    def _seed_of_weights(self) -> tuple[int, ...]:
        if self.seed_key is None:
            self.seed_key = (next_seed(),)
        return self.seed_key

    def sublayers(self) -> list[Any]:
        """Return the layers that are attributes of this one, or are in lists, tuples and dicts that are attributes."""
        found: dict[int, Any] = {}
        for name, value in self.__dict__.items():
            if name not in self._own:
                for leaf in flatten(value):
                    if isinstance(leaf, WeightOwner):
                        found.setdefault(id(leaf), leaf)
        return list(found.values())

    @property
    def variables(self) -> list[Variable]:
        """All weights: those of this layer, first the trained ones, then those of the layers inside it."""
        return list({(id(item.layer), item.index): item for item in self._variables()}.values())

    def weights_taken_over(self) -> list[Variable]:
        """Weights of layers inside this one that are also listed and stored as weights of this layer, as in Keras."""
        return []

    def _variables(self) -> Iterable[Variable]:
        yield from self.weights_taken_over()
        own = [self._handle(index) for index in range(len(self._specs))]
        yield from (item for item in own if item.spec.trainable)
        yield from (item for item in own if not item.spec.trainable)
        for layer in self.sublayers():
            yield from layer._variables()

    @property
    def weights(self) -> list[Variable]:
        """All weights, in the order of :attr:`variables`. Writing to them changes the layer."""
        return self.variables

    @property
    def trainable_variables(self) -> list[Variable]:
        """The weights that training changes."""
        frozen = {(id(item.layer), item.index) for item in self._frozen_variables()}
        return [item for item in self.variables if (id(item.layer), item.index) not in frozen]

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The weights that no gradient changes: those of layers that are not trained, and such as moving statistics."""
        frozen = {(id(item.layer), item.index) for item in self._frozen_variables()}
        return [item for item in self.variables if (id(item.layer), item.index) in frozen]

    def _frozen_variables(self) -> Iterable[Variable]:
        if not self._trainable:
            yield from self._variables()
            return
        yield from (self._handle(index) for index, spec in enumerate(self._specs) if not spec.trainable)
        for layer in self.sublayers():
            yield from layer._frozen_variables()

    trainable_weights, non_trainable_weights = trainable_variables, non_trainable_variables

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of the weights, in the order of :attr:`weights`: kernel, then bias."""
        return [variable.numpy() for variable in self.weights]

    def set_weights(self, weights: Iterable[ArrayLike]) -> None:
        """Replace the weights. Nothing is written if the number of arrays or one of the shapes is wrong.

        Parameters
        ----------
        weights : list of array_like
            In the order and with the shapes of :meth:`get_weights`.
        """
        write_weights(self._title, self.weights, weights)

    def count_params(self) -> int:
        """Return how many numbers the weights consist of. A ValueError says if the layer is not built yet."""
        if not self.built:
            raise ValueError(f'Layer "{self.name}" is not built: its input shape is not known yet.')
        return sum(math.prod(variable.shape) for variable in self.weights)

    # --- whether they are trained -------------------------------------------------------------------------------------
    @property
    def trainable(self) -> bool:
        """Whether training changes the weights. Setting it also sets it for the layers inside, and takes effect in the
        next training step.
        """
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        flag = _checks.boolean(value, "trainable", type(self).__name__)
        self._trainable = flag
        for layer in self.sublayers():
            layer.trainable = flag
        structure_changed()

    @property
    def _title(self) -> str:
        return f'layer "{self.name}"'


class _Owner(WeightOwner):
    """What holds a variable that belongs to no layer."""

    holds_a_variable = True

    def __init__(self, name: str, trainable: bool) -> None:
        super().__init__(True)
        self.name, self.built = name, True


Variable.new_owner = _Owner


def building_once(build: Callable[..., None]) -> Callable[..., None]:
    """Wrap a method ``build`` so that further calls do nothing. If it fails, the weights that it made are removed."""

    @functools.wraps(build)
    def wrapped(self: WeightOwner, *args: Any, **kwargs: Any) -> None:
        if self.built:
            return
        count = len(self.specs)
        try:
            build(self, *args, **kwargs)
        except BaseException:
            del self.specs[count:]
            self.built = False
            raise
        self.built = True

    return wrapped


def _numbered(stem: str) -> Iterable[str]:
    yield stem
    number = 0
    while True:
        number += 1
        yield f"{stem}_{number}"


def _weight_objects(initializer: Any, regularizer: Any, constraint: Any) -> tuple[Any, Any, Any]:
    """Turn names and functions into the objects that they stand for."""
    if regularizer is not None:
        from cnncore import regularizers

        regularizer = regularizers.get(regularizer)
    if constraint is not None:
        from cnncore import constraints

        constraint = constraints.get(constraint)
    return initializers.get(initializer), regularizer, constraint
