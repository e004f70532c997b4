"""What fit shows while it trains: a bar, a line for each epoch, or nothing; in 80 columns, a pipe, a notebook."""

import io
import re
import subprocess
import sys
import types

import pytest

from cnncore.callbacks import LambdaCallback, ProgressBar
from cnncore.callbacks.progress import make_progress
from cnncore.callbacks.progress_line import TerminalLine
from cnncore.callbacks.progress_text import final_text, progress_text

LOGS = {"loss": 0.1234, "accuracy": 0.9876, "val_loss": 0.2345, "val_accuracy": 0.8765}


class Terminal(io.StringIO):
    """A stand-in for stderr that keeps what is written and says that it is a terminal."""

    def isatty(self):
        return True

    def screen(self):
        """What a terminal shows after all carriage returns."""
        lines = []
        for line in self.getvalue().split("\n"):
            shown = ""
            for text in line.split("\r"):
                shown = text + shown[len(text) :]
            lines.append(shown.rstrip())
        return [line for line in lines if line]


def use_terminal(monkeypatch):
    """Replace stderr by a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    return terminal


class TestWidth:
    @pytest.mark.parametrize("columns", [40, 79, 119])
    @pytest.mark.parametrize("steps", [None, 469, 100_000])
    def test_no_line_is_wider(self, columns, steps):
        for done in (0, 1, 468):
            for logs in ({}, LOGS, {f"metric_with_a_long_name_{i}": i / 7 for i in range(9)}):
                assert len(progress_text("Epoch 10/12", done, steps, 12.0, logs, columns)) <= columns
                assert all(len(line) <= columns for line in final_text("Epoch 10/12", 61.0, logs, columns).split("\n"))

    def test_loss_and_accuracy_of_training_and_validation_fit_one_line_of_80_columns(self):
        line = final_text("Epoch 10/12", 12.0, LOGS, 79)
        assert line == "Epoch 10/12 12s loss=0.1234 accuracy=0.9876 val_loss=0.2345 val_accuracy=0.8765"

    def test_the_last_lines_have_every_metric(self):
        logs = {f"metric_{i}": float(i) for i in range(12)}
        words = final_text("Epoch 1/1", 1.0, logs, 79).split()
        assert [word for word in words if "=" in word] == [f"metric_{i}={i}.0000" for i in range(12)]

    def test_time_left_and_bar(self):
        line = progress_text("Epoch 1/2", 100, 400, 10.0, {"loss": 0.5}, 79)
        assert line == "Epoch 1/2 ━━━━━━─────────────────── 100/400 30s loss=0.5000"

    def test_a_number_of_batches_that_is_not_known(self):
        assert progress_text("Epoch 1/2", 7, None, 2.0, {"loss": 0.5}, 79) == "Epoch 1/2 7 2s loss=0.5000"


class TestTerminal:
    def test_one_line_stays_for_each_epoch(self, make_model, stripes, monkeypatch, capsys):
        terminal = use_terminal(monkeypatch)
        history = make_model().fit(*stripes, epochs=2, validation_split=0.2).history
        assert capsys.readouterr().out == ""
        lines = terminal.screen()
        assert len(lines) == 2
        for epoch, line in enumerate(lines):
            assert len(line) < 80
            assert re.match(rf"Epoch {epoch + 1}/2 \d+m?s loss=", line)
            for name, values in history.items():
                assert f" {name}={values[epoch]:.4f}" in line + " "

    def test_the_line_is_ended_after_an_error(self, make_model, stripes, monkeypatch):
        terminal = use_terminal(monkeypatch)

        def fail(batch, logs):
            raise RuntimeError("stop")

        with pytest.raises(RuntimeError, match="stop"):
            make_model().fit(*stripes, callbacks=[ProgressBar(), LambdaCallback(on_train_batch_end=fail)])
        assert terminal.getvalue().endswith("\n")
        assert "1/4" in terminal.screen()[0]

    def test_a_longer_text_is_wiped_out(self, monkeypatch):
        terminal = use_terminal(monkeypatch)
        line = TerminalLine()
        line.show("a long text")
        line.show("short")
        line.end("end")
        assert terminal.screen() == ["end"]

    def test_no_stderr_at_all(self, make_model, stripes, monkeypatch):
        monkeypatch.setattr(sys, "stderr", None)
        for verbose in ("auto", 1):
            make_model().fit(*stripes, verbose=verbose)


class TestPipe:
    def test_a_line_for_each_epoch_on_stderr(self, make_model, stripes, capfd):
        history = make_model().fit(*stripes, epochs=2).history
        out, err = capfd.readouterr()
        assert out == ""
        assert [re.sub(r"\d+\.\ds", "?s", line) for line in err.splitlines()] == [
            f"Epoch {i + 1}/2 - ?s - loss: {history['loss'][i]:.4f} - accuracy: {history['accuracy'][i]:.4f}"
            for i in range(2)
        ]

    def test_a_line_for_each_epoch_on_stdout(self, make_model, stripes, capfd):
        history = make_model().fit(*stripes, epochs=2, verbose=2).history
        out, err = capfd.readouterr()
        assert err == ""
        assert [re.sub(r"\d+\.\ds", "?s", line) for line in out.splitlines()] == [
            f"Epoch {i + 1}/2 - ?s - loss: {history['loss'][i]:.4f} - accuracy: {history['accuracy'][i]:.4f}"
            for i in range(2)
        ]

    def test_verbose_0_prints_nothing(self, make_model, stripes, capfd):
        make_model().fit(*stripes, verbose=0)
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize("verbose", [3, "loud", None, 1.5])
    def test_other_values(self, make_model, stripes, verbose):
        with pytest.raises(ValueError, match=rf'\[fit\] expected `verbose` to be "auto", 0, 1 or 2. .*={verbose!r}'):
            make_model().fit(*stripes, verbose=verbose)


class TestNotebook:
    def test_the_last_text_of_each_epoch_stays_in_the_cell(self, make_model, stripes, monkeypatch):
        """With a stand-in for IPython that keeps what a saved notebook would show."""
        cell = []

        class Handle:
            def __init__(self, data):
                cell.append(data)
                self.place = len(cell) - 1

            def update(self, data, raw):
                assert raw
                cell[self.place] = data

        def display(data, raw, display_id):
            assert raw
            assert display_id
            return Handle(data)

        monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
        monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
        monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(display=display))
        history = make_model().fit(*stripes, epochs=2).history
        assert [re.sub(r" \d+m?s", "", output["text/plain"]) for output in cell] == [
            f"Epoch {i + 1}/2 loss={history['loss'][i]:.4f} accuracy={history['accuracy'][i]:.4f}" for i in range(2)
        ]


def test_verbose_chooses_the_display():
    assert [type(display).__name__ for display in make_progress(True)] == ["ProgressBar"]
    assert make_progress(False) == []
    assert make_progress("auto", "predict") == []


def test_nothing_is_loaded_that_is_not_needed():
    code = (
        "import sys, numpy as np, cnncore\n"
        "assert not {'tqdm', 'csv', 'tempfile'} & set(sys.modules)\n"
        "model = cnncore.Sequential([cnncore.layers.Dense(1, input_shape=(2,))])\n"
        "model.compile(loss='mse')\n"
        "model.fit(np.ones((2, 2)), np.ones((2, 1)), verbose=1)\n"
        "assert not {'tqdm', 'csv', 'tensorboardX'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, capture_output=True)
