"""Draw the graph of a model."""

from __future__ import annotations

import os
import shutil
from typing import Any, NamedTuple

__all__ = ["plot_model"]


_ARROW = {"arrowstyle": "->", "shrinkA": 0, "shrinkB": 0}


class _Box(NamedTuple):
    lines: list[str]
    rank: int  # the number of arrows on the longest path from an input to this box


class _Drawing(NamedTuple):
    boxes: dict[str, _Box]
    arrows: list[tuple[str, str]]


def plot_model(
    model: Any,
    to_file: str | os.PathLike[str] = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    **kwargs: Any,
) -> Any:
    """Draw a model's layers and the tensors between them.

    If the package graphviz and its program ``dot`` are installed, they are used, and otherwise matplotlib.

    Parameters
    ----------
    model : Model
        A model whose input shape is known.
    to_file : path, default "model.png"
        The file to write. The ending of its name says the format: png, pdf, svg, ...
    show_shapes, show_dtype, show_layer_names : bool, default False
        What to write into the boxes besides the class of the layer.
    rankdir : {"TB", "LR"}, default "TB"
        Whether to draw from top to bottom or from left to right.
    expand_nested : bool, default False
        Whether to draw the layers inside models that are used as layers.
    dpi : int, default 200
        Dots per inch.
    show_layer_activations, show_trainable : bool, default False
        Whether to write the layer's activation, and whether the layer is trained.
    **kwargs
        ``layer_range`` and ``splines`` are accepted for compatibility with Keras, and have no effect.

    Returns
    -------
    IPython.display.Image or None
        The picture in a notebook.

    Raises
    ------
    ValueError
        If the model is not built, or an argument makes no sense.
    ImportError
        If neither graphviz nor matplotlib is installed.
    """
    if not hasattr(model, "layer_graph"):
        raise TypeError(f"[plot_model] expected a model. Received: {type(model).__name__}")
    if rankdir not in ("TB", "LR"):
        raise ValueError(f'[plot_model] expected `rankdir` to be "TB" or "LR". Received: rankdir={rankdir!r}')
    unknown = set(kwargs) - {"layer_range", "splines"}
    if unknown:
        raise TypeError(f"[plot_model] unknown argument {min(unknown)!r}. Received: {', '.join(sorted(unknown))}")
    options = {
        "names": show_layer_names,
        "shapes": show_shapes,
        "dtype": show_dtype,
        "activations": show_layer_activations,
        "trainable": show_trainable,
    }
    drawing = _Drawing({}, [])
    _collect(model, drawing, options, expand_nested, "", {})
    path = os.fspath(to_file)
    if not os.path.splitext(path)[1]:
        path += ".png"
    if not _with_graphviz(drawing, path, rankdir, dpi):
        _with_matplotlib(drawing, path, rankdir, dpi)
    return _notebook_image(path)


def _collect(
    model: Any, drawing: _Drawing, options: dict[str, bool], expand: bool, prefix: str, made_by: dict[int, str]
) -> dict[int, str]:
    """Add a model's boxes and arrows to ``drawing``.

    ``made_by`` maps the id of each tensor to the key of the box that makes it. The returned dict includes the tensors
    of this model.
    """
    graph = model.layer_graph
    for tensor in graph.input_list:
        if id(tensor) not in made_by:
            key = prefix + tensor.node.layer.name
            drawing.boxes[key] = _Box(_lines(tensor.node.layer, tensor.node, options), 0)
            made_by[id(tensor)] = key
    for node in graph.nodes:
        layer = node.layer
        if expand and hasattr(layer, "layer_graph") and layer.layer_graph is not None:
            inner = dict(zip(map(id, layer.layer_graph.input_list), (made_by[id(t)] for t in node.inputs), strict=True))
            inner = _collect(layer, drawing, options, expand, f"{prefix}{layer.name}[{node.index}]/", inner)
            for outside, inside in zip(node.output_list, layer.layer_graph.output_list, strict=True):
                made_by[id(outside)] = inner[id(inside)]
            continue
        key = prefix + layer.name
        before = [made_by[id(tensor)] for tensor in node.inputs]
        rank = 1 + max((drawing.boxes[name].rank for name in before), default=-1)
        if key in drawing.boxes:  # a layer that is called twice is one box
            rank = max(rank, drawing.boxes[key].rank)
        drawing.boxes[key] = _Box(_lines(layer, node, options), rank)
        drawing.arrows.extend((name, key) for name in before)
        made_by.update((id(tensor), key) for tensor in node.output_list)
    return made_by


