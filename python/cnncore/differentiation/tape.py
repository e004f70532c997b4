"""GradientTape, which records what a ``with`` block computes and then computes gradients of its results."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import numpy as np

from cnncore._structure import flatten, pack_like
from cnncore.differentiation.array import Array
from cnncore.differentiation.backward import backward
from cnncore.differentiation.recording import Recording
from cnncore.differentiation.state import recording_backward, recording_into, state
from cnncore.differentiation.traced import Traced

__all__ = ["GradientTape"]


class GradientTape:
    """Record what a ``with`` block computes from the trained weights of models and layers, and compute gradients.

    It is used like TensorFlow's class of the same name, for which ``train_step`` methods and training loops of Keras
    are written. It records calls of models and layers on arrays, the losses of :mod:`cnncore.losses`, and those
    functions of NumPy and :mod:`cnncore.ops` whose gradients :mod:`cnncore.differentiation` knows.

    Parameters
    ----------
    persistent : bool, default False
        Whether :meth:`gradient` can be called inside the block so that the tape records its results, too. It can be
        called several times in any case.
    watch_accessed_variables : bool, default True
        Accepted for compatibility with TensorFlow, and not used: all trained weights are recorded.

    Notes
    -----
    Inside the block of one tape, another tape may compute gradients, of which the first one computes gradients in turn.
    So a penalty on the size of a gradient can be trained, as in WGAN-GP (Gulrajani et al., 2017). For models and
    layers, gradients of gradients are products with second derivatives (Pearlmutter, 1994), which the core computes.

    Examples
    --------
    >>> from cnncore import Sequential, losses
    >>> from cnncore.layers import Dense
    >>> model = Sequential([Dense(1, kernel_initializer="zeros", input_shape=(1,))])
    >>> with GradientTape() as tape:
    ...     loss = losses.MeanSquaredError()([[2.0]], model(np.float32([[1.0]]), training=True))
    >>> float(loss), [gradient.tolist() for gradient in tape.gradient(loss, model.trainable_weights)]
    (4.0, [[[-4.0]], [-4.0]])

    The second derivative of x^3:

    >>> from cnncore import ops
    >>> x = ops.convert_to_tensor([2.0])
    >>> with GradientTape() as tape:
    ...     tape.watch(x)
    ...     with GradientTape() as inner:
    ...         inner.watch(x)
    ...         y = x**3
    ...     slope = inner.gradient(y, x)
    >>> tape.gradient(slope, x).tolist()
    [12.0]
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self._recording: Recording | None = None
        self.persistent = bool(persistent)
        self.watches = False

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
        """Record what is computed from an array, so that :meth:`gradient` can be called with it.

        Parameters
        ----------
        tensor : Array, or a list of them
            An array that a layer, a model, :func:`cnncore.ops.convert_to_tensor` or another function of
            :mod:`cnncore.ops` returned. The use of plain NumPy arrays cannot be recorded.

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
        self.watches = True
        for leaf in flatten(tensor):
            if isinstance(leaf, Traced) or hasattr(leaf, "trace_key"):
                continue  # the use of weights and of results is recorded in any case
            if not hasattr(leaf, "watched"):
                raise TypeError(
                    "[GradientTape.watch] expected an array that a layer or cnncore.ops returned: write `x = "
                    f"cnncore.ops.convert_to_tensor(x)` before. Received: {type(leaf).__name__}"
                )
            self._used().watch(leaf)
            leaf.begin_watching()

    def gradient(
        self, target: Any, sources: Any, output_gradients: Any = None, unconnected_gradients: str = "none"
    ) -> Any:
        """Compute the derivatives of the sum of all values of ``target`` with respect to ``sources``.

        Parameters
        ----------
        target : array, or list of arrays
            Computed inside the ``with`` block.
        sources : weight or array, or a structure of them
            Weights of models and layers, watched arrays, or arrays that were computed inside the block.
        output_gradients : array, or list of arrays, optional
            Factors by which the values of ``target`` are multiplied before they are summed.
        unconnected_gradients : {"none", "zero"}, default "none"
            Whether the gradient of a source from which ``target`` was not computed is None or an array of zeros.

        Returns
        -------
        Array or None, in the structure of ``sources``

        Raises
        ------
        TypeError
            If ``target`` is a number or a plain NumPy array, from which it cannot be seen how it was computed.
        NotDifferentiableError
            If ``target`` was computed by a function whose gradient is not known. Also if another tape records this
            gradient, and the gradient of the gradient is not known: for layers with a method ``backward``, for the
            targets of losses, and for third derivatives of models.
        """
        recording = self._used()
        if unconnected_gradients not in ("none", "zero"):
            raise ValueError(
                "[GradientTape.gradient] expected `unconnected_gradients` to be 'none' or 'zero'. "
                f"Received: {unconnected_gradients!r}"
            )
        for source in flatten(sources):
            if not isinstance(source, (Traced, np.ndarray)) and not hasattr(source, "trace_key"):
                raise TypeError(
                    "[GradientTape.gradient] expected weights or arrays as sources. "
                    f"Received: {source!r:.80} of type {type(source).__name__}"
                )
        targets = flatten(target)
        for item in targets:
            if isinstance(item, (int, float, np.generic)) or type(item) is np.ndarray:
                raise TypeError(
                    "[GradientTape.gradient] expected a target whose computation was recorded. NumPy's functions lose "
                    "it if they get a list of arrays: write cnncore.ops.mean(list), numpy.stack(list) or sum(list). "
                    f"Received: a plain {type(item).__name__}"
                )
        factors = [None] * len(targets) if output_gradients is None else flatten(output_gradients)
        results = [
            (item, np.ones(item.shape, np.float32) if factor is None else _factor(factor, item.shape))
            for item, factor in zip(targets, factors, strict=True)
            if isinstance(item, Traced)
        ]
        wanted = flatten(sources)
        places = [recording.find(source) for source in wanted]
        nothing = Traced(np.empty(0))
        is_recorded = any(tape is not self or tape.persistent for tape in recording.tapes)
        with recording_backward(is_recorded):
            gradients = backward(results, [nothing if place is None else place for place in places])
        return pack_like(
            sources,
            [
                _result(source, gradient, unconnected_gradients)
                for source, gradient in zip(wanted, gradients, strict=True)
            ],
        )

    def jacobian(self, target: Any, sources: Any, unconnected_gradients: str = "none") -> Any:
        """Compute the derivatives of each value of ``target``, by a call of :meth:`gradient` for each value.

        Parameters
        ----------
        target : array
            Computed inside the ``with`` block.
        sources, unconnected_gradients
            As for :meth:`gradient`.

        Returns
        -------
        array of shape (*target.shape, *source.shape) or None, in the structure of ``sources``

        Examples
        --------
        >>> from cnncore import ops
        >>> x = ops.convert_to_tensor([1.0, 2.0])
        >>> with GradientTape() as tape:
        ...     tape.watch(x)
        ...     y = x**2
        >>> tape.jacobian(y, x).tolist()
        [[2.0, 0.0], [0.0, 4.0]]
        """
        units = np.eye(np.size(target), dtype=np.float32)
        rows = [
            flatten(self.gradient(target, sources, unit.reshape(np.shape(target)), unconnected_gradients))
            for unit in units
        ]
        parts = [
            None if row[0] is None else np.reshape(np.stack(row), (*np.shape(target), *np.shape(row[0])))
            for row in zip(*rows, strict=True)
        ]
        return pack_like(sources, parts)

    def batch_jacobian(self, target: Any, source: Any, unconnected_gradients: str = "none") -> Any:
        """Compute the derivatives of each value of a sample of ``target`` by the same sample of ``source``.

        Parameters
        ----------
        target, source : array of shape (batch, ...)
            Sample number i of ``target`` must depend on no other sample of ``source``.
        unconnected_gradients : {"none", "zero"}, default "none"

        Returns
        -------
        array of shape (batch, *target.shape[1:], *source.shape[1:]), or None

        Examples
        --------
        >>> from cnncore import ops
        >>> x = ops.convert_to_tensor([[1.0, 2.0]])
        >>> with GradientTape() as tape:
        ...     tape.watch(x)
        ...     y = x**2
        >>> tape.batch_jacobian(y, x).tolist()
        [[[2.0, 0.0], [0.0, 4.0]]]
        """
        shape = np.shape(target)
        if not shape or np.shape(source)[:1] != shape[:1]:
            raise ValueError(
                "[GradientTape.batch_jacobian] expected a target and a source with the same number of samples. "
                f"Received: shapes {shape} and {np.shape(source)}"
            )
        units = np.eye(math.prod(shape[1:]), dtype=np.float32)
        each = [np.broadcast_to(unit.reshape(shape[1:]), shape) for unit in units]
        rows = [self.gradient(target, source, factor, unconnected_gradients) for factor in each]
        if rows[0] is None:
            return None
        return np.reshape(np.stack(rows, axis=1), (*shape, *np.shape(rows[0])[1:]))

    def stop_recording(self) -> contextlib.AbstractContextManager[None]:
        """Return an object for a ``with`` block inside of which no tape records anything.

        Examples
        --------
        >>> from cnncore import ops
        >>> x = ops.convert_to_tensor([3.0])
        >>> with GradientTape() as tape:
        ...     tape.watch(x)
        ...     with tape.stop_recording():
        ...         factor = x * 1.0
        ...     y = factor * x
        >>> tape.gradient(y, x).tolist()
        [3.0]
        """
        return recording_into(None)

    def _used(self) -> Recording:
        if self._recording is None:
            raise ValueError(
                "[GradientTape] expected a tape that was used as `with GradientTape() as tape: ...`. Received: "
                "a new tape"
            )
        return self._recording


def _factor(factor: Any, shape: tuple[int, ...]) -> Any:
    array = factor if isinstance(factor, Traced) else np.asarray(factor, np.float32)
    if array.shape not in (shape, ()):
        raise ValueError(
            f"[GradientTape.gradient] expected `output_gradients` of the shapes of the targets, {shape}. "
            f"Received: shape {array.shape}"
        )
    return array


def _result(source: Any, gradient: Any, unconnected: str) -> Any:
    if gradient is None:
        return np.zeros(np.shape(source), np.float32).view(Array) if unconnected == "zero" else None
    return gradient if isinstance(gradient, Traced) else np.array(gradient, np.float32).view(Array)
