"""Variable, the object by which users read and write a weight of a layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks, _core
from cnncore._unique_names import unique_name
from cnncore.differentiation import is_bound, leaf_of, value_of
from cnncore.graph.call_record import is_followed, is_probed
from cnncore.graph.tensor import NotTraceableError
from cnncore.layers.weights.array_like import ArrayLikeWeight
from cnncore.layers.weights.spec import Values, WeightSpec

__all__ = ["Variable", "write_together", "write_weights"]


class Variable(ArrayLikeWeight):
    """One weight of a layer. It behaves like a NumPy array of its current values, and writing to it changes the layer.

    ``layer.add_weight`` makes weights of layers. A variable that is made by itself, ``cnncore.Variable(0.0)``, belongs
    to no layer, and may be trained by a tape and an optimizer. It becomes a weight of the first layer of which it is
    made an attribute.

    ``numpy()`` returns a copy, ``assign(value)`` replaces the values, and indexing reads and writes parts of them.

    Parameters
    ----------
    initializer : array_like, str, Initializer or callable
        The values, or what computes them from ``shape``.
    shape : tuple of int, optional
        Needed with an initializer.
    dtype : optional
        Must be "float32", the default.
    trainable : bool, default True
    autocast, aggregation, synchronization
        Accepted for compatibility with Keras, and not used.
    name : str, optional

    Attributes
    ----------
    name : str
        The name within the layer: "kernel", "bias", ...
    path : str
        The name of the layer and of the weight, "<layer>/<name>".
    shape : tuple of int
    dtype : numpy.dtype
        Always float32.
    trainable : bool
        Whether training changes the weight.

    Examples
    --------
    >>> from cnncore.layers import Dense
    >>> layer = Dense(2, kernel_initializer="ones", name="dense")
    >>> layer.build((None, 3))
    >>> layer.kernel.path, layer.kernel.shape, float(layer.kernel.sum())
    ('dense/kernel', (3, 2), 6.0)
    >>> layer.kernel.assign(layer.kernel * 2)
    >>> layer.kernel[0]
    array([2., 2.], dtype=float32)
    >>> Variable([1.0, 2.0], name="scale").assign_add([1.0, 1.0]).numpy()
    array([2., 3.], dtype=float32)
    """

    __hash__ = object.__hash__  # as in Keras, so that weights can be keys of a dict

    new_owner: Callable[[str, bool], Any]  # makes what holds a variable that belongs to no layer

    def __init__(
        self,
        initializer: Any,
        shape: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str = "none",
        synchronization: str = "auto",
        name: str | None = None,
    ) -> None:
        computed = isinstance(initializer, (str, dict)) or callable(initializer)
        if computed and shape is None:
            raise ValueError(f"[Variable] expected `shape` with an initializer. Received: initializer={initializer!r}")
        if not computed:
            values = _checks.numeric_array(value_of(initializer), "initializer", "Variable")
            if shape is not None and tuple(shape) != values.shape:
                raise ValueError(f"[Variable] expected values of shape {tuple(shape)}. Received: {values.shape}")
            initializer, shape = Values(values), values.shape
        owner = Variable.new_owner(name or unique_name("Variable"), trainable)
        made = owner.add_weight(shape, initializer, dtype, trainable, name=owner.name)
        self._layer, self._index = owner, made.index
        owner.keep(self)

    @classmethod
    def of(cls, layer: Any, index: int) -> Variable:
        """Return the weight number ``index`` of a layer."""
        weight = cls.__new__(cls)
        weight._layer, weight._index = layer, index
        return weight

    def move_to(self, layer: Any) -> None:
        """Become a weight of a layer, if this variable belongs to none."""
        if getattr(self._layer, "holds_a_variable", False):
            taken = {spec.name for spec in layer.specs}
            name, number = self.name, 0
            while name in taken:
                number += 1
                name = f"{self.name}_{number}"
            made = layer.add_weight(self.shape, Values(self.constant()), trainable=self.spec.trainable, name=name)
            self._layer, self._index = layer, made.index
            layer.keep(self)

    @property
    def layer(self) -> Any:
        """The layer that has this weight."""
        return self._layer

    @property
    def index(self) -> int:
        """The place among the weights of the layer, counted from 0."""
        index: int = self._index
        return index

    @property
    def spec(self) -> WeightSpec:
        """The description of this weight."""
        spec: WeightSpec = self._layer.specs[self._index]
        return spec

    @property
    def name(self) -> str:
        """The name within the layer: "kernel", "bias", ..."""
        return self.spec.name

    @property
    def path(self) -> str:
        """The name of the layer and of the weight, "<layer>/<name>"."""
        if getattr(self._layer, "holds_a_variable", False):
            return self.spec.name
        return f"{self._layer.name}/{self.spec.name}"

    @property
    def trainable(self) -> bool:
        """Whether training changes the weight."""
        return self.spec.trainable and self._layer.trainable

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self.spec.shape

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """Always float32."""
        return np.dtype(np.float32)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.spec.shape)

    @property
    def constraint(self) -> Any:
        """What is applied to the weight after each training step, or None."""
        return self.spec.constraint

    @property
    def regularizer(self) -> Any:
        """What adds a penalty on the weight to the loss, or None."""
        return self.spec.regularizer

    @property
    def value(self) -> np.ndarray:
        """The memory of the weight as an array. Writing to it changes the layer."""
        self._check_that_no_gradient_is_lost()
        return np.asarray(self._layer.parameters.view(self._index))

    def numpy(self) -> np.ndarray:
        """A copy of the values."""
        self._check_that_no_gradient_is_lost()
        return np.asarray(self._layer.parameters.read(self._index))

    def assign(self, value: ArrayLike) -> None:
        """Replace the values. No gradient passes through an assignment.

        Raises
        ------
        ValueError
            If ``value`` has another shape. Then nothing is written.
        """
        if is_probed():  # the layer is called with zeros
            return
        if is_followed():
            raise NotTraceableError(
                f"Values cannot be assigned to the weight {self.path} here: this code runs once and becomes a graph. "
                "Assign them in the `call` of a layer of your own, which then runs for each batch, or in a callback."
            )
        write_weights(f'layer "{self._layer.name}"', [self], [_number_or_array(value)])
        if is_bound(self):  # what is computed next uses the new values
            leaf_of(self).value = self.constant()

    def constant(self) -> np.ndarray:
        """A copy of the values, which counts as a constant in what is being differentiated."""
        return np.asarray(self._layer.parameters.read(self._index))

    def write(self, array: np.ndarray) -> None:
        """Replace the values by those of an array. Its shape is not checked."""
        self._layer.parameters.write(self._index, np.array(array, np.float32, order="C"))

    @property
    def trace_key(self) -> tuple[int, int]:
        """A key that identifies this weight while the ``call`` of a layer is being differentiated."""
        return id(self._layer), self._index

    def assign_add(self, value: ArrayLike) -> Variable:
        """Add to the values, and return this weight."""
        self.assign(self.constant() + self._fitting(value))
        return self

    def assign_sub(self, value: ArrayLike) -> Variable:
        """Subtract from the values, and return this weight."""
        self.assign(self.constant() - self._fitting(value))
        return self

    def _fitting(self, value: ArrayLike) -> np.ndarray:
        """A number or an array, repeated to the shape of the weight."""
        owner = f'layer "{self._layer.name}"'
        array = _checks.numeric_array(_number_or_array(value), "value", owner)
        try:
            return np.broadcast_to(array, self.shape)
        except ValueError:
            raise ValueError(
                f"[{owner}] expected an array that broadcasts to the shape {self.shape} of {self.path}. "
                f"Received: shape {array.shape}"
            ) from None

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, value={self.value}>"


def _number_or_array(value: Any) -> np.ndarray:
    return np.asarray(value_of(value))


def write_weights(owner: str, variables: list[Variable], weights: Any) -> None:
    """Check all of ``weights``, then copy them into ``variables``."""
    if not isinstance(weights, Iterable) or isinstance(weights, (str, bytes, dict)):
        raise TypeError(f"[{owner}] expected a list of arrays. Received: {type(weights).__name__}")
    if isinstance(weights, np.ndarray) and not weights.ndim:
        raise TypeError(f"[{owner}] expected a list of arrays. Received: an array of shape ()")
    arrays = [_checks.numeric_array(array, "weights", owner) for array in weights]
    if len(arrays) != len(variables):
        names = ", ".join(variable.path for variable in variables) or "none"
        raise ValueError(f"[{owner}] expected {len(variables)} arrays ({names}). Received: {len(arrays)} arrays")
    for variable, array in zip(variables, arrays, strict=True):
        if array.shape != variable.shape:
            raise ValueError(
                f"[{owner}] expected an array of shape {variable.shape} for {variable.path}. Received: {array.shape}"
            )
    write_together(list(zip(variables, arrays, strict=True)))


def write_together(pairs: Sequence[tuple[Variable, np.ndarray]]) -> None:
    """Write arrays of the right shapes to variables. Another thread that computes sees all new values or none."""
    _core.write_parameters(
        [
            (variable.layer.parameters, variable.index, np.array(array, np.float32, order="C"))
            for variable, array in pairs
        ]
    )
