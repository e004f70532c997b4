"""Lambda: a function as a layer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._custom_objects import custom_object, registered_name
from cnncore.layers.base import Layer, registry
from cnncore.layers.tensor import Array, is_symbolic

__all__ = ["Lambda"]


@registry.register()
class Lambda(Layer):
    """A function of tensors or arrays as a layer.

    A function that calls layers and uses ``+``, ``-``, ``*`` and ``/`` becomes these layers. A function that computes
    with NumPy, or with :mod:`cnncore.backend`, is called in every step, and its gradient is found by recording what it
    does, see :mod:`cnncore.differentiation`. If it uses functions whose gradient is not known, write a :class:`Layer`
    with ``call`` and ``backward``.

    Parameters
    ----------
    function : callable
        Called with the arguments of the layer, which are arrays with the batch axis in front. It also gets
        ``training``, if it has an argument of that name.
    output_shape : tuple of int, or callable, optional
        The shape of one sample of the result, or a function that returns the shape of the result, with the batch axis,
        for the shape of the input. By default it is found by calling the function on zeros.
    mask : None
        Accepted for compatibility with Keras.
    arguments : dict, optional
        Further arguments of the function.
    name : str, optional

    Raises
    ------
    TypeError
        If ``function`` cannot be called.

    Notes
    -----
    The file of a model holds the name of the function and never its code. When you load it, say what the name means:
    ``load_model(path, custom_objects={name: function})``.

    Examples
    --------
    >>> import numpy as np
    >>> Lambda(lambda x: x * 2 + 1)(np.ones((1, 3)))
    Array([[3., 3., 3.]], dtype=float32)
    """

    one_input = False

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Iterable[int] | Callable[[Any], Any] | None = None,
        mask: None = None,
        arguments: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(f"[Lambda] expected `function` to be callable. Received: function={function!r}")
        self.function = function
        self.arguments = dict(arguments or {})
        self._output_shape = output_shape
        try:
            self._takes_training = "training" in inspect.signature(function).parameters
        except ValueError:  # a function written in C
            self._takes_training = False

    def __call__(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Apply the function. A list of numbers, or an array without a batch axis, is passed to it as it is."""
        if len(args) == 1 and not kwargs and not is_symbolic(args) and _is_vector(args[0]):
            return np.asarray(self.call(np.asarray(args[0], np.float32), training)).view(Array)
        return super().__call__(*args, training=training, **kwargs)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        extra = {"training": training} if self._takes_training else {}
        return self.function(inputs, **self.arguments, **extra)

    @property
    def says_its_output_shape(self) -> bool:
        """Whether an output shape was given."""
        return self._output_shape is not None

    def compute_output_shape(self, input_shape: Any) -> Any:
        if callable(self._output_shape):
            return tuple(self._output_shape(input_shape))
        if self._output_shape is None:
            raise ValueError(f'Layer "{self.name}" was not given an output_shape: call it on a tensor to find out.')
        return (None, *_checks.shape(tuple(self._output_shape), "output_shape", "Lambda"))

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "function": registered_name(self.function)}
        if self._output_shape is not None and not callable(self._output_shape):
            config["output_shape"] = list(self._output_shape)
        return config | ({"arguments": self.arguments} if self.arguments else {})

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Lambda:
        function = config.get("function")
        if isinstance(function, str):
            found = custom_object(function)
            if found is None:
                raise ValueError(
                    f"The Lambda layer {config.get('name')!r} needs the function {function!r}, which is not in the "
                    "file: "
                    f"pass custom_objects={{{function!r}: the function}}."
                )
            config = config | {"function": found}
        return cls(**config)


def _is_vector(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(isinstance(item, (int, float)) for item in value)
    return isinstance(value, (int, float, np.ndarray, np.generic)) and np.ndim(value) < 2
