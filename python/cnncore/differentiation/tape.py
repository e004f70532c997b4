"""GradientTape: records what a ``with`` block computes, so that gradients of its results can be asked for."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from cnncore._structure import flatten, pack_like
from cnncore.differentiation.state import state
from cnncore.differentiation.traced import NotDifferentiableError, Traced, backward

__all__ = ["GradientTape", "Recording"]


class Recording:
    """What the open tapes of a thread record: what is computed from weights and from watched arrays.

    Attributes
    ----------
    tapes : list of GradientTape
        The open tapes, the outermost first.
    """

    def __init__(self) -> None:
        self.tapes: list[GradientTape] = []
        self._leaves: dict[Any, Traced] = {}
        self._watched: dict[int, tuple[Any, Traced]] = {}  # the arrays too, so that no other one gets their id

    def weight(self, weight: Any) -> Traced:
        """A weight with its values of now, to compute with."""
        return Traced(weight.numpy(), [(self.leaf(weight), _unchanged)])

    def leaf(self, weight: Any) -> Traced:
        """The operand that all uses of a weight come from. It stands for the weight, not for its values."""
        return self._leaves.setdefault(weight.trace_key, Traced(np.empty(0)))

    def watch(self, array: Any) -> None:
        """Record what is computed from an array from now on."""
        self._watched[id(array)] = (array, Traced(array.numpy()))

    def find(self, source: Any) -> Traced | None:
        """What stands for a weight or a watched array, or None where nothing was computed from it."""
        if isinstance(source, Traced):
            return source
        if hasattr(source, "trace_key"):
            return self._leaves.get(source.trace_key)
        watched = self._watched.get(id(source))
        return None if watched is None else watched[1]


class GradientTape:
    """Records what is computed inside a ``with`` block from the trained weights of models and layers, for gradients.

    It has the form of TensorFlow's class of this name, which ``train_step`` methods and training loops for Keras are
    written with. Models and layers that are called on arrays are recorded, the losses of :mod:`cnncore.losses`, and
    the functions of NumPy and :mod:`cnncore.ops` that :mod:`cnncore.differentiation` knows.

    Parameters
    ----------
    persistent, watch_accessed_variables : bool
        Accepted for TensorFlow's sake: gradients may be asked for any number of times, and all weights are recorded.

    Examples
    --------
    >>> from cnncore import Sequential, losses
    >>> from cnncore.layers import Dense
    >>> model = Sequential([Dense(1, kernel_initializer="zeros", input_shape=(1,))])
    >>> with GradientTape() as tape:
    ...     loss = losses.MeanSquaredError()([[2.0]], model(np.float32([[1.0]]), training=True))
    >>> float(loss), [gradient.tolist() for gradient in tape.gradient(loss, model.trainable_weights)]
    (4.0, [[[-4.0]], [-4.0]])
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self._recording: Recording | None = None

    def __enter__(self) -> GradientTape:
        if state.recording is None:
            state.recording = Recording()
        self._recording = state.recording
        self._recording.tapes.append(self)
        return self

    def __exit__(self, *exception: object) -> None:
        recording = self._used()
        recording.tapes.remove(self)
        if not recording.tapes:
            state.recording = None

    def watch(self, tensor: Any) -> None:
        """Record what is computed from an array, so that gradients with respect to it can be asked for.

        Parameters
        ----------
        tensor : Array, or a list of them
            What a layer, a model, :func:`cnncore.ops.convert_to_tensor` or another function of :mod:`cnncore.ops`
            returned. A plain NumPy array does not tell what is computed from it.

        Raises
        ------
        TypeError
            For a plain NumPy array or a number.

        Examples
        --------
        >>> from cnncore import ops
        >>> x = ops.convert_to_tensor([3.0])
        >>> with GradientTape() as tape:
        ...     tape.watch(x)
        ...     y = x * x
        >>> tape.gradient(y, x).tolist()
        [6.0]
        """
        for leaf in flatten(tensor):
            if isinstance(leaf, Traced) or hasattr(leaf, "trace_key"):
                continue  # it is recorded anyway
            if not hasattr(leaf, "watched"):
                raise TypeError(
                    "[GradientTape.watch] expected an array that tells what is computed from it: write `x = "
                    f"cnncore.ops.convert_to_tensor(x)` before. Received: {type(leaf).__name__}"
                )
            self._used().watch(leaf)
            leaf.begin_watching()

    def gradient(
        self, target: Any, sources: Any, output_gradients: Any = None, unconnected_gradients: str = "none"
    ) -> Any:
        """The derivative of the sum of all values of ``target`` with respect to ``sources``.

        Parameters
        ----------
        target : array, or list of arrays
            Computed inside the ``with`` block.
        sources : weight or array, or a structure of them
            Weights of models and layers, watched arrays, or arrays that were computed inside the block.
        output_gradients : array, or list of arrays, optional
            Factors of the values of ``target``.
        unconnected_gradients : {"none", "zero"}, default "none"
            What stands for the gradient of a source that ``target`` was not computed from.

        Returns
        -------
        Array or None, in the structure of ``sources``

        Raises
        ------
        NotDifferentiableError
            If something was done in between whose gradient is not known, or in the block of another tape, which
            would have to know the gradients of gradients.
        """
        recording = self._used()
        if any(tape is not self for tape in itertools.takewhile(lambda tape: tape is not self, recording.tapes)):
            raise NotDifferentiableError(
                "[GradientTape.gradient] expected to be called after the blocks of the tapes around it: gradients of "
                "gradients, such as a penalty on the size of a gradient, are not known here."
            )
        targets = flatten(target)
        factors = [None] * len(targets) if output_gradients is None else flatten(output_gradients)
        results = [
            (item, np.ones(item.shape, np.float32) if factor is None else np.asarray(factor, np.float32))
            for item, factor in zip(targets, factors, strict=True)
            if isinstance(item, Traced)
        ]
        wanted = flatten(sources)
        places = [recording.find(source) for source in wanted]
        nothing = Traced(np.empty(0))
        gradients = backward(results, [nothing if place is None else place for place in places])
        return pack_like(
            sources,
            [
                _result(source, gradient, unconnected_gradients)
                for source, gradient in zip(wanted, gradients, strict=True)
            ],
        )

    def _used(self) -> Recording:
        if self._recording is None:
            raise ValueError("[GradientTape] expected a tape that was opened: with GradientTape() as tape: ...")
        return self._recording


def _result(source: Any, gradient: Any, unconnected: str) -> Any:
    if gradient is None:
        return np.zeros(np.shape(source), np.float32) if unconnected == "zero" else None
    return np.array(gradient, np.float32)


def _unchanged(dy: np.ndarray) -> np.ndarray:
    return dy
