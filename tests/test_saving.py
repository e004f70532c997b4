"""Saved models: bit-equal reload, exact resume, and every kind of file that does not fit."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
import safetensors
import safetensors.numpy

import cnncore
from cnncore import Sequential, applications, optimizers
from cnncore.layers import (
    Activation,
    AveragePooling2D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Input,
    MaxPooling2D,
    ReLU,
    Rescaling,
    Softmax,
)
from cnncore.saving import load_model, load_weights, save_model, save_weights
from cnncore.saving.format import read_file, write_file

RNG = np.random.default_rng(7)
X = RNG.integers(0, 256, (60, 8, 8, 1), dtype=np.uint8)
Y = (np.arange(60) % 4).astype(np.uint8)


def small_model(name: str = "small", seed: int = 3) -> Sequential:
    return Sequential(
        [
            Input((8, 8, 1)),
            Rescaling(1 / 255),
            Conv2D(4, 3, activation="relu"),
            MaxPooling2D(2),
            Dropout(0.25),
            Flatten(),
            Dense(4, activation="softmax"),
        ],
        name=name,
        seed=seed,
    )


def compiled(optimizer="adam") -> Sequential:
    model = small_model()
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def change(path, config=None, tensors=None, remove=()):
    """Write a file again with parts of it changed, and with the right checksum."""
    file = read_file(path)
    assert file.config is not None
    new_tensors = {name: tensor for name, tensor in (file.tensors | (tensors or {})).items() if name not in remove}
    write_file(path, file.config | (config or {}), new_tensors)


# --- round trips -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("build", [applications.mnist_cnn, applications.lenet5, applications.cifar10_cnn])
def test_weights_and_predictions_are_bit_equal(path, build):
    model = build()
    x = RNG.integers(0, 256, (5, *model.input_shape[1:]), dtype=np.uint8)
    save_model(model, path)
    loaded = load_model(path)
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]
    for saved, received in zip(model.get_weights(), loaded.get_weights(), strict=True):
        assert received.tobytes() == saved.tobytes()
    assert loaded.predict(x).tobytes() == model.predict(x).tobytes()


def test_every_layer_and_its_arguments_survive(path):
    model = Sequential(
        [
            Conv2D(4, (3, 2), strides=(1, 2), padding="same", use_bias=False, input_shape=(9, 8, 2), name="first"),
            ReLU(),
            Conv2D(4, 3, padding="same", dilation_rate=2, groups=2, kernel_initializer="he_normal"),
            Activation("tanh"),
            AveragePooling2D((2, 1), strides=(2, 1), padding="same"),
            MaxPooling2D(2, strides=1),
            Dropout(0.5, seed=9),
            Flatten(),
            Dense(3, activation="sigmoid", bias_initializer="ones"),
            Softmax(),
        ],
        name="all",
        seed=11,
    )
    save_model(model, path)
    loaded = load_model(path)
    assert loaded.get_config() == model.get_config()
    x = RNG.random((3, 9, 8, 2), dtype=np.float32)
    assert loaded.predict(x).tobytes() == model.predict(x).tobytes()


def test_saving_a_loaded_model_gives_the_same_bytes(path, tmp_path):
    model = compiled(optimizers.AdamW(0.01))
    model.fit(X, Y, epochs=1, verbose=0)
    save_model(model, path)
    save_model(load_model(path), tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_tensors_have_the_names_of_the_weights(path):
    model = compiled()
    model.fit(X, Y, epochs=1, verbose=0)
    save_model(model, path)
    with safetensors.safe_open(path, framework="numpy") as file:
        weights = ["conv2d/bias", "conv2d/kernel", "dense/bias", "dense/kernel"]
        states = [f"optimizer/{vector}/{name}" for vector in ("m", "v") for name in weights]
        assert sorted(file.keys()) == [*weights, *states]
    np.testing.assert_array_equal(safetensors.numpy.load_file(path)["dense/kernel"], model.layers[-1].kernel)


def test_methods_of_the_model_do_the_same(path, tmp_path):
    model = compiled()
    model.save(path)
    assert load_model(str(path)).get_config() == model.get_config()
    model.save_weights(tmp_path / "weights")
    other = small_model(seed=99)
    other.load_weights(tmp_path / "weights")
    np.testing.assert_array_equal(other.predict(X), model.predict(X))


# --- resume ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: optimizers.SGD(0.05),
        lambda: optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        lambda: optimizers.Adam(0.01),
        lambda: optimizers.AdamW(0.01, weight_decay=0.1),
        lambda: optimizers.Adam(optimizers.schedules.ExponentialDecay(0.01, decay_steps=5, decay_rate=0.5)),
    ],
)
def test_resumed_training_equals_an_uninterrupted_one(path, optimizer):
    whole = compiled(optimizer())
    history = whole.fit(X, Y, batch_size=16, epochs=4, verbose=0).history
    first = compiled(optimizer())
    first.fit(X, Y, batch_size=16, epochs=2, verbose=0)
    save_model(first, path)
    second = load_model(path)
    assert second.optimizer.iterations == first.optimizer.iterations == 8
    assert second.optimizer.learning_rate == first.optimizer.learning_rate
    resumed = second.fit(X, Y, batch_size=16, initial_epoch=2, epochs=4, verbose=0).history
    assert resumed["loss"] == history["loss"][2:]
    assert resumed["accuracy"] == history["accuracy"][2:]
    for expected, received in zip(whole.get_weights(), second.get_weights(), strict=True):
        assert received.tobytes() == expected.tobytes()


def test_a_compiled_model_that_was_never_trained(path):
    save_model(compiled(), path)
    loaded, fresh = load_model(path), compiled()
    loaded.fit(X, Y, epochs=1, verbose=0)
    fresh.fit(X, Y, epochs=1, verbose=0)
    for expected, received in zip(fresh.get_weights(), loaded.get_weights(), strict=True):
        assert received.tobytes() == expected.tobytes()


def test_without_compile_the_state_stays_in_the_file(path):
    model = compiled()
    model.fit(X, Y, epochs=1, verbose=0)
    save_model(model, path)
    loaded = load_model(path, compile=False)
    assert not loaded.compiled
    assert loaded.predict(X).tobytes() == model.predict(X).tobytes()


def test_an_uncompiled_model_stays_uncompiled(path):
    save_model(small_model(), path)
    assert not load_model(path).compiled


# --- weights alone ---------------------------------------------------------------------------------------------


def test_weights_from_a_whole_model_and_from_another_program(path, tmp_path):
    model = compiled()
    model.fit(X, Y, epochs=1, verbose=0)
    save_model(model, path)
    safetensors.numpy.save_file(dict(model.named_weights()), tmp_path / "foreign", {"format": "pt"})
    for file in (path, tmp_path / "foreign"):
        other = small_model(seed=99)
        load_weights(other, file)
        np.testing.assert_array_equal(other.predict(X), model.predict(X))


def test_weights_that_do_not_fit_leave_the_model_as_it_was(path):
    model = small_model()
    before = [weight.copy() for weight in model.get_weights()]
    good = dict(model.named_weights())
    cases = {
        r"Missing: dense/bias": {name: tensor for name, tensor in good.items() if name != "dense/bias"},
        r"Superfluous: extra": good | {"extra": np.zeros(1, np.float32)},
        r"'dense/kernel': expected shape \(36, 4\). Received: \(4, 36\)": good
        | {"dense/kernel": np.zeros((4, 36), np.float32)},
        "'dense/bias': expected F32, F64, F16 or BF16. Received: I64": good | {"dense/bias": np.zeros(4, np.int64)},
        r"'dense/bias': expected finite values. Received: nan": good | {"dense/bias": np.full(4, np.nan, np.float32)},
    }
    for expected, tensors in cases.items():
        safetensors.numpy.save_file(tensors, path)
        with pytest.raises(ValueError, match=expected) as caught:
            load_weights(model, path)
        assert str(path) in str(caught.value)
        for old, new in zip(before, model.get_weights(), strict=True):
            assert new.tobytes() == old.tobytes()


# --- files that do not fit -------------------------------------------------------------------------------------


def test_weights_alone_or_foreign_files_are_no_model(path):
    model = small_model()
    save_weights(model, path)
    with pytest.raises(ValueError, match=r"expected a whole model.* Received: a file of weights"):
        load_model(path)
    safetensors.numpy.save_file(dict(model.named_weights()), path)
    with pytest.raises(ValueError, match=r"expected a whole model.* Received: another program's file"):
        load_model(path)


def test_missing_superfluous_and_misshapen_tensors_are_named(path):
    model = compiled()
    model.fit(X, Y, epochs=1, verbose=0)
    for changes, expected in (
        ({"remove": ["conv2d/kernel"]}, r"Missing: conv2d/kernel"),
        ({"remove": ["optimizer/v/dense/bias"]}, r"Missing: optimizer/v/dense/bias"),
        ({"tensors": {"conv2d_9/kernel": np.zeros(3, np.float32)}}, r"Superfluous: conv2d_9/kernel"),
        (
            {"tensors": {"dense/bias": np.zeros(5, np.float32)}},
            r"'dense/bias': expected shape \(4,\). Received: \(5,\)",
        ),
    ):
        save_model(model, path)
        change(path, **changes)
        with pytest.raises(ValueError, match=expected) as caught:
            load_model(path)
        assert str(path) in str(caught.value)


def edit_layer(position: int, **arguments):
    def edit(config: dict) -> None:
        config["config"]["layers"][position]["config"] |= arguments

    return edit


def edit_class(position: int, name: str):
    def edit(config: dict) -> None:
        config["config"]["layers"][position]["class_name"] = name

    return edit


def edit_root(**entries):
    return lambda config: config.update(entries)


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (edit_class(1, "Conv9D"), "Unknown layer 'Conv9D'.* Known: .*Conv2D"),
        (edit_class(1, "os.system"), r"Unknown layer 'os.system'"),
        (edit_layer(1, filters=0), r"expected `filters` >= 1"),
        (edit_layer(1, filters="4"), r"expected `filters` to be an integer"),
        (edit_layer(1, filters=2**31), r"expected `filters` >= 1 and < 2\*\*31"),
        (edit_layer(1, filters=2**31 - 1), r"'conv2d/bias': expected shape|'conv2d/kernel': expected shape"),
        (edit_layer(1, bogus=1), r"expected a config that .Conv2D. takes"),
        (edit_layer(1, kernel_size=[99, 99]), r"conv2d"),
        (edit_layer(5, activation="magic"), r"magic"),
        (edit_layer(5, name="conv2d"), r"different names"),
        (edit_root(class_name="Robot"), r"Unknown layer 'Robot'"),
        (edit_root(class_name="Dense", config={"units": 3}), r"expected a model. Received: a Dense"),
        (edit_root(config=None), r"expected the config of .Sequential. to be a dict"),
        (edit_root(config={"layers": 3}), r"expected a config with a list of layers"),
        (edit_root(network_step="x"), r"expected `network_step` to be an integer"),
        (edit_root(network_step=-1), r"expected `network_step` >= 0"),
        (edit_root(training=None), r"Superfluous: optimizer/m/"),
        (edit_root(training=[1]), r"expected its description to have an entry 'state'"),
        (lambda config: config.pop("class_name"), r"expected its description to have an entry 'class_name'"),
        (lambda config: config.pop("training"), r"expected its description to have an entry 'training'"),
        (lambda config: config["training"]["compile"].update(loss="magic"), r"Unknown loss 'magic'"),
        (lambda config: config["training"]["compile"].update(bogus=1), r"bogus"),
        (lambda config: config["training"].update(step=-1), r"expected `step` >= 0"),
        (lambda config: config["training"].update(step=1.5), r"expected `step` to be an integer"),
        (lambda config: config["training"].update(state=3), r"not iterable"),
        (lambda config: config["training"].update(state=["m"]), r"Superfluous: optimizer/v/"),
    ],
)
def test_descriptions_that_make_no_sense(path, edit, expected):
    model = compiled()
    model.fit(X, Y, epochs=1, verbose=0)
    save_model(model, path)
    config = json.loads(json.dumps(read_file(path).config))
    edit(config)
    write_file(path, config, read_file(path).tensors)
    with pytest.raises(ValueError, match=expected) as caught:
        load_model(path)
    assert str(path) in str(caught.value)


def test_absurd_sizes_are_found_before_anything_is_allocated(path):
    resource = pytest.importorskip("resource")
    save_model(small_model(), path)
    config = json.loads(json.dumps(read_file(path).config))
    config["config"]["layers"][5]["config"]["units"] = 2**31 - 1  # 36 * 2**31 floats: 288 GiB
    write_file(path, config, read_file(path).tensors)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=r"'dense/kernel': expected shape \(36, 2147483647\). Received: \(36, 4\)"):
        load_model(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


# --- saving that cannot be -------------------------------------------------------------------------------------


def test_a_model_without_shapes_cannot_be_saved(path):
    with pytest.raises(ValueError, match=r"is not built"):
        save_model(Sequential([Dense(3)]), path)
    assert not path.exists()


def test_weights_that_are_not_finite_cannot_be_saved_and_the_old_file_stays(path):
    model = small_model()
    save_model(model, path)
    old = path.read_bytes()
    model.layers[-1].kernel[2, 1] = np.inf
    with pytest.raises(ValueError, match=r"cannot save: tensor 'dense/kernel': expected finite values.* at \(2, 1\)"):
        save_model(model, path)
    assert path.read_bytes() == old


def test_an_unwritable_place_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing/model"):
        save_model(small_model(), tmp_path / "missing" / "model")


def test_a_function_as_metric_cannot_be_described_but_the_weights_can_be_saved(path):
    model = small_model()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=[lambda y_true, y_pred: y_pred[:, 0]])
    with pytest.raises(ValueError, match=r"metric"):
        save_model(model, path)
    assert not path.exists()
    save_weights(model, path)
    load_weights(model, path)


def test_loading_runs_no_code_of_the_file(path, monkeypatch):
    save_model(compiled(), path)
    for forbidden in ("pickle.loads", "pickle.load", "builtins.exec", "builtins.eval"):
        monkeypatch.setattr(forbidden, lambda *_, **__: pytest.fail("code was run"))
    load_model(path)


def test_the_version_that_wrote_a_file_is_in_it(path):
    save_model(small_model(), path)
    config = read_file(path).config
    assert config is not None
    assert config["cnncore_version"] == cnncore.__version__


# --- parts of a file ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["w.safetensors", "w.weights.h5", "w.h5", "w.keras"])
def test_weights_that_are_left_out_are_named_in_a_warning(name, tmp_path):
    if not name.endswith("safetensors"):
        pytest.importorskip("h5py")
    model = Sequential([Dense(3, name="a", input_shape=(4,))])
    (model.save_weights if "weights" in name else model.save)(tmp_path / name)
    wider = Sequential([Dense(5, name="a", input_shape=(4,))])
    before = wider.get_weights()
    for options in ({}, {"by_name": True}):
        with pytest.warns(UserWarning, match=r"no weights of the right shape for 'a/kernel', 'a/bias'\.$"):
            wider.load_weights(tmp_path / name, skip_mismatch=True, **options)
    for old, new in zip(before, wider.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    other = Sequential([Dense(3, name="b", input_shape=(4,))])
    with pytest.warns(UserWarning, match="no layer of the file has the name .* nothing was read"):
        other.load_weights(tmp_path / name, by_name=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Sequential([Dense(3, name="a", input_shape=(4,))]).load_weights(tmp_path / name, by_name=True)
