"""Small modules and functions of Keras: config, mixed_precision, tree, get_file, pad_sequences and their like."""

import importlib
import tarfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

import cnncore
from cnncore import Sequential, config, layers, mixed_precision, tree, utils


def test_policies_compute_in_float32():
    with pytest.warns(UserWarning, match="'mixed_float16' computes in float32 here"):
        mixed_precision.set_global_policy("mixed_float16")
    mixed_precision.set_global_policy("float32")
    assert mixed_precision.global_policy().name == config.floatx() == "float32"
    layer = layers.Dense(2, dtype=cnncore.DTypePolicy())
    assert layer(np.ones((1, 3))).dtype == np.float32
    with pytest.raises(ValueError, match=r"\[DTypePolicy\] expected one of float32"):
        mixed_precision.Policy("float8")
    optimizer = cnncore.optimizers.SGD()
    assert mixed_precision.LossScaleOptimizer(optimizer) is optimizer
    with pytest.raises(TypeError, match=r"\[LossScaleOptimizer\] expected an optimizer. Received: 3"):
        mixed_precision.LossScaleOptimizer(3)


@pytest.mark.parametrize("name", ["AutoContrast", "Equalization", "RandomSharpness"])
def test_pixels_have_a_range_and_images_may_be_empty(name):
    arguments = {"factor": 0.5} if name == "RandomSharpness" else {}
    with pytest.raises(ValueError, match=r"expected `value_range` to be two different numbers. Received: \(1, 1\)"):
        getattr(layers, name)(value_range=(1, 1), **arguments)
    empty = np.ones((1, 0, 4, 3), np.float32)
    assert getattr(layers, name)(**arguments)(empty, training=True).shape == empty.shape


def test_no_progress_is_shown_if_it_is_disabled(capfd):
    model = Sequential([layers.Dense(1, input_shape=(1,))])
    model.compile("sgd", "mse")
    config.disable_interactive_logging()
    try:
        assert not utils.is_interactive_logging_enabled()
        model.fit(np.ones((2, 1)), np.ones((2, 1)))
        assert capfd.readouterr() == ("", "")
        model.fit(np.ones((2, 1)), np.ones((2, 1)), verbose=2)
        assert "loss" in capfd.readouterr().out
    finally:
        config.enable_interactive_logging()
    model.fit(np.ones((2, 1)), np.ones((2, 1)))
    assert "loss" in "".join(capfd.readouterr())


def test_scopes_of_devices_and_names_change_nothing():
    with cnncore.device("cpu:0"), cnncore.name_scope("part"):
        pass
    with pytest.raises(ValueError, match="expected 'cpu', the only device"), cnncore.device("gpu:0"):
        pass
    assert cnncore.version() == cnncore.__version__
    assert isinstance(cnncore.Input((2,)), cnncore.KerasTensor)
    assert cnncore.InputSpec(ndim=4).ndim == layers.InputSpec(shape=(None, 2, 2, 1)).ndim


def test_trees_as_in_keras():
    pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pytest.importorskip("keras").tree
    nested = {"b": [1, (2, 3)], "a": {"c": 4, "d": 5}}
    assert tree.flatten(nested) == theirs.flatten(nested)
    assert tree.pack_sequence_as(nested, list("vwxyz")) == theirs.pack_sequence_as(nested, list("vwxyz"))
    doubled = theirs.map_structure(lambda a, b: a + b, nested, nested)
    assert tree.map_structure(lambda a, b: a + b, nested, nested) == doubled
    assert tree.lists_to_tuples(nested) == theirs.lists_to_tuples(nested)
    with pytest.raises(ValueError, match="nested alike"):
        tree.assert_same_structure([1, 2], [1, [2]])
    with pytest.raises(ValueError, match="expected 5 values"):
        tree.pack_sequence_as(nested, [1])


@pytest.mark.parametrize("options", [{}, {"padding": "post"}, {"truncating": "post", "maxlen": 2}, {"value": 7}])
def test_padded_sequences_as_in_keras(options):
    pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pytest.importorskip("keras").utils
    sequences = [[1], [2, 3, 4], []]
    found = utils.pad_sequences(sequences, **options)
    np.testing.assert_array_equal(found, theirs.pad_sequences(sequences, **options))
    assert found.dtype == np.int32
    assert importlib.import_module("cnncore.preprocessing.sequence").pad_sequences is utils.pad_sequences


class TestGetFile:
    def test_a_file_is_downloaded_once(self, tmp_path):
        source = tmp_path / "a.txt"
        source.write_text("one")
        origin, cache = source.as_uri(), tmp_path / "cache"
        path = utils.get_file("b.txt", origin, cache_dir=cache)
        assert path == str(cache / "datasets" / "b.txt")
        source.write_text("two")
        assert Path(utils.get_file("b.txt", origin, cache_dir=cache)).read_text() == "one"
        assert Path(utils.get_file("b.txt", origin, cache_dir=cache, force_download=True)).read_text() == "two"
        with pytest.raises(ValueError, match="to have the hash"):
            utils.get_file("b.txt", origin, cache_dir=cache, file_hash="0" * 64)

    @pytest.mark.parametrize("kind", ["zip", "tar.gz"])
    def test_archives_are_unpacked(self, kind, tmp_path):
        (tmp_path / "in.txt").write_text("inside")
        archive = tmp_path / f"data.{kind}"
        if kind == "zip":
            with zipfile.ZipFile(archive, "w") as opened:
                opened.write(tmp_path / "in.txt", "in.txt")
        else:
            with tarfile.open(archive, "w:gz") as opened:
                opened.add(tmp_path / "in.txt", "in.txt")
        folder = utils.get_file(f"data.{kind}", archive.as_uri(), extract=True, cache_dir=tmp_path / "cache")
        assert folder.endswith("data_extracted")
        assert Path(folder, "in.txt").read_text() == "inside"

    def test_archives_that_leave_their_folder_are_refused(self, tmp_path):
        with zipfile.ZipFile(tmp_path / "bad.zip", "w") as opened:
            opened.writestr("../outside.txt", "x")
        with pytest.raises(ValueError, match="files that stay in their folder"):
            utils.get_file("bad.zip", (tmp_path / "bad.zip").as_uri(), extract=True, cache_dir=tmp_path / "cache")
        with pytest.raises(ValueError, match="expected `origin` to be an address"):
            utils.get_file("a.txt", "a.txt")
        with pytest.raises(ValueError, match="without folders"):
            utils.get_file("../a.txt", "file:///a.txt", cache_dir=tmp_path)


def test_names_of_types():
    assert utils.standardize_dtype("float16") == "float16"
    with pytest.raises(ValueError, match="expected the name of a type"):
        utils.standardize_dtype("number")
