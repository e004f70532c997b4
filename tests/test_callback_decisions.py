"""The callbacks that decide, save and record: each against what Keras does."""

import csv
import io
import math
import sys

import numpy as np
import pytest

import cnncore
from cnncore import Sequential, optimizers
from cnncore.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TensorBoard,
)


class Values(Callback):
    """A callback that puts given values into the logs. It comes before the callback under test in the list."""

    def __init__(self, values, name="val_loss"):
        super().__init__()
        self.values, self.name = values, name

    def on_epoch_end(self, epoch, logs=None):
        logs[self.name] = self.values[epoch]


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
            ([3, 2, 1], {"baseline": 0.5, "patience": 2}, 3),  # every epoch is better than the one before
            ([3, 2, 2, 2, 1], {"baseline": 0.5, "patience": 2}, 3),
            ([3, 4, 5, 6], {"start_from_epoch": 2}, 4),
            ([1, 2, 3], {"mode": "max"}, 3),
            ([math.nan, 1, 1, 1], {"patience": 2}, 3),  # nothing is better than NaN
        ],
    )
    def test_when_it_stops(self, make_model, stripes, values, options, epochs):
        assert self.run(make_model(), stripes, values, **options)[1] == epochs

    def test_accuracy_goes_up(self, make_model, stripes):
        assert self.run(make_model(), stripes, [0.1, 0.2, 0.1, 0.3], name="my_accuracy")[1] == 3

    def test_best_weights_come_back(self, make_model, stripes, capsys):
        model, best = make_model(), make_model()
        stopping, _ = self.run(model, stripes, [3, 1, 2, 2, 2], patience=2, restore_best_weights=True, verbose=1)
        best.fit(*stripes, batch_size=120, epochs=2)
        assert (stopping.best_epoch, stopping.stopped_epoch) == (1, 3)
        assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), best.get_weights(), strict=True))
        assert capsys.readouterr().out.splitlines() == [
            "Epoch 4: early stopping",
            "Restoring model weights from the end of the best epoch: 2.",
        ]

    def test_best_weights_come_back_without_stopping(self, make_model, stripes):
        """As in Keras, fit ends with the best weights, whether it was stopped early or not."""
        model, best = make_model(), make_model()
        self.run(model, stripes, [3, 1, 2], patience=9, restore_best_weights=True)
        best.fit(*stripes, batch_size=120, epochs=2)
        assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), best.get_weights(), strict=True))

    def test_a_name_that_is_not_in_the_logs(self, make_model, stripes):
        with pytest.warns(
            UserWarning,
            match="EarlyStopping watches 'acuracy', which is not in the logs: accuracy, loss. Did you mean",
        ):
            make_model().fit(*stripes, callbacks=[EarlyStopping("acuracy")])

    def test_a_direction_that_cannot_be_told(self, make_model, stripes):
        with pytest.raises(ValueError, match=r'\[EarlyStopping\] expected mode="min" or mode="max", .*\'progress\''):
            self.run(make_model(), stripes, [1, 2], name="progress")

    def test_arguments_that_make_no_sense_are_refused(self):
        with pytest.raises(ValueError, match='`mode` to be one of "auto", "min", "max"'):
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
        assert [line for line in capsys.readouterr().out.splitlines() if line] == [
            f"Epoch 1: val_loss improved from None to 2.00000, saving model to {path}",
            f"Epoch 2: val_loss improved from 2.00000 to 1.00000, saving model to {path}",
            "Epoch 3: val_loss did not improve from 1.00000",
        ]
        weights = cnncore.saving.load_model(path).get_weights()
        assert all(np.array_equal(a, b) for a, b in zip(weights, best.get_weights(), strict=True))

    def test_a_threshold_to_begin_with(self, make_model, stripes, tmp_path):
        path = tmp_path / "best.safetensors"
        checkpoint = ModelCheckpoint(path, save_best_only=True, initial_value_threshold=0.5)
        make_model().fit(*stripes, epochs=2, callbacks=[Values([2.0, 1.0]), checkpoint])
        assert not path.exists()
        make_model().fit(*stripes, callbacks=[Values([0.4]), checkpoint])
        assert path.exists()

    def test_every_few_batches(self, make_model, stripes, tmp_path):
        """The count continues over epochs. With 4 batches in an epoch, files come after the 3rd, 6th and 9th batch."""
        path = tmp_path / "{epoch}-{batch}.safetensors"
        make_model().fit(*stripes, batch_size=30, epochs=3, callbacks=[ModelCheckpoint(path, save_freq=3)])
        names = sorted(file.name for file in tmp_path.iterdir())
        assert names == ["1-3.safetensors", "2-2.safetensors", "3-1.safetensors", "3-4.safetensors"]

    def test_weights_only(self, make_model, stripes, tmp_path):
        path = tmp_path / "weights.safetensors"
        model, other = make_model(), make_model(seed=9)
        model.fit(*stripes, callbacks=[ModelCheckpoint(path, save_weights_only=True)])
        other.load_weights(path)
        assert np.array_equal(other.predict(stripes[0]), model.predict(stripes[0]))

    def test_unknown_names_and_places(self, make_model, stripes, tmp_path):
        with pytest.raises(ValueError, match=r"name values of the logs: accuracy, loss, epoch. .*{val_loss}"):
            make_model().fit(*stripes, callbacks=[ModelCheckpoint(tmp_path / "{val_loss}.safetensors")])
        (tmp_path / "file").write_text("")
        model = make_model()
        with pytest.raises(OSError, match="file"):
            model.fit(*stripes, callbacks=[ModelCheckpoint(tmp_path / "file" / "model.safetensors")])
        assert model.optimizer.iterations == 0  # found before any work was done
        with pytest.raises(ValueError, match='`save_freq` to be "epoch" or a number'):
            ModelCheckpoint("model", save_freq="batch")
        with pytest.raises(ValueError, match="`save_freq` >= 1"):
            ModelCheckpoint("model", save_freq=0)

    def test_without_the_value_it_saves_each_time(self, make_model, stripes, tmp_path):
        path = tmp_path / "model.safetensors"
        with pytest.warns(UserWarning, match="ModelCheckpoint watches 'val_loss', which is not in the logs"):
            make_model().fit(*stripes, callbacks=[ModelCheckpoint(path, save_best_only=True)])
        assert path.exists()


