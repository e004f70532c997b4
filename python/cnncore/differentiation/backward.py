"""The backward pass through the record of traced arrays.

Reverse mode: Griewank and Walther, "Evaluating derivatives", 2008, chapter 3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnncore.differentiation.state import state
from cnncore.differentiation.traced import Array, Traced

__all__ = ["backward", "pullback"]


def pullback(
    function: Callable[..., Any], arrays: Sequence[Array], weights: Sequence[Any] = ()
) -> tuple[Array, Callable[[Array], list[Array]]]:
    """Compute ``function(*arrays)``, and make a function that computes the gradients of the arrays.

    Parameters
    ----------
    function : callable
        A function that uses NumPy. It is called with objects that behave like arrays.
    arrays : list of numpy.ndarray
        The arguments.
    weights : list, optional
        Weights of layers that the function may use: objects with ``value`` and ``trace_key``.

    Returns
    -------
    result : numpy.ndarray
    back : callable
        Takes the gradient of the result, and returns a list with the gradients of ``arrays`` and then of ``weights``.

    Raises
    ------
    NotDifferentiableError
        If the function converts an array to something else, or calls a NumPy function whose gradient is not known.

    Examples
    --------
    >>> import numpy as np
    >>> result, back = pullback(lambda a, b: np.sum(a * b, axis=-1), [np.float32([1, 2]), np.float32([3, 4])])
    >>> float(result), [gradient.tolist() for gradient in back(np.float32(1))]
    (11.0, [[3.0, 4.0], [1.0, 2.0]])
    """
    inputs = [Traced(array) for array in arrays]
    own = [Traced(np.array(weight.value)) for weight in weights]  # copies, since the function may assign to weights
    before = state.leaves
    state.leaves = {weight.trace_key: leaf for weight, leaf in zip(weights, own, strict=True)}
    try:
        result = function(*inputs)
    finally:
        state.leaves = before
    leaves = inputs + own
    if not isinstance(result, Traced):  # the result does not depend on the arguments
        constant = np.asarray(result)
        return constant, lambda dy: [np.zeros_like(leaf.value) for leaf in leaves]

    def back(dy: Array) -> list[Array]:
        gradients = backward([(result, np.asarray(dy))], leaves)
        return [
            np.zeros_like(leaf.value) if gradient is None else gradient
            for leaf, gradient in zip(leaves, gradients, strict=True)
        ]

    return result.value, back


def backward(results: Sequence[tuple[Traced, Any]], leaves: Sequence[Traced]) -> list[Any]:
    """Compute the gradients of ``leaves``, given pairs of a result and the gradient of that result.

    The gradient of a leaf is None if no result was computed from it. Gradients of other arrays are only computed where
    those of the leaves need them.
    """
    nodes = _newest_first([result for result, _ in results])
    wanted = {id(leaf) for leaf in leaves}
    for node in reversed(nodes):
        if any(id(operand) in wanted for operand, _ in node.sources):
            wanted.add(id(node))
    gradients: dict[int, Any] = {}

    def add(node: Traced, part: Any) -> None:
        before = gradients.get(id(node))
        gradients[id(node)] = part if before is None else before + part

    for result, dy in results:
        add(result, np.broadcast_to(dy, result.shape))
    for node in nodes:
        gradient = gradients.get(id(node))
        if gradient is not None:
            for operand, back in node.sources:
                if id(operand) in wanted:
                    add(operand, back(gradient))
    found = [gradients.get(id(leaf)) for leaf in leaves]
    return [item if item is None or isinstance(item, Traced) else np.asarray(item) for item in found]


def _newest_first(results: list[Traced]) -> list[Traced]:
    """Return all arrays from which ``results`` were computed. Each comes before those from which it was computed."""
    found: dict[int, Traced] = {}
    stack = list(results)
    while stack:
        node = stack.pop()
        if id(node) not in found:
            found[id(node)] = node
            stack += [operand for operand, _ in node.sources]
    return sorted(found.values(), key=lambda node: -node.order)
