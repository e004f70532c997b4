"""BackupAndRestore: a training that was killed at any point ends with the bits of one that was not."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from cnncore.callbacks import BackupAndRestore, Callback, EarlyStopping, LambdaCallback, ReduceLROnPlateau
from cnncore.layers import Dropout
from cnncore.optimizers import SGD
from cnncore.optimizers.schedules import ExponentialDecay

SCRIPT = """
    import sys, time
    import numpy as np
    import cnncore
    from cnncore.callbacks import BackupAndRestore, LambdaCallback, ReduceLROnPlateau
    from cnncore.layers import Dense, Dropout, Flatten

    directory, save_freq, slow, result = sys.argv[1:]
    cnncore.utils.set_random_seed(3)
    rng = np.random.default_rng(0)
    x, y = rng.random((200, 4, 4, 1), np.float32), rng.integers(0, 3, 200)
    model = cnncore.Sequential(
        [Flatten(input_shape=(4, 4, 1)), Dense(16, activation="relu"), Dropout(0.3), Dense(3, activation="softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    pause = LambdaCallback(on_train_batch_end=lambda batch, logs: time.sleep(float(slow)))
    callbacks = [
        pause,
        ReduceLROnPlateau("loss", patience=1, min_delta=0.5, factor=0.9),
        BackupAndRestore(directory, save_freq if save_freq == "epoch" else int(save_freq)),
    ]
    print("begin", flush=True)
    history = model.fit(x, y, batch_size=10, epochs=5, verbose=0, callbacks=callbacks)
    np.savez(result, *model.get_weights(), loss=history.history["loss"], rate=history.history["learning_rate"])
"""


def start(directory, save_freq, slow, result):
    code = textwrap.dedent(SCRIPT)
    return subprocess.Popen(
        [sys.executable, "-c", code, str(directory), str(save_freq), str(slow), str(result)], stdout=subprocess.PIPE
    )


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The result of a training in one go. How often it is backed up changes nothing."""
    directory = tmp_path_factory.mktemp("whole")
    with start(directory / "backup", "epoch", 0, directory / "whole.npz") as process:
        assert process.wait(timeout=120) == 0
    return directory / "whole.npz"


@pytest.mark.parametrize("save_freq", ["epoch", 1, 7])
def test_a_killed_training_ends_with_the_same_bits(tmp_path, save_freq, uninterrupted):
    kills = 0
    for seconds in (0.23, 0.41, 0.61):
        killed = start(tmp_path / "b", save_freq, 0.01, tmp_path / "killed.npz")
        killed.stdout.readline()
        time.sleep(seconds)
        kills += killed.poll() is None
        killed.send_signal(signal.SIGKILL)
        killed.wait(timeout=60)
        killed.stdout.close()
    assert kills >= 2
    last = start(tmp_path / "b", save_freq, 0, tmp_path / "killed.npz")
    assert last.wait(timeout=120) == 0
    last.stdout.close()
    with np.load(uninterrupted) as expected, np.load(tmp_path / "killed.npz") as found:
        assert expected.files == found.files
        for name in expected.files:
            np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
    assert not (tmp_path / "b").exists()  # removed at the end


class StopAt(Callback):
    """A callback that ends a training by an exception, in the place of a power failure."""

    def __init__(self, epoch, batch):
        super().__init__()
        self.place, self.epoch = (epoch, batch), 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == self.place:
            raise RuntimeError("power failure")


def resume(make_model, data, directory, places, epochs=3, callbacks=lambda: [], **options):
    """Train with interruptions, and return the model and the history of the last run."""
    for place in (*places, None):
        model = make_model(extra=[Dropout(0.3)])
        stop = [StopAt(*place)] if place else []
        backup = BackupAndRestore(directory, **options)
        try:
            history = model.fit(*data, batch_size=20, epochs=epochs, callbacks=[*callbacks(), *stop, backup])
        except RuntimeError:
            continue
    return model, history


def weights_of(model):
    return np.concatenate([weight.ravel() for weight in model.get_weights()])


@pytest.mark.parametrize("place", [(0, 0), (0, 3), (1, 0), (1, 5), (2, 5)])
def test_any_batch_is_a_good_one_to_stop_at(make_model, stripes, tmp_path, place):
    whole = make_model(extra=[Dropout(0.3)])
    history = whole.fit(*stripes, batch_size=20, epochs=3)
    model, resumed = resume(make_model, stripes, tmp_path / "backup", [place], save_freq=2)
    assert np.array_equal(weights_of(model), weights_of(whole))
    assert resumed.history["loss"] == pytest.approx(history.history["loss"])
    assert resumed.epoch == [0, 1, 2]


@pytest.mark.parametrize("schedule", [ExponentialDecay(0.1, 2, 0.5), lambda step: 0.1 * 0.5 ** (step // 2)])
def test_a_schedule_goes_on(make_model, stripes, tmp_path, schedule):
    """The rate of the step at which training was interrupted must not replace the schedule."""

    def compiled(**options):
        model = make_model(**options)
        model.compile(SGD(schedule), "sparse_categorical_crossentropy")
        return model

    whole = compiled(extra=[Dropout(0.3)])
    whole.fit(*stripes, batch_size=20, epochs=3)
    model, _ = resume(compiled, stripes, tmp_path / "backup", [(1, 2)])
    assert model.optimizer.schedule is schedule
    assert np.array_equal(weights_of(model), weights_of(whole))


def test_callbacks_go_on_as_well(make_model, stripes, tmp_path):
    """The patience of one callback and the best weights of another continue where they were."""

    def callbacks():
        values = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(val_loss=[3, 1, 2, 2, 2, 2, 2][epoch]))
        return [values, EarlyStopping(patience=3, restore_best_weights=True), ReduceLROnPlateau(patience=1)]

    whole = make_model(extra=[Dropout(0.3)])
    expected = whole.fit(*stripes, batch_size=20, epochs=7, callbacks=callbacks())
    model, history = resume(make_model, stripes, tmp_path / "backup", [(2, 1), (3, 4)], epochs=7, callbacks=callbacks)
    assert history.epoch == expected.epoch == [0, 1, 2, 3, 4]
    assert history.history == expected.history
    assert np.array_equal(weights_of(model), weights_of(whole))


def test_two_states(make_model, stripes, tmp_path):
    """If the last backup cannot be read, the one before is used."""
    directory = tmp_path / "backup"
    options = {"double_checkpoint": True}
    with pytest.raises(RuntimeError, match="power failure"):
        make_model().fit(*stripes, epochs=4, callbacks=[StopAt(2, 1), BackupAndRestore(directory, **options)])
    names = sorted(path.name for path in directory.iterdir())
    assert names == ["training_state.npz", "training_state.previous.npz"]
    (directory / names[0]).write_bytes(b"broken")
    begun = []
    watch = LambdaCallback(on_epoch_begin=lambda epoch, logs: begun.append(epoch))
    make_model().fit(*stripes, epochs=3, callbacks=[watch, BackupAndRestore(directory, **options)])
    assert begun == [1, 2]
    directory.mkdir()
    (directory / names[0]).write_bytes(b"broken")
    with pytest.raises(ValueError, match=r"\[BackupAndRestore\] expected a state of training .* cannot be read"):
        make_model().fit(*stripes, callbacks=[BackupAndRestore(directory)])


def test_of_another_model(make_model, stripes, tmp_path):
    directory = tmp_path / "backup"
    with pytest.raises(RuntimeError, match="power failure"):
        make_model().fit(*stripes, epochs=2, callbacks=[StopAt(1, 0), BackupAndRestore(directory)])
    from cnncore import Sequential
    from cnncore.layers import Dense, Flatten

    other = Sequential([Flatten(input_shape=(8, 8, 1)), Dense(3, activation="softmax")])
    other.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="to be the backup of this model"):
        other.fit(*stripes, callbacks=[BackupAndRestore(directory)])


def test_it_is_kept_where_that_is_asked_for(make_model, stripes, tmp_path):
    make_model().fit(*stripes, callbacks=[BackupAndRestore(tmp_path, delete_checkpoint=False)])
    assert (tmp_path / "training_state.npz").exists()
    begun = []
    watch = LambdaCallback(on_epoch_begin=lambda epoch, logs: begun.append(epoch))
    make_model().fit(*stripes, callbacks=[watch, BackupAndRestore(tmp_path, delete_checkpoint=False)])
    assert begun == []  # nothing is left to do


def test_arguments_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="`backup_dir` to be a directory"):
        BackupAndRestore("")
    with pytest.raises(ValueError, match='`save_freq` to be "epoch" or a number'):
        BackupAndRestore("backup", save_freq="batch")


def test_a_full_disk_is_an_error_that_names_the_file_and_keeps_the_state_before(
    make_model, stripes, tmp_path, monkeypatch
):
    calls = []

    def sync(descriptor):
        calls.append(descriptor)
        if len(calls) > 2:  # a file and its directory
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", sync)
    with pytest.raises(OSError, match=r"cannot write: No space left on device: .*training_state\.npz"):
        make_model().fit(*stripes, epochs=3, callbacks=[BackupAndRestore(tmp_path)])
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["training_state.npz"]
    history = make_model().fit(*stripes, epochs=3, callbacks=[BackupAndRestore(tmp_path)])
    assert history.epoch == [0, 1, 2]
    assert len(history.history["loss"]) == 3
