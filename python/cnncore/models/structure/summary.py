"""The table of ``summary``: layers, output shapes, numbers of parameters, and optional columns."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from cnncore import _checks
from cnncore.graph.function import Function
from cnncore.graph.tensor import KerasTensor, Node
from cnncore.layers.base import Layer

__all__ = ["is_chain", "nodes_by_layer", "print_summary"]

_WIDTHS = (28, 26, 11)  # the smallest widths of the columns, as in Keras
_GAP = 2
_ENDS = {3: (0.45, 0.85, 1.0), 4: (0.33, 0.6, 0.72, 1.0), 5: (0.3, 0.54, 0.66, 0.88, 1.0)}  # shares of a given width


def print_summary(
    model: Any,
    line_length: int | None,
    positions: Sequence[float] | None,
    print_fn: Callable[[str], Any],
    expand_nested: bool,
    show_trainable: bool,
    layer_range: Sequence[str] | None,
) -> None:
    """Print the table of ``Model.summary``, which has the same arguments, line by line."""
    if not callable(print_fn):
        raise TypeError(f"[summary] expected `print_fn` to be a function. Received: {type(print_fn).__name__}")
    if line_length is not None:
        line_length = _checks.integer(line_length, "line_length", "summary", 1, 10_000)
    chain = is_chain(model)
    header = ["Layer (type)", "Output Shape", "Param #"]
    header += [] if chain else ["Connected to"]
    header += ["Trainable"] if show_trainable else []
    rows = [
        _fields(row, chain, show_trainable)
        for row in _rows(model, _in_range(model.layers, layer_range), expand_nested, "")
    ]
    widths = _widths([header, *rows], line_length, positions)
    width = max(sum(widths), line_length or 0)
    print_fn(f'Model: "{model.name}"')
    print_fn("_" * width)
    _print_row(header, widths, print_fn)
    print_fn("=" * width)
    for row in rows:
        _print_row(row, widths, print_fn)
    print_fn("=" * width)
    trained = sum(math.prod(variable.shape) for variable in model.trainable_weights)
    total = model.count_params()
    print_fn(f"Total params: {total:,}")
    print_fn(f"Trainable params: {trained:,}")
    print_fn(f"Non-trainable params: {total - trained:,}")
    print_fn("_" * width)


def is_chain(model: Any) -> bool:
    """Whether each layer takes the output of the layer before it, and occurs once."""
    nodes = model.layer_graph.nodes
    tensors = [model.layer_graph.input_list[0], *(tensor for node in nodes for tensor in node.output_list)]
    return (
        len(model.layer_graph.input_list) == 1
        and len({id(node.layer) for node in nodes}) == len(nodes)
        and all(len(node.inputs) == 1 and len(node.output_list) == 1 for node in nodes)
        and all(node.inputs[0] is tensor for node, tensor in zip(nodes, tensors, strict=False))
    )


def nodes_by_layer(function: Function) -> dict[int, list[Node]]:
    """The calls of each layer in a graph, by the layer's id."""
    nodes: dict[int, list[Node]] = {}
    for tensor in function.input_list:
        if tensor.source is not None:
            nodes.setdefault(id(tensor.source[0].layer), []).append(tensor.source[0])
    for node in function.nodes:
        nodes.setdefault(id(node.layer), []).append(node)
    return nodes


_Row = tuple[str, Layer, list[Node]]  # the name as shown, the layer, its calls in the model


def _rows(model: Any, layers: Iterable[Layer], expand: bool, prefix: str) -> Iterable[_Row]:
    nodes = nodes_by_layer(model.layer_graph)
    for layer in layers:
        yield prefix + layer.name, layer, nodes.get(id(layer), [])
        inner: Any = layer
        if expand and hasattr(layer, "layer_graph") and inner.built:
            yield from _rows(inner, inner.layers, expand, "   " * (prefix.count("└") + 1) + "└ ")


def _fields(row: _Row, chain: bool, show_trainable: bool) -> list[str]:
    name, layer, nodes = row
    shapes = [str(tensor.shape) for tensor in nodes[0].output_list] if nodes else ["?"]
    shape = shapes[0] if len(shapes) == 1 else f"[{', '.join(shapes)}]"
    fields = [f"{name} ({type(layer).__name__})", shape, str(layer.count_params()) if layer.built else "0 (unbuilt)"]
    if not chain:
        sources = [tensor for node in nodes for tensor in node.inputs if tensor.source is not None]
        fields.append(", ".join(map(_reference, sources)) or "-")
    if show_trainable:
        fields.append("-" if not layer.built or not layer.weights else "Y" if layer.trainable else "N")
    return fields


def _reference(tensor: KerasTensor) -> str:
    """A tensor as Keras writes it: "conv2d[0][0]", the layer's name, number of its call, number of its output."""
    assert tensor.history is not None
    return f"{tensor.history.layer.name}[{tensor.history.node_index}][{tensor.history.tensor_index}]"


def _widths(rows: list[list[str]], line_length: int | None, positions: Sequence[float] | None) -> list[int]:
    """Widths of the columns, including the space after their text."""
    columns = len(rows[0])
    if line_length is None and positions is None:
        needed = [max(len(row[column]) for row in rows) + _GAP for column in range(columns)]
        return [max(needed[i], _WIDTHS[i] if i < len(_WIDTHS) else 0) for i in range(columns)]
    length = line_length or sum(_WIDTHS)
    if not isinstance(positions, (list, tuple, type(None))):
        raise TypeError(f"[summary] expected `positions` as a list. Received: positions={positions!r:.80}")
    given = [_checks.number(end, "positions", "summary") for end in positions or _ENDS[columns]]
    if len(given) != columns:
        raise ValueError(f"[summary] expected {columns} positions. Received: positions={positions!r}")
    ends = [int(end * length) if given[-1] <= 1 else int(end) for end in given]
    widths = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    if min(widths) < 4:
        raise ValueError(f"[summary] expected room for {columns} columns. Received: {line_length=}, {positions=}")
    return widths


def _print_row(fields: list[str], widths: list[int], print_fn: Callable[[str], Any]) -> None:
    """Print a row. Text that is wider than its column continues in the next line."""
    lines = [
        textwrap.wrap(field, width - 1, drop_whitespace=False, break_on_hyphens=False)
        if len(field) >= width
        else [field]
        for field, width in zip(fields, widths, strict=True)
    ]
    for number in range(max(map(len, lines))):
        cells = [column[number] if number < len(column) else "" for column in lines]
        print_fn((" " + "".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)))[: sum(widths)])


def _in_range(layers: list[Layer], layer_range: Sequence[str] | None) -> list[Layer]:
    if layer_range is None:
        return layers
    if (
        not isinstance(layer_range, (list, tuple))
        or len(layer_range) != 2
        or not all(isinstance(x, str) for x in layer_range)
    ):
        raise ValueError(f"[summary] expected `layer_range` as two names. Received: layer_range={layer_range!r}")
    places = [[i for i, layer in enumerate(layers) if re.match(pattern, layer.name)] for pattern in layer_range]
    if not all(places):
        known = ", ".join(layer.name for layer in layers)
        raise ValueError(f"[summary] expected names of layers ({known}). Received: layer_range={layer_range!r}")
    first, last = sorted([places[0], places[1]], key=min)
    return layers[min(first) : max(last) + 1]
