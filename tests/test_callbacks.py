"""Callbacks: the order of hooks, progress output, and each built-in callback."""

import csv
import math
import re
import subprocess
import sys

import numpy as np
import pytest

import cnncore
from cnncore import optimizers
from cnncore.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
)


class Recorder(Callback):
    """Writes down every call."""

    def __init__(self):
        super().__init__()
        self.calls, self.logs = [], []

    def on_train_begin(self, logs=None):
        self.calls.append("train begin")

    def on_train_end(self, logs=None):
        self.calls.append("train end")

    def on_epoch_begin(self, epoch, logs=None):
        self.calls.append(f"epoch {epoch} begin")

    def on_epoch_end(self, epoch, logs=None):
        self.calls.append(f"epoch {epoch} end")
        self.logs.append(dict(logs))

    def on_train_batch_begin(self, batch, logs=None):
        self.calls.append(f"batch {batch} begin")

    def on_train_batch_end(self, batch, logs=None):
        self.calls.append(f"batch {batch} end")
        self.logs.append(dict(logs))

    def close(self):
        self.calls.append("close")


class Values(Callback):
    """Puts given values into the logs; to be listed before the callback under test."""

    def __init__(self, values, name="val_loss"):
        super().__init__()
        self.values, self.name = values, name

    def on_epoch_end(self, epoch, logs=None):
        logs[self.name] = self.values[epoch]


def test_hooks_are_called_in_order(make_model, stripes):
    recorder, model = Recorder(), make_model()
    history = model.fit(*stripes, batch_size=60, epochs=2, callbacks=[recorder])
    batches = ["batch 0 begin", "batch 0 end", "batch 1 begin", "batch 1 end"]
    assert recorder.calls == [
        "train begin",
        *["epoch 0 begin", *batches, "epoch 0 end"],
        *["epoch 1 begin", *batches, "epoch 1 end"],
        "train end",
        "close",
    ]
    assert recorder.model is model
    assert recorder.params == {"epochs": 2, "steps": 2, "samples": 120, "batch_size": 60, "verbose": "auto"}
    assert all(set(logs) == {"loss", "accuracy"} for logs in recorder.logs)
    assert recorder.logs[1] == recorder.logs[2]  # after the last batch and after the epoch: the same means
    assert history.history["loss"] == [recorder.logs[2]["loss"], recorder.logs[5]["loss"]]


def test_close_is_called_after_an_error(make_model, stripes):
    def fail(epoch, logs):
        raise RuntimeError("stop")

    recorder = Recorder()
    with pytest.raises(RuntimeError, match="stop"):
        make_model().fit(*stripes, callbacks=[recorder, LambdaCallback(on_epoch_end=fail)])
    assert recorder.calls[-1] == "close"
    assert "train end" not in recorder.calls


def test_batch_interval_thins_out_the_calls(make_model, stripes):
    class Rare(Recorder):
        batch_interval = 1000.0

    rare = Rare()
    make_model().fit(*stripes, batch_size=10, callbacks=[rare])
    assert [call for call in rare.calls if call.startswith("batch") and call.endswith("end")] == ["batch 0 end"]


def test_history_is_what_fit_returns(make_model, stripes):
    history = make_model().fit(*stripes, epochs=3, initial_epoch=1)
    assert isinstance(history, History)
    assert history.epoch == [1, 2]
    assert all(len(values) == 2 for values in history.history.values())


def test_lambda_callback():
    seen = []
    callback = LambdaCallback(on_train_begin=lambda logs: seen.append("begin"))
    callback.on_train_begin({})
    callback.on_train_end({})
    assert seen == ["begin"]
    with pytest.raises(ValueError, match=r"expected functions for on_train_begin, .* Received: on_start="):
        LambdaCallback(on_start=print)


def test_things_that_are_no_callbacks(make_model, stripes):
    with pytest.raises(TypeError, match=r"list of Callback objects. Received: 'history'"):
        make_model().fit(*stripes, callbacks=["history"])


