"""Callbacks: which hooks are called, in which order, with what."""

import copy
import pickle

import pytest

from cnncore.callbacks import Callback, CallbackList, History, LambdaCallback, ProgbarLogger
from cnncore.callbacks.base import HOOKS


class Recorder(Callback):
    """A callback that writes down every call of a hook."""

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
    assert recorder.params == {
        "epochs": 2,
        "steps": 2,
        "samples": 120,
        "batch_size": 60,
        "verbose": "auto",
        "do_validation": False,
    }
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


class TestLambdaCallback:
    def test_functions_take_the_place_of_hooks(self, make_model, stripes):
        seen = []
        callback = LambdaCallback(
            lambda epoch, logs: seen.append(f"epoch {epoch}"),
            on_train_begin=lambda logs: seen.append("begin"),
            on_test_end=lambda logs: seen.append(sorted(logs)),
        )
        make_model().fit(*stripes, validation_split=0.5, callbacks=[callback])
        assert seen == ["begin", "epoch 0", ["accuracy", "loss"]]

    def test_other_arguments(self):
        with pytest.raises(
            ValueError, match=r'names of hooks: .* Did you mean "on_train_begin"\? Received: on_trainbegin'
        ):
            LambdaCallback(on_trainbegin=print)
        with pytest.raises(TypeError, match=r"`on_test_end` to be a function. Received: 3"):
            LambdaCallback(on_test_end=3)


@pytest.mark.parametrize("hook", [hook for hook in HOOKS if hook != "on_train_batch_progress"])
def test_every_hook_of_keras_is_called(make_model, stripes, hook):
    """A hook that a class overrides is called with the arguments that Keras gives it."""
    calls = []

    def record(self, number=None, logs=None):
        calls.append((number, logs))

    def record_logs(self, logs=None):
        calls.append((None, logs))

    numbered = "batch" in hook or "epoch" in hook
    callback = type("Spy", (Callback,), {hook: record if numbered else record_logs})()
    model = make_model()
    model.fit(*stripes, validation_split=0.5, batch_size=20, callbacks=[callback])
    model.predict(stripes[0], callbacks=[callback])
    assert calls
    assert all(isinstance(number, int) == numbered for number, _ in calls)
    assert all(isinstance(logs, dict) for _, logs in calls)


def test_the_older_names_of_batch_hooks(make_model, stripes):
    seen = []

    class Older(Callback):
        def on_batch_begin(self, batch, logs=None):
            seen.append(batch)

        def on_batch_end(self, batch, logs=None):
            seen.append(sorted(logs))

    make_model().fit(*stripes, batch_size=60, callbacks=[Older()])
    assert seen == [0, ["accuracy", "loss"], 1, ["accuracy", "loss"]]


def test_a_subclass_need_not_call_init(make_model, stripes):
    class Bare(Callback):
        def __init__(self):
            pass

        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    assert make_model().fit(*stripes, epochs=3, callbacks=[Bare()]).epoch == [0]


def test_history_is_pickled_and_copied_without_its_model(make_model, stripes):
    history = make_model().fit(*stripes, epochs=2)
    for duplicate in (pickle.loads(pickle.dumps(history)), copy.deepcopy(history), copy.copy(history)):
        assert (duplicate.epoch, duplicate.history, duplicate.model) == ([0, 1], history.history, None)
        assert duplicate.params == history.params


class TestCallbackList:
    def test_keras_signature(self):
        callbacks = CallbackList([Recorder()], add_history=True, add_progbar=True, model="model", epochs=3)
        assert [type(callback) for callback in callbacks.callbacks] == [Recorder, History, ProgbarLogger]
        assert all(callback.model == "model" for callback in callbacks.callbacks)
        assert callbacks.callbacks[0].params == {"epochs": 3}

    def test_hooks_that_nobody_overrides_are_not_listened_to(self):
        callbacks = CallbackList([Recorder()], add_history=True)
        assert callbacks.listens("on_train_batch_begin")
        assert callbacks.listens("on_epoch_end")
        assert not callbacks.listens("on_test_batch_end")

    def test_logs_are_made_only_for_those_that_are_due(self):
        def fail():
            raise AssertionError("nobody asked for logs")

        CallbackList(add_history=True).on_train_batch_end(0, fail)
        recorder = Recorder()
        CallbackList([recorder]).on_train_batch_end(0, lambda: {"loss": 1.0})
        assert recorder.logs == [{"loss": 1.0}]


def test_things_that_are_no_callbacks(make_model, stripes):
    with pytest.raises(TypeError, match=r"list of Callback objects. Received: 'history'"):
        make_model().fit(*stripes, callbacks=["history"])
    with pytest.raises(TypeError, match=r"Make an object of the class by calling it. Received: <class .*History"):
        make_model().fit(*stripes, callbacks=[History])
