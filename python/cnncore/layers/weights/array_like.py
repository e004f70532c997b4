"""What a weight does in a computation: NumPy's functions and operators take it as an array of its present values.

While something is being differentiated, or while the ``call`` of a layer becomes a graph, something else stands for the
weight, so that its gradient is found.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from cnncore.differentiation import Array, NotDifferentiableError, is_bound, is_pulled_back, leaf_of
from cnncore.graph.call_record import is_followed
from cnncore.graph.tensor import KerasTensor, NotTraceableError

__all__ = ["ArrayLikeWeight"]


class ArrayLikeWeight(NDArrayOperatorsMixin):
    """The part of a :class:`~cnncore.Variable` that behaves like an array."""

    # --- what the other part says ---------------------------------------------------------------------------------
    @property
    def path(self) -> str:
        """The name of the layer and of the weight."""
        raise NotImplementedError(f"{type(self).__name__} must implement path")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        raise NotImplementedError(f"{type(self).__name__} must implement shape")

    @property
    def value(self) -> np.ndarray:
        """The memory of the weight as an array."""
        raise NotImplementedError(f"{type(self).__name__} must implement value")

    def numpy(self) -> np.ndarray:
        """A copy of the values."""
        raise NotImplementedError(f"{type(self).__name__} must implement numpy()")

    # --- computations ---------------------------------------------------------------------------------------------

    def as_operand(self) -> Any:
        """What takes the place of this weight in a computation: an array of its present values, or what stands for it
        in the computation that is being differentiated.

        Raises
        ------
        NotTraceableError
            While the ``call`` of a layer runs with symbolic tensors.
        """
        leaf = leaf_of(self)
        return self.numpy().view(Array) if leaf is None else leaf

    def _check_that_no_gradient_is_lost(self) -> None:
        """Raise an error if an array in place of this weight would hide from which weight the values came."""
        if is_followed():
            raise NotTraceableError(
                f"The weight {self.path} cannot be read as an array here, since training would not change the array: "
                "compute with the weight itself and a tensor, as in x * weight."
            )
        if is_bound(self):
            raise NotDifferentiableError(
                f"The weight {self.path} has no gradient if it is read as an array: compute with the weight itself."
            )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.numpy() if copy else self.value
        return array if dtype is None else array.astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        if leaf_of(self) is not None:
            return getattr(ufunc, method)(*(_traced(item) for item in inputs), **kwargs)
        if any(isinstance(item, KerasTensor) for item in inputs):
            return NotImplemented  # then NumPy asks the tensor, which makes a layer of the operation
        plain = [_present(item) if isinstance(item, ArrayLikeWeight) else item for item in inputs]
        if out is not None:
            kwargs["out"] = tuple(item.value if isinstance(item, ArrayLikeWeight) else item for item in out)
        result = getattr(ufunc, method)(*plain, **kwargs)
        return out[0] if out is not None and len(out) == 1 else result

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if any(issubclass(kind, KerasTensor) for kind in types):
            return NotImplemented  # then NumPy asks the tensor, which makes a layer of the call
        if function in _OF_SHAPES and args[0] is self:
            return function(np.broadcast_to(np.float32(0), self.shape), *args[1:], **kwargs)
        return function(*_values(args), **{key: _values(item) for key, item in kwargs.items()})

    def __getitem__(self, key: Any) -> Any:
        leaf = leaf_of(self)
        return self.value[key] if leaf is None else leaf[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        self.value[key] = value

    def __len__(self) -> int:
        return len(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("_layer", "_index") or hasattr(type(self), name):
            if name in ("value", "numpy"):
                self._check_that_no_gradient_is_lost()  # raises the error that the property raised
            raise AttributeError(name)
        leaf = leaf_of(self)
        return getattr(self.value if leaf is None else leaf, name)


def _traced(item: Any) -> Any:
    """What stands for a weight in the computation that is being differentiated; anything else as it is."""
    leaf = leaf_of(item) if isinstance(item, ArrayLikeWeight) else None
    return item if leaf is None else leaf


_OF_SHAPES = (np.shape, np.ndim, np.size)


def _values(item: Any) -> Any:
    """Replace weights among arguments by the arrays that stand for them, or by their values."""
    if isinstance(item, (list, tuple)):
        return type(item)(_values(entry) for entry in item)
    if not isinstance(item, ArrayLikeWeight):
        return item
    leaf = leaf_of(item)
    return _present(item) if leaf is None else leaf


def _present(weight: ArrayLikeWeight) -> np.ndarray:
    """The values of a weight. What is being differentiated gets a copy: the weight may be assigned to later."""
    return weight.numpy() if is_pulled_back() else weight.value
