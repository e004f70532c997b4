"""The warnings about models that can hardly be meant, gradients, threads, signals and old words."""

import copy
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import warnings

import numpy as np
import pytest

from cnncore import Sequential, TrainingError, losses, optimizers
from cnncore.callbacks import Callback, LambdaCallback, SwapEMAWeights, TerminateOnNaN
from cnncore.layers import Dense, Flatten, Rescaling


def weights_of(model):
    return np.concatenate([weight.ravel() for weight in model.get_weights()])


class TestOneLoss:
    """train_on_batch, evaluate and test_on_batch report the same loss."""

    @pytest.mark.parametrize("scale", [1.0, 100.0])
    def test_also_where_softmax_is_saturated(self, make_model, stripes, scale):
        model = make_model(optimizer=optimizers.SGD(0.0))
        model.layers[-1].set_weights([weight * scale for weight in model.layers[-1].get_weights()])
        loss = model.evaluate(*stripes)[0]
        assert model.train_on_batch(*stripes)[0] == pytest.approx(loss, rel=1e-5)
        assert model.test_on_batch(*stripes)[0] == pytest.approx(loss, rel=1e-5)
        assert model.fit(*stripes).history["loss"][0] == pytest.approx(loss, rel=1e-5)

    def test_penalties_count_everywhere(self, stripes):
        model = Sequential(
            [
                Rescaling(1 / 255, input_shape=(8, 8, 1)),
                Flatten(),
                Dense(3, activation="softmax", kernel_regularizer="l2"),
            ]
        )
        model.compile(optimizers.SGD(0.0), "sparse_categorical_crossentropy")
        expected = losses.SparseCategoricalCrossentropy()(stripes[1], model.predict(stripes[0]))
        expected += 0.01 * float(np.square(model.layers[-1].get_weights()[0]).sum())
        assert model.evaluate(*stripes) == pytest.approx(expected, rel=1e-5)
        assert model.train_on_batch(*stripes) == pytest.approx(expected, rel=1e-5)


class TestAdvice:
    """Mistakes that train without an error give one warning each."""

    def make(self, activation, loss, rescaling=False):
        first = [Rescaling(1 / 255, input_shape=(8, 8, 1))] if rescaling else []
        model = Sequential([*first, Flatten(input_shape=(8, 8, 1)), Dense(3, activation=activation)])
        model.compile("sgd", loss)
        return model

    @pytest.mark.parametrize(
        ("activation", "from_logits", "message"),
        [
            (None, False, "not the probabilities"),
            ("relu", False, "not the probabilities"),
            ("softmax", True, "applies softmax once more"),
            ("relu", True, "cuts off all negative logits"),
        ],
    )
    def test_last_activation(self, stripes, activation, from_logits, message):
        x = stripes[0] / 255
        model = self.make(activation, losses.SparseCategoricalCrossentropy(from_logits))
        with pytest.warns(UserWarning, match=message) as caught:
            model.evaluate(x, stripes[1])
        assert len(caught) == 1
        assert caught[0].filename == __file__
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.test_on_batch(x, stripes[1])
            model.evaluate(x, stripes[1])

    @pytest.mark.parametrize("call", ["fit", "train_on_batch"])
    def test_scaled_twice(self, stripes, call):
        model = self.make("softmax", "sparse_categorical_crossentropy", rescaling=True)
        with pytest.warns(UserWarning, match=r"go from 0 to .*'rescaling.*multiplies them by 0.0039.*twice") as caught:
            getattr(model, call)(stripes[0] / 255.0, stripes[1])
        assert [warning.filename for warning in caught] == [__file__]

    @pytest.mark.parametrize("convert", [lambda x: x, lambda x: x.astype(np.float32), lambda x: x[:1] * 0])
    def test_pixels_are_fine(self, stripes, convert):
        model = self.make("softmax", "sparse_categorical_crossentropy", rescaling=True)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            x = convert(stripes[0])
            model.fit(x, stripes[1][: len(x)])

    def test_the_range_of_training_is_remembered(self, make_model, stripes):
        model = make_model()
        model.fit(*stripes)
        assert model.input_range == [(float(stripes[0].min()), float(stripes[0].max()))]
        model.train_on_batch(np.full((1, 8, 8, 1), 255, np.uint8), [0])
        assert model.input_range[0][1] == 255.0


