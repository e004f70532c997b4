"""What compile takes, refuses and keeps."""

import copy

import numpy as np
import pytest

from cnncore import Sequential, optimizers
from cnncore.layers import Dense, Flatten


class TestCompile:
    def test_the_default_optimizer_is_that_of_keras(self):
        model = Sequential([Dense(1, input_shape=(2,))])
        model.compile(loss="mse")
        assert isinstance(model.optimizer, optimizers.RMSprop)

    def test_order_of_arguments(self):
        import inspect

        names = list(inspect.signature(Sequential.compile).parameters)
        assert names[1:10] == [
            "optimizer",
            "loss",
            "loss_weights",
            "metrics",
            "weighted_metrics",
            "run_eagerly",
            "steps_per_execution",
            "jit_compile",
            "auto_scale_loss",
        ]

    def test_metrics_in_the_place_of_loss_weights(self):
        model = Sequential([Dense(1, input_shape=(2,))])
        with pytest.warns(
            DeprecationWarning, match=r"third argument .* `loss_weights` today.*metrics=\['mae'\]"
        ) as caught:
            model.compile("sgd", "mse", ["mae"])
        assert caught[0].filename == __file__
        assert model.metrics_names == ["loss", "mae"]

    def test_without_a_loss(self, stripes):
        model = Sequential([Flatten(input_shape=(8, 8, 1)), Dense(3)])
        model.compile()
        for call in ("fit", "evaluate", "train_on_batch", "test_on_batch"):
            with pytest.raises(ValueError, match=rf"\[{call}\] expected .* compiled with a loss, such as .*loss=None"):
                getattr(model, call)(*stripes)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"optimizer": "sgdd"}, 'Did you mean "sgd"'),
            ({"loss": "sparse_categorical_crossentropi"}, 'Did you mean "sparse_categorical_crossentropy"'),
            ({"metrics": ["acuracy"]}, 'Did you mean "accuracy"'),
            ({"loss_weights": [1.0, 2.0]}, "one entry for the model's one output"),
        ],
    )
    def test_names_that_are_not_known(self, options, message):
        model = Sequential([Dense(1, input_shape=(2,))])
        with pytest.raises(ValueError, match=message):
            model.compile(**{"optimizer": "sgd", "loss": "mse", **options})
        assert not model.compiled

    @pytest.mark.parametrize("optimizer", ["adam", "adamw", optimizers.SGD(0.1, momentum=0.9, weight_decay=0.1)])
    @pytest.mark.parametrize("trained_before", [False, True])
    def test_frozen_layers_keep_their_weights(self, make_model, stripes, optimizer, trained_before):
        model = make_model(optimizer=optimizers.get(copy.deepcopy(optimizer)))
        if trained_before:
            model.fit(*stripes)
        model.layers[1].trainable = False
        frozen = model.layers[1].get_weights()
        last = model.layers[-1].get_weights()
        model.fit(*stripes)
        assert all(np.array_equal(a, b) for a, b in zip(frozen, model.layers[1].get_weights(), strict=True))
        assert not np.array_equal(last[0], model.layers[-1].get_weights()[0])

    def test_the_optimizer_keeps_its_state_when_a_layer_is_frozen(self, make_model, stripes):
        """Weights that are still trained continue as if no layer had been frozen."""
        model = make_model(optimizer=optimizers.SGD(0.01, momentum=0.9))
        model.fit(*stripes)
        before = {(slot.layer, slot.index): slot for slot in model.network.slots}
        velocity = next(iter(model.optimizer.state.values())).copy()
        model.layers[1].trainable = False
        slots, moved = model.network.slots, next(iter(model.optimizer.state.values()))
        assert len(moved) == model.network.parameter_count
        for slot in slots:
            old, size = before[slot.layer, slot.index], int(np.prod(slot.shape))
            kept = velocity[old.offset : old.offset + size] if slot.trainable else np.zeros(size)
            if slot.offset >= 0:
                np.testing.assert_array_equal(moved[slot.offset : slot.offset + size], kept)
        assert {slot.trainable for slot in slots} == {True, False}
        assert model.optimizer.iterations == 4

    def test_the_config_of_compile_makes_an_equal_compile(self, make_model):
        model = make_model(weighted_metrics=["mse"], loss="categorical_crossentropy")
        config = model.get_compile_config()
        other = make_model()
        other.compile_from_config(config)
        assert other.get_compile_config() == config
        assert other.metrics_names == ["loss", "accuracy", "mse"]