class TestProgress:
    def test_quiet_where_stderr_is_no_terminal(self, make_model, stripes, capfd):
        make_model().fit(*stripes)
        assert capfd.readouterr() == ("", "")

    def test_bar_on_stderr(self, make_model, stripes, capfd):
        history = make_model().fit(*stripes, epochs=2, verbose=1, validation_split=0.2).history
        out, err = capfd.readouterr()
        assert out == ""
        last_lines = [line.split("\r")[-1] for line in err.rstrip("\n").split("\n")]
        assert len(last_lines) == 2
        for epoch, line in enumerate(last_lines):
            assert line.startswith(f"Epoch {epoch + 1}/2: 100%")
            assert "96/96" in line
            assert re.search(r"images/s", line)
            for name, values in history.items():
                assert f"{name}={values[epoch]:.4f}" in line

    def test_a_line_for_each_epoch_on_stdout(self, make_model, stripes, capfd):
        history = make_model().fit(*stripes, epochs=2, verbose=2).history
        out, err = capfd.readouterr()
        assert err == ""
        assert [re.sub(r"\d+\.\ds", "?s", line) for line in out.splitlines()] == [
            f"Epoch {i + 1}/2 - ?s - loss: {history['loss'][i]:.4f} - accuracy: {history['accuracy'][i]:.4f}"
            for i in range(2)
        ]

    def test_the_line_is_ended_after_an_error(self, make_model, stripes, capfd):
        def fail(batch, logs):
            raise RuntimeError("stop")

        with pytest.raises(RuntimeError, match="stop"):
            make_model().fit(*stripes, verbose=1, callbacks=[LambdaCallback(on_train_batch_end=fail)])
        assert capfd.readouterr().err.endswith("\n")

    def test_other_values(self, make_model, stripes):
        with pytest.raises(ValueError, match=r'`verbose` to be "auto", 0, 1 or 2. Received: verbose=3'):
            make_model().fit(*stripes, verbose=3)

    def test_tqdm_is_loaded_only_for_a_bar(self):
        code = (
            "import sys, numpy as np, cnncore\n"
            "assert not {'tqdm', 'safetensors', 'csv', 'cnncore.callbacks'} & set(sys.modules)\n"
            "model = cnncore.Sequential([cnncore.layers.Dense(1, input_shape=(2,))])\n"
            "model.compile(loss='mse')\n"
            "model.fit(np.ones((2, 2)), np.ones((2, 1)))\n"
            "assert not {'tqdm', 'safetensors', 'csv'} & set(sys.modules)\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


class TestEarlyStopping:
    def run(self, model, data, values, name="val_loss", **options):
        stopping = EarlyStopping(name, **options)
        history = model.fit(*data, batch_size=120, epochs=len(values), callbacks=[Values(values, name), stopping])
        return stopping, len(history.epoch)

    @pytest.mark.parametrize(
        ("values", "options", "epochs"),
        [
            ([3, 2, 1, 2, 1], {}, 4),
            ([3, 2, 3, 4, 5, 6], {"patience": 3}, 5),
            ([3, 2, 3, 1, 5, 6, 7], {"patience": 2}, 6),
            ([3, 2.9, 2.8, 2.7], {"min_delta": 0.5, "patience": 2}, 3),
            ([3, 2, 1], {"baseline": 0.5, "patience": 2}, 2),
            ([3, 4, 5, 6], {"start_from_epoch": 2}, 4),
            ([1, 2, 3], {"mode": "max"}, 3),
        ],
    )
    def test_when_it_stops(self, make_model, stripes, values, options, epochs):
        assert self.run(make_model(), stripes, values, **options)[1] == epochs

    def test_accuracy_goes_up(self, make_model, stripes):
        assert self.run(make_model(), stripes, [0.1, 0.2, 0.1, 0.3], name="my_accuracy")[1] == 3

    def test_best_weights_come_back(self, make_model, stripes):
        model, best = make_model(), make_model()
        stopping, _ = self.run(model, stripes, [3, 1, 2, 2, 2], patience=2, restore_best_weights=True)
        best.fit(*stripes, batch_size=120, epochs=2)
        assert stopping.best_epoch == 1
        assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), best.get_weights(), strict=True))

    def test_line_on_stopping(self, make_model, stripes, capsys):
        self.run(make_model(), stripes, [1, 2, 3], verbose=1)
        assert capsys.readouterr().out == "Epoch 2: early stopping\n"

    def test_a_name_that_is_not_in_the_logs(self, make_model, stripes):
        with pytest.warns(UserWarning, match="EarlyStopping watches 'val_loss', which is not in the logs: loss, accu"):
            make_model().fit(*stripes, callbacks=[EarlyStopping()])

    def test_arguments(self):
        with pytest.raises(ValueError, match='`mode` to be "auto", "min" or "max"'):
            EarlyStopping(mode="up")
        with pytest.raises(ValueError, match="`patience` >= 0"):
            EarlyStopping(patience=-1)