class TestClassWeight:
    @pytest.mark.parametrize("key", [99, 3, 2**30])
    def test_classes_that_are_none(self, make_model, stripes, key):
        with pytest.raises(ValueError, match=rf"keys of `class_weight` from 0 to 2, .* Received: {key}"):
            make_model().fit(*stripes, class_weight={key: 1.0})

    def test_on_a_batch(self, make_model, stripes):
        by_class, by_sample = make_model(), make_model()
        by_class.train_on_batch(*stripes, class_weight={1: 3.0})
        by_sample.train_on_batch(*stripes, sample_weight=np.array([1.0, 3.0, 1.0])[stripes[1]])
        assert np.array_equal(weights_of(by_class), weights_of(by_sample))

    def test_of_one_output(self):
        rng = np.random.default_rng(0)
        x, y = rng.random((40, 2)), rng.integers(0, 2, 40)
        results = []
        for options in ({"class_weight": {1: 2.0}}, {"sample_weight": np.where(y == 1, 2.0, 1.0)}):
            model = Sequential([Dense(1, activation="sigmoid", input_shape=(2,))], seed=0)
            model.compile("sgd", "binary_crossentropy")
            model.fit(x, y, **options)
            results.append(weights_of(model))
        assert np.array_equal(*results)


class TestMessages:
    """Messages name the function that was called."""

    @pytest.mark.parametrize("call", ["fit", "evaluate", "train_on_batch", "test_on_batch", "gradients"])
    def test_the_function_is_named(self, make_model, stripes, call):
        x, y = stripes
        for arguments, message in [
            ((x, y[:-1]), "expected x and y of the same length. Received: x: 120, y: 119"),
            ((x, None), "expected targets. Received: y=None"),
            ((x[:0], y[:0]), "expected at least one sample"),
        ]:
            with pytest.raises(ValueError, match=rf"\[{call}\] {message}"):
                getattr(make_model(), call)(*arguments)
        with pytest.raises(ValueError, match=rf"\[{call}\] expected sample_weight and y of the same length"):
            getattr(make_model(), call)(x, y, sample_weight=np.ones(7))

    def test_of_options(self, make_model, stripes):
        model = make_model()
        with pytest.raises(ValueError, match=r"\[evaluate\] expected `steps` >= 1"):
            model.evaluate(*stripes, steps=0)
        with pytest.raises(ValueError, match=r"\[predict\] expected `batch_size` >= 1"):
            model.predict(stripes[0], batch_size=0)
        with pytest.raises(TypeError, match=r"\[fit\] expected `shuffle` to be True or False"):
            model.fit(*stripes, shuffle="batch")


class TestGradients:
    def test_they_are_those_of_a_step(self, make_model, stripes):
        model = make_model(optimizer=optimizers.SGD(1.0))
        before, step = model.get_weights(), model.network.step
        gradients = model.gradients(*stripes)
        assert [array.shape for array in gradients] == [weight.shape for weight in model.trainable_weights]
        assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
        assert (model.network.step, model.optimizer.iterations) == (step, 0)
        model.train_on_batch(*stripes)
        for weight, old, gradient in zip(model.get_weights(), before, gradients, strict=True):
            np.testing.assert_allclose(weight, old - gradient, rtol=1e-5, atol=1e-6)

    def test_the_flat_vector_has_the_gradients_in_order(self, make_model, stripes):
        model = make_model()
        flat, arrays = model.gradients(*stripes, flat=True), model.gradients(*stripes)
        for slot, array in zip(model.network.slots, arrays, strict=True):
            np.testing.assert_array_equal(flat[slot.offset : slot.offset + array.size], array.ravel())


class TestNotFinite:
    def test_weights_that_overflow_in_the_last_step(self, stripes):
        """A fit with infinite weights raises an error, and the model gets the weights of the beginning of the epoch."""
        model = Sequential([Rescaling(1 / 255, input_shape=(8, 8, 1)), Flatten(), Dense(3, activation="softmax")])
        model.compile(optimizers.SGD(0.1), "sparse_categorical_crossentropy")
        model.fit(*stripes, batch_size=120)
        before = weights_of(model)
        model.optimizer.learning_rate = 3e38
        with pytest.raises(TrainingError, match=r"in epoch 1, step 1 left .* it had at the beginning of this epoch"):
            model.fit(stripes[0], stripes[1], sample_weight=np.full(120, 1e4), batch_size=120)
        assert np.array_equal(weights_of(model), before)
        assert model.optimizer.iterations == 1

    def test_terminate_on_nan_ends_quietly(self, make_model, stripes, capsys):
        x = stripes[0].astype(np.float32)
        x[64:96] = np.nan
        model, reference = make_model(), make_model()
        history = model.fit(x, stripes[1], shuffle=False, epochs=3, callbacks=[TerminateOnNaN()])
        assert capsys.readouterr().out.splitlines()[-1] == "Batch 2: Invalid loss, terminating training"
        assert history.epoch == [0]
        assert np.isnan(history.history["loss"][0])
        reference.fit(x[:64], stripes[1][:64], shuffle=False)
        assert np.array_equal(weights_of(model), weights_of(reference))
        with pytest.raises(RuntimeError, match="not finite at batch 2"):
            make_model().fit(x, stripes[1], shuffle=False, callbacks=[TerminateOnNaN(raise_error=True)])


