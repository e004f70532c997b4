"""Plots of a training run. They need matplotlib: ``pip install "cnncore[plot]"``."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnncore._refusals import names_itself
from cnncore.saving.atomic import write_atomically

__all__ = ["check_format", "confusion_matrix", "plot_training", "require_matplotlib", "save_figure"]

_DOTS_PER_INCH = 120
_FORMATS = ("png", "pdf", "svg", "jpg", "jpeg")
_MOST_COUNTS = 20  # with more classes, the numbers of samples do not fit into the picture of the confusion matrix


def require_matplotlib() -> None:
    """Raise an ImportError that says how to install matplotlib, if it is missing."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ImportError('plotting needs matplotlib: pip install "cnncore[plot]"') from error


def check_format(path: str | os.PathLike[str]) -> str:
    """The image format that the ending of ``path`` names, or "png" without an ending. Others are a ValueError."""
    ending = os.path.splitext(os.fspath(path))[1].lower().removeprefix(".") or "png"
    if ending not in _FORMATS:
        raise ValueError(f"expected a plot's name to end in .{', .'.join(_FORMATS)}. Received: {os.fspath(path)}")
    return ending


@names_itself
def confusion_matrix(y_true: NDArray[Any], y_pred: NDArray[Any], classes: int) -> NDArray[np.int64]:
    """Count predictions by true class.

    Parameters
    ----------
    y_true, y_pred : ndarray of int
        Class indices from 0 to ``classes - 1``, of equal length; (n, 1) is accepted too.
    classes : int
        Number of classes.

    Returns
    -------
    ndarray of int64
        (classes, classes): entry (i, j) is the number of samples of class i for which class j was predicted.

    Raises
    ------
    ValueError
        Unequal lengths, or an index outside the classes.

    Examples
    --------
    >>> confusion_matrix(np.array([0, 1, 1]), np.array([0, 1, 0]), 2)
    array([[1, 0],
           [1, 1]])
    """
    true, predicted = np.ravel(y_true).astype(np.int64), np.ravel(y_pred).astype(np.int64)
    if true.shape != predicted.shape:
        raise ValueError(f"expected as many predictions as labels. Received: {len(predicted)} and {len(true)}")
    both = np.concatenate([true, predicted])
    if both.size and not 0 <= both.min() <= both.max() < classes:
        raise ValueError(f"expected class indices from 0 to {classes - 1}. Received: {both.min()} to {both.max()}")
    return np.bincount(true * classes + predicted, minlength=classes * classes).reshape(classes, classes)


@names_itself
def plot_training(
    history: Mapping[str, Sequence[float]],
    y_true: NDArray[Any],
    y_pred: NDArray[Any],
    path: str | os.PathLike[str],
    title: str = "",
) -> None:
    """Draw the curves of loss and accuracy over the epochs and a confusion matrix, and save them.

    Parameters
    ----------
    history : mapping of str to sequence of float
        ``History.history``: for each epoch ``loss`` and, if present, ``accuracy``, ``val_loss`` and ``val_accuracy``.
    y_true, y_pred : ndarray of int
        True and predicted classes of the held-out samples.
    path : path
        The file; its ending chooses the format: .png, .pdf, .svg or .jpg. A failure leaves an old file as it was.
    title : str, default ""
        A line above the plots.

    Raises
    ------
    ImportError
        matplotlib is missing.
    ValueError
        The name has an ending that is not supported.
    OSError
        The file cannot be written.
    """

    def draw(figure: Any) -> None:
        loss_axes, accuracy_axes, matrix_axes = figure.subplots(1, 3)
        _draw_curves(loss_axes, history, "loss")
        _draw_curves(accuracy_axes, history, "accuracy")
        classes = int(max(np.max(y_true), np.max(y_pred))) + 1
        _draw_confusion(matrix_axes, confusion_matrix(y_true, y_pred, classes))
        figure.suptitle(title)

    save_figure(path, draw, (13, 4))


def save_figure(
    path: str | os.PathLike[str], draw: Callable[[Any], None], size: tuple[float, float] = (6.5, 4.5)
) -> None:
    """Save what ``draw`` draws on a Figure of ``size`` inches to ``path``, whose ending names the format."""
    require_matplotlib()
    kind = check_format(path)
    # A Figure without pyplot, which would need global state and perhaps a window system.
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    draw(figure)
    picture = io.BytesIO()
    figure.savefig(picture, format=kind, dpi=_DOTS_PER_INCH)
    write_atomically(path, picture.getvalue())


def _draw_curves(axes: Any, history: Mapping[str, Sequence[float]], metric: str) -> None:
    for key, label in ((metric, "training"), (f"val_{metric}", "held out")):
        if key in history:
            axes.plot(range(1, len(history[key]) + 1), history[key], marker="o", markersize=3, label=label)
    axes.set(xlabel="epoch", title=metric)
    epochs = max((len(values) for values in history.values()), default=1)
    if epochs == 1:  # for a single epoch matplotlib would otherwise put ticks between 0.96 and 1.04
        axes.set_xticks([1])
        axes.set_xlim(0.5, 1.5)
    else:
        axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend()


def _draw_confusion(axes: Any, counts: NDArray[np.int64]) -> None:
    # Each row is divided by its sum, so that a rare class is as visible as a common one.
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    classes = len(counts)
    if classes <= _MOST_COUNTS:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                color = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, str(count), ha="center", va="center", fontsize=7, color=color)
    ticks = range(0, classes, max(1, -(-classes // _MOST_COUNTS)))
    axes.set(xlabel="predicted class", ylabel="true class", title="held-out samples", xticks=ticks, yticks=ticks)