class TestModelCheckpoint:
    def test_every_epoch(self, make_model, stripes, tmp_path):
        model = make_model()
        path = tmp_path / "new" / "{epoch:02d}-{loss:.3f}.safetensors"
        history = model.fit(*stripes, epochs=2, callbacks=[ModelCheckpoint(path)]).history
        names = sorted(file.name for file in (tmp_path / "new").iterdir())
        assert names == [f"{i + 1:02d}-{history['loss'][i]:.3f}.safetensors" for i in range(2)]
        copy = cnncore.saving.load_model(tmp_path / "new" / names[1])
        assert np.array_equal(copy.predict(stripes[0]), model.predict(stripes[0]))
        assert copy.optimizer.iterations == model.optimizer.iterations

    def test_best_only(self, make_model, stripes, tmp_path, capsys):
        path = tmp_path / "best.safetensors"
        model, best = make_model(), make_model()
        checkpoint = ModelCheckpoint(path, save_best_only=True, verbose=1)
        model.fit(*stripes, epochs=3, callbacks=[Values([2.0, 1.0, 3.0]), checkpoint])
        best.fit(*stripes, epochs=2)
        assert capsys.readouterr().out.splitlines() == [f"Epoch {epoch}: saved {path}" for epoch in (1, 2)]
        weights = cnncore.saving.load_model(path).get_weights()
        assert all(np.array_equal(a, b) for a, b in zip(weights, best.get_weights(), strict=True))

    def test_weights_only(self, make_model, stripes, tmp_path):
        path = tmp_path / "weights"
        model, other = make_model(), make_model(seed=9)
        model.fit(*stripes, callbacks=[ModelCheckpoint(path, save_weights_only=True)])
        other.load_weights(path)
        assert np.array_equal(other.predict(stripes[0]), model.predict(stripes[0]))

    def test_unknown_names_and_places(self, make_model, stripes, tmp_path):
        with pytest.raises(ValueError, match=r"name values of the logs: epoch, loss, accuracy. .*{val_loss}"):
            make_model().fit(*stripes, callbacks=[ModelCheckpoint(tmp_path / "{val_loss}")])
        (tmp_path / "file").write_text("")
        model = make_model()
        with pytest.raises(OSError, match="file"):
            model.fit(*stripes, callbacks=[ModelCheckpoint(tmp_path / "file" / "model")])
        assert model.optimizer.iterations == 0  # found before any work was done
        with pytest.raises(ValueError, match='save_freq="epoch"'):
            ModelCheckpoint("model", save_freq=10)


class TestCSVLogger:
    def test_file(self, make_model, stripes, tmp_path):
        path, model = tmp_path / "log.csv", make_model()
        history = model.fit(*stripes, epochs=2, callbacks=[CSVLogger(path)])
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0]) == ["epoch", "accuracy", "loss"]
        assert [int(row["epoch"]) for row in rows] == [0, 1]
        assert [float(row["loss"]) for row in rows] == history.history["loss"]

    def test_append_and_separator(self, make_model, stripes, tmp_path):
        path, model = tmp_path / "log.csv", make_model()
        model.fit(*stripes, epochs=1, callbacks=[CSVLogger(path, separator=";", append=True)])
        model.fit(*stripes, epochs=2, initial_epoch=1, callbacks=[CSVLogger(path, separator=";", append=True)])
        lines = path.read_text().splitlines()
        assert lines[0] == "epoch;accuracy;loss"
        assert [line.split(";")[0] for line in lines[1:]] == ["0", "1"]
        model.fit(*stripes, callbacks=[CSVLogger(path)])
        assert len(path.read_text().splitlines()) == 2

    def test_unwritable(self, make_model, stripes, tmp_path):
        model = make_model()
        with pytest.raises(FileNotFoundError):
            model.fit(*stripes, callbacks=[CSVLogger(tmp_path / "none" / "log.csv")])
        assert model.optimizer.iterations == 0


def test_learning_rate_scheduler(make_model, stripes, capsys):
    model = make_model(optimizer=optimizers.SGD(0.5))
    scheduler = LearningRateScheduler(lambda epoch, rate: rate / 2 if epoch else rate, verbose=1)
    history = model.fit(*stripes, epochs=3, callbacks=[scheduler]).history
    assert history["learning_rate"] == [0.5, 0.25, 0.125]
    assert model.optimizer.rule.learning_rate == 0.125
    assert capsys.readouterr().out.splitlines()[1] == "Epoch 2: learning rate 0.25"
    with pytest.raises(TypeError, match="`schedule` to be a function"):
        LearningRateScheduler(0.1)
    with pytest.raises(ValueError, match="`learning_rate` to be a finite number"):
        model.fit(*stripes, callbacks=[LearningRateScheduler(lambda epoch, rate: math.nan)])