class TestCSVLogger:
    def test_file_has_a_row_for_each_epoch(self, make_model, stripes, tmp_path):
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

    def test_a_file_that_cannot_be_written_ends_fit_before_the_first_step(self, make_model, stripes, tmp_path):
        model = make_model()
        with pytest.raises(FileNotFoundError):
            model.fit(*stripes, callbacks=[CSVLogger(tmp_path / "none" / "log.csv")])
        assert model.optimizer.iterations == 0


class TestLearningRateScheduler:
    def test_two_arguments(self, make_model, stripes, capsys):
        model = make_model(optimizer=optimizers.SGD(0.5))
        scheduler = LearningRateScheduler(lambda epoch, rate: rate / 2 if epoch else rate, verbose=1)
        history = model.fit(*stripes, epochs=3, callbacks=[scheduler]).history
        assert history["learning_rate"] == [0.5, 0.25, 0.125]
        assert "Epoch 2: LearningRateScheduler setting learning rate to 0.25." in capsys.readouterr().out

    def test_one_argument(self, make_model, stripes):
        scheduler = LearningRateScheduler(lambda epoch: 0.5**epoch)
        history = make_model().fit(*stripes, epochs=3, callbacks=[scheduler]).history
        assert history["learning_rate"] == [1.0, 0.5, 0.25]

    def test_an_error_inside_the_schedule_is_its_own(self, make_model, stripes):
        def schedule(epoch, rate):
            raise TypeError("the schedule's own mistake")

        with pytest.raises(TypeError, match="the schedule's own mistake"):
            make_model().fit(*stripes, callbacks=[LearningRateScheduler(schedule)])

    def test_what_it_refuses(self, make_model, stripes):
        with pytest.raises(TypeError, match="`schedule` to be a function"):
            LearningRateScheduler(0.1)
        with pytest.raises(TypeError, match=r"function of \(epoch\) or \(epoch, learning_rate\)"):
            LearningRateScheduler(lambda: 0.1)
        with pytest.raises(ValueError, match="`learning_rate` to be a finite number"):
            make_model().fit(*stripes, callbacks=[LearningRateScheduler(lambda epoch, rate: math.nan)])