def _lines(layer: Any, node: Any, options: dict[str, bool]) -> list[str]:
    kind = type(layer).__name__
    lines = [f"{layer.name} ({kind})" if options["names"] else kind]
    activation = getattr(layer, "activation", None)
    if options["activations"] and activation is not None:
        lines.append(f"Activation: {getattr(activation, '__name__', activation)}")
    if options["shapes"]:
        if node.inputs:
            lines.append("Input: " + ", ".join(str(tensor.shape) for tensor in node.inputs))
        lines.append("Output: " + ", ".join(str(tensor.shape) for tensor in node.output_list))
    if options["dtype"]:
        lines.append(f"dtype: {node.output_list[0].dtype}")
    if options["trainable"] and layer.built and layer.weights:
        lines.append(f"Trainable: {'yes' if layer.trainable else 'no'}")
    return lines


def _with_graphviz(drawing: _Drawing, path: str, rankdir: str, dpi: int) -> bool:
    """Draw with graphviz, and return whether it is installed."""
    try:
        import graphviz
    except ImportError:
        return False
    if shutil.which("dot") is None:
        return False
    stem, ending = os.path.splitext(path)
    dot = graphviz.Digraph(graph_attr={"rankdir": rankdir, "dpi": str(dpi)}, node_attr={"shape": "box"})
    numbers = {key: str(number) for number, key in enumerate(drawing.boxes)}
    for key, box in drawing.boxes.items():
        dot.node(numbers[key], "\n".join(box.lines))
    for start, end in drawing.arrows:
        dot.edge(numbers[start], numbers[end])
    dot.render(outfile=path, format=ending[1:], cleanup=True, filename=stem + ".gv")
    return True


def _with_matplotlib(drawing: _Drawing, path: str, rankdir: str, dpi: int) -> None:
    from matplotlib.figure import Figure  # unlike pyplot, this shows nothing and keeps no list of figures

    ranks: dict[int, list[str]] = {}
    for key, box in drawing.boxes.items():
        ranks.setdefault(box.rank, []).append(key)
    width = 0.09 * max(len(line) for box in drawing.boxes.values() for line in box.lines) + 0.5
    height = 0.22 * max(len(box.lines) for box in drawing.boxes.values()) + 0.2
    across, along = (width + 0.3, height + 0.4) if rankdir == "TB" else (height + 0.3, width + 0.5)
    places = {}
    for rank, keys in ranks.items():
        for number, key in enumerate(keys):
            offset = (number - (len(keys) - 1) / 2) * across
            places[key] = (offset, -rank * along) if rankdir == "TB" else (rank * along, -offset)
    xs, ys = zip(*places.values(), strict=True)
    size = (max(xs) - min(xs) + width + 0.4, max(ys) - min(ys) + height + 0.4)
    figure = Figure(figsize=size)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(min(xs) - width / 2 - 0.2, max(xs) + width / 2 + 0.2)
    axes.set_ylim(min(ys) - height / 2 - 0.2, max(ys) + height / 2 + 0.2)
    for start, end in drawing.arrows:
        axes.annotate(
            "", _edge(places, drawing, end, rankdir, 1), _edge(places, drawing, start, rankdir, -1), arrowprops=_ARROW
        )
    style = {"boxstyle": "round", "facecolor": "white", "edgecolor": "black"}
    for key, box in drawing.boxes.items():
        axes.text(*places[key], "\n".join(box.lines), ha="center", va="center", fontsize=9, bbox=style)
    largest = 200 * max(1.0, 60 / max(size))  # the writer of PNG files refuses pictures with too many pixels
    figure.savefig(path, dpi=min(dpi, largest))


def _edge(places: Any, drawing: _Drawing, key: str, rankdir: str, side: int) -> tuple[float, float]:
    """The point where arrows reach (side 1) or leave (side -1) a box, in inches."""
    x, y = places[key]
    lines = drawing.boxes[key].lines
    if rankdir == "TB":
        return x, y + side * (0.08 * len(lines) + 0.05)
    return x - side * (0.04 * max(map(len, lines)) + 0.05), y


def _notebook_image(path: str) -> Any:
    try:
        from IPython import get_ipython
    except ImportError:
        return None
    if get_ipython() is None or not path.endswith(".png"):
        return None
    from IPython.display import Image

    return Image(filename=path)