class TestOldWords:
    def test_generator_methods(self, make_model, stripes):
        def source():
            while True:
                yield stripes

        model, reference = make_model(), make_model()
        with pytest.warns(DeprecationWarning, match="`fit_generator` is now called `fit`"):
            history = model.fit_generator(source(), steps_per_epoch=2, epochs=2, verbose=0)
        assert history.history == reference.fit(source(), steps_per_epoch=2, epochs=2, verbose=0).history
        with pytest.warns(DeprecationWarning, match="`evaluate_generator`"):
            assert model.evaluate_generator(source(), 1) == pytest.approx(model.evaluate(*stripes))
        with pytest.warns(DeprecationWarning, match="`predict_generator`"):
            assert model.predict_generator(source(), 1).shape == (120, 3)

    def test_arguments_of_keras_2_warn_or_are_refused(self, make_model, stripes):
        with pytest.warns(DeprecationWarning, match="`nb_epoch=` is now called `epochs=`"):
            assert make_model().fit(*stripes, nb_epoch=2).epoch == [0, 1]
        with pytest.warns(DeprecationWarning, match=r"`workers` is an argument of the data set today"):
            make_model().fit(*stripes, workers=4)
        with pytest.raises(TypeError, match="unexpected keyword argument 'epoch'"):
            make_model().fit(*stripes, epoch=2)


class TestThreads:
    def test_evaluation_during_training_does_not_touch_its_metrics(self, make_model, stripes):
        model = make_model(optimizer=optimizers.SGD(0.0))
        expected = model.evaluate(*stripes)
        wrong, stop = [], threading.Event()

        def evaluate():
            while not stop.is_set():
                result = model.evaluate(*stripes)
                if result != pytest.approx(expected, rel=1e-5):
                    wrong.append(result)

        others = [threading.Thread(target=evaluate) for _ in range(2)]
        for thread in others:
            thread.start()
        try:
            history = model.fit(*stripes, batch_size=8, epochs=10, verbose=0).history
        finally:
            stop.set()
            for thread in others:
                thread.join()
        assert not wrong
        assert history["accuracy"] == pytest.approx([expected[1]] * 10)
        assert history["loss"] == pytest.approx([expected[0]] * 10, rel=1e-5)

    def test_copies_and_pickles_of_a_trained_model(self, make_model, stripes):
        model = make_model()
        model.fit(*stripes)
        for duplicate in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert duplicate.history.history == model.history.history
            assert duplicate.input_range == model.input_range
            assert duplicate.evaluate(*stripes) == pytest.approx(model.evaluate(*stripes))
            duplicate.fit(*stripes)


class TestSignals:
    SCRIPT = """
        import signal, sys, time
        import numpy as np
        import cnncore
        from cnncore.callbacks import LambdaCallback
        from cnncore.layers import Dense

        model = cnncore.Sequential([Dense(1, input_shape=(2,))])
        model.compile("sgd", "mse")
        ready = LambdaCallback(on_epoch_begin=lambda epoch, logs: print("ready", flush=True) if epoch == 1 else None)
        try:
            model.fit(np.ones((64, 2)), np.ones(64), epochs=10**6, verbose=0, callbacks=[ready])
        except KeyboardInterrupt:
            assert np.isfinite(model.predict(np.ones((1, 2)))).all()
            assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
            print("interrupted", flush=True)
    """

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_ends_the_training(self, number):
        code = textwrap.dedent(self.SCRIPT)
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.readline() == "interrupted\n"
        assert process.wait(timeout=60) == 0
        process.stdout.close()

    def test_a_handler_of_the_user_stays(self, make_model, stripes):
        caught = []
        before = signal.signal(signal.SIGTERM, lambda number, frame: caught.append(number))
        try:
            kill = LambdaCallback(on_epoch_begin=lambda epoch, logs: os.kill(os.getpid(), signal.SIGTERM))
            make_model().fit(*stripes, callbacks=[kill])
        finally:
            signal.signal(signal.SIGTERM, before)
        assert caught == [signal.SIGTERM]

    def test_in_another_thread(self, make_model, stripes):
        results = []
        thread = threading.Thread(target=lambda: results.append(make_model().fit(*stripes)))
        thread.start()
        thread.join()
        assert results[0].epoch == [0]


