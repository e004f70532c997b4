"""Lambda, the layer that calls a function of the user."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._custom_objects import custom_object, registered_name
from cnncore.graph.tensor import Array, is_symbolic
from cnncore.layers.base import Layer, registry

__all__ = ["Lambda"]


@registry.register()
class Lambda(Layer):
    """Apply a function of tensors or arrays.

    A function that only calls layers and uses ``+``, ``-``, ``*`` and ``/`` is replaced by these layers. A function
    that computes with NumPy, or with :mod:`cnncore.backend`, is called in every step, and its gradient is found by
    recording what it does, see :mod:`cnncore.differentiation`. If it uses functions whose gradient is not known there,
    write a :class:`Layer` with ``call`` and ``backward`` instead.

    Parameters
    ----------
    function : callable
        Called with what the layer is called with: arrays with the batch axis in front. If the function has an argument
        named ``training``, it also gets that.
    output_shape : tuple of int, or callable, optional
        The shape of one sample of the result. Or a function that returns the shape of the result from the shape of the
        input, both with the batch axis in front. By default the shape is found by calling ``function`` on zeros.
    mask : None
        Accepted for compatibility with Keras, and not used.
    arguments : dict, optional
        Further keyword arguments that ``function`` is called with.
    name : str, optional

    Raises
    ------
    TypeError
        If ``function`` cannot be called.

    Notes
    -----
    The file of a model holds the name of the function and never its code. Pass the function when you load the model:
    ``load_model(path, custom_objects={name: function})``.

    Examples
    --------
    >>> import numpy as np
    >>> Lambda(lambda x: x * 2 + 1)(np.ones((1, 3)))
    array([[3., 3., 3.]], dtype=float32)
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
        if arguments is not None and not isinstance(arguments, Mapping):
            raise TypeError(f"[Lambda] expected `arguments` to be a dict. Received: arguments={arguments!r:.80}")
        self.arguments = dict(arguments or {})
        self._output_shape = output_shape
        try:
            self._takes_training = "training" in inspect.signature(function).parameters
        except ValueError:  # a function written in C
            self._takes_training = False

    def __call__(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Apply the function. It can also be called on a number or a list of numbers, without a batch axis."""
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
            raise ValueError(
                f'Layer "{self.name}" has no `output_shape`, so it must be called on a tensor to find the shape.'
            )
        return (None, *self._sizes_of_output())

    def _sizes_of_output(self) -> tuple[Any, ...]:
        given: Any = self._output_shape
        if isinstance(given, (list, tuple)) and not given:  # a single value for each sample
            return ()
        if isinstance(given, (list, tuple)) and None in given:
            return _checks.shape_of_sample(given, "output_shape", "Lambda")
        return _checks.shape(_checks.integers(given, "output_shape", "Lambda"), "output_shape", "Lambda")

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "function": registered_name(self.function)}
        if self._output_shape is not None and not callable(self._output_shape):
            config["output_shape"] = list(self._sizes_of_output())
        return config | ({"arguments": self.arguments} if self.arguments else {})

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Lambda:
        function = config.get("function")
        if isinstance(function, str):
            found = custom_object(function)
            if found is None:
                raise ValueError(
                    f"The Lambda layer {config.get('name')!r} needs the function {function!r}, which is not in the "
                    f"file: pass custom_objects={{{function!r}: the function}}."
                )
            config = config | {"function": found}
        return cls(**config)


def _is_vector(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(isinstance(item, (int, float)) for item in value)
    return isinstance(value, (int, float, np.ndarray, np.generic)) and np.ndim(value) < 2
