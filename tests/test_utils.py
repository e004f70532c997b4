"""cnncore.utils: label encoding, norms, pictures and the base class of data sets."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from cnncore import utils
from cnncore.utils import PyDataset, np_utils


@pytest.mark.parametrize("labels", [[0, 2, 1], [0.0, 2.0, 1.0], np.array([[0], [2], [1]]), ["0", "2", "1"]])
def test_to_categorical_takes_whole_numbers_of_any_type(labels):
    rows = utils.to_categorical(labels, num_classes=4)
    np.testing.assert_array_equal(rows, np.eye(4)[[0, 2, 1]])
    assert rows.dtype == np.float32


def test_to_categorical_keeps_the_shape_of_its_input():
    assert utils.to_categorical(np.zeros((2, 3), int)).shape == (2, 3, 1)
    np.testing.assert_array_equal(utils.to_categorical(2), [0, 0, 1])


@pytest.mark.parametrize(
    ("labels", "classes", "error", "message"),
    [
        ([0.5], None, ValueError, "expected whole numbers as labels"),
        ([np.nan], None, ValueError, "expected whole numbers as labels"),
        ([-1], None, ValueError, r"labels from -1 to -1"),
        ([3], 3, ValueError, r"expected labels in \[0, 3\)"),
        (["cat", "dog"], None, TypeError, r"np.unique\(x, return_inverse=True\)"),
        ([[0], [1, 2]], None, ValueError, "a ragged list"),
    ],
)
def test_to_categorical_refuses(labels, classes, error, message):
    with pytest.raises(error, match=message):
        utils.to_categorical(labels, classes)


@pytest.mark.parametrize(("axis", "order"), [(-1, 2), (0, 1), (1, np.inf)])
def test_normalize_gives_vectors_of_norm_one(axis, order):
    x = np.random.default_rng(0).normal(size=(4, 5))
    x[:, 0] = 0
    result = utils.normalize(x, axis, order)
    norms = np.linalg.norm(result, order, axis)
    np.testing.assert_allclose(norms[norms > 0], 1)
    assert np.isfinite(result).all()


def test_np_utils_is_an_old_name():
    with pytest.warns(DeprecationWarning, match=r"is called cnncore.utils.to_categorical today"):
        assert np_utils.to_categorical is utils.to_categorical
    with pytest.raises(AttributeError, match=r"no attribute 'nothing'"):
        _ = np_utils.nothing


def test_every_public_name_is_meant():
    assert not {"np", "integer"} & {name for name in dir(utils) if not name.startswith("_")}
    assert set(utils.__all__) <= set(dir(utils))


# --- pictures --------------------------------------------------------------------------------------------------


@pytest.fixture
def picture(tmp_path):
    image_module = pytest.importorskip("PIL.Image")
    array = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    path = tmp_path / "picture.png"
    image_module.fromarray(array).save(path)
    return path, array


def test_load_img_and_back(picture, tmp_path):
    path, array = picture
    image = utils.load_img(path)
    loaded = utils.img_to_array(image)
    assert (loaded.dtype, loaded.shape) == (np.float32, (6, 9, 3))
    np.testing.assert_array_equal(loaded, array)
    assert utils.img_to_array(image, data_format="channels_first", dtype=np.uint8).shape == (3, 6, 9)
    utils.save_img(tmp_path / "again.png", loaded, scale=False)
    np.testing.assert_array_equal(utils.img_to_array(utils.load_img(tmp_path / "again.png")), array)
    assert utils.img_to_array(utils.load_img(path, color_mode="grayscale")).shape == (6, 9, 1)
    assert utils.img_to_array(utils.load_img(path, color_mode="rgba")).shape == (6, 9, 4)
    resized = utils.load_img(path, target_size=(12, 6), interpolation="bilinear", keep_aspect_ratio=True)
    assert resized.size == (6, 12)


def test_array_to_img_scales_and_refuses(picture):
    values = np.array([[[-1.0], [1.0]]])
    assert np.asarray(utils.array_to_img(values)).tolist() == [[0, 255]]
    assert utils.array_to_img(values * 300 + 300, scale=False).mode == "I"
    with pytest.raises(ValueError, match=r"rank 3. Received: shape \(2, 2\)"):
        utils.array_to_img(np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"1, 3 or 4 channels. Received: 2"):
        utils.array_to_img(np.zeros((2, 2, 2)))
    with pytest.raises(ValueError, match=r"'bgr'"):
        utils.load_img(picture[0], color_mode="bgr")
    with pytest.raises(ValueError, match=r"'magic'"):
        utils.load_img(picture[0], interpolation="magic")


def test_a_transparent_picture_saved_as_jpeg_says_what_is_lost(tmp_path):
    pytest.importorskip("PIL")
    with pytest.warns(UserWarning, match="no transparency"):
        utils.save_img(tmp_path / "x.jpg", np.zeros((8, 8, 4)))


def test_without_pillow_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r'pip install "cnncore\[image\]"'):
        utils.load_img("x.png")


# --- PyDataset -------------------------------------------------------------------------------------------------


class Batches(PyDataset):
    def __init__(self, **options):
        if options:
            super().__init__(**options)

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return np.full((2, 1), index)


def test_py_dataset_has_keras_attributes_even_without_its_constructor():
    data = Batches()
    assert (data.workers, data.use_multiprocessing, data.max_queue_size, data.num_batches) == (1, False, 10, 3)
    assert [int(batch[0, 0]) for batch in data] == [0, 1, 2]
    data = Batches(workers=2, use_multiprocessing=True, max_queue_size=4)
    assert (data.workers, data.use_multiprocessing, data.max_queue_size) == (2, True, 4)
    assert utils.Sequence is PyDataset
    with pytest.raises(TypeError, match="workers"):
        Batches(workers="many")
    with pytest.raises(NotImplementedError, match="__getitem__"):
        PyDataset()[0]


# --- arrays and names --------------------------------------------------------------------------------------------


def test_pack_and_unpack():
    assert utils.pack_x_y_sample_weight(1) == 1
    assert utils.pack_x_y_sample_weight([1, 2]) == ([1, 2],)
    assert utils.pack_x_y_sample_weight(1, 2) == (1, 2)
    assert utils.pack_x_y_sample_weight(1, 2, 3) == (1, 2, 3)
    assert utils.unpack_x_y_sample_weight(1) == (1, None, None)
    assert utils.unpack_x_y_sample_weight((1, 2, 3)) == (1, 2, 3)
    with pytest.raises(ValueError, match="4 parts"):
        utils.unpack_x_y_sample_weight((1, 2, 3, 4))


def test_split_dataset():
    x, y = np.arange(10), np.arange(10) * 2
    (x_left, y_left), (x_right, y_right) = utils.split_dataset((x, y), right_size=3, shuffle=True, seed=1)
    assert (len(x_left), len(x_right)) == (7, 3)
    np.testing.assert_array_equal(np.concatenate([y_left, y_right]), 2 * np.concatenate([x_left, x_right]))
    assert sorted([*x_left, *x_right]) == list(range(10))
    assert not np.array_equal(x_left, x[:7])
    left, right = utils.split_dataset(x, left_size=2, right_size=0.3)
    assert (left.tolist(), right.tolist()) == ([0, 1], [7, 8, 9])
    for sizes in ({}, {"left_size": 10}, {"left_size": 0.6, "right_size": 0.6}, {"left_size": 1.5}, {"right_size": 0}):
        with pytest.raises(ValueError, match=r"\[split_dataset\] expected"):
            utils.split_dataset(x, **sizes)


def test_smart_resize_keeps_proportions():
    x = np.zeros((10, 30, 3), np.uint8)
    x[:, 10:20] = 200
    y = utils.smart_resize(x, (5, 5))
    assert (y.shape, y.dtype) == ((5, 5, 3), np.uint8)
    assert (y == 200).all()
    assert utils.smart_resize(x[None].astype(float), (20, 10)).shape == (1, 20, 10, 3)
    with pytest.raises(ValueError, match="'cubic'"):
        utils.smart_resize(x, (5, 5), interpolation="cubic")


def test_names_that_are_at_home_elsewhere():
    class Thing:
        pass

    utils.register_keras_serializable("test_utils")(Thing)
    assert utils.get_registered_name(Thing) == "test_utils>Thing"
    assert utils.get_registered_object("test_utils>Thing") is Thing
    with utils.custom_object_scope({"Other": Thing}):
        assert utils.get_registered_object("Other") is Thing
    assert not utils.is_keras_tensor(np.zeros(3))
    utils.clear_session()