class TestReduceLROnPlateau:
    def rates(self, model, data, values, **options):
        plateau = ReduceLROnPlateau(**options)
        history = model.fit(*data, batch_size=120, epochs=len(values), callbacks=[Values(values), plateau])
        return history.history["learning_rate"]

    @pytest.mark.parametrize(
        ("values", "options", "rates"),
        [
            ([1, 1, 1, 1], {"patience": 1, "factor": 0.5}, [1, 1, 0.5, 0.25]),
            ([1, 1, 1, 1, 1, 1], {"patience": 2, "factor": 0.5}, [1, 1, 1, 0.5, 0.5, 0.25]),
            ([1, 1, 1, 1, 1, 1], {"patience": 1, "factor": 0.5, "cooldown": 2}, [1, 1, 0.5, 0.5, 0.25, 0.25]),
            ([1, 1, 1, 1], {"patience": 1, "factor": 0.1, "min_lr": 0.5}, [1, 1, 0.5, 0.5]),
            ([1, 0.99, 0.98], {"patience": 1, "factor": 0.5, "min_delta": 0.1}, [1, 1, 0.5]),
            ([1, 2, 3], {"patience": 1, "factor": 0.5, "mode": "max"}, [1, 1, 1]),
        ],
    )
    def test_when_it_lowers_the_rate(self, make_model, stripes, values, options, rates):
        assert self.rates(make_model(optimizer=optimizers.SGD(1.0)), stripes, values, **options) == rates

    def test_line_and_arguments(self, make_model, stripes, capsys):
        model = make_model(optimizer=optimizers.SGD(1.0))
        self.rates(model, stripes, [1, 1], patience=1, factor=0.5, verbose=1)
        assert "Epoch 2: ReduceLROnPlateau reducing learning rate to 0.5." in capsys.readouterr().out
        with pytest.raises(ValueError, match=r"`factor` to be a finite number in \[0, 1\)"):
            ReduceLROnPlateau(factor=1.0)


class TestTensorBoard:
    def scalars(self, directory):
        """All (tag, step, value) that were written below a directory."""
        pytest.importorskip("tensorboardX")
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.record_writer import RecordWriter  # noqa: F401 (the format's other side)

        found = []
        for path in directory.glob("events*"):
            data, place = path.read_bytes(), 0
            while place < len(data):
                size = int.from_bytes(data[place : place + 8], "little")
                event = Event.FromString(data[place + 12 : place + 12 + size])
                place += 16 + size
                found += [(value.tag, event.step, value) for value in event.summary.value]
        return found

    def test_scalars_histograms_and_images(self, make_model, stripes, tmp_path):
        pytest.importorskip("tensorboardX")
        board = TensorBoard(tmp_path, histogram_freq=1, write_images=True, update_freq=2, write_steps_per_second=True)
        history = make_model().fit(*stripes, epochs=2, batch_size=30, validation_split=0.5, callbacks=[board]).history
        train, validation = self.scalars(tmp_path / "train"), self.scalars(tmp_path / "validation")
        losses = [(step, value.simple_value) for tag, step, value in train if tag == "epoch_loss"]
        assert losses == [(epoch, pytest.approx(loss)) for epoch, loss in enumerate(history["loss"])]
        assert [step for tag, step, _ in train if tag == "batch_loss"] == [2, 4]
        tags = {tag for tag, _, _ in train}
        assert {"epoch_accuracy", "epoch_learning_rate", "epoch_steps_per_second", "conv2d/0/histogram"} <= tags
        assert "conv2d/0/image" in tags
        checked = {tag: value.simple_value for tag, step, value in validation if step == 1 and tag.startswith("epoch")}
        assert checked == {
            "epoch_loss": pytest.approx(history["val_loss"][1]),
            "epoch_accuracy": pytest.approx(history["val_accuracy"][1]),
        }
        assert "evaluation_loss_vs_iterations" in {tag for tag, _, _ in validation}

    def test_images_of_filters_without_histograms_and_inside_models(self, make_model, stripes, tmp_path):
        image = pytest.importorskip("PIL.Image")
        pytest.importorskip("tensorboardX")
        inner = make_model()
        model = Sequential([inner])
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.fit(*stripes, epochs=2, verbose=0, callbacks=[TensorBoard(tmp_path, write_images=True)])
        kernel = inner.get_weights()[0]
        found = self.scalars(tmp_path / "train")
        assert not [tag for tag, _, _ in found if tag.endswith("histogram")]
        pictures = {tag: value.image for tag, step, value in found if tag.endswith("image") and step == 1}
        assert len(pictures) == len(inner.get_weights())
        picture = np.asarray(image.open(io.BytesIO(pictures["conv2d/0/image"].encoded_image_string)).convert("L"))
        height, width, channels, filters = kernel.shape
        assert picture.shape == (channels * (height + 1) - 1, filters * (width + 1) - 1)
        scaled = (kernel - kernel.min()) / (kernel.max() - kernel.min())
        last = picture[-height:, -width:] / 255
        np.testing.assert_allclose(last, scaled[:, :, -1, -1], rtol=0, atol=1 / 255)

    def test_without_the_package(self, make_model, stripes, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "tensorboardX", None)
        with pytest.raises(ImportError, match=r"pip install cnncore\[tensorboard\]"):
            make_model().fit(*stripes, callbacks=[TensorBoard(tmp_path)])