class TestMovingAverages:
    def test_validation_uses_them_and_training_does_not(self, make_model, stripes):
        def train(callbacks, **options):
            model = make_model(optimizer=optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))
            seen = []
            keep = LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(weights_of(model)))
            history = model.fit(*stripes, epochs=2, callbacks=[keep, *callbacks], **options)
            return model, history, seen

        plain, _, expected = train([])
        model, history, seen = train([SwapEMAWeights()], validation_data=stripes)
        assert all(np.array_equal(a, b) for a, b in zip(expected, seen, strict=True))
        assert np.array_equal(weights_of(model), weights_of(plain))  # the averages, in the end
        assert history.history["val_loss"][-1] == pytest.approx(model.evaluate(*stripes)[0], rel=1e-5)

    @pytest.mark.parametrize("epochs", [1, 3])
    @pytest.mark.parametrize("stop", [False, True])
    def test_they_stay_in_the_model_after_the_last_epoch(self, make_model, stripes, epochs, stop):
        def train(callbacks):
            model = make_model(optimizer=optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))
            if stop:  # training ends early, after the averages were put into the model
                callbacks = [*callbacks, LambdaCallback(on_epoch_end=lambda *_: setattr(model, "stop_training", True))]
            model.fit(*stripes, epochs=epochs, callbacks=callbacks, validation_data=stripes)
            once = weights_of(model)
            model.fit(*stripes, callbacks=callbacks, validation_data=stripes)
            return once, weights_of(model)

        for swapped, plain in zip(train([SwapEMAWeights(swap_on_epoch=True)]), train([]), strict=True):
            assert np.array_equal(swapped, plain)

    def test_it_needs_them(self, make_model, stripes):
        with pytest.raises(ValueError, match=r"optimizer with use_ema=True. Received: SGD without it"):
            make_model(optimizer=optimizers.SGD()).fit(*stripes, callbacks=[SwapEMAWeights()])


def test_a_step_of_fit_calls_few_functions():
    """The functions that Python calls in a step of `fit`, with a progress bar: 15 of them take about 2 us."""
    x, y = np.zeros((2400, 4), np.float32), np.zeros(2400, np.int64)
    model = Sequential([Dense(2, activation="softmax", input_shape=(4,))])
    model.compile("sgd", "sparse_categorical_crossentropy")

    def calls(steps):
        count = 0

        def observe(frame, event, argument):
            nonlocal count
            count += event in ("call", "c_call")

        sys.setprofile(observe)
        try:
            model.fit(x[: 8 * steps], y[: 8 * steps], batch_size=8, verbose=1)
        finally:
            sys.setprofile(None)
        return count

    calls(10)
    assert min((calls(300) - calls(100)) / 200 for _ in range(3)) < 20


class TestHooks:
    def test_of_evaluation_and_prediction(self, make_model, stripes):
        calls = []

        class Spy(Callback):
            def on_test_begin(self, logs=None):
                calls.append("begin")

            def on_test_batch_end(self, batch, logs=None):
                calls.append((batch, sorted(logs)))

            def on_test_end(self, logs=None):
                calls.append(logs)

            def on_predict_batch_end(self, batch, logs=None):
                calls.append(logs["outputs"].shape)

        model = make_model()
        result = model.evaluate(*stripes, batch_size=60, callbacks=[Spy()], return_dict=True)
        names = ["accuracy", "loss"]
        assert calls == ["begin", (0, names), (1, names), result]
        calls.clear()
        model.predict(stripes[0], batch_size=60, callbacks=[Spy()])
        assert calls == [(60, 3), (60, 3)]

    def test_what_evaluate_and_predict_print(self, make_model, stripes, capfd):
        model = make_model()
        model.evaluate(*stripes)
        model.predict(stripes[0])
        assert capfd.readouterr() == ("", "")
        loss, accuracy = model.evaluate(*stripes, verbose=2)
        out, err = capfd.readouterr()
        assert out.split(" - ")[2:] == [f"loss: {loss:.4f}", f"accuracy: {accuracy:.4f}\n"]
        assert err == ""
        model.predict(stripes[0], verbose=1)
        assert "Prediction" in capfd.readouterr().err
        with pytest.raises(ValueError, match=r"\[evaluate\] expected `verbose`"):
            model.evaluate(*stripes, verbose="loud")
