"""Sources of batches that raise, end early, or have batches of a wrong shape."""

import numpy as np
import pytest

from batch_sources import batches, weights_of


class TestSourcesThatFail:
    """The error names the batch, and the model keeps the weights of the last step."""

    def check(self, make_model, stripes, source, error, message, steps_done, **options):
        model, reference = make_model(), make_model()
        with pytest.raises(error, match=message):
            model.fit(source, **options)
        if steps_done:
            reference.fit(stripes[0][: 30 * steps_done], stripes[1][: 30 * steps_done], batch_size=30, shuffle=False)
        assert model.optimizer.iterations == steps_done
        assert np.array_equal(weights_of(model), weights_of(reference))

    def test_it_raises(self, make_model, stripes):
        def source():
            yield from list(batches(*stripes))[:2]
            raise OSError("the disk is gone")

        message = r"\[fit\] the data source failed at batch 3 of epoch 1: OSError: the disk is gone"
        self.check(make_model, stripes, source(), RuntimeError, message, 2)

    def test_it_ends_early(self, make_model, stripes):
        """As in Keras, the epoch ends with a warning. Nothing is left for a second one, and that is an error."""
        model = make_model()
        with pytest.warns(UserWarning, match="the data source ended after batch 4 of 5 of epoch 1, which ends there"):
            model.fit(batches(*stripes), steps_per_epoch=5)
        assert model.optimizer.iterations == 4
        message = r"the data source ended after batch 0 of 5 of epoch 2. An iterator can be read once only"
        with pytest.warns(UserWarning, match="which ends there"):
            self.check(make_model, stripes, batches(*stripes), ValueError, message, 4, steps_per_epoch=5, epochs=2)

    def test_it_has_nothing_for_the_second_epoch(self, make_model, stripes):
        message = r"the data source ended after batch 0 of 4 of epoch 2"
        self.check(make_model, stripes, batches(*stripes), ValueError, message, 4, epochs=2)

    @pytest.mark.parametrize(
        ("change", "error", "message"),
        [
            (lambda x, y: (x[:, :7], y), ValueError, r"batch 2 of epoch 1 does not fit: .*=\(30, 7, 8, 1\)"),
            (lambda x, y: (x, y[:-1]), ValueError, "batch 2 of epoch 1 does not fit: .* x: 30, y: 29"),
            (lambda x, y: (x, y + 3), ValueError, "batch 2 of epoch 1 does not fit: .* labels"),
            (lambda x, y: (x, None), ValueError, "batch 2 of epoch 1 does not fit: .* y=None"),
            (lambda x, y: (x, y, y, y), ValueError, "batch 2 .* a tuple of 4"),
            (lambda x, y: (x.astype(str), y), TypeError, "batch 2 of epoch 1 .* real numbers"),
        ],
    )
    def test_a_batch_does_not_fit(self, make_model, stripes, change, error, message):
        def source():
            for index, (x, y) in enumerate(batches(*stripes)):
                yield change(x, y) if index == 1 else (x, y)

        self.check(make_model, stripes, source(), error, message, 1)

    @pytest.mark.parametrize("options", [{"y": np.zeros(4)}, {"sample_weight": np.ones(4)}, {"validation_split": 0.5}])
    def test_arguments_that_make_no_sense(self, make_model, stripes, options):
        name = next(iter(options))
        with pytest.raises(ValueError, match=rf"\[fit\] expected `{name}`"):
            make_model().fit(batches(*stripes), **options)

    def test_validation_data_has_a_name_of_its_own(self, make_model, stripes):
        def source():
            yield from list(batches(*stripes))[:1]
            raise OSError("the disk is gone")

        for data, error, message in [
            (source(), RuntimeError, r"the validation data failed at batch 2: OSError"),
            (batches(*stripes), ValueError, r"the validation data ended after batch 0 of 4\. An iterator"),
            (
                iter([(stripes[0], stripes[1] + 3)]),
                ValueError,
                "batch 1 of the validation data does not fit: .* labels",
            ),
        ]:
            steps = 4 if error is ValueError and "ended" in message else None
            with pytest.raises(error, match=message):
                make_model().fit(*stripes, validation_data=data, validation_steps=steps, epochs=2, verbose=0)

    def test_evaluation_has_no_epochs(self, make_model, stripes):
        with pytest.raises(ValueError, match=r"\[evaluate\] batch 1 does not fit: .* labels"):
            make_model().evaluate(iter([(stripes[0], stripes[1] + 3)]), verbose=0)

    def test_the_first_batch_does_not_fit(self, make_model, stripes):
        class Nothing:
            def __len__(self):
                return 2

            def __getitem__(self, index):
                return None

        with pytest.raises(ValueError, match=r"batch 1 does not fit: \[fit\] expected data for every input"):
            make_model().fit(Nothing())

    @pytest.mark.parametrize("data", [batches, dict])
    def test_data_that_was_not_called(self, make_model, data):
        with pytest.raises(TypeError, match=rf"Received: the (function|class) '{data.__name__}'. Call it"):
            make_model().fit(data)

    @pytest.mark.parametrize(
        ("setting", "error"),
        [({"workers": -1}, ValueError), ({"workers": "2"}, TypeError), ({"max_queue_size": 0}, ValueError)],
    )
    def test_settings_of_a_data_set(self, make_model, stripes, setting, error):
        class Data:
            def __len__(self):
                return 1

            def __getitem__(self, index):
                return stripes

        data = Data()
        vars(data).update(setting)
        with pytest.raises(error, match=rf"\[fit\] expected `{next(iter(setting))}`"):
            make_model().fit(data)

    def test_nothing_at_all(self, make_model):
        with pytest.raises(ValueError, match="at least one batch"):
            make_model().fit(iter([]))
