"""Plots of a run: a real picture with the curves' values, written atomically, and clear errors without matplotlib."""

from __future__ import annotations

import itertools
import struct
import subprocess
import sys

import numpy as np
import pytest

from cnncore import plotting

HISTORY = {"loss": [1.0, 0.5], "accuracy": [0.5, 0.8], "val_loss": [0.9, 0.6], "val_accuracy": [0.6, 0.7]}


def test_confusion_matrix_counts():
    y_true = np.array([[0], [0], [1], [2], [2], [2]], np.uint8)
    y_pred = np.array([0, 1, 1, 2, 2, 0])
    np.testing.assert_array_equal(plotting.confusion_matrix(y_true, y_pred, 3), [[1, 1, 0], [0, 1, 0], [1, 0, 2]])


@pytest.mark.parametrize(
    ("y_true", "y_pred", "expected"),
    [([0, 1], [0], r"Received: 1 and 2"), ([0, 3], [0, 1], r"from 0 to 2. Received: 0 to 3"), ([-1], [0], r"-1 to 0")],
)
def test_confusion_matrix_rejects(y_true, y_pred, expected):
    with pytest.raises(ValueError, match=expected):
        plotting.confusion_matrix(np.array(y_true), np.array(y_pred), 3)


def test_plot_training_writes_a_png(tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "run.png"
    plotting.plot_training(HISTORY, np.array([0, 1, 2]), np.array([0, 2, 2]), path, title="tiny")
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    assert (width, height) == (1560, 480)
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def figures(monkeypatch):
    """The figures that a test saves."""
    figure_module = pytest.importorskip("matplotlib.figure")
    saved = []
    save = figure_module.Figure.savefig
    monkeypatch.setattr(
        figure_module.Figure, "savefig", lambda self, *args, **kw: (saved.append(self), save(self, *args, **kw))
    )
    return saved


def test_a_single_epoch_has_a_single_tick(tmp_path, figures):
    history = {"loss": [1.0], "accuracy": [0.5]}
    plotting.plot_training(history, np.array([0, 1]), np.array([1, 1]), tmp_path / "run.png")
    for axes in figures[0].axes[:2]:
        assert list(axes.get_xticks()) == [1]


def test_the_labels_of_many_classes_do_not_overlap(tmp_path, figures):
    classes = np.arange(43)
    plotting.plot_training(HISTORY, classes, classes, tmp_path / "run.png")
    axes = figures[0].axes[2]
    figures[0].canvas.draw()
    for labels, low, high in ((axes.get_xticklabels(), "x0", "x1"), (axes.get_yticklabels(), "y0", "y1")):
        boxes = sorted((label.get_window_extent() for label in labels), key=lambda box: getattr(box, low))
        assert len(boxes) > 5
        assert all(getattr(one, high) <= getattr(two, low) for one, two in itertools.pairwise(boxes))
    assert not axes.texts, "so many counts would overlap as well"


def test_the_curves_show_the_history(tmp_path, figures):
    plotting.plot_training(HISTORY, np.array([0, 1]), np.array([1, 1]), tmp_path / "run.png")
    loss, accuracy, matrix = figures[0].axes
    assert [list(line.get_ydata()) for line in loss.lines] == [HISTORY["loss"], HISTORY["val_loss"]]
    assert [list(line.get_ydata()) for line in accuracy.lines] == [HISTORY["accuracy"], HISTORY["val_accuracy"]]
    assert [(text.get_position(), text.get_text()) for text in matrix.texts] == [((1, 0), "1"), ((1, 1), "1")]


def test_an_unwritable_place_is_an_os_error(tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(FileNotFoundError, match=r"missing/run\.png"):
        plotting.plot_training(HISTORY, np.array([0]), np.array([0]), tmp_path / "missing" / "run.png")


def test_without_matplotlib_the_error_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'pip install "cnncore\[plot\]"'):
        plotting.plot_training(HISTORY, np.array([0]), np.array([0]), tmp_path / "run.png")
    assert not any(tmp_path.iterdir())


def test_importing_plotting_does_not_import_matplotlib():
    code = "import sys, cnncore.plotting; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
